"""The rungs of a replayed call's own set-up, from what the two ends saw."""

import pytest

from callprobe.dialect.opening import Opening
from callprobe.media.caller import CallerLog
from callprobe.media.session import FlowView
from callprobe.nettest.openings import Replayed, opening_stages
from callresults.failure import Failure
from callresults.observation import Stage
from helpers.worlds import SECOND

CHECKS = Opening("ice_connectivity", frozenset({0, 2, 4, 6}), frozenset({1, 3, 5, 7}))
UP_ONLY = CHECKS._replace(down=frozenset())
EVERY = tuple(range(8))


def view(received: tuple[int, ...] = EVERY, sent: tuple[int, ...] = EVERY) -> FlowView:
    return FlowView(
        flow_id=1,
        first_control_us=None,
        control_received=0,
        control_answered=0,
        received_sequence=received,
        received_us=tuple(0 for _ in received),
        sent_sequence=sent,
        sent_us=tuple(0 for _ in sent),
    )


def rungs(
    far: FlowView | None,
    arrived: tuple[int, ...] = EVERY,
    *,
    opening: Opening = CHECKS,
    interrupted: bool = False,
) -> tuple[Stage, ...]:
    log = CallerLog(
        sent=[(number, (10 + number) * SECOND) for number in EVERY],
        arrived=[(number, (20 + number) * SECOND) for number in arrived],
    )
    seen = Replayed(log, far, 10 * SECOND, 30 * SECOND, interrupted)
    return opening_stages([opening], seen, origin_ns=5 * SECOND)


def test_checks_that_came_through_both_ways_are_a_rung() -> None:
    (stage,) = rungs(view())

    assert (stage.name, stage.outcome, stage.failure) == ("ice_connectivity", "ok", None)
    assert (stage.t0, stage.t, stage.attempts) == (5.0, 16.0, 4)


def test_one_of_them_each_way_is_enough() -> None:
    (stage,) = rungs(view(received=(4, 5)), arrived=(0, 7))

    assert stage.outcome == "ok"


@pytest.mark.parametrize(
    ("far", "arrived"),
    [
        (view(received=(1, 3, 5, 7)), EVERY),
        (view(), (0, 2, 4, 6)),
        (view(received=()), ()),
    ],
)
def test_none_of_them_in_a_direction_is_a_failed_set_up_whatever_else_came(far, arrived) -> None:
    (stage,) = rungs(far, arrived)

    assert (stage.outcome, stage.failure) == ("failed", Failure.ICE_FAILED)


def test_what_was_hardly_sent_says_nothing() -> None:
    """The far end never sent its checks: the flow was not known to it, or it had too few."""
    (stage,) = rungs(view(sent=(1, 3)), arrived=())

    assert stage.outcome == "ok"


def test_without_the_far_ends_record_the_own_arrivals_count() -> None:
    assert [stage.outcome for stage in rungs(None)] == ["ok"]
    assert rungs(None, arrived=()) == ()
    assert rungs(None, opening=UP_ONLY) == ()


def test_an_interrupted_call_blames_nobody() -> None:
    (stage,) = rungs(view(received=()), (), interrupted=True)

    assert (stage.outcome, stage.failure) == ("not_reached", Failure.INTERRUPTED)


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("relay_allocation", Failure.RELAY_ALLOCATION_TIMEOUT),
        ("relay_ping", Failure.REFLECTOR_TIMEOUT),
        ("turn_allocation", Failure.TURN_TIMEOUT),
        ("dtls_handshake", Failure.DTLS_TIMEOUT),
    ],
)
def test_the_failure_is_the_kinds_own(name, failure) -> None:
    (stage,) = rungs(view(received=()), opening=CHECKS._replace(name=name))

    assert (stage.name, stage.failure) == (name, failure)
