"""RTP streams: loss by sequence number, clocks, encapsulations."""

import pytest

from callprobe.pcap.read import UdpDatagram
from callprobe.pcap.rtp_streams import RtpStream, StreamCollector, address_text
from callprobe.wire import rtp

MS = 1_000_000
UP = (("192.0.2.1", 4000), ("192.0.2.2", 3478))


def media(sequence: int, *, step: int = 960) -> bytes:
    """Return an RTP packet whose stamp follows its number."""
    return rtp.build(rtp.Packet(111, sequence, step * sequence, 7, b"media"))


def collected(packets: list[tuple[int, bytes]]) -> list[RtpStream]:
    """Return the streams of (time in ms, payload)."""
    collector = StreamCollector()
    for at_ms, payload in packets:
        collector.add(UdpDatagram(at_ms * MS, *UP, payload))
    return collector.streams()


def test_clean_stream_has_nothing_wrong() -> None:
    """20 ms packets of a 48 kHz clock: nothing lost, no jitter, the clock inferred."""
    (stream,) = collected([(20 * n, media(n)) for n in range(50)])

    assert (stream.packets, stream.expected, stream.lost, stream.duplicates, stream.reordered) == (
        50,
        50,
        0,
        0,
        0,
    )
    assert (stream.clock_rate_hz, stream.max_gap_ms, stream.loss_ratio) == (48000, 20.0, 0.0)
    assert stream.jitter_ms is not None
    assert stream.jitter_ms.max == pytest.approx(0, abs=1e-9)


def test_loss_is_not_hidden_by_duplicates() -> None:
    """Three numbers missing and five packets doubled are three lost and five duplicates."""
    numbers = [n for n in range(65530, 65590) if n not in {65540, 65541, 65560}]
    packets = [(20 * (n - 65530), media(n % 65536)) for n in [*numbers, *numbers[:5]]]
    (stream,) = collected(sorted(packets, key=lambda packet: packet[0]))

    assert (stream.expected, stream.lost, stream.duplicates) == (60, 3, 5)
    assert stream.loss_ratio == 0.05


def test_overtaken_packet_is_reordered_not_lost() -> None:
    """A packet that comes after its successor counts as reordered."""
    order = [0, 1, 2, 4, 3, *range(5, 20)]
    (stream,) = collected([(20 * index, media(n)) for index, n in enumerate(order)])

    assert (stream.lost, stream.reordered) == (0, 1)


def test_jitter_follows_the_standard() -> None:
    """Every other packet 10 ms late: |D| = 10 ms throughout, so J tends to 10 ms."""
    (stream,) = collected([(20 * n + 10 * (n % 2), media(n)) for n in range(200)])

    assert stream.jitter_ms is not None
    assert stream.jitter_ms.last == pytest.approx(10.0, abs=0.01)


def test_unknown_clock_has_no_jitter() -> None:
    """Stamps that fit no clock leave clock and jitter null instead of inventing them."""
    (stream,) = collected([(20 * n, media(n, step=7)) for n in range(20)])

    assert (stream.clock_rate_hz, stream.jitter_ms) == (None, None)


@pytest.mark.parametrize(
    ("encapsulation", "head"),
    [("turn-channel", "40000011"), ("reflector", "00" * 20 + "00000011")],
)
def test_media_is_found_in_its_wrapping(encapsulation: str, head: str) -> None:
    """RTP in TURN channels and reflector frames is RTP, padding to four bytes allowed."""
    packets = [(20 * n, bytes.fromhex(head) + media(n) + bytes(3)) for n in range(12)]

    assert [(stream.encapsulation, stream.lost) for stream in collected(packets)] == [(encapsulation, 0)]


def test_few_packets_are_no_stream() -> None:
    """Nine packets that look like RTP may be chance."""
    assert collected([(20 * n, media(n)) for n in range(9)]) == []


def test_ipv6_addresses_stand_in_brackets() -> None:
    """Host and port can be told apart again."""
    assert address_text(("2001:db8::1", 5)) == "[2001:db8::1]:5"
