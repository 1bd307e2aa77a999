"""The UDP datagrams of a capture file, as the project's own reader gives them."""

from pathlib import Path

from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.packets import UdpDatagram
from callprobe.pcap.reading.read import CaptureFile


def datagrams_in(path: Path) -> list[UdpDatagram]:
    """Return the datagrams in the order of the file."""
    dissector = Dissector()
    carried = (dissector.take(frame) for frame in CaptureFile(path))
    return [one for one in carried if isinstance(one, UdpDatagram)]
