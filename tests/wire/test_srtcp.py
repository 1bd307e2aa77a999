import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import srtcp
from callprobe.wire.rtcp import RtcpError
from helpers.hexdata import load_hex
from helpers.hostile import outcome

CLEAR = load_hex("wire/rtcp_sender_report_and_sdes")
NOISE = bytes.fromhex("9e3779b97f4a7c15f39cc0605cedc834 1082276bf3a27251f86c6a11d0c18e95")


def test_a_compound_in_clear_is_read_whole() -> None:
    compound = srtcp.read_compound(CLEAR)

    assert [packet.packet_type for packet in compound.packets] == [200, 202]
    assert (compound.encrypted, compound.trailer, compound.whole) == (False, None, True)


@pytest.mark.parametrize(
    ("name", "packet_type", "ssrc", "trailer"),
    [
        ("srtcp_whatsapp_2015", 209, 0x4C289E6D, srtcp.INDEX_THEN_TAG),
        ("srtcp_signal_2021", 201, 1003, srtcp.TAG_THEN_INDEX),
    ],
)
def test_of_an_encrypted_one_the_first_header_and_its_sender_are_in_clear(
    name: str, packet_type: int, ssrc: int, trailer: str
) -> None:
    compound = srtcp.read_compound(load_hex(f"wire/{name}"))

    assert [(packet.packet_type, packet.ssrc) for packet in compound.packets] == [(packet_type, ssrc)]
    assert (compound.encrypted, compound.trailer, compound.whole) == (True, trailer, False)


def test_an_authenticated_compound_without_the_flag_is_in_clear() -> None:
    compound = srtcp.read_compound(CLEAR + bytes.fromhex("00000007") + NOISE[:10])

    assert [packet.packet_type for packet in compound.packets] == [200, 202]
    assert (compound.encrypted, compound.trailer, compound.whole) == (False, srtcp.INDEX_THEN_TAG, True)


def test_a_report_that_ends_in_its_own_way_is_encrypted_all_the_same() -> None:
    """So Discord's: the report, a tag of 16 bytes, and a counter of four, lowest byte first."""
    compound = srtcp.read_compound(
        bytes.fromhex("81c90007 00162ffd") + NOISE[:24] + NOISE[:16] + b"\x26\x21\0\0"
    )

    assert (compound.encrypted, compound.trailer, compound.packets[0].ssrc) == (True, srtcp.OTHER, 0x162FFD)


def test_whatsapps_count_that_counts_nothing_is_no_hindrance() -> None:
    compound = srtcp.read_compound(
        bytes.fromhex("91c80012 5c27258f") + NOISE * 2 + NOISE[:36] + bytes.fromhex("80000001") + NOISE[:10]
    )

    assert (compound.encrypted, compound.packets[0].packet_type) == (True, 200)


def test_a_cut_one_is_told_by_its_first_header() -> None:
    compound = srtcp.read_compound(CLEAR[:20], cut=True)

    assert [packet.packet_type for packet in compound.packets] == [200]
    assert (compound.encrypted, compound.whole) == (False, False)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("81c90001", "too short for RTCP with a sender"),
        ("01c9000100000000", "01c90001 is no header"),
        ("8178000100000000", "81780001 is no header"),
        ("80c9000000000000", "80c90000 is no header"),
        ("80c9000500000000", "does not have the 5 words"),
        ("80d1010000010000" + "00" * 40, "does not have the 256 words"),
        ("80ca000200000000aabbccdd" + "7f" * 20, "neither RTCP nor an SRTCP trailer"),
    ],
)
def test_each_fault_has_its_sentence(data: str, sentence: str) -> None:
    with pytest.raises(RtcpError, match=sentence):
        srtcp.read_compound(bytes.fromhex(data))


def test_random_bytes_are_hardly_ever_taken_for_rtcp() -> None:
    """Of 20 000 datagrams with RTCP's first two bytes and random ones after them, less than 20 pass."""
    source = random.Random(6)
    taken = 0
    for _ in range(20_000):
        size = source.randrange(8, 1200)
        data = bytes([source.randrange(128, 192), source.randrange(192, 224)]) + source.randbytes(size - 2)
        taken += outcome(lambda data=data: srtcp.read_compound(data), RtcpError) == "parsed"

    assert taken < 20


@given(
    head=st.sampled_from(["", "80c90001", "81c80006", "a0cb0000"]),
    tail=st.binary(max_size=80),
    cut=st.booleans(),
)
def test_hostile_bytes_raise_nothing_but_rtcp_error(head: str, tail: bytes, *, cut: bool) -> None:
    assert outcome(lambda: srtcp.read_compound(bytes.fromhex(head) + tail, cut=cut), RtcpError)
