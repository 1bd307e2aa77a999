"""The sides of a call's media."""

from callprobe.pcap.streams.rtp_streams import StreamSecond
from callprobe.pcap.tell.calls import calls
from callprobe.pcap.tell.sides import Side, Silence, sides
from helpers.findings import FAR, OWN, RELAY, findings, flow, service, stream

HOST = ("192.168.0.2",)


def sides_of(*streams: object, own: tuple[str, ...] = HOST) -> tuple[Side, ...]:
    (call,) = calls(findings(rtp=streams))
    return sides(call, own)


def test_streams_of_one_way_are_one_side() -> None:
    """Voice and video, relay and direct path: all that went out is out, and out comes first."""
    found = sides_of(stream(RELAY, OWN, 0, 5), stream(FAR, OWN, 5, 10), stream(OWN, RELAY, 1, 9))

    assert [side.direction for side in found] == ["up", "down"]
    assert [(side.first_s, side.last_s, len(side.streams)) for side in found] == [(1, 9, 1), (0, 10, 2)]


def test_without_directions_hosts_make_the_sides() -> None:
    """Who captured is not known: each pair of hosts stands for itself."""
    found = sides_of(stream(RELAY, OWN, 0, 5), stream(OWN, RELAY, 0, 5), own=())

    assert [(side.direction, side.src, side.dst) for side in found] == [
        (None, "203.0.113.7", "192.168.0.2"),
        (None, "192.168.0.2", "203.0.113.7"),
    ]


def test_a_silence_of_one_stream_is_known_exactly() -> None:
    """Its longest gap is measured; when it began is known to the second."""
    seconds = tuple(StreamSecond(second=n, received=50, lost=0, jitter_ms=None) for n in (0, 1, 2, 5, 6))
    (side,) = sides_of(stream(RELAY, OWN, 0, 6.9, seconds=seconds, max_gap_ms=2800.0))

    assert side.silence == Silence(3.0, 2.8)


def test_streams_that_take_turns_leave_no_silence() -> None:
    """What one of them lacks the other has; when both lack it, whole seconds count."""
    first, second = stream(RELAY, OWN, 0, 4.9, max_gap_ms=30.0), stream(FAR, OWN, 5, 9.9, max_gap_ms=30.0)
    later = stream(FAR, OWN, 8, 9.9, max_gap_ms=30.0)

    assert [side.silence for side in sides_of(first, second)] == [None]
    assert [side.silence for side in sides_of(first, later)] == [Silence(5.0, 3.0)]


def test_opaque_media_have_a_side_but_no_silence() -> None:
    """Flows say when they began and ended, and no more."""
    (call,) = calls(findings(flows=(flow(FAR, OWN, 0, 20, 400),), service=service("telegram")))
    (side,) = sides(call, HOST)

    assert (side.packets, side.lasted_s, side.silence) == (400, 20.0, None)
