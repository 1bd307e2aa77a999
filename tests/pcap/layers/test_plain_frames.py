"""Frames that need no dissector, which says the same of them."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.layers.plain_frames import TCP, TUNNEL_PORTS, UDP, PlainPacket, read
from callprobe.pcap.packets import Frame, TcpSegment, UdpDatagram
from callprobe.pcap.reading.read import CaptureFile
from callprobe.pcap.write import udp_packet
from helpers.frames import ipv4, ipv6, tcp
from helpers.rtp_captures import LINKS, ethernet

FOUR = udp_packet(("192.0.2.1", 5000), ("198.51.100.2", 6000), b"hello")
SIX = udp_packet(("2001:db8::1", 5000), ("2001:db8::2", 6000), b"hello")
PLAIN = [(link_type, wrap) for link_type, wraps in LINKS.items() for wrap in wraps[:3]]


def agree(frame: Frame) -> PlainPacket | None:
    """Return what is read of a frame, which the dissector must confirm."""
    plain = read(frame.data, frame.link_type, frame.wire_size)
    if plain is None:
        return None
    carried = Dissector().take(frame)
    assert isinstance(carried, UdpDatagram if plain.protocol == UDP else TcpSegment)
    assert carried.payload == frame.data[plain.start : plain.end]
    assert carried.size == plain.end - plain.start
    assert (carried.source[1], carried.destination[1]) == (plain.source_port, plain.destination_port)
    if isinstance(carried, TcpSegment):
        assert (carried.sequence, carried.flags) == (plain.sequence, plain.flags)
    return plain


@pytest.mark.parametrize(("link_type", "wrap"), PLAIN)
@pytest.mark.parametrize("packet", [FOUR, SIX])
def test_common_links_are_plain(link_type: int, wrap, packet: bytes) -> None:
    """UDP in IP, with padding behind it or not."""
    data = wrap(packet)
    plain = agree(Frame(1, 0, link_type, data + bytes(8), len(data) + 8))

    assert plain is not None
    assert (data + bytes(8))[plain.start : plain.end] == b"hello"


@pytest.mark.parametrize("wrap", [lambda payload: ipv4(TCP, payload), lambda payload: ipv6(TCP, payload)])
def test_tcp_is_plain(wrap) -> None:
    """The number of the first payload byte lies behind a SYN."""
    data = ethernet(wrap(tcp(b"bytes", sequence=0xFFFFFFFF, flags=2)))
    plain = agree(Frame(1, 0, 1, data, len(data)))

    assert plain is not None
    assert (plain.sequence, plain.flags, data[plain.start : plain.end]) == (0, 2, b"bytes")


@pytest.mark.parametrize(
    "packet",
    [
        FOUR[:6] + b"\x20\x00" + FOUR[8:],
        FOUR[:6] + b"\x00\x01" + FOUR[8:],
        b"\x46" + FOUR[1:20] + bytes(4) + FOUR[20:],
        FOUR[:2] + bytes(2) + FOUR[4:],
        FOUR[:24] + b"\x00\x07" + FOUR[26:],
        FOUR[:2] + b"\x01\x00" + FOUR[4:],
        ipv4(1, bytes(8)),
        ipv4(UDP, bytes(7)),
        SIX[:6] + b"\x00" + SIX[7:],
        SIX[:4] + b"\x00\x0c" + SIX[6:],
        *(udp_packet(("192.0.2.1", port), ("198.51.100.2", 6000), b"x") for port in sorted(TUNNEL_PORTS)),
        *(udp_packet(("192.0.2.1", 6000), ("198.51.100.2", port), b"x") for port in sorted(TUNNEL_PORTS)),
    ],
)
def test_what_needs_a_closer_look_is_not_plain(packet: bytes) -> None:
    """Fragments, options, contradicting lengths, other protocols, extension headers, tunnels."""
    data = ethernet(packet)

    assert read(data, 1, len(data)) is None


def test_three_tags_and_unknown_links_are_not_plain() -> None:
    """The dissector knows many more."""
    data = ethernet(FOUR, [0x8100] * 3)

    assert read(data, 1, len(data)) is None
    assert read(FOUR, 127, len(FOUR)) is None
    assert read(pack(">HHH8sH", 0, 803, 6, bytes(8), 0x0800) + FOUR, 113, 100) is None


@given(st.sampled_from(PLAIN), st.sampled_from([FOUR, SIX, ipv4(TCP, tcp(b"bytes"))]), st.data())
def test_cut_and_damaged_frames_agree(link, packet: bytes, data: st.DataObject) -> None:
    """Whatever a frame looks like: what is plain, the dissector reads in the same way."""
    link_type, wrap = link
    frame = bytearray(wrap(packet))
    for _ in range(data.draw(st.integers(0, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(frame)))
    agree(
        Frame(1, 0, link_type, bytes(frame[:kept]), data.draw(st.sampled_from([len(frame), kept, 60, 2000])))
    )


@pytest.mark.peer("shared")
def test_real_frames_agree(shared) -> None:
    """Over all shared captures, and most of their frames are plain."""
    frames = plain = 0
    for path in sorted((shared / "captures").glob("*.pcap*")):
        for frame in CaptureFile(path):
            frames += 1
            plain += agree(frame) is not None

    assert plain > frames / 2 > 1000
