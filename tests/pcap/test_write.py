"""Captures as the relay writes them."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from callprobe.pcap.packets import Frame
from callprobe.pcap.reading.read import CaptureFile
from callprobe.pcap.write import CaptureWriter, udp_packet
from helpers.datagrams import datagrams_in


@pytest.mark.parametrize(
    ("source", "destination"),
    [(("127.0.0.1", 4000), ("198.51.100.7", 3478)), (("::1", 4000), ("2001:db8::1", 3478))],
)
def test_datagram_reads_back(tmp_path: Path, source: tuple[str, int], destination: tuple[str, int]) -> None:
    """Time to the nanosecond, addresses and payload survive the file."""
    writer = CaptureWriter(tmp_path / "x.pcap")
    writer.write(1_700_000_000_123_456_789, source, destination, b"hello")
    writer.close()
    (read,) = datagrams_in(tmp_path / "x.pcap")

    assert (read.epoch_ns, read.source, read.destination) == (1_700_000_000_123_456_789, source, destination)
    assert (read.frame, read.payload, read.size) == (1, b"hello", 5)


@pytest.mark.parametrize(("host", "layer"), [("192.0.2.1", IP), ("2001:db8::1", IPv6)])
def test_headers_are_those_of_scapy(host: str, layer: type) -> None:
    """Byte for byte what scapy would craft, checksums included."""
    address = {"src": host, "dst": host}
    more = {"id": 0} if layer is IP else {}
    crafted = layer(**address, **more) / UDP(sport=1, dport=2) / b"odd"

    assert udp_packet((host, 1), (host, 2), b"odd") == bytes(crafted)


def test_empty_capture_is_a_capture(tmp_path: Path) -> None:
    """A relay that saw nothing leaves a file that can be read."""
    CaptureWriter(tmp_path / "x.pcap").close()

    assert list[Frame](CaptureFile(tmp_path / "x.pcap")) == []
