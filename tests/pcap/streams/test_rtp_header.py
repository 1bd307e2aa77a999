"""What is read of an RTP header, and what is settled as RTP at all."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.streams.rtp_header import NO_EXTENSION, RtpHeader, is_plain_rtp, read_header
from callprobe.wire import rtp as wire
from helpers.rtp_captures import rtp


def test_fields_are_where_the_standard_has_them() -> None:
    """Second byte, number, stamp, source and profile (RFC 3550 sections 5.1 and 5.3.1)."""
    packet = rtp(0x1234, 0x89ABCDEF, 0xDEADBEEF, payload_type=96, marker=True, profile=0xBEDE)

    assert read_header(packet, len(packet)) == RtpHeader(0xE0, 0x1234, 0x89ABCDEF, 0xDEADBEEF, 0xBEDE)
    assert is_plain_rtp(packet)


def test_cut_packet_counts_by_its_header() -> None:
    """What the capture cut off is taken for what there was; a profile that was cut is none."""
    packet = rtp(1, 2, 3, profile=0xDEBE, size=200)

    assert read_header(packet[:12], 200) == RtpHeader(111, 1, 2, 3, NO_EXTENSION)
    assert read_header(packet[:16], 200) == RtpHeader(111, 1, 2, 3, 0xDEBE)
    assert read_header(packet[:11], 200) is None


@pytest.mark.parametrize(
    "packet",
    [
        pack(">BBHII", 0x8F, 0, 1, 2, 3) + bytes(59),
        pack(">BBHII", 0x90, 0, 1, 2, 3) + b"\xbe\xde\x00",
        pack(">BBHII", 0x90, 0, 1, 2, 3) + b"\xbe\xde\x00\x05" + bytes(19),
        pack(">BBHII", 0x40, 0, 1, 2, 3),
    ],
    ids=["sources", "extension-head", "extension", "version"],
)
def test_header_that_does_not_fit_is_none(packet: bytes) -> None:
    """List of sources and extension must lie within the packet."""
    assert read_header(packet, len(packet)) is None


def test_padding_is_not_looked_at() -> None:
    """SRTP encrypts the trailer: any last byte will do."""
    packet = bytes([0xA0]) + rtp(1, 2, 3)[1:-1] + b"\xff"

    assert read_header(packet, len(packet)) is not None


@given(st.binary(max_size=80), st.integers(0, 3))
def test_header_agrees_with_the_parser_of_the_wire(data: bytes, cut: int) -> None:
    """Where the strict parser sees a packet, the same fields are read here."""
    header = read_header(data, len(data) + cut)
    if not data or data[0] & 0x20:
        return
    try:
        packet = wire.parse(data)
    except wire.RtpError:
        return
    profile = packet.extension.profile if packet.extension else NO_EXTENSION
    second = packet.marker << 7 | packet.payload_type
    assert header == RtpHeader(second, packet.sequence, packet.timestamp, packet.ssrc, profile)


TAG = bytes([0x90, *range(15)])


@pytest.mark.parametrize(
    ("payload", "is_rtp"),
    [
        (b"", False),
        (rtp(1, 2)[:11], False),
        (rtp(1, 2)[:12], True),
        (b"\x80\xc8" + bytes(30), False),
        (b"\x80\xdf" + bytes(30), False),
        (b"\x80\xe0" + bytes(30), True),
        (b"\x7f" + bytes(30), False),
        (b"\xc0" + bytes(30), False),
        (TAG + b"\xff" * 16 + bytes(8), False),
        (TAG + bytes(4) + pack(">I", 20) + bytes(20), False),
        (TAG + bytes(4) + pack(">I", 18) + bytes(20), False),
        (TAG + bytes(4) + pack(">I", 16) + bytes(20), True),
        (TAG + bytes(8), True),
    ],
)
def test_what_is_settled(payload: bytes, *, is_rtp: bool) -> None:
    """By version and payload type (RFC 5761); control and frames of Telegram's reflectors are not."""
    assert is_plain_rtp(payload) is is_rtp
