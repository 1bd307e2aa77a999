"""How a capture is taken apart: who gets what, and what follows from it."""

import struct

from callprobe.pcap.dissect import Dissection
from callprobe.pcap.packets import IcmpQuote, TcpSegment, UdpDatagram
from callprobe.wire import rtp, stun

CLIENT, SERVER = ("192.0.2.1", 40000), ("198.51.100.1", 3478)
MS = 1_000_000
BINDING = stun.binding_request(bytes(range(12)))


def datagram(payload: bytes, number: int = 1) -> UdpDatagram:
    """Return a datagram from the client."""
    return UdpDatagram(number, number * 20 * MS, CLIENT, SERVER, payload, len(payload))


def channel(payload: bytes) -> bytes:
    """Return TURN channel data."""
    return struct.pack(">HH", 0x4000, len(payload)) + payload


def taken(*payloads: bytes) -> Dissection:
    """Return a dissection that was given these datagrams."""
    dissection = Dissection()
    for number, payload in enumerate(payloads):
        dissection.datagram(datagram(payload, number))
    return dissection


def test_stun_is_counted_as_exchange() -> None:
    """A Binding request is a message and a transaction of UDP."""
    exchanges = taken(BINDING).exchanges

    assert (exchanges.stun(0).messages, exchanges.stun(0).transactions) == (1, 1)
    assert exchanges.stun_tcp(0).messages == 0


def test_wrapped_rtp_makes_a_stream() -> None:
    """RTP in channel data is a stream of that encapsulation, and the frames count as TURN's."""
    media = [rtp.build(rtp.Packet(111, n, 960 * n, 0x1234, bytes(60))) for n in range(20)]
    dissection = taken(*map(channel, media))
    (stream,) = dissection.wrapped_rtp.streams(0)

    assert (stream.encapsulation, stream.packets, stream.lost) == ("turn-channel", 20, 0)
    assert dissection.exchanges.turn(0).channel_data == 20


def test_dtls_is_followed_also_within_a_wrapping() -> None:
    """A handshake in channel data is told with its encapsulation."""
    alert = bytes.fromhex("15 fefd 0000 000000000001 0002 0228")
    handshakes = [taken(data).dtls.handshakes(0) for data in (alert, channel(alert))]

    assert [[one.encapsulation for one in found] for found in handshakes] == [["plain"], ["turn-channel"]]


def test_rtcp_is_counted() -> None:
    """A receiver report without blocks is one packet of type 201."""
    assert taken(struct.pack(">BBHI", 0x80, 201, 1, 7)).rtcp.findings(0).by_type == {"201": 1}


def test_stun_over_tcp_is_counted_apart() -> None:
    """A message of a TCP stream is TCP's."""
    dissection = Dissection()
    dissection.segment(TcpSegment(1, MS, CLIENT, SERVER, 1, 0x18, BINDING, len(BINDING)))

    assert dissection.exchanges.stun(0).messages == 0
    assert dissection.exchanges.stun_tcp(0).messages == 1


def test_quoted_datagram_is_no_traffic() -> None:
    """What an ICMP error quotes is counted as such and nowhere else."""
    dissection = Dissection()
    dissection.quote(IcmpQuote(1, MS, "192.0.2.254", 4, 3, 3, CLIENT, SERVER, BINDING))

    assert dict(dissection.quotes) == {"v4 3/3": 1}
    assert dissection.exchanges.stun(0).messages == 0


def test_hostile_first_bytes_are_survived() -> None:
    """Every first byte, alone and with a long tail, leaves a dissection that gives results."""
    dissection = taken(*(bytes([first]) + bytes(size) for first in range(256) for size in (0, 11, 40)))

    assert dissection.exchanges.stun(0).messages == 0
    assert dissection.dtls.handshakes(0) == ()
