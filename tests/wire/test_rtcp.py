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


@given(st.binary(max_size=80), st.integers(0, 0x1F), st.sampled_from([200, 201, 202, 208]))
def test_hostile_bytes_raise_nothing_but_rtcp_error(tail: bytes, count: int, packet_type: int) -> None:
    words = (len(tail) // 4).to_bytes(2, "big")
    for data in (tail, bytes([0x80 | count, packet_type]) + words + tail):
        assert outcome(lambda data=data: rtcp.parse(data), rtcp.RtcpError)
