import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import rtp
from helpers.hexdata import load_hex
from helpers.hostile import outcome

EXTENSIONS = st.none() | st.builds(
    rtp.Extension,
    st.integers(0, 0xFFFF),
    st.integers(0, 5).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
)
PACKETS = st.builds(
    rtp.Packet,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=40),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=EXTENSIONS,
    padding_size=st.integers(0, 255),
)


def test_a_packet_with_an_extension_is_read_field_by_field() -> None:
    data = load_hex("wire/rtp_one_byte_extension")
    packet = rtp.parse(data)
    assert packet == rtp.Packet(
        payload_type=111,
        sequence=0x0102,
        timestamp=2880,
        ssrc=0xCAFEBABE,
        payload=b"hello",
        marker=True,
        extension=rtp.Extension(rtp.ONE_BYTE_PROFILE, bytes.fromhex("31000700")),
    )
    assert rtp.build(packet) == data


@given(PACKETS)
def test_parse_gives_back_what_build_was_told(packet: rtp.Packet) -> None:
    assert rtp.parse(rtp.build(packet)) == packet


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("80000000", "too short for an RTP header"),
        ("40" + "00" * 11, "version 1 is not 2"),
        ("81" + "00" * 11, "ends within its list of sources"),
        ("90" + "00" * 11 + "bede", "header of the RTP extension is cut off"),
        ("90" + "00" * 11 + "bede0002" + "00" * 4, "extension of 2 words runs over the end"),
        ("a0" + "00" * 11 + "0005", "5 bytes of RTP padding do not fit"),
        ("a0" + "00" * 11 + "00", "0 bytes of RTP padding do not fit"),
    ],
)
def test_each_fault_has_its_sentence(data: str, sentence: str) -> None:
    with pytest.raises(rtp.RtpError, match=sentence):
        rtp.parse(bytes.fromhex(data))


@given(st.binary(max_size=60), st.integers(0, 0x3F))
def test_hostile_bytes_raise_nothing_but_rtp_error(tail: bytes, first: int) -> None:
    for data in (tail, bytes([0x80 | first]) + tail):
        assert outcome(lambda data=data: rtp.build(rtp.parse(data)), rtp.RtpError)
