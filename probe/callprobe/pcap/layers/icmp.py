"""What ICMP errors quote of the datagrams that they are about (RFC 792, RFC 4443, RFC 4884)."""

from struct import Struct
from typing import Final, NamedTuple

from callprobe.pcap.layers.ip import parse_ipv4, parse_ipv6

ICMP: Final = 1
"""IP protocol number."""
ICMPV6: Final = 58
_ERRORS: Final = {ICMP: frozenset({3, 4, 5, 11, 12}), ICMPV6: frozenset({1, 2, 3, 4})}
_HEADER_BYTES: Final = 8
_LENGTHS: Final = {ICMP: (5, 4), ICMPV6: (4, 8)}
"""Where RFC 4884 puts the length of the quotation, and its unit in bytes."""
_WITH_LENGTH: Final = {ICMP: frozenset({3, 11, 12}), ICMPV6: frozenset({1, 3})}
_UDP: Final = 17
_UDP_HEADER: Final = Struct(">HHHxx").unpack_from
_UDP_HEADER_BYTES: Final = 8


class Quoted(NamedTuple):
    """A quoted UDP datagram."""

    kind: int
    code: int
    addresses: bytes
    ports: bytes
    payload: bytes


def quoted_datagram(data: bytes, at: int, limit: int, protocol: int) -> Quoted | None:
    """Return the UDP datagram that an ICMP message quotes, or None; raises struct.error and IndexError."""
    kind, code = data[at], data[at + 1]
    if kind not in _ERRORS[protocol]:
        return None
    start, end = at + _HEADER_BYTES, min(limit, len(data))
    if kind in _WITH_LENGTH[protocol]:
        place, unit_bytes = _LENGTHS[protocol]
        stated = data[at + place] * unit_bytes
        end = min(end, start + stated) if stated else end
    packet = (parse_ipv4 if protocol == ICMP else parse_ipv6)(data[:end], start, end)
    if packet is None or packet.protocol != _UDP or (packet.fragment and packet.fragment.offset):
        return None
    _, _, length = _UDP_HEADER(data[:end], packet.start)
    payload_start = packet.start + _UDP_HEADER_BYTES
    stop = min(end, packet.limit)
    if length >= _UDP_HEADER_BYTES:
        stop = min(stop, packet.start + length)
    ports = data[packet.start : packet.start + 4]
    return Quoted(kind, code, packet.addresses, ports, data[payload_start:stop])
