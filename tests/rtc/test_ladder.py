"""Stages from what the record says of the media."""

import pytest

from callprobe.rtc.ladder import RUNGS, Deadlines, Ladder, judge_media, stall_ns
from callresults.failure import Failure

S = 1_000_000_000
DEADLINES = Deadlines(media_first_packet_s=4, media_silence_s=2)


def judged(arrivals_s: list[float]) -> list[tuple[str, float, float, str | None]]:
    """Judge a call whose media were due from 10 s to 20 s."""
    ladder = Ladder(0)
    judge_media(ladder, [int(at * S) for at in arrivals_s], 10 * S, 20 * S, DEADLINES)
    return [(s.outcome, s.t0, s.t, s.failure) for s in ladder.complete(21 * S)[2:]]


@pytest.mark.parametrize(
    ("arrivals_s", "expected"),
    [
        ([11, 12, 13.9, 15, 19], [("ok", 10, 11, None), ("ok", 11, 20, None)]),
        ([9.9, 11, 18.5], [("ok", 10, 10, None), ("ok", 10, 20, None)]),
        ([11, 12], [("ok", 10, 11, None), ("failed", 11, 14, Failure.MEDIA_STALLED)]),
        ([11, 17, 17.9], [("ok", 10, 11, None), ("failed", 11, 19.9, Failure.MEDIA_STALLED)]),
        (
            [],
            [
                ("failed", 10, 14, Failure.MEDIA_NEVER_ARRIVED),
                ("not_reached", 21, 21, Failure.MEDIA_NEVER_ARRIVED),
            ],
        ),
        (
            [15, 16],
            [
                ("failed", 10, 14, Failure.MEDIA_NEVER_ARRIVED),
                ("not_reached", 21, 21, Failure.MEDIA_NEVER_ARRIVED),
            ],
        ),
    ],
    ids=["steady", "before-the-handshake-ended", "cut", "cut-late", "none", "too-late"],
)
def test_media_are_judged_by_their_arrivals(arrivals_s, expected) -> None:
    assert judged(arrivals_s) == expected


def test_every_rung_is_there_even_when_none_was_tried() -> None:
    stages = Ladder(5 * S).complete(6 * S)
    assert tuple(stage.name for stage in stages) == RUNGS
    assert {(s.outcome, s.failure, s.t0, s.t) for s in stages} == {
        ("not_reached", Failure.INTERRUPTED, 1.0, 1.0)
    }


def test_a_short_call_stalls_after_a_share_of_its_time() -> None:
    """Two seconds of patience would never fail a call of two seconds."""
    assert stall_ns(5 * S, 0, 10 * S, 2) == 7 * S
    assert stall_ns(8 * S, 0, 10 * S, 2) is None
    assert stall_ns(1 * S, 0, 2 * S, 2) == 1.8 * S
    assert stall_ns(int(1.3 * S), 0, 2 * S, 2) is None
