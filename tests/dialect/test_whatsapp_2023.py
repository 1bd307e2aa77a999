import json
from collections import Counter
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path

import pytest

from callprobe.dialect.contract import FlowKeys, Heard, Slot
from callprobe.dialect.whatsapp_2023 import WhatsApp2023
from callprobe.wire import rtp, stun
from helpers.captured import Captured, datagrams
from helpers.hexdata import load_template, masked

LOOK = WhatsApp2023()
KEYS = FlowKeys(bytes(range(32)))
OTHER = FlowKeys(bytes(32))
SOURCE = ("198.51.100.7", 4711)
UTC_MS = 0x018660B8C827
RELAY_PORT = 3478
BINS = (20, 40, 60, 80, 180, 300)


def transaction(data: bytes) -> int:
    return int.from_bytes(data[8:20], "big")


def skeleton(data: bytes) -> tuple[int, tuple[tuple[int, int], ...], int]:
    """Return type, (attribute, length) in order, and size: all of a STUN message that is not secret."""
    message = stun.parse(data)
    return message.type, tuple((kind, len(value)) for kind, value in message.attributes), len(data)


def elements(words: bytes) -> list[tuple[int, int]]:
    """Return (id, length) of the one-byte elements of an extension (RFC 8285 section 4.2)."""
    found, at = [], 0
    while at < len(words):
        if words[at]:
            found.append((words[at] >> 4, (words[at] & 15) + 1))
            at += (words[at] & 15) + 1
        at += 1
    return found


def shares(sizes: list[int]) -> list[float]:
    counts = Counter(max(low for low in BINS if low <= size) for size in sizes)
    return [counts[low] / len(sizes) for low in BINS]


# --- against the written-down layout ------------------------------------------------------------------


@pytest.mark.parametrize("attempt", range(4))
def test_an_attempt_is_two_allocates_of_the_written_layout(attempt: int) -> None:
    template = load_template("dialect/whatsapp_allocate")
    requests = LOOK.requests(KEYS, attempt)
    assert len(requests) == 2
    assert [masked(data, template) for data in requests] == [template, template]


def test_transaction_ids_count_up_from_one_start() -> None:
    messages = [data for attempt in range(4) for data in LOOK.requests(KEYS, attempt)]
    messages += [data for index in range(3) for data in LOOK.keepalive(KEYS, index)]
    assert {(transaction(b) - transaction(a)) % (1 << 96) for a, b in pairwise(messages)} == {1}
    assert transaction(messages[0]) != transaction(LOOK.requests(OTHER, 0)[0])


def test_the_token_stands_in_the_relay_token_attribute() -> None:
    for data in (*LOOK.requests(KEYS, 0), *LOOK.farewell(KEYS)):
        token = stun.parse(data).first(0x4000)
        assert token is not None
        assert KEYS.token in token
        assert LOOK.ident_of(data) == KEYS.token
    assert KEYS.token in LOOK.idents(KEYS)


def test_a_request_names_a_documentation_address_as_its_relay() -> None:
    for seed in range(50):
        message = stun.parse(LOOK.requests(FlowKeys(seed.to_bytes(32, "big")), 0)[0])
        value = message.first(stun.XOR_RELAYED_ADDRESS)
        assert value is not None
        host, port = stun.unxor_address(value, message.transaction_id)
        assert ip_address(host) in ip_network("192.0.2.0/24")
        assert port == RELAY_PORT


def test_each_copy_is_answered_in_the_written_layout() -> None:
    template = load_template("dialect/whatsapp_allocated")
    for request in LOOK.requests(KEYS, 0):
        (answer,) = LOOK.answers(KEYS, UTC_MS, SOURCE, request)
        assert masked(answer, template) == template
        assert transaction(answer) == transaction(request)
        assert LOOK.hear(KEYS, "down", answer).kind is Heard.SETUP_ANSWER
        assert len(answer) < len(request)


def test_an_answer_that_another_made_up_is_foreign() -> None:
    (answer,) = LOOK.answers(KEYS, UTC_MS, SOURCE, LOOK.requests(KEYS, 0)[0])
    forged = stun.parse(answer)._replace(attributes=stun.parse(answer).attributes[:2])
    assert LOOK.hear(KEYS, "down", stun.build(forged)).kind is Heard.FOREIGN
    assert LOOK.hear(KEYS, "down", stun.add_integrity(stun.build(forged), b"x")).kind is Heard.FOREIGN
    assert LOOK.hear(OTHER, "down", answer).kind is Heard.FOREIGN


def test_a_ping_is_answered_by_a_pong_with_its_transaction_id() -> None:
    ping, pong = load_template("dialect/whatsapp_ping"), load_template("dialect/whatsapp_pong")
    (request,) = LOOK.keepalive(KEYS, 5)
    (answer,) = LOOK.answers(KEYS, UTC_MS, SOURCE, request)
    assert masked(request, ping) == ping
    assert masked(answer, pong) == pong
    assert transaction(answer) == transaction(request)
    assert LOOK.hear(KEYS, "down", answer).kind is Heard.KEEPALIVE_ANSWER


def test_the_call_ends_with_one_unanswered_message() -> None:
    template = load_template("dialect/whatsapp_call_end")
    (farewell,) = LOOK.farewell(KEYS)
    assert masked(farewell, template) == template
    assert LOOK.hear(KEYS, "up", farewell).kind is Heard.CONTROL
    assert LOOK.answers(KEYS, UTC_MS, SOURCE, farewell) == []


def test_an_ipv6_caller_is_told_its_address() -> None:
    (answer,) = LOOK.answers(KEYS, UTC_MS, ("2001:db8::7", 4711), LOOK.requests(KEYS, 0)[0])
    message = stun.parse(answer)
    value = message.first(stun.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert stun.unxor_address(value, message.transaction_id) == ("2001:db8::7", 4711)


def test_silence_is_a_packet_of_25_bytes_with_its_own_extension() -> None:
    template = load_template("dialect/whatsapp_dtx")
    slot = Slot(sequence=2, offset_ns=0, size=25, rtp_ticks=0, marker=False)
    assert masked(LOOK.media(KEYS, "up", slot), template) == template


def test_media_identify_their_flow_when_no_allocate_arrived() -> None:
    slot = LOOK.schedule("voice", 5, 1)[3]
    assert LOOK.ident_of(LOOK.media(KEYS, "up", slot)) in LOOK.idents(KEYS)
    assert LOOK.ident_of(LOOK.media(OTHER, "up", slot)) not in LOOK.idents(KEYS)


def test_the_first_sequence_number_on_the_wire_is_1() -> None:
    for medium in ("voice", "video"):
        assert rtp.parse(LOOK.media(KEYS, "up", LOOK.schedule(medium, 1, 1)[0])).sequence == 1


# --- against the capture ------------------------------------------------------------------------------


@pytest.fixture
def call(shared: Path) -> tuple[Captured, ...]:
    return datagrams(shared / "captures/stun_wa_call.pcapng")


def of_type(call: tuple[Captured, ...], message_type: str, size: int) -> list[Captured]:
    return [item for item in call if item.data[:2].hex() == message_type and len(item.data) == size]


def voice(call: tuple[Captured, ...], *, up: bool) -> list[Captured]:
    """Return the voice packets of the first call, one direction."""
    relay = "93.57.123.227", RELAY_PORT
    return [
        item
        for item in call
        if (item.destination if up else item.source) == relay
        and item.data[0] == 0x90
        and item.data[1] & 0x7F == 120
    ]


@pytest.mark.peer("shared")
def test_every_control_message_has_the_skeleton_of_the_captured_one(call: tuple[Captured, ...]) -> None:
    request, ping = LOOK.requests(KEYS, 0)[0], LOOK.keepalive(KEYS, 0)[0]
    ours = {
        ("0003", 212): request,
        ("0103", 68): LOOK.answers(KEYS, UTC_MS, SOURCE, request)[0],
        ("0801", 20): ping,
        ("0802", 20): LOOK.answers(KEYS, UTC_MS, SOURCE, ping)[0],
        ("0800", 220): LOOK.farewell(KEYS)[0],
    }
    for (message_type, size), data in ours.items():
        theirs = of_type(call, message_type, size)
        assert theirs
        assert {skeleton(item.data) for item in theirs} == {skeleton(data)}


@pytest.mark.peer("shared")
def test_what_is_constant_in_the_captured_allocates_is_so_in_ours(call: tuple[Captured, ...]) -> None:
    ours = LOOK.requests(KEYS, 0)
    theirs = of_type(call, "0003", 212)
    pairs = list(zip(theirs[::2], theirs[1::2], strict=True))
    assert all(transaction(b.data) - transaction(a.data) == 1 for a, b in pairs)
    assert all(a.data[20:192] == b.data[20:192] for a, b in pairs)
    assert ours[0][20:192] == ours[1][20:192]
    assert ours[0][20:26] in {item.data[20:26] for item in theirs}
    assert ours[0][174:184] in {item.data[174:184] for item in theirs}


@pytest.mark.peer("shared")
def test_allocates_are_as_long_as_the_decoded_truth_says(shared: Path) -> None:
    truth = json.loads((shared / "captures/truth/stun_wa_call.pcapng.vendor.json").read_text())
    for relay in truth["allocate"]:
        if 212 in relay["lens"]:
            assert {len(data) for data in LOOK.requests(KEYS, 0)} <= set(relay["lens"])
            answer = LOOK.answers(KEYS, UTC_MS, SOURCE, LOOK.requests(KEYS, 0)[0])[0]
            assert [len(answer)] == relay["resp_lens"]


@pytest.mark.peer("shared")
def test_pings_have_the_captured_cadence(call: tuple[Captured, ...]) -> None:
    """The first follows the allocation at once, the others 3 s apart."""
    pings = [item for item in of_type(call, "0801", 20) if item.at_s < 32]
    granted = max(item.at_s for item in of_type(call, "0103", 68) if item.at_s < pings[0].at_s)
    assert pings[0].at_s - granted < 0.01
    assert LOOK.keepalive_first_ns == 0
    gaps = sorted(b.at_s - a.at_s for a, b in pairwise(pings))
    assert LOOK.keepalive_ns == pytest.approx(gaps[len(gaps) // 2] * 1e9, rel=0.02)


@pytest.mark.peer("shared")
def test_voice_headers_are_those_of_the_capture(call: tuple[Captured, ...]) -> None:
    """Version and extension bits, payload type, profile, extension lengths and element ids."""

    def header(data: bytes) -> tuple[object, ...]:
        packet = rtp.parse(data)
        assert packet.extension is not None
        kinds = tuple(elements(packet.extension.words)) if len(data) == 25 else ()
        return data[0], packet.payload_type, packet.extension.profile, len(data) == 25, kinds

    theirs = voice(call, up=True) + voice(call, up=False)
    ours = [LOOK.media(KEYS, "up", slot) for slot in LOOK.schedule("voice", 60, 1)]
    assert {header(data) for data in ours} == {header(item.data) for item in theirs}
    assert {data[14:16] for data in ours} == {item.data[14:16] for item in theirs}
    assert rtp.parse(theirs[0].data).sequence == rtp.parse(ours[0]).sequence == 1


@pytest.mark.peer("shared")
def test_silence_packets_equal_the_captured_ones_byte_for_byte(call: tuple[Captured, ...]) -> None:
    theirs = {item.data[12:20] for item in voice(call, up=True) if len(item.data) == 25}
    slot = Slot(sequence=0, offset_ns=0, size=25, rtp_ticks=0, marker=False)
    assert theirs == {LOOK.media(KEYS, "up", slot)[12:20]}


@pytest.mark.peer("shared")
def test_voice_sizes_have_the_captured_distribution(call: tuple[Captured, ...]) -> None:
    theirs = shares([len(item.data) for item in voice(call, up=True) + voice(call, up=False)])
    ours = shares([slot.size for slot in LOOK.schedule("voice", 900, 1)])
    assert max(abs(a - b) for a, b in zip(theirs, ours, strict=True)) < 0.05


@pytest.mark.peer("shared")
def test_voice_time_stamps_step_as_in_the_capture(call: tuple[Captured, ...]) -> None:
    steps: set[int] = set()
    for up in (True, False):
        packets = [rtp.parse(item.data) for item in voice(call, up=up)]
        steps |= {b.timestamp - a.timestamp for a, b in pairwise(packets) if b.sequence == a.sequence + 1}
    ours = {b.rtp_ticks - a.rtp_ticks for a, b in pairwise(LOOK.schedule("voice", 300, 1))}
    assert {960, 5760, 6720} <= ours <= steps


@pytest.mark.peer("shared")
def test_video_packets_are_built_as_in_the_capture(call: tuple[Captured, ...]) -> None:
    """Extension elements, sizes, the size told in element 7, packets in a frame, pace of frames."""
    theirs = [
        item
        for item in call
        if item.data[0] == 0x90 and item.data[1] & 0x7F == 97 and item.source[1] == RELAY_PORT
    ]
    schedule = LOOK.schedule("video", 30, 1)
    ours = [LOOK.media(KEYS, "down", slot) for slot in schedule]

    def layout(data: bytes) -> tuple[object, ...]:
        packet = rtp.parse(data)
        assert packet.extension is not None
        return packet.extension.profile, tuple(elements(packet.extension.words))

    def told(data: bytes) -> int:
        return len(data) - int.from_bytes(data[25:27], "big")

    assert {layout(data) for data in ours} == {layout(item.data) for item in theirs}
    assert {told(data) for data in ours} == {told(item.data) for item in theirs if item.data[1] & 0x80}
    sizes = [len(item.data) for item in theirs]
    assert min(sizes) <= min(map(len, ours)) <= max(map(len, ours)) <= max(sizes)
    frames = Counter(rtp.parse(data).timestamp for data in ours)
    captured_frames = Counter(rtp.parse(item.data).timestamp for item in theirs)
    assert set(frames.values()) == set(captured_frames.values())
    seen = len(captured_frames) / (theirs[-1].at_s - theirs[0].at_s)
    assert len(frames) / 30 == pytest.approx(seen, rel=0.15)
