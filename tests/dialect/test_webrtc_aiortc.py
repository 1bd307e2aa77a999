"""The WebRTC look beside aioice's own reading of it, and what sets it apart from the other looks."""

from collections import Counter

import pytest
from aioice import stun as aioice_stun

from callprobe.censor.classes import classify
from callprobe.dialect.contract import FlowKeys, Heard
from callprobe.dialect.registry import find
from callprobe.dialect.webrtc_aiortc import WebrtcAiortc
from callprobe.wire import rtp, stun

KEYS = FlowKeys(bytes(range(32)))
OTHER = FlowKeys(bytes(32))
LOOK = WebrtcAiortc()
SOURCE = ("198.51.100.7", 4711)
SOURCE_6 = ("2001:db8::7", 4711)


def check() -> bytes:
    (data,) = LOOK.requests(KEYS, 0)
    return data


def test_check_has_the_attributes_of_aioice_in_its_order() -> None:
    message = stun.parse(check())
    assert message.type == stun.BINDING_REQUEST
    assert [kind for kind, _ in message.attributes] == [0x0006, 0x0024, 0x802A, 0x0025, 0x0008, 0x8028]
    assert message.first(0x0024) == (0x6EFFFFFF).to_bytes(4, "big")
    assert len(check()) == 92


def test_aioice_reads_the_check_as_one_of_its_own() -> None:
    """An independent parser finds integrity and fingerprint right, and would write the same bytes."""
    message = aioice_stun.parse_message(check())
    assert message.attributes["USERNAME"][4] == ":"
    assert message.attributes["USE-CANDIDATE"] is None
    assert bytes(message) == check()


def test_answer_reads_in_aioice_as_success_with_the_mapped_address() -> None:
    for source, size in ((SOURCE, 64), (SOURCE_6, 76)):
        (answer,) = LOOK.answers(KEYS, 0, source, check())
        message = aioice_stun.parse_message(answer)
        assert message.message_class is aioice_stun.Class.RESPONSE
        assert message.transaction_id == check()[8:20]
        assert message.attributes["XOR-MAPPED-ADDRESS"] == source
        assert len(answer) == size <= len(check())
        assert stun.verify_fingerprint(answer)


def test_retransmissions_are_the_same_bytes_and_consent_checks_are_not() -> None:
    assert LOOK.requests(KEYS, 0) == LOOK.requests(KEYS, 3)
    first, second = (LOOK.keepalive(KEYS, index)[0] for index in (0, 1))
    assert first != second
    assert len(first) == 88
    assert stun.parse(first).first(0x0025) is None


def test_answer_to_a_consent_check_does_not_complete_the_set_up() -> None:
    (answer,) = LOOK.answers(KEYS, 0, SOURCE, LOOK.keepalive(KEYS, 0)[0])
    assert LOOK.hear(KEYS, "down", answer).kind is Heard.KEEPALIVE_ANSWER


@pytest.mark.parametrize("at", [8, 24, 40, 60, 91])
def test_check_with_one_wrong_bit_is_nobodys(at: int) -> None:
    spoilt = bytearray(check())
    spoilt[at] ^= 1
    assert LOOK.hear(KEYS, "up", bytes(spoilt)).kind is Heard.FOREIGN
    assert LOOK.answers(KEYS, 0, SOURCE, bytes(spoilt)) == []


def test_voice_is_marked_opus_every_20_ms_within_the_published_sizes() -> None:
    slots = LOOK.schedule("voice", 8, 1)
    assert [slot.offset_ns for slot in slots] == [20_000_000 * index for index in range(400)]
    assert all(45 <= slot.size <= 170 for slot in slots)
    packets = [rtp.parse(LOOK.media(KEYS, "up", slot)) for slot in slots[:2]]
    assert [(packet.payload_type, packet.marker) for packet in packets] == [(96, True)] * 2
    assert packets[1].timestamp - packets[0].timestamp == 960
    assert packets[0].extension == rtp.Extension(rtp.ONE_BYTE_PROFILE, b"\x10\x30\x20\x1e")


def test_video_has_30_frames_a_second_whose_last_packet_is_marked() -> None:
    slots = LOOK.schedule("video", 4, 1)
    frames = Counter(slot.rtp_ticks for slot in slots)
    assert len(frames) == 120
    assert sum(slot.marker for slot in slots) == 120
    assert frames[0] == 6
    packet = rtp.parse(LOOK.media(KEYS, "down", slots[-1]))
    assert packet.payload_type == 97
    assert packet.extension is not None
    assert len(packet.extension.words) == 8


def test_a_censor_sees_plain_stun_and_rtp_and_nothing_of_the_applications() -> None:
    voice = LOOK.media(KEYS, "up", LOOK.schedule("voice", 1, 1)[0])
    assert classify(check()) == "stun-request"
    assert classify(voice) == "rtp"


def test_its_control_shows_no_stun_at_all() -> None:
    twin = find("random:webrtc-aiortc")
    (request,) = twin.requests(KEYS, 0)
    assert len(request) == len(check())
    assert classify(request) == "other"
    assert twin.setup.deadline_ns == LOOK.setup.deadline_ns


def test_flows_do_not_answer_each_others_checks() -> None:
    assert LOOK.answers(OTHER, 0, SOURCE, check()) == []
