import pytest

from callprobe.wire.demux import Protocol, classify

# RFC 9443 section 3, figure 1: the borders of each class.
BORDERS = {
    0: Protocol.STUN,
    3: Protocol.STUN,
    4: Protocol.UNASSIGNED,
    15: Protocol.UNASSIGNED,
    16: Protocol.ZRTP,
    19: Protocol.ZRTP,
    20: Protocol.DTLS,
    63: Protocol.DTLS,
    64: Protocol.TURN_CHANNEL,
    79: Protocol.TURN_CHANNEL,
    80: Protocol.QUIC,
    127: Protocol.QUIC,
    128: Protocol.RTP,
    191: Protocol.RTP,
    192: Protocol.QUIC,
    255: Protocol.QUIC,
}


@pytest.mark.parametrize(("first", "protocol"), BORDERS.items())
def test_the_first_byte_names_the_protocol(first: int, protocol: Protocol) -> None:
    assert classify(bytes([first, 0])) is protocol
    assert classify(bytes([first])) is protocol


@pytest.mark.parametrize(("second", "protocol"), [(191, "RTP"), (192, "RTCP"), (223, "RTCP"), (224, "RTP")])
def test_the_second_byte_tells_rtcp_from_rtp(second: int, protocol: str) -> None:
    """RFC 5761 section 4: packet types 192-223 are RTCP."""
    assert classify(bytes([0x80, second])) is Protocol[protocol]


def test_an_empty_datagram_belongs_to_nobody() -> None:
    assert classify(b"") is Protocol.UNASSIGNED
