"""Frames that need no dissector: UDP or TCP, whole, right inside IP on one of the common link layers.

Everything else (tunnels, fragments, extension headers, contradicting lengths …) is left to
``link.Dissector``, which says the same of plain frames. ``columns`` and ``kernel.c`` draw the line in the
same place.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from callprobe.pcap.layers.tunnels import BY_PORT

UDP: Final = 17
TCP: Final = 6
ETHERNET: Final = 1
RAW: Final = frozenset({12, 14, 101})
"""LINKTYPE_ numbers of IP of either version without a link layer …"""
RAW_IPV4: Final = 228
RAW_IPV6: Final = 229
"""… and of one version."""
LOOPBACK: Final = frozenset({0, 108})
SLL: Final = 113
SLL2: Final = 276
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
MAX_TAGS: Final = 2
TUNNEL_PORTS: Final = frozenset(BY_PORT)
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
LOOPBACK_FAMILIES: Final = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
RADIOTAP: Final = 803
"""Hardware type, in a cooked frame, that something else comes before IP."""
_IPV4_FIELDS: Final = Struct(">BxHxxHxB").unpack_from
_IPV6_FIELDS: Final = Struct(">BxxxHB").unpack_from
_UDP_FIELDS: Final = Struct(">HHH").unpack_from
_TCP_FIELDS: Final = Struct(">HHIxxxxBB").unpack_from
_UDP_BYTES: Final = 8
_TCP_BYTES: Final = 20
_FRAGMENT_BITS: Final = 0x3FFF
_SYN: Final = 2
_FIRST_BYTE_IPV4: Final = 0x45


class PlainPacket(NamedTuple):
    """What such a frame carries; offsets count from the frame's first byte."""

    protocol: int
    addresses: bytes
    """Source and destination, 8 or 32 bytes."""
    source_port: int
    destination_port: int
    start: int
    """Of the payload."""
    end: int
    """Of the payload on the wire: beyond the captured bytes where the frame was cut."""
    sequence: int
    """Of TCP: that of the first payload byte."""
    flags: int
    """Of TCP."""


def read(data: bytes, link_type: int, wire_size: int) -> PlainPacket | None:
    """Return what a plain frame carries, or None when it is none."""
    at, kind = _ip_start(data, link_type)
    if kind == IPV4 and len(data) >= at + 20:
        first, total, flags, protocol = _IPV4_FIELDS(data, at)
        if first != _FIRST_BYTE_IPV4 or flags & _FRAGMENT_BITS:
            return None
        start, end, addresses = at + 20, at + total, data[at + 12 : at + 20]
    elif kind == IPV6 and len(data) >= at + 40:
        first, length, protocol = _IPV6_FIELDS(data, at)
        if first >> 4 != 6:
            return None
        start, end, addresses = at + 40, at + 40 + length, data[at + 8 : at + 40]
    else:
        return None
    if end > wire_size:
        return None
    if protocol == UDP:
        return _udp(data, addresses, start, end)
    return _tcp(data, addresses, start, end) if protocol == TCP else None


def _udp(data: bytes, addresses: bytes, at: int, end: int) -> PlainPacket | None:
    start = at + _UDP_BYTES
    if start > len(data) or start > end:
        return None
    source, destination, length = _UDP_FIELDS(data, at)
    if at + length != end or source in TUNNEL_PORTS or destination in TUNNEL_PORTS:
        return None
    return PlainPacket(UDP, addresses, source, destination, start, end, 0, 0)


def _tcp(data: bytes, addresses: bytes, at: int, end: int) -> PlainPacket | None:
    if at + _TCP_BYTES > len(data):
        return None
    source, destination, sequence, words, flags = _TCP_FIELDS(data, at)
    start = at + 4 * (words >> 4)
    if words >> 4 < 5 or start > end:
        return None
    sequence = (sequence + (flags & _SYN != 0)) & 0xFFFFFFFF
    return PlainPacket(TCP, addresses, source, destination, start, end, sequence, flags)


def _ip_start(data: bytes, link_type: int) -> tuple[int, int]:
    """Return where IP begins and its EtherType, or another number for what is not plain."""
    if link_type == ETHERNET:
        return _ethernet(data)
    header_bytes, kind_of = _LINKS.get(link_type, (0, _nothing))
    return header_bytes, kind_of(data) if len(data) >= header_bytes else 0


def _ethernet(data: bytes) -> tuple[int, int]:
    at = 12
    for _ in range(MAX_TAGS + 1):
        if at + 2 > len(data):
            break
        kind = data[at] << 8 | data[at + 1]
        if kind not in VLAN_TAGS:
            return at + 2, kind
        at += 4
    return 0, 0


def _nothing(_data: bytes) -> int:
    return 0


def _raw(data: bytes) -> int:
    return {4: IPV4, 6: IPV6}.get(data[0] >> 4, 0) if data else 0


def _cooked(data: bytes) -> int:
    return 0 if (data[2] << 8 | data[3]) == RADIOTAP else data[14] << 8 | data[15]


def _cooked2(data: bytes) -> int:
    return 0 if (data[8] << 8 | data[9]) == RADIOTAP else data[0] << 8 | data[1]


def _loopback(data: bytes) -> int:
    family = min(int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    return LOOPBACK_FAMILIES.get(family, 0)


_LINKS: Final[dict[int, tuple[int, Callable[[bytes], int]]]] = {
    **dict.fromkeys(RAW, (0, _raw)),
    RAW_IPV4: (0, lambda _: IPV4),
    RAW_IPV6: (0, lambda _: IPV6),
    SLL: (16, _cooked),
    SLL2: (20, _cooked2),
    **dict.fromkeys(LOOPBACK, (4, _loopback)),
}
"""By link type: the size of its header, and what gives the EtherType."""
