"""UDP payloads of the shared captures, for tests that compare with real packets."""

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Captured(NamedTuple):
    """One UDP datagram of a capture."""

    frame: int
    """From 1, as Wireshark counts."""
    at_s: float
    """Seconds since the capture's first frame."""
    source: tuple[str, int]
    destination: tuple[str, int]
    data: bytes


@cache
def datagrams(path: Path) -> tuple[Captured, ...]:
    """Return the IPv4 UDP datagrams of a capture in order; what ICMP quotes is left out."""
    from scapy.layers.inet import ICMP, IP, UDP
    from scapy.utils import rdpcap

    packets = rdpcap(str(path))
    found = []
    for frame, packet in enumerate(packets, start=1):
        if IP not in packet or UDP not in packet or ICMP in packet:
            continue
        ip, udp = packet[IP], packet[UDP]
        at_s = float(packet.time) - float(packets[0].time)
        data = bytes(udp.payload)[: udp.len - 8]
        found.append(Captured(frame, at_s, (ip.src, udp.sport), (ip.dst, udp.dport), data))
    return tuple(found)
