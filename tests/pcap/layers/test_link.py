"""What a frame carries innermost."""

from collections.abc import Iterator
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.layers.l2 import GRE, CookedLinux, Dot1AD, Dot1Q, Ether, Loopback
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from callprobe.pcap.layers.link import MAX_CACHED_ENDS, MAX_NESTING, MAX_TAGS, Dissector, link_type_name
from callprobe.pcap.layers.link_layers import LINK_TYPES
from callprobe.pcap.packets import Frame, IcmpQuote, TcpSegment, UdpDatagram
from callprobe.pcap.write import udp_packet
from helpers.frames import (
    DESTINATION,
    DESTINATION6,
    INNER4,
    INNER6,
    SOURCE,
    SOURCE6,
    ethernet,
    ipv4,
    ipv6,
    tcp,
    udp,
)

ETHERNET, RAW = 1, 101
DATAGRAM = UdpDatagram(1, 0, SOURCE, DESTINATION, b"hello", 5)
DATAGRAM6 = UdpDatagram(1, 0, SOURCE6, DESTINATION6, b"hello", 5)
LOOPBACK = 0
COOKED = 113

Carried = UdpDatagram | TcpSegment | IcmpQuote | None


def carried(data: bytes, link_type: int = RAW, *, wire_size: int | None = None) -> Carried:
    """Return what one frame carries."""
    return Dissector().take(Frame(1, 0, link_type, data, len(data) if wire_size is None else wire_size))


def all_carried(*packets: bytes) -> list[Carried]:
    """Return what raw packets carry that come one after the other."""
    dissector = Dissector()
    return [dissector.take(Frame(1, 0, RAW, packet, len(packet))) for packet in packets]


IP4 = IP(src=SOURCE[0], dst=DESTINATION[0])
IP6 = IPv6(src=SOURCE6[0], dst=DESTINATION6[0])
UDP5 = UDP(sport=5000, dport=6000) / Raw(b"hello")
ETH = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
OUTER = IP(src="10.0.0.1", dst="10.0.0.2")
OUTER6 = IPv6(src="fd00::1", dst="fd00::2")
WHOLE4, WHOLE6 = IP4 / UDP5, IP6 / UDP5
CRAFTED: dict[str, tuple[int, Packet, UdpDatagram]] = {
    "ethernet": (ETHERNET, ETH / WHOLE4, DATAGRAM),
    "vlan": (ETHERNET, ETH / Dot1Q(vlan=5) / WHOLE6, DATAGRAM6),
    "qinq": (ETHERNET, ETH / Dot1AD(vlan=5) / Dot1Q(vlan=6) / WHOLE4, DATAGRAM),
    "pppoe": (ETHERNET, ETH / PPPoE() / PPP() / WHOLE4, DATAGRAM),
    "vlan, pppoe": (ETHERNET, ETH / Dot1Q() / PPPoE() / PPP() / WHOLE6, DATAGRAM6),
    "mpls": (ETHERNET, ETH / MPLS(s=0) / MPLS(s=1) / WHOLE4, DATAGRAM),
    "cooked": (COOKED, CookedLinux() / WHOLE4, DATAGRAM),
    "loopback": (LOOPBACK, Loopback() / WHOLE4, DATAGRAM),
    "raw": (RAW, WHOLE6, DATAGRAM6),
    "options": (RAW, IP(src=SOURCE[0], dst=DESTINATION[0], options=[b"\x94\4\0\0"]) / UDP5, DATAGRAM),
    "extension headers": (RAW, IP6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP5, DATAGRAM6),
    "atomic fragment": (RAW, IP6 / IPv6ExtHdrFragment() / UDP5, DATAGRAM6),
    "ip in ip": (RAW, OUTER / WHOLE4, DATAGRAM),
    "6in4": (RAW, OUTER / WHOLE6, DATAGRAM6),
    "4in6": (RAW, OUTER6 / WHOLE4, DATAGRAM),
    "gre": (RAW, OUTER / GRE(key_present=1) / WHOLE4, DATAGRAM),
    "ethernet in gre": (RAW, OUTER / GRE() / ETH / WHOLE4, DATAGRAM),
    "gtp": (RAW, OUTER / UDP(dport=2152) / GTP_U_Header(teid=5) / WHOLE4, DATAGRAM),
    "gtp of 5G": (
        RAW,
        OUTER / UDP(dport=2152) / GTP_U_Header(E=1) / GTPPDUSessionContainer(QFI=9) / WHOLE6,
        DATAGRAM6,
    ),
    "teredo": (RAW, OUTER / UDP(sport=3544) / WHOLE6, DATAGRAM6),
    "vxlan": (RAW, OUTER / UDP(dport=4789) / VXLAN(vni=7, flags="Instance") / ETH / WHOLE4, DATAGRAM),
    "gtp in vlan": (
        ETHERNET,
        ETH / Dot1Q() / OUTER / UDP(dport=2152) / GTP_U_Header() / WHOLE6,
        DATAGRAM6,
    ),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_innermost_datagram_of_what_scapy_crafts(name: str) -> None:
    """Link layers, tags and tunnels as another implementation writes them, with padding behind."""
    link_type, packet, expected = CRAFTED[name]

    assert carried(bytes(packet) + bytes(9), link_type) == expected


@pytest.mark.parametrize("name", CRAFTED)
def test_cut_frames_carry_less_and_never_raise(name: str) -> None:
    """Cut at every byte, a frame gives the datagram cut, its carrier, or nothing."""
    link_type, packet, expected = CRAFTED[name]
    data = bytes(packet)
    for size in range(len(data)):
        found = carried(data[:size], link_type, wire_size=len(data))
        if isinstance(found, UdpDatagram) and found.source == expected.source:
            assert expected.payload.startswith(found.payload)
            assert found.size == 5
    assert found == expected._replace(payload=b"hell")


def test_padding_is_no_payload() -> None:
    """What Ethernet adds behind a short datagram is left out."""
    assert carried(ethernet(0x0800, INNER4 + bytes(20)), ETHERNET) == DATAGRAM


@pytest.mark.parametrize(
    ("length", "payload"), [(None, b"hello"), (10, b"he"), (0, b"hello"), (7, b"hello"), (900, b"hello")]
)
def test_length_of_the_datagram_decides(length: int | None, payload: bytes) -> None:
    """Within what IP says; lengths that cannot be are not believed."""
    found = carried(ipv4(17, udp(b"hello", length=length)))

    assert isinstance(found, UdpDatagram)
    assert (found.payload, found.size) == (payload, len(payload))


def test_length_left_empty_by_offloading_is_that_of_the_frame() -> None:
    """A total length of zero."""
    packet = INNER4[:2] + b"\0\0" + INNER4[4:]

    assert carried(packet) == DATAGRAM


def test_cut_datagram_tells_how_long_it_was() -> None:
    """A short snap length loses bytes, not their number."""
    packet = udp_packet(SOURCE, DESTINATION, bytes(1000))
    found = carried(packet[:60], wire_size=len(packet))

    assert isinstance(found, UdpDatagram)
    assert (len(found.payload), found.size) == (32, 1000)


@pytest.mark.parametrize(
    ("flags", "sequence"), [(0x18, 1000), (0x02, 1001), (0x12, 1001), (0x04, 1000)], ids=hex
)
def test_segment_is_read(flags: int, sequence: int) -> None:
    """A SYN takes a number of its own, so the first byte has the next."""
    found = carried(ethernet(0x0800, ipv4(6, tcp(b"bytes", flags=flags)) + bytes(9)), ETHERNET)

    assert found == TcpSegment(1, 0, SOURCE, DESTINATION, sequence, flags, b"bytes", 5)


def test_segment_with_impossible_header_is_none() -> None:
    """A header shorter than it can be, or longer than the packet."""
    segment = bytearray(tcp(b"x"))
    for offset in (0x00, 0x40, 0xF0):
        segment[12] = offset
        assert carried(ipv4(6, bytes(segment))) is None


def test_ends_of_ipv6_are_text() -> None:
    """Addresses are written as RFC 5952 has it."""
    found = carried(ipv6(6, tcp(b"x")))

    assert isinstance(found, TcpSegment)
    assert (found.source, found.destination) == (SOURCE6, DESTINATION6)


@pytest.mark.parametrize(
    ("packet", "version", "kind", "code"),
    [
        (IP(src="203.0.113.9", dst=SOURCE[0]) / ICMP(type=3, code=3) / WHOLE4, 4, 3, 3),
        (IP(src="203.0.113.9", dst=SOURCE[0]) / ICMP(type=11) / WHOLE4, 4, 11, 0),
        (IPv6(src="2001:db8::9", dst=SOURCE6[0]) / ICMPv6DestUnreach(code=4) / WHOLE6, 6, 1, 4),
    ],
)
def test_quoted_datagram_is_no_traffic(packet: Packet, version: int, kind: int, code: int) -> None:
    """A datagram inside an ICMP error was not sent by whom the error comes from."""
    source, destination = (SOURCE, DESTINATION) if version == 4 else (SOURCE6, DESTINATION6)
    found = carried(bytes(packet))

    assert found == IcmpQuote(1, 0, packet.src, version, kind, code, source, destination, b"hello")


@pytest.mark.parametrize(
    "packet",
    [ipv4(1, b"\x08\0\0\0" + INNER4), ipv4(89, INNER4), ipv6(59, b""), ipv6(58, b"\x80\0\0\0"), b"", b"\x45"],
    ids=["echo", "another protocol", "no next header", "echo of ICMPv6", "empty", "cut"],
)
def test_other_packets_carry_nothing(packet: bytes) -> None:
    """Neither datagram nor segment nor quotation."""
    assert carried(packet) is None


def test_port_of_a_tunnel_does_not_make_one() -> None:
    """A call may use port 2152; its datagrams are its own."""
    for port in (1701, 2152, 3544, 4789):
        found = carried(ipv4(17, udp(b"\x80\x6f" + bytes(30), destination=port)))
        assert isinstance(found, UdpDatagram)
        assert found.destination == (DESTINATION[0], port)


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (ipv4(6, tcp(b"x")), TcpSegment),
        (ipv4(1, b"\x08" + bytes(7)), type(None)),
        (ipv4(50, b"x"), UdpDatagram),
    ],
    ids=["TCP", "echo", "encrypted"],
)
def test_tunnel_counts_only_where_its_content_is_unknown(inner: bytes, kind: type) -> None:
    """What GTP carries is given in its place, if anything is known of it."""
    packet = bytes(OUTER / UDP(sport=2152, dport=2152) / GTP_U_Header(gtp_type=255) / Raw(inner))

    assert isinstance(carried(packet), kind)


def test_nesting_is_bounded() -> None:
    """Packets in packets in packets: so many and no more."""
    packet = INNER4
    for _ in range(MAX_NESTING):
        packet = ipv4(4, packet)

    assert carried(packet) == DATAGRAM
    assert carried(ipv4(4, packet)) is None


def test_tags_are_bounded() -> None:
    """An endless stack of tags carries nothing."""
    few = ethernet(0x8100, b"\0\1\x81\0" * (MAX_TAGS - 1) + b"\0\1\x08\0" + INNER4)
    many = ethernet(0x8100, b"\0\1\x81\0" * MAX_TAGS + b"\0\1\x08\0" + INNER4)

    assert (carried(few, ETHERNET), carried(many, ETHERNET)) == (DATAGRAM, None)


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_give_a_datagram_with_the_last(version: int) -> None:
    """As scapy fragments it, in reverse order; earlier fragments carry nothing."""
    payload = bytes(range(250)) * 20
    body = UDP(sport=5000, dport=6000) / Raw(payload)
    if version == 4:
        fragments = (IP4 / body).fragment(1400)
    else:
        fragments = fragment6(IP6 / IPv6ExtHdrFragment(id=9) / body, 1400)
    *others, last = all_carried(*(bytes(fragment) for fragment in reversed(fragments)))
    source, destination = (SOURCE, DESTINATION) if version == 4 else (SOURCE6, DESTINATION6)

    assert last == UdpDatagram(1, 0, source, destination, payload, 5000)
    assert others == [None] * (len(fragments) - 1)


def test_fragmented_headers_are_put_together() -> None:
    """Extension headers, and a tunnel, may stand in the fragmented part."""
    whole = bytes(17) + INNER6[40:]
    with_options = bytes((17, 0)) + bytes(6) + INNER6[40:]
    header = pack(">BBHI", 60, 0, 1, 5), pack(">BBHI", 60, 0, 8, 5)
    fragments = ipv6(44, header[0] + with_options[:8]), ipv6(44, header[1] + with_options[8:])
    tunnelled = ipv4(4, INNER4[:16], fragment=0x2000), ipv4(4, INNER4[16:], fragment=2)

    assert len(whole) > 8
    assert all_carried(*fragments) == [None, DATAGRAM6]
    assert all_carried(*tunnelled) == [None, DATAGRAM]


def test_cut_first_fragment_tells_of_its_datagram() -> None:
    """A cut fragment completes nothing; the first has the ports and the length."""
    first = ipv4(17, udp(bytes(40), length=3008), fragment=0x2000)
    found = carried(first[:40], wire_size=len(first))
    later = ipv4(17, bytes(48), fragment=0x2006)

    assert found == UdpDatagram(1, 0, SOURCE, DESTINATION, bytes(12), 3000)
    assert carried(later[:40], wire_size=len(later)) is None


def test_rare_links_are_left_to_scapy() -> None:
    """A link type that is not parsed here."""
    assert carried(b"\0\xff\x03\0\x21" + INNER4, 204) == DATAGRAM
    assert carried(INNER4, 9999) is None


def test_link_types_have_the_names_that_scapy_gives() -> None:
    """Also those that only scapy knows; others go by number."""
    names = [link_type_name(kind) for kind in (1, 101, 113, 239, 204, 14, 9999)]

    assert names == ["Ether", "IPv46", "CookedLinux", "NFLOG", "DIR_PPP", "14", "9999"]


def test_remembered_ends_are_bounded() -> None:
    """Whoever scans a network fills no memory."""
    dissector = Dissector()
    for number in range(MAX_CACHED_ENDS + 10):
        data = ipv4(17, udp(b"x", source=number % 60_000, destination=number // 60_000))
        dissector.take(Frame(1, 0, RAW, data, len(data)))

    assert len(dissector._ends) <= MAX_CACHED_ENDS


def starts() -> Iterator[bytes]:
    """Yield beginnings that lead hostile bytes deep into the parsers."""
    yield b""
    for kind in (0x0800, 0x86DD, 0x8100, 0x8847, 0x8864):
        yield ethernet(kind, b"")
    for protocol in (1, 4, 6, 17, 41, 44, 47, 58):
        yield ethernet(0x0800, ipv4(protocol, bytes(200))[:20])
        yield ethernet(0x86DD, ipv6(protocol, bytes(200))[:40])
    for port in (1701, 2152, 3544, 4789):
        yield ethernet(0x0800, ipv4(17, udp(bytes(100), destination=port))[:28])


@given(st.sampled_from([*starts()]), st.binary(max_size=200), st.integers(0, 300))
def test_hostile_ethernet_never_raises(start: bytes, rest: bytes, wire_size: int) -> None:
    """Frames whose payload is random at any depth."""
    found = carried(start + rest, ETHERNET, wire_size=wire_size)

    assert found is None or len(found.payload) <= len(rest) + len(start)


@given(st.binary(max_size=200), st.sampled_from([*LINK_TYPES, 9999]))
def test_any_frame_is_read_or_left(data: bytes, link_type: int) -> None:
    """Hostile frames of any link type never raise."""
    found = carried(data, link_type)

    assert found is None or len(found.payload) <= len(data)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.binary(max_size=100))
def test_scapy_reads_the_same(source: bytes, destination: bytes, payload: bytes) -> None:
    """Addresses, ports and payload are those that scapy sees."""
    packet = ipv6(17, udp(payload, source=9, destination=10))
    packet = packet[:8] + source + destination + packet[40:]
    found, theirs = carried(packet), IPv6(packet)

    assert isinstance(found, UdpDatagram)
    assert (found.source[1], found.destination[1], found.payload) == (9, 10, bytes(theirs[UDP].payload))
    assert found.size == theirs[UDP].len - 8


def test_tcp_of_scapy_is_read() -> None:
    """Options before the payload are skipped."""
    packet = IP4 / TCP(sport=5000, dport=6000, seq=77, flags="PA", options=[("NOP", None)] * 4) / b"data"
    found = carried(bytes(packet))

    assert found == TcpSegment(1, 0, SOURCE, DESTINATION, 77, 0x18, b"data", 4)
