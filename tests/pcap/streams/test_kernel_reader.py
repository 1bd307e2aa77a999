"""What the kernel leaves is handed on, in the order of the file."""

from pathlib import Path

import pytest

from callprobe.pcap import engine
from callprobe.pcap.packets import IcmpQuote, TcpSegment, UdpDatagram
from callprobe.pcap.streams import kernel
from callprobe.pcap.write import CaptureWriter
from callprobe.wire import rtp, stun

CLIENT, SERVER = ("192.0.2.1", 40000), ("198.51.100.1", 3478)


class Taken:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.packets: list[object] = []

    def datagram(self, datagram: UdpDatagram) -> None:
        """Remember a datagram."""
        self.packets.append(datagram)

    def segment(self, segment: TcpSegment) -> None:
        """Remember a segment."""
        self.packets.append(segment)

    def quote(self, quote: IcmpQuote) -> None:
        """Remember a quotation."""
        self.packets.append(quote)


@pytest.mark.peer("cc")
def test_what_is_no_rtp_is_handed_on_as_plain_python_does(tmp_path: Path) -> None:
    """STUN among media, over IPv4 and IPv6, reaches the sink with the same frame, time, ends and bytes."""
    kernel.build()
    writer = CaptureWriter(tmp_path / "call.pcap")
    far = ("2001:db8::1", 3478)
    for number in range(200):
        media = rtp.build(rtp.Packet(111, number, 960 * number, 0x1234, bytes(60)))
        writer.write(number * 20_000_000, CLIENT, SERVER, media)
        if number % 7 == 0:
            writer.write(number * 20_000_000 + 1, ("2001:db8::2", 9), far, stun.binding_request(bytes(12)))
    writer.close()
    by_kernel, by_python = Taken(), Taken()
    counted = engine.run(tmp_path / "call.pcap", by_kernel, "c")
    engine.run(tmp_path / "call.pcap", by_python, "python")

    assert by_kernel.packets == by_python.packets
    assert (len(by_kernel.packets), counted.frames) == (29, 229)
