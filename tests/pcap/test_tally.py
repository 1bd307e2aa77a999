"""What every tier counts, and what it hands on."""

from callprobe.pcap.layers.link import link_type_name
from callprobe.pcap.layers.plain_frames import TCP
from callprobe.pcap.packets import Frame, TcpSegment, UdpDatagram
from callprobe.pcap.tally import TIME_LIMIT_NS, Hosts, Tally, within_limit
from callprobe.pcap.write import udp_packet
from helpers.frames import DESTINATION, SOURCE, ethernet, ipv4, tcp
from helpers.rtp_captures import Recorder, rtp


class Media:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[UdpDatagram, bool]] = []

    def datagram(self, datagram: UdpDatagram, *, is_rtp: bool) -> None:
        self.taken.append((datagram, is_rtp))


def taken(
    *packets: bytes, link_type: int = 101, times_ns: tuple[int, ...] = ()
) -> tuple[Tally, Recorder, Media]:
    """Return a tally that took IP packets, and where it put them."""
    sink, media = Recorder(), Media()
    tally = Tally(sink, media)
    for number, packet in enumerate(packets, start=1):
        epoch_ns = times_ns[number - 1] if times_ns else number
        tally.take(Frame(number, epoch_ns, link_type, packet, len(packet)))
    return tally, sink, media


def test_rtp_is_settled_and_the_rest_is_handed_on() -> None:
    """All datagrams are counted; RTP is not shown to the sink."""
    tally, sink, media = taken(
        udp_packet(SOURCE, DESTINATION, rtp(1, 1)), udp_packet(SOURCE, DESTINATION, b"?")
    )

    assert [datagram.payload for datagram, is_rtp in media.taken if is_rtp] == [rtp(1, 1)]
    assert sink.taken == [UdpDatagram(2, 2, SOURCE, DESTINATION, b"?", 1)]
    assert (tally.frames, tally.udp_datagrams, tally.link_types) == (2, 2, {link_type_name(101): 2})


def test_segments_without_bytes_are_not_handed_on() -> None:
    """Acknowledgements carry nothing."""
    packets = [ipv4(TCP, tcp(payload)) for payload in (b"", b"bytes")]
    _, plain, _ = taken(*packets)
    _, framed, _ = taken(*(ethernet(0x0800, packet) for packet in packets), link_type=1)

    assert plain.taken == framed.taken == [TcpSegment(2, 2, SOURCE, DESTINATION, 1000, 0x18, b"bytes", 5)]


def test_quotes_are_handed_on_as_quotes() -> None:
    """What an ICMP error quotes is no datagram."""
    quoted = udp_packet(SOURCE, DESTINATION, b"quoted")
    tally, sink, media = taken(ipv4(1, bytes([3, 3, 0, 0, 0, 0, 0, 0]) + quoted))

    assert [type(item).__name__ for item in sink.taken] == ["IcmpQuote"]
    assert (tally.udp_datagrams, media.taken) == (0, [])


def test_times_are_first_earliest_and_latest() -> None:
    """The first frame of the file need not be the earliest; absurd times are held within 64 bits."""
    packet = udp_packet(SOURCE, DESTINATION, b"")
    tally, _, _ = taken(packet, packet, packet, times_ns=(50, -7, 1 << 70))

    assert (tally.origin_ns, tally.first_ns, tally.last_ns) == (50, 0, TIME_LIMIT_NS)
    assert within_limit(5) == 5


def test_texts_of_addresses_are_remembered() -> None:
    """The same bytes give the same text; either version."""
    hosts = Hosts()

    assert hosts.ends(bytes([192, 0, 2, 1, 198, 51, 100, 2]), 5000, 6000) == (SOURCE, DESTINATION)
    assert hosts.ends(bytes(31) + b"\x01", 1, 2) == (("::", 1), ("::1", 2))
