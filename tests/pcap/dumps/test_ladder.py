"""The ladder of a browser's call."""

from typing import Any

import pytest

from callprobe.pcap.dumps.builder import ConnectionBuilder
from callprobe.pcap.dumps.figures import Budget
from callprobe.pcap.dumps.internals import read_internals
from callprobe.pcap.dumps.ladder import PATIENCE_S, inbound, ladder, last_state
from callprobe.pcap.dumps.model import Browser
from callresults.failure import Failure
from callresults.nettests.browser import BrowserCall
from callresults.observation import Stage
from helpers.browser_dumps import internals, voice

NOW_MS = 1_786_000_000_000.0


def of(recording: Any) -> tuple[Stage, ...]:
    """Return the ladder of a recorded call."""
    return ladder(read_internals(internals(recording), "file").connections[0].call)


def told(
    *events: tuple[float, str, str], looks: tuple[tuple[float, dict[str, Any]], ...] = ()
) -> BrowserCall:
    """Return a call of these events and looks at its only track, at seconds after its start."""
    builder = ConnectionBuilder(Budget())
    builder.event(NOW_MS, "create", None)
    for after_s, name, value in events:
        builder.event(NOW_MS + 1000 * after_s, name, value)
    for after_s, figures in looks:
        for name, value in figures.items():
            builder.figure(NOW_MS + 1000 * after_s, "IT", "inbound-rtp", name, value)
    return builder.call("rtcstats", Browser())


def outcomes(stages: tuple[Stage, ...]) -> list[tuple[str, str, Failure | None]]:
    """Return name, outcome and failure of each rung."""
    return [(stage.name, stage.outcome, stage.failure) for stage in stages]


def test_a_call_that_worked_reached_every_rung_in_its_time() -> None:
    ice, dtls, first, hold = of(voice())

    assert (ice.name, ice.t0, ice.t, ice.outcome, ice.rtt_ms) == ("ice_connectivity", 0.5, 0.75, "ok", 41.0)
    assert (dtls.name, dtls.t0, dtls.t, dtls.outcome) == ("dtls_handshake", 0.75, 0.9, "ok")
    assert (first.name, first.t, first.outcome) == ("media_first_packet", 2.0, "ok")
    assert (hold.name, hold.t0, hold.t, hold.outcome) == ("media_hold", 2.0, 12.0, "ok")
    assert all(stage.failure is None for stage in (ice, dtls, first, hold))


def test_what_failed_keeps_the_rest_from_being_reached() -> None:
    failure = Failure.ICE_FAILED

    assert outcomes(of(voice(fate="failed"))) == [
        ("ice_connectivity", "failed", failure),
        ("dtls_handshake", "not_reached", failure),
        ("media_first_packet", "not_reached", failure),
        ("media_hold", "not_reached", failure),
    ]


def test_who_hung_up_while_a_way_was_looked_for_proves_nothing() -> None:
    ice = of(voice(fate="given-up"))[0]

    assert (ice.outcome, ice.failure, ice.t0, ice.t) == ("failed", Failure.INTERRUPTED, 0.5, 3.5)


def test_a_way_that_was_lost_and_did_not_come_back_did_not_hold() -> None:
    hold = of(voice(fate="gone"))[-1]

    assert (hold.name, hold.outcome, hold.failure, hold.t) == (
        "media_hold",
        "failed",
        Failure.MEDIA_STALLED,
        10.0,
    )


def test_a_way_that_came_back_held() -> None:
    call = told(
        (0.5, "iceconnectionstatechange", "connected"),
        (0.6, "connectionstatechange", "connected"),
        (4.0, "iceconnectionstatechange", "disconnected"),
        (6.0, "iceconnectionstatechange", "connected"),
        (9.0, "iceconnectionstatechange", "closed"),
        looks=((1.0, {"packetsReceived": 5}), (2.0, {"packetsReceived": 55})),
    )

    assert ladder(call)[-1].outcome == "ok"
    assert last_state(call) == "connected"


def test_silence_of_the_far_end_is_told_from_hanging_up_by_its_length() -> None:
    def silent(length_s: float) -> Stage:
        return ladder(
            told(
                (0.0, "iceconnectionstatechange", "connected"),
                (0.0, "connectionstatechange", "connected"),
                looks=((length_s, {"packetsReceived": 0}),),
            )
        )[-2]

    assert silent(PATIENCE_S + 1).failure == Failure.MEDIA_NEVER_ARRIVED
    assert silent(PATIENCE_S - 1).failure == Failure.INTERRUPTED


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        (((7.0, "connectionstatechange", "failed"),), Failure.UNKNOWN),
        (((7.0, "close", ""),), Failure.DTLS_TIMEOUT),
        (((2.0, "close", ""),), Failure.INTERRUPTED),
    ],
)
def test_keys_that_were_never_agreed_have_a_reason(
    more: tuple[tuple[float, str, str], ...], failure: Failure
) -> None:
    dtls = ladder(told((0.5, "iceconnectionstatechange", "connected"), *more))[1]

    assert (dtls.name, dtls.outcome, dtls.failure) == ("dtls_handshake", "failed", failure)


def test_the_statistics_tell_of_dtls_where_no_event_does() -> None:
    builder = ConnectionBuilder(Budget())
    builder.event(NOW_MS, "iceconnectionstatechange", "connected")
    builder.figure(NOW_MS + 900, "T", "transport", "dtlsState", "connected")

    assert [(stage.outcome, stage.t) for stage in ladder(builder.call("rtcstats", Browser()))] == [
        ("ok", 0.0),
        ("ok", 0.9),
    ]


def test_a_call_in_which_nothing_was_to_be_received_has_no_rungs_of_media() -> None:
    call = told((0.0, "iceconnectionstatechange", "connected"), (0.1, "connectionstatechange", "connected"))

    assert [stage.name for stage in ladder(call)] == ["ice_connectivity", "dtls_handshake"]
    assert inbound(call) == []


def test_a_connection_that_never_looked_for_a_way_has_no_ladder() -> None:
    assert ladder(told((0.5, "signalingstatechange", "stable"))) == ()


def test_events_without_times_make_no_ladder() -> None:
    assert ladder(read_internals(internals(voice(), old=True), "file").connections[0].call) == ()
