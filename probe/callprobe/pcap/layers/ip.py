"""IPv4 and IPv6 headers (RFC 791, RFC 8200).

Parsers here raise IndexError or struct.error where a packet is cut within what they need; the dissector
catches both. Offsets count from the start of ``data``; ``limit`` is where the enclosing layer ends on the
wire, which may lie beyond what was captured.
"""

import socket
from struct import Struct
from typing import Final, NamedTuple

IPV4: Final = 0x0800
"""EtherType."""
IPV6: Final = 0x86DD
_MIN_HEADER_BYTES: Final = 20
_IPV4_FIELDS: Final = Struct(">BxHHHxB").unpack_from
_IPV4_FRAGMENT_BITS: Final = 0x3FFF
_IPV4_MORE: Final = 0x2000
_OFFSET_BITS: Final = 0x1FFF
_IPV6_HEADER_BYTES: Final = 40
_IPV6_FIELDS: Final = Struct(">HB").unpack_from
_IPV6_FRAGMENT: Final = Struct(">xxHI").unpack_from
_IPV6_RESERVED_BITS: Final = 6
_FRAGMENT_HEADER: Final = 44
_AUTHENTICATION_HEADER: Final = 51
_SKIPPED_HEADERS: Final = frozenset({0, 43, 60, 135, 139, 140})
"""Hop-by-hop, routing, destination, mobility, HIP, Shim6: length in units of eight bytes after the first."""
_MAX_EXTENSION_HEADERS: Final = 16


class Fragment(NamedTuple):
    """Which part of a datagram a packet carries."""

    identification: int
    offset: int
    """In bytes."""
    more: bool


class IpPacket(NamedTuple):
    """What an IP header says."""

    protocol: int
    addresses: bytes
    """Source and destination, 8 or 32 bytes."""
    start: int
    """Offset of the payload."""
    limit: int
    """Where the payload ends on the wire."""
    fragment: Fragment | None


def parse_ipv4(data: bytes, at: int, limit: int) -> IpPacket | None:
    """Return an IPv4 header's content, or None; a total length of zero is left by offloading."""
    first, total, identification, flags, protocol = _IPV4_FIELDS(data, at)
    header_bytes = (first & 15) * 4
    if first >> 4 != 4 or header_bytes < _MIN_HEADER_BYTES:
        return None
    if total and at + total < limit:
        limit = at + total
    fragment = None
    if flags & _IPV4_FRAGMENT_BITS:
        fragment = Fragment(identification, (flags & _OFFSET_BITS) * 8, bool(flags & _IPV4_MORE))
    return IpPacket(protocol, data[at + 12 : at + 20], at + header_bytes, limit, fragment)


def parse_ipv6(data: bytes, at: int, limit: int) -> IpPacket | None:
    """Return what IPv6 header and extension headers say, or None; a length of zero is left by offloading."""
    if data[at] >> 4 != 6:
        return None
    length, protocol = _IPV6_FIELDS(data, at + 4)
    start = at + _IPV6_HEADER_BYTES
    if length and start + length < limit:
        limit = start + length
    protocol, start, fragment = skip_extensions(data, protocol, start)
    return IpPacket(protocol, data[at + 8 : at + 40], start, limit, fragment)


def skip_extensions(data: bytes, protocol: int, at: int) -> tuple[int, int, Fragment | None]:
    """Return protocol and offset of what follows IPv6 extension headers, or of a fragment's part."""
    for _ in range(_MAX_EXTENSION_HEADERS):
        if protocol in _SKIPPED_HEADERS:
            protocol, at = data[at], at + (data[at + 1] + 1) * 8
        elif protocol == _AUTHENTICATION_HEADER:
            protocol, at = data[at], at + (data[at + 1] + 2) * 4
        elif protocol == _FRAGMENT_HEADER:
            bits, identification = _IPV6_FRAGMENT(data, at)
            protocol, at = data[at], at + 8
            if bits & ~_IPV6_RESERVED_BITS:  # otherwise it is a whole datagram (RFC 6946)
                return protocol, at, Fragment(identification, bits & ~7, bool(bits & 1))
        else:
            break
    return protocol, at, None


def ip_version(data: bytes, at: int) -> int:
    """Return the EtherType of what is IP by its first four bits, 0 when it is not."""
    return {4: IPV4, 6: IPV6}.get(data[at] >> 4, 0)


def host_texts(addresses: bytes) -> tuple[str, str]:
    """Return source and destination as text (RFC 5952)."""
    half = len(addresses) // 2
    family = socket.AF_INET if half == 4 else socket.AF_INET6
    return socket.inet_ntop(family, addresses[:half]), socket.inet_ntop(family, addresses[half:])
