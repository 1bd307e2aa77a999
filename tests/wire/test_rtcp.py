from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import rtcp
from helpers.hexdata import load_hex
from helpers.hostile import outcome


def test_a_compound_of_sender_report_and_sdes_is_read_field_by_field() -> None:
    report, sdes = rtcp.parse(load_hex("wire/rtcp_sender_report_and_sdes"))
    assert report == rtcp.Report(
        packet_type=rtcp.SENDER_REPORT,
        ssrc=0x11111111,
        sender=rtcp.SenderInfo(
            ntp_time=0xE94A3B2C80000000, rtp_timestamp=48000, packet_count=100, octet_count=20000
        ),
        blocks=(
            rtcp.ReportBlock(
                ssrc=0x22222222,
                fraction_lost=0x40,
                cumulative_lost=-2,
                highest_sequence=0x00010203,
                jitter_ticks=160,
                last_sr=0x3B2C8000,
                delay_since_last_sr=65536,
            ),
        ),
        rest=b"",
    )
    assert (sdes.packet_type, sdes.ssrc, sdes.sender, sdes.blocks) == (202, 0x11111111, None, ())
    assert sdes.rest == bytes.fromhex("0102616200000000")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", "at least one packet"),
        ("80c90001", "too short for its header"),
        ("40c9000100000000", "version 1 at byte 0"),
        ("80c9000200000000", "does not have the 2 words"),
        ("80c9000000000000", "does not have the 0 words"),
        ("81c9000100000000", "too short for its 1 blocks"),
    ],
)
def test_each_fault_has_its_sentence(data: str, sentence: str) -> None:
    with pytest.raises(rtcp.RtcpError, match=sentence):
        rtcp.parse(bytes.fromhex(data))


def test_a_goodbye_with_reason_and_padding_is_read() -> None:
    report, goodbye = rtcp.packets(load_hex("wire/rtcp_goodbye_padded"))

    assert [block.ssrc for block in rtcp.parse_report(report).blocks] == [0x22222222, 0x33333333]
    assert goodbye == rtcp.Packet(
        packet_type=rtcp.GOODBYE, subtype=1, body=bytes.fromhex("11111111 04 6c656674 000000"), words=4
    )
    assert rtcp.parse_goodbye(goodbye) == (0x11111111,)


def test_a_goodbye_may_name_nobody() -> None:
    (goodbye,) = rtcp.packets(bytes.fromhex("80cb0000"))

    assert (goodbye.ssrc, rtcp.parse_goodbye(goodbye)) == (None, ())
    with pytest.raises(rtcp.RtcpError, match="type 203 names no source"):
        rtcp.parse_report(goodbye)


def test_canonical_names_are_counted() -> None:
    _, sdes = rtcp.packets(load_hex("wire/rtcp_sender_report_and_sdes"))
    two = bytes.fromhex("00000001 010161 00  00000002 0103616263 000000  00000003 060163 00 00000000")

    assert rtcp.count_cnames(sdes) == 1
    assert rtcp.count_cnames(rtcp.Packet(202, 3, two, 8)) == 2


@pytest.mark.parametrize(
    ("packet", "plausible"),
    [
        (rtcp.Packet(200, 1, b"", 12), True),
        (rtcp.Packet(200, 1, b"", 11), False),
        (rtcp.Packet(201, 0, b"", 1), True),
        (rtcp.Packet(201, 31, b"", 100), False),
        (rtcp.Packet(203, 2, b"", 1), False),
        (rtcp.Packet(206, 1, b"", 2), True),
        (rtcp.Packet(206, 1, b"", 1), False),
        (rtcp.Packet(209, 1, b"", 1), True),
        (rtcp.Packet(224, 0, b"", 1), False),
    ],
)
def test_type_count_and_length_must_fit(packet: rtcp.Packet, *, plausible: bool) -> None:
    assert rtcp.is_plausible(packet) is plausible


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (
            lambda: list(rtcp.packets(bytes.fromhex("a0c90001 00000004 80c90001 00000002"))),
            "4 bytes of RTCP padding",
        ),
        (
            lambda: list(rtcp.packets(bytes.fromhex("a0c90001 00000003"))),
            "3 bytes of RTCP padding do not fit",
        ),
        (lambda: rtcp.parse_goodbye(rtcp.Packet(203, 2, bytes(4), 1)), "too short for its 2 sources"),
        (lambda: rtcp.count_cnames(rtcp.Packet(202, 1, bytes(4), 1)), "too short for its 1 sources"),
        (lambda: rtcp.count_cnames(rtcp.Packet(202, 1, bytes(4) + b"\x01\x09ab", 2)), "at byte 4 is cut off"),
    ],
)
def test_faults_beyond_the_header_have_their_sentences(read: Callable[[], object], sentence: str) -> None:
    with pytest.raises(rtcp.RtcpError, match=sentence):
        read()


@given(st.binary(max_size=80), st.integers(0, 0x3F), st.sampled_from([200, 201, 202, 203, 208]))
def test_hostile_bytes_raise_nothing_but_rtcp_error(tail: bytes, count: int, packet_type: int) -> None:
    words = (len(tail) // 4).to_bytes(2, "big")
    for data in (tail, bytes([0x80 | count, packet_type]) + words + tail):
        assert outcome(lambda data=data: rtcp.parse(data), rtcp.RtcpError)
    packet = rtcp.Packet(packet_type, count & 0x1F, tail, len(tail) // 4)
    assert outcome(lambda: rtcp.parse_goodbye(packet), rtcp.RtcpError)
    assert outcome(lambda: rtcp.count_cnames(packet), rtcp.RtcpError)
