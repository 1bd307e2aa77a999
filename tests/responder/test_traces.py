"""What is laid down at a responder to be replayed, and for how long."""

import pytest

from callprobe.dialect.trace import Trace, TracePacket
from callprobe.responder.limits import BusyError, Limits, RefusedError
from callprobe.responder.traces import PACKET_COST_BYTES, TraceShelf
from helpers.recorded import SECOND, recorded_trace

A, B, C = (recorded_trace(media_s=1.0, seed=seed) for seed in (1, 2, 3))


def lay(shelf: TraceShelf, *traces: Trace, now_ns: int = 0, in_use: tuple[Trace, ...] = ()) -> None:
    for trace in traces:
        shelf.lay(trace, now_ns, in_use={one.digest for one in in_use})


def kept(shelf: TraceShelf, now_ns: int = 0) -> list[Trace]:
    return [trace for trace in (A, B, C) if shelf.find(trace.digest, now_ns)]


def test_a_trace_is_there_until_its_lifetime_is_over() -> None:
    shelf = TraceShelf(Limits(trace_lifetime_s=10.0))
    lay(shelf, A)
    shelf.expire(9 * SECOND)
    assert shelf.find(A.digest, 9 * SECOND) is A
    shelf.expire(18 * SECOND)
    assert shelf.find(A.digest, 18 * SECOND) is A
    shelf.expire(28 * SECOND)
    assert shelf.find(A.digest, 28 * SECOND) is None


def test_the_one_not_asked_for_longest_makes_room() -> None:
    shelf = TraceShelf(Limits(max_traces=2))
    lay(shelf, A, B)
    shelf.find(A.digest, 0)
    lay(shelf, C)
    assert kept(shelf) == [A, C]


def test_none_that_is_being_replayed_makes_room() -> None:
    shelf = TraceShelf(Limits(max_traces=2))
    lay(shelf, A, B)
    lay(shelf, C, in_use=(A,))
    assert kept(shelf) == [A, C]
    with pytest.raises(BusyError, match="as many traces as it can"):
        lay(shelf, B, in_use=(A, C))
    assert kept(shelf) == [A, C]


def test_their_bytes_are_bounded_too() -> None:
    cost = A.down.size + PACKET_COST_BYTES * (len(A.up.schedule) + len(A.down.schedule))
    shelf = TraceShelf(Limits(max_traces_bytes=2 * cost + 10))
    lay(shelf, A, B, C)
    assert kept(shelf) == [B, C]
    with pytest.raises(BusyError):
        lay(TraceShelf(Limits(max_traces_bytes=cost - 1)), A)


def test_laying_the_same_down_twice_changes_nothing() -> None:
    shelf = TraceShelf(Limits(max_traces=1))
    lay(shelf, A)
    lay(shelf, A, in_use=(A,))
    assert kept(shelf) == [A]


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(max_traces=0), "takes no traces"),
        (Limits(max_trace_packets=20), "over 20"),
        (Limits(max_trace_duration_s=1.0), "longer than 1 s"),
        (Limits(max_media_duration_s=1.0), "longer than 1 s"),
    ],
)
def test_what_is_beyond_the_limits_is_refused_in_a_sentence(limits: Limits, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        lay(TraceShelf(limits), A)


def test_the_offer_says_the_limits_or_that_there_is_none() -> None:
    offer = TraceShelf(Limits(max_trace_bytes=7, max_trace_packets=8, max_trace_duration_s=9.0)).offer
    assert offer is not None
    assert (offer.max_bytes, offer.max_packets, offer.max_duration_s) == (7, 8, 9.0)
    assert TraceShelf(Limits(max_traces=0)).offer is None


def test_the_look_of_a_trace_is_made_once() -> None:
    shelf = TraceShelf(Limits())
    lay(shelf, A)
    assert shelf.look("inverted", A.digest) is shelf.look("inverted", A.digest)
    assert shelf.look("original", A.digest).name == f"replay:{A.digest}"
    with pytest.raises(RefusedError, match="no trace of that name"):
        shelf.look("original", B.digest)


def test_a_trace_of_one_packet_is_a_trace() -> None:
    shelf = TraceShelf(Limits())
    lone = Trace.of([TracePacket(0, b"x")], [])
    lay(shelf, lone)
    assert shelf.find(lone.digest, 0) is lone
