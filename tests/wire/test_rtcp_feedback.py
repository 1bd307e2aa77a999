import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import rtcp, rtcp_feedback
from callprobe.wire.rtcp import Packet, RtcpError
from callprobe.wire.rtcp_feedback import Arrivals, Feedback
from helpers.hexdata import load_hex
from helpers.hostile import outcome

SENDER, MEDIA = 0x11111111, 0x22222222


def stored() -> list[Feedback]:
    """Return the messages of the stored compound."""
    return [rtcp_feedback.parse(packet) for packet in rtcp.packets(load_hex("wire/rtcp_feedback"))]


def feedback(kind: int, form: int, control: str) -> Feedback:
    """Return what a message of this type, format and control information says."""
    body = SENDER.to_bytes(4, "big") + bytes(4) + bytes.fromhex(control)
    return rtcp_feedback.parse(Packet(kind, form, body, len(body) // 4))


def test_each_message_is_read_field_by_field() -> None:
    assert stored() == [
        Feedback("nack", SENDER, MEDIA, lost=((100, 5),)),
        Feedback("twcc", SENDER, 0, arrivals=Arrivals(1, 7, 4, 42)),
        Feedback("pli", SENDER, MEDIA),
        Feedback("fir", SENDER, 0, ssrcs=(0x33333333,)),
        Feedback("remb", SENDER, 0, ssrcs=(MEDIA,), bitrate_bps=500_000),
    ]


def test_a_nack_asks_for_its_first_packet_and_those_of_the_mask() -> None:
    nack, _, pli, *_ = stored()

    assert (nack.lost_packets, pli.lost_packets) == (3, 0)


def test_a_tmmbr_names_source_and_bit_rate() -> None:
    """RFC 5104 section 4.2.1.1: exponent 3, mantissa 1000."""
    asked = feedback(205, 3, "22222222" + f"{3 << 26 | 1000 << 9 | 40:08x}")

    assert (asked.kind, asked.ssrcs, asked.bitrate_bps) == ("tmmbr", (MEDIA,), 8000)


@pytest.mark.parametrize(
    ("chunks", "packets", "received"),
    [
        ("2007", 7, 7),  # a run of small differences
        ("0007", 7, 0),  # a run of lost ones
        ("4005", 5, 5),  # a run of large differences
        ("a001 0000", 14, 2),  # one bit each
        ("a000 0000", 3, 1),  # of which only the first three count
        ("2005 0002 2001", 8, 6),
    ],
)
def test_arrivals_are_counted_in_every_form_of_chunk(chunks: str, packets: int, received: int) -> None:
    told = feedback(205, 15, f"0001 {packets:04x} 00000001" + chunks).arrivals

    assert told is not None
    assert (told.packets, told.received) == (packets, received)


def test_unknown_formats_keep_their_numbers() -> None:
    assert feedback(205, 9, "").kind == "205/9"
    assert feedback(206, 15, "41424344").kind == "afb"


@pytest.mark.parametrize(
    ("kind", "form", "control", "sentence"),
    [
        (201, 1, "", "type 201 are no feedback"),
        (205, 1, "0001", "no entries of 4 bytes"),
        (206, 4, "00000001", "no entries of 8 bytes"),
        (205, 15, "0001", "too short for its header"),
        (205, 15, "0001000900000001 2004", "tells of 4 packets, not of 9"),
        (205, 15, "0001000900000001 00000000", "tells of 0 packets, not of 9"),
        (206, 15, "52454d42 05000000", "too short for its sources"),
    ],
)
def test_each_fault_has_its_sentence(kind: int, form: int, control: str, sentence: str) -> None:
    with pytest.raises(RtcpError, match=sentence):
        feedback(kind, form, control)


@given(st.sampled_from([205, 206]), st.integers(0, 31), st.binary(max_size=60), st.booleans())
def test_hostile_bytes_raise_nothing_but_rtcp_error(kind: int, form: int, body: bytes, remb: object) -> None:
    data = body[:8] + b"REMB" + body[8:] if remb else body

    assert outcome(lambda: rtcp_feedback.parse(Packet(kind, form, data, len(data) // 4)), RtcpError)
