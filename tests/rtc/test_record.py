"""The record of RTP below SRTP."""

from hypothesis import given
from hypothesis import strategies as st

from callprobe.rtc.record import PacketLog, is_rtp

PEER = ("127.0.0.1", 1)


def rtp(sequence: int, payload_type: int = 96) -> bytes:
    return bytes([0x80, payload_type]) + (sequence & 0xFFFF).to_bytes(2) + bytes(8)


def test_sequences_unwrap_and_keep_order_of_arrival_and_duplicates() -> None:
    log = PacketLog()
    for at, sequence in enumerate([65534, 65535, 0, 2, 1, 1, 3]):
        log.on_packet("in", at, rtp(sequence), PEER)
    assert [p.sequence for p in log.received] == [65534, 65535, 65536, 65538, 65537, 65537, 65539]
    assert [p.at_ns for p in log.received] == list(range(7))


def test_both_ends_count_alike_when_the_first_packets_are_lost() -> None:
    """A start in the lower half leaves 32768 packets before a wrap could part the two counts."""
    near, far = PacketLog(), PacketLog()
    for index in range(40_000):
        near.on_packet("out", index, rtp(32_000 + index), PEER)
        if index >= 30_000:
            far.on_packet("in", index, rtp(32_000 + index), PEER)
    assert [p.sequence for p in near.sent][30_000:] == [p.sequence for p in far.received]


def test_protocols_on_one_port_are_told_apart() -> None:
    """STUN 0..3, DTLS 20..63, RTP and RTCP 128..191 with the RTCP types 192..223 (RFC 7983, 5761)."""
    log = PacketLog()
    for data in (
        b"\x00\x01",
        b"\x16\xfe\xfd",
        b"\x15\xfe\xfd",
        rtp(1),
        rtp(2, 200),
        rtp(3, 72 + 128),
        b"",
        b"\xff",
    ):
        log.on_packet("in", 5, data, PEER)
    assert (log.stun["in"], log.dtls["in"], len(log.received)) == (1, 2, 1)
    assert log.alert_received
    assert log.first_heard_ns == 5


def test_a_flood_is_recorded_up_to_a_bound() -> None:
    log = PacketLog(max_packets=3)
    for sequence in range(10):
        log.on_packet("in", 0, rtp(sequence), PEER)
    assert len(log.received) == 3


def test_the_view_is_relative_and_in_microseconds() -> None:
    log = PacketLog()
    log.on_packet("in", 2_000_000, rtp(7), PEER)
    log.on_packet("out", 3_500_900, rtp(9), PEER)
    view = log.view(1_000_000)
    assert (view.received_sequence, view.received_us) == ((7,), (1000,))
    assert (view.sent_sequence, view.sent_us) == ((9,), (2500,))
    assert view.first_control_us == 1000


@given(st.binary(max_size=40))
def test_no_datagram_makes_the_record_raise(data: bytes) -> None:
    log = PacketLog()
    log.on_packet("in", 0, data, PEER)
    assert len(log.received) == is_rtp(data)
