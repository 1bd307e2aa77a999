"""What is carried inside IP and UDP that carries packets again.

Each parser returns the EtherType of what is inside and its offset, or None when the bytes are not what the
protocol or port number promises. ``limit`` is where the tunnel's payload ends on the wire.
"""

from collections.abc import Callable
from typing import Final

from callprobe.pcap.layers.ip import IPV6, ip_version, parse_ipv4, parse_ipv6

ETHERNET: Final = 0x6558
"""EtherType of a bridged Ethernet frame (transparent Ethernet bridging)."""
PPP: Final = 0x880B
"""EtherType of PPP."""
Inner = tuple[int, int]

_GTP_VERSION_1: Final = 0x30
_GTP_VERSION_BITS: Final = 0xF0
_GTP_OPTION_BITS: Final = 0x07
_GTP_EXTENSION_BIT: Final = 0x04
_GTP_G_PDU: Final = 255
_GTP_HEADER_BYTES: Final = 8
_MAX_GTP_EXTENSIONS: Final = 8
_TEREDO_AUTHENTICATION: Final = b"\x00\x01"
_TEREDO_ORIGIN: Final = b"\x00\x00"
_VXLAN_HEADER_BYTES: Final = 8
_L2TP_CONTROL_BIT: Final = 0x8000
_L2TP_LENGTH_BIT: Final = 0x4000
_L2TP_SEQUENCE_BIT: Final = 0x0800
_L2TP_OFFSET_BIT: Final = 0x0200
_GRE_CHECKSUM_OR_ROUTING_BITS: Final = 0xC000
_GRE_ROUTING_BIT: Final = 0x4000
_GRE_KEY_BIT: Final = 0x2000
_GRE_SEQUENCE_BIT: Final = 0x1000
_GRE_ACKNOWLEDGEMENT_BIT: Final = 0x0080
_ERSPAN: Final = 0x88BE
_ERSPAN_HEADER_BYTES: Final = 8


def gtp_u(data: bytes, at: int, limit: int) -> Inner | None:
    """GTP-U, version 1, a G-PDU that holds an IP packet (3GPP TS 29.281 section 5)."""
    flags, kind = data[at], data[at + 1]
    start = at + _GTP_HEADER_BYTES
    if flags & _GTP_VERSION_BITS != _GTP_VERSION_1 or kind != _GTP_G_PDU:
        return None
    if start + _u16(data, at + 2) != limit:
        return None
    if flags & _GTP_OPTION_BITS:
        following = data[start + 3] if flags & _GTP_EXTENSION_BIT else 0
        start += 4
        for _ in range(_MAX_GTP_EXTENSIONS):
            if not following or not data[start]:
                break
            start += 4 * data[start]
            following = data[start - 1]
    return _ip(data, start, limit)


def teredo(data: bytes, at: int, limit: int) -> Inner | None:
    """Teredo: an IPv6 packet, perhaps behind other fields (RFC 4380 section 5.1.1) and before (RFC 6081)."""
    if data[at : at + 2] == _TEREDO_AUTHENTICATION:
        at += 13 + data[at + 2] + data[at + 3]
    if data[at : at + 2] == _TEREDO_ORIGIN:
        at += 8
    return _ip(data, at, limit, trailed=True) if data[at] >> 4 == 6 else None


def vxlan(data: bytes, at: int, limit: int) -> Inner | None:
    """VXLAN: an Ethernet frame (RFC 7348 section 5)."""
    start = at + _VXLAN_HEADER_BYTES
    is_vxlan = data[at : at + 4] == b"\x08\0\0\0" and data[at + 7] == 0 and start < limit
    return (ETHERNET, start) if is_vxlan else None


def l2tp(data: bytes, at: int, limit: int) -> Inner | None:
    """L2TP, version 2, a data message: a PPP frame (RFC 2661 section 3.1)."""
    flags = _u16(data, at)
    if flags & _L2TP_CONTROL_BIT or flags & 0x0F != 2:
        return None
    if flags & _L2TP_LENGTH_BIT and at + _u16(data, at + 2) != limit:
        return None
    start = at + (8 if flags & _L2TP_LENGTH_BIT else 6)
    start += 4 if flags & _L2TP_SEQUENCE_BIT else 0
    if flags & _L2TP_OFFSET_BIT:
        start += 2 + _u16(data, start)
    return PPP, start


def gre(data: bytes, at: int, limit: int) -> Inner | None:
    """GRE, also that of PPTP (RFC 2784, RFC 2890, RFC 2637 section 4.1)."""
    flags, kind = _u16(data, at), _u16(data, at + 2)
    if flags & _GRE_ROUTING_BIT:
        return None
    start = at + 4
    start += 4 if flags & _GRE_CHECKSUM_OR_ROUTING_BITS else 0
    start += 4 if flags & _GRE_KEY_BIT else 0
    start += 4 if flags & _GRE_SEQUENCE_BIT else 0
    start += 4 if flags & 7 == 1 and flags & _GRE_ACKNOWLEDGEMENT_BIT else 0
    if kind == _ERSPAN:
        return ETHERNET, start + (_ERSPAN_HEADER_BYTES if flags & _GRE_SEQUENCE_BIT else 0)
    return (kind, start) if start < limit else None


def ip_in_ip(data: bytes, at: int, _limit: int) -> Inner | None:
    """IPv4 or IPv6 right inside IP (RFC 2003, RFC 4213)."""
    return ip_version(data, at), at


def ethernet_in_ip(_data: bytes, at: int, _limit: int) -> Inner | None:
    """Ethernet behind two bytes (EtherIP, RFC 3378)."""
    return ETHERNET, at + 2


def _ip(data: bytes, at: int, limit: int, *, trailed: bool = False) -> Inner | None:
    """Return an IP packet that fills the tunnel, unless what it carries is of no interest."""
    kind = ip_version(data, at)
    # One byte more shows whether the packet would be longer than the tunnel, or does not tell its length.
    packet = (parse_ipv6 if kind == IPV6 else parse_ipv4)(data, at, limit + 1)
    if packet is None or packet.limit > limit or (packet.limit < limit and not trailed):
        return None
    return (kind, at) if packet.protocol in _OF_INTEREST or packet.fragment else None


def _u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


Parser = Callable[[bytes, int, int], Inner | None]
BY_PORT: Final[dict[int, Parser]] = {1701: l2tp, 2152: gtp_u, 3544: teredo, 4789: vxlan}
BY_PROTOCOL: Final[dict[int, Parser]] = {4: ip_in_ip, 41: ip_in_ip, 47: gre, 97: ethernet_in_ip}
_OF_INTEREST: Final = frozenset({1, 6, 17, 58, *BY_PROTOCOL})
"""ICMP, TCP, UDP, ICMPv6 and what carries them."""
