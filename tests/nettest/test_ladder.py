"""From times to rungs."""

import pytest

from callprobe.dialect.contract import FlowKeys, SetupStage
from callprobe.media.caller import CallerLog
from callprobe.media.udp_open import DEADLINE_NS, UdpOpen
from callprobe.nettest.ladder import (
    HeardMedia,
    Span,
    media_stages,
    no_media,
    seconds,
    setup_stage,
    udp_open_stage,
)
from callresults.failure import Failure
from callresults.observation import Stage
from helpers.worlds import MS, SECOND

SETUP = SetupStage("relay_ping", "reflector_timeout", 4 * SECOND, (0, SECOND))
TEN_S = Span(10 * SECOND, 20 * SECOND)
WHOLE = HeardMedia([at * SECOND for at in range(10, 21)], TEN_S)
NOTHING = HeardMedia([], TEN_S)


def short(stages: tuple[Stage, ...]) -> list[tuple[str, str | None]]:
    return [(stage.outcome, stage.failure) for stage in stages]


def test_times_are_seconds_to_the_microsecond() -> None:
    assert seconds(1_234_567_891, 1_000_000_000) == 0.234568


@pytest.mark.parametrize(
    ("down", "up"),
    [(WHOLE, WHOLE), (WHOLE, None)],
    ids=["both directions", "the far end's record never came"],
)
def test_media_that_live_to_the_end_hold(down: HeardMedia, up: HeardMedia | None) -> None:
    first, hold = media_stages(down, up, origin_ns=0)
    assert short((first, hold)) == [("ok", None), ("ok", None)]
    assert (first.t0, first.t, hold.t0, hold.t) == (10.0, 10.0, 10.0, 20.0)


@pytest.mark.parametrize(
    ("down", "up"), [(WHOLE, NOTHING), (NOTHING, WHOLE), (NOTHING, NOTHING), (NOTHING, None)]
)
def test_silence_of_one_known_direction_is_no_call(down: HeardMedia, up: HeardMedia | None) -> None:
    first, hold = media_stages(down, up, origin_ns=0)
    assert short((first, hold)) == [
        ("failed", Failure.MEDIA_NEVER_ARRIVED),
        ("not_reached", Failure.MEDIA_NEVER_ARRIVED),
    ]
    assert (first.t0, first.t, first.deadline_s) == (10.0, 14.0, 4.0)


def test_first_packet_after_its_deadline_is_too_late() -> None:
    late = HeardMedia([15 * SECOND, 20 * SECOND], TEN_S)
    in_time = HeardMedia([14 * SECOND, 20 * SECOND], TEN_S)
    assert media_stages(late, WHOLE, origin_ns=0)[0].outcome == "failed"
    assert media_stages(WHOLE, late, origin_ns=0)[0].outcome == "failed"
    assert media_stages(in_time, in_time, origin_ns=0)[0].outcome == "ok"


@pytest.mark.parametrize(
    ("last_ns", "until_s", "outcome"),
    [
        (18 * SECOND, 20, "ok"),
        (18 * SECOND - 1, 20, "failed"),
        (11 * SECOND, 12, "failed"),
        (int(11.2 * SECOND), 12, "ok"),
    ],
    ids=["two seconds of silence", "more than that", "half of a short call", "40 % of a short call"],
)
def test_stall_is_silence_at_the_end_measured_by_the_length_of_the_call(
    last_ns: int, until_s: int, outcome: str
) -> None:
    span = Span(10 * SECOND, until_s * SECOND)
    stalled = HeardMedia([10 * SECOND, last_ns], span)
    whole = HeardMedia([10 * SECOND, until_s * SECOND], span)
    for down, up in ((stalled, whole), (whole, stalled)):
        _, hold = media_stages(down, up, origin_ns=0)
        assert hold.outcome == outcome
        assert hold.failure == (None if outcome == "ok" else Failure.MEDIA_STALLED)


def test_clocks_of_the_two_ends_need_not_agree() -> None:
    far = HeardMedia([at * SECOND for at in range(11)], Span(0, 10 * SECOND))
    assert short(media_stages(WHOLE, far, origin_ns=0)) == [("ok", None), ("ok", None)]


def test_interrupted_call_blames_nobody() -> None:
    first, hold = media_stages(WHOLE, None, origin_ns=0, interrupted=True)
    assert short((first, hold)) == [("ok", None), ("not_reached", Failure.INTERRUPTED)]
    silent = media_stages(NOTHING, None, origin_ns=0, interrupted=True)
    assert short(silent) == [("not_reached", Failure.INTERRUPTED)] * 2


def test_media_that_never_began_carry_the_reason() -> None:
    assert short(no_media(1.0, Failure.SESSION_REFUSED)) == [("not_reached", Failure.SESSION_REFUSED)] * 2


def test_answered_set_up_has_its_round_trip() -> None:
    log = CallerLog(requests=1, first_request_ns=SECOND, last_request_ns=SECOND, answered_ns=SECOND + 40 * MS)
    stage = setup_stage(log, SETUP, origin_ns=0, end_ns=9 * SECOND)
    assert (stage.name, stage.outcome, stage.t0, stage.t) == ("relay_ping", "ok", 1.0, 1.04)
    assert (stage.rtt_ms, stage.attempts, stage.deadline_s) == (40.0, 1, 4.0)


def test_round_trip_after_a_retransmission_is_unknown() -> None:
    log = CallerLog(requests=2, first_request_ns=0, last_request_ns=SECOND, answered_ns=SECOND + 40 * MS)
    assert setup_stage(log, SETUP, origin_ns=0, end_ns=9 * SECOND).rtt_ms is None


def test_unanswered_set_up_fails_at_its_deadline_by_the_dialects_name() -> None:
    log = CallerLog(requests=2, first_request_ns=0, last_request_ns=SECOND)
    stage = setup_stage(log, SETUP, origin_ns=0, end_ns=9 * SECOND)
    assert (stage.outcome, stage.failure, stage.t) == ("failed", Failure.REFLECTOR_TIMEOUT, 4.0)


def test_set_up_that_was_cut_short_is_interrupted() -> None:
    log = CallerLog(requests=1, first_request_ns=0, last_request_ns=0)
    stage = setup_stage(log, SETUP, origin_ns=0, end_ns=SECOND)
    assert (stage.outcome, stage.failure, stage.t) == ("failed", Failure.INTERRUPTED, 1.0)
    never = setup_stage(CallerLog(), SETUP, origin_ns=0, end_ns=SECOND)
    assert (never.outcome, never.failure) == ("not_reached", Failure.INTERRUPTED)


def test_echo_fails_at_its_deadline_or_was_interrupted_before() -> None:
    echo = UdpOpen(FlowKeys(bytes(32)), ("192.0.2.1", 9), start_ns=0)
    assert udp_open_stage(echo, origin_ns=0, end_ns=SECOND).outcome == "not_reached"
    echo.on_time(0)
    assert udp_open_stage(echo, origin_ns=0, end_ns=SECOND).failure == Failure.INTERRUPTED
    echo.on_time(DEADLINE_NS)
    stage = udp_open_stage(echo, origin_ns=0, end_ns=9 * SECOND)
    assert (stage.outcome, stage.failure, stage.t) == ("failed", Failure.UDP_ECHO_TIMEOUT, 4.0)


def test_a_direction_in_which_nothing_was_due_hinders_nothing() -> None:
    """The other one alone decides."""
    quiet = HeardMedia([], TEN_S, nothing_due=True)

    assert [stage.outcome for stage in media_stages(quiet, WHOLE, origin_ns=0)] == ["ok", "ok"]
    assert [stage.outcome for stage in media_stages(quiet, NOTHING, origin_ns=0)] == ["failed", "not_reached"]
    assert [stage.outcome for stage in media_stages(WHOLE, quiet, origin_ns=0)] == ["ok", "ok"]
