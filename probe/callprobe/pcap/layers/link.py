"""From a frame to what it carries innermost: UDP datagram, TCP segment, or the quotation of an ICMP error."""

from struct import Struct
from struct import error as struct_error
from typing import Final, NamedTuple

from callprobe.pcap.layers import tunnels
from callprobe.pcap.layers.fragments import Reassembler
from callprobe.pcap.layers.icmp import ICMP, ICMPV6, quoted_datagram
from callprobe.pcap.layers.ip import (
    IPV4,
    IPV6,
    Fragment,
    IpPacket,
    host_texts,
    parse_ipv4,
    parse_ipv6,
    skip_extensions,
)
from callprobe.pcap.layers.link_layers import ETHERTYPES, LINK_TYPES, NAMES
from callprobe.pcap.layers.rare_links import rare_link, rare_link_name
from callprobe.pcap.packets import Address, Frame, IcmpQuote, TcpSegment, UdpDatagram

MAX_NESTING: Final = 8
"""IP packets within IP packets."""
MAX_TAGS: Final = 16
"""Headers between two IP packets, or between the link layer and the first."""
MAX_CACHED_ENDS: Final = 1 << 14
_VERSIONS: Final = frozenset({IPV4, IPV6})
_UDP: Final = 17
_TCP: Final = 6
_UDP_HEADER_BYTES: Final = 8
_UDP_LENGTH: Final = Struct(">4xHxx").unpack_from
_TCP_HEADER: Final = Struct(">4xIxxxxBB").unpack_from
_MIN_TCP_HEADER_BYTES: Final = 20
_SYN: Final = 2
_UNCUT: Final = 65_535

Carried = UdpDatagram | TcpSegment | IcmpQuote


class _Ends(NamedTuple):
    source: Address
    destination: Address
    tunnel: tunnels.Parser | None
    """What the ports promise."""


class Dissector:
    """Takes the frames of one capture in their order and remembers fragments of datagrams."""

    def __init__(self) -> None:
        self.fragments = Reassembler()
        self._ends: dict[bytes, _Ends] = {}

    def take(self, frame: Frame) -> Carried | None:
        """Return what a frame carries innermost, by itself or as the last fragment; never raises.

        A tunnel's own datagram is given only where nothing is known of what it carries.
        """
        data = frame.data
        link = LINK_TYPES.get(frame.link_type)
        try:
            network = link(data, 0) if link else rare_link(frame.link_type, data)
            return self._carried(frame, data, network, max(len(data), frame.wire_size), 0)
        except (IndexError, struct_error):
            return None

    def _carried(
        self, frame: Frame, data: bytes, network: tunnels.Inner, limit: int, depth: int
    ) -> Carried | None:
        kind, at = network if network[0] in _VERSIONS else _untagged(data, network)
        packet = (
            parse_ipv4(data, at, limit) if kind == IPV4 else parse_ipv6(data, at, limit) if kind else None
        )
        if packet is None or depth > MAX_NESTING:
            return None
        if packet.fragment is not None:
            return self._fragment(frame, data, packet, packet.fragment, depth)
        return self._transport(frame, data, packet, depth)

    def _transport(self, frame: Frame, data: bytes, packet: IpPacket, depth: int) -> Carried | None:
        protocol = packet.protocol
        if protocol == _UDP:
            return self._udp(frame, data, packet, depth)
        if protocol == _TCP:
            return self._tcp(frame, data, packet)
        if protocol in {ICMP, ICMPV6}:
            return self._quote(frame, data, packet)
        tunnel = tunnels.BY_PROTOCOL.get(protocol)
        inner = tunnel and tunnel(data, packet.start, packet.limit)
        return self._carried(frame, data, inner, packet.limit, depth + 1) if inner else None

    def _udp(self, frame: Frame, data: bytes, packet: IpPacket, depth: int) -> Carried | None:
        _, addresses, start, limit, _ = packet
        (length,) = _UDP_LENGTH(data, start)
        source, destination, tunnel = self._ends_of(addresses, data[start : start + 4])
        end = min(limit, start + length) if length >= _UDP_HEADER_BYTES else limit
        start += _UDP_HEADER_BYTES
        if end < start:
            return None
        if tunnel is not None and (inner := _inside(tunnel, data, start, end)):
            return self._carried(frame, data, inner, end, depth + 1)
        return UdpDatagram(frame.number, frame.epoch_ns, source, destination, data[start:end], end - start)

    def _tcp(self, frame: Frame, data: bytes, packet: IpPacket) -> TcpSegment | None:
        at, limit = packet.start, packet.limit
        sequence, offset, flags = _TCP_HEADER(data, at)
        start = at + (offset >> 4) * 4
        if start < at + _MIN_TCP_HEADER_BYTES or limit < start:
            return None
        source, destination, _ = self._ends_of(packet.addresses, data[at : at + 4])
        return TcpSegment(
            frame=frame.number,
            epoch_ns=frame.epoch_ns,
            source=source,
            destination=destination,
            sequence=(sequence + (flags & _SYN != 0)) & 0xFFFFFFFF,
            flags=flags,
            payload=data[start:limit],
            size=limit - start,
        )

    def _quote(self, frame: Frame, data: bytes, packet: IpPacket) -> IcmpQuote | None:
        quoted = quoted_datagram(data, packet.start, packet.limit, packet.protocol)
        if quoted is None:
            return None
        source, destination, _ = self._ends_of(quoted.addresses, quoted.ports)
        return IcmpQuote(
            frame=frame.number,
            epoch_ns=frame.epoch_ns,
            reporter=host_texts(packet.addresses)[0],
            version=4 if packet.protocol == ICMP else 6,
            kind=quoted.kind,
            code=quoted.code,
            source=source,
            destination=destination,
            payload=quoted.payload,
        )

    def _fragment(
        self, frame: Frame, data: bytes, packet: IpPacket, fragment: Fragment, depth: int
    ) -> Carried | None:
        protocol, addresses, start, limit, _ = packet
        if limit > len(data):
            # A cut fragment completes nothing; the first one still tells of a UDP datagram.
            whole = packet._replace(limit=start + _UNCUT)
            return self._udp(frame, data, whole, depth) if (protocol, fragment.offset) == (_UDP, 0) else None
        key = addresses + fragment.identification.to_bytes(4, "big") + bytes((protocol,))
        joined = self.fragments.add(
            key, fragment.offset, data[start:limit], more=fragment.more, epoch_ns=frame.epoch_ns
        )
        if joined is None:
            return None
        protocol, start, nested = skip_extensions(joined, protocol, 0)
        whole = IpPacket(protocol, addresses, start, len(joined), None)
        return None if nested else self._transport(frame, joined, whole, depth)

    def _ends_of(self, addresses: bytes, ports: bytes) -> _Ends:
        key = addresses + ports
        ends = self._ends.get(key)
        if ends is None:
            if len(self._ends) >= MAX_CACHED_ENDS:
                self._ends.clear()
            ends = self._ends[key] = _parse_ends(addresses, ports)
        return ends


def link_type_name(link_type: int) -> str:
    """Return scapy's name of a link type, or its number."""
    return NAMES.get(link_type) or rare_link_name(link_type) or str(link_type)


def _untagged(data: bytes, network: tunnels.Inner) -> tunnels.Inner:
    """Return EtherType and offset of the IP packet behind tags and the like; EtherType 0 if there is none."""
    kind, at = network
    for _ in range(MAX_TAGS):
        parser = ETHERTYPES.get(kind)
        if parser is None:
            break
        kind, at = parser(data, at)
    return (kind, at) if kind in _VERSIONS else (0, at)


def _parse_ends(addresses: bytes, ports: bytes) -> _Ends:
    source, destination = host_texts(addresses)
    source_port, destination_port = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")
    tunnel = tunnels.BY_PORT.get(destination_port) or tunnels.BY_PORT.get(source_port)
    return _Ends((source, source_port), (destination, destination_port), tunnel)


def _inside(tunnel: tunnels.Parser, data: bytes, start: int, end: int) -> tunnels.Inner | None:
    """Return what a tunnel carries; None when a port lies, or too little was captured to say."""
    try:
        return tunnel(data, start, end)
    except (IndexError, struct_error):
        return None
