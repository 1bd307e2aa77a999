from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from callprobe.dialect.contract import FlowKeys, Heard, Slot
from callprobe.dialect.telegram_v2 import TelegramV2
from callprobe.wire import rtp
from helpers.captured import Captured, datagrams
from helpers.hexdata import load_template, masked

LOOK = TelegramV2()
KEYS = FlowKeys(bytes(range(32)))
OTHER = FlowKeys(bytes(32))
SOURCE = ("198.51.100.7", 39264)
UTC_MS = 0x673B6501 * 1000 + 250
REFLECTOR_PORTS = range(500, 601)


def inner(frame: bytes) -> bytes:
    """Return what a reflector frame carries."""
    length = int.from_bytes(frame[20:24], "big")
    assert 0 <= len(frame) - 24 - length <= 3
    return frame[24 : 24 + length]


# --- against the written-down layout ------------------------------------------------------------------


@pytest.mark.parametrize("attempt", [0, 7])
def test_a_ping_has_the_written_layout_and_starts_with_the_token(attempt: int) -> None:
    template = load_template("dialect/telegram_ping")
    (ping,) = LOOK.requests(KEYS, attempt)
    assert masked(ping, template) == template
    assert ping[:12] == KEYS.token
    assert LOOK.keepalive(KEYS, 0) == [ping]


def test_the_answer_tells_tag_time_and_mapped_address() -> None:
    template = load_template("dialect/telegram_pong")
    (ping,) = LOOK.requests(KEYS, 0)
    (pong,) = LOOK.answers(KEYS, UTC_MS, SOURCE, ping)
    assert masked(pong, template) == template
    assert pong[:16] == ping[:16]
    assert LOOK.hear(KEYS, "down", pong).kind is Heard.SETUP_ANSWER
    assert LOOK.hear(OTHER, "down", pong).kind is Heard.FOREIGN


def test_an_ipv6_caller_is_told_its_address() -> None:
    (pong,) = LOOK.answers(KEYS, UTC_MS, ("2001:db8::7", 39264), LOOK.requests(KEYS, 0)[0])
    assert pong[44:60] == bytes.fromhex("20010db8000000000000000000000007")


def test_a_voice_packet_is_a_frame_of_the_written_layout() -> None:
    template = load_template("dialect/telegram_voice_frame")
    slot = Slot(sequence=0, offset_ns=0, size=180, rtp_ticks=0, marker=False)
    assert masked(LOOK.media(KEYS, "up", slot), template) == template


def test_frames_name_the_receivers_and_then_the_senders_tag() -> None:
    slot = LOOK.schedule("voice", 1, 1)[0]
    up, down = LOOK.media(KEYS, "up", slot), LOOK.media(KEYS, "down", slot)
    ping = LOOK.requests(KEYS, 0)[0]
    assert up[:12] == down[:12] == KEYS.token
    assert down[:16] == ping[:16]
    assert up[16:20] == ping[12:16]
    assert up[12:16] == down[16:20]


def test_the_farewell_is_silence() -> None:
    assert LOOK.farewell(KEYS) == []


def test_video_bursts_stay_within_the_seen_sizes_and_rates() -> None:
    schedule = LOOK.schedule("video", 60, 1)
    assert max(slot.size for slot in schedule) == 1208
    assert 30 <= len(schedule) / 60 <= 50
    assert all(inner(LOOK.media(KEYS, "up", slot))[1] & 0x7F == 100 for slot in schedule[:50])


def test_frames_are_padded_to_four_bytes_with_every_padding() -> None:
    frames = [LOOK.media(KEYS, "up", slot) for slot in LOOK.schedule("voice", 10, 1)]
    assert {len(frame) % 4 for frame in frames} == {0}
    assert {len(frame) - 24 - len(inner(frame)) for frame in frames} == {0, 1, 2, 3}


# --- against the captures -----------------------------------------------------------------------------


@pytest.fixture
def heads(shared: Path) -> list[Captured]:
    """Return the reflector flows of the 2024 call."""
    return [
        item
        for item in datagrams(shared / "captures/ndpid_heads_telegram_voice.pcap")
        if item.source[1] in REFLECTOR_PORTS or item.destination[1] in REFLECTOR_PORTS
    ]


@pytest.mark.peer("shared")
def test_pings_equal_the_captured_ones_but_for_the_tag(heads: list[Captured]) -> None:
    theirs = [item.data for item in heads if len(item.data) == 40]
    assert theirs
    assert {data[16:] for data in theirs} == {LOOK.requests(KEYS, 0)[0][16:]}
    tags = {data[:16] for data in theirs}
    assert len({tag[:12] for tag in tags}) == 1
    assert len({tag[12:] for tag in tags}) == len(tags) == 3


@pytest.mark.peer("shared")
def test_pongs_equal_the_captured_ones_but_for_tag_time_and_address(heads: list[Captured]) -> None:
    (pong,) = LOOK.answers(KEYS, UTC_MS, SOURCE, LOOK.requests(KEYS, 0)[0])
    theirs = [item.data for item in heads if len(item.data) == 64]
    assert theirs
    for data in theirs:
        assert data[16:32] + data[36:56] + data[62:] == pong[16:32] + pong[36:56] + pong[62:]
    assert pong[32:36] in {data[32:36] for data in theirs}


@pytest.mark.peer("shared")
def test_pings_have_the_captured_cadence(heads: list[Captured]) -> None:
    """Half a second until answered, then ten."""
    gaps = []
    for port in {item.source[1] for item in heads}:
        sent = [item.at_s for item in heads if item.source[1] == port and len(item.data) == 40]
        gaps += [b - a for a, b in pairwise(sent)]
    retries = {b - a for a, b in pairwise(LOOK.setup.retry_ns)}
    assert retries == {round(min(gaps), 1) * 1e9}
    assert LOOK.keepalive_ns == round(max(gaps), 1) * 1e9


@pytest.mark.peer("shared")
def test_frames_are_built_as_the_captured_ones(heads: list[Captured]) -> None:
    frames = [item for item in heads if len(item.data) in {88, 120}]
    assert frames
    pings = {item.data[:12] for item in heads if len(item.data) == 40}
    for item in frames:
        assert item.data[:12] in pings
        assert len(item.data) - len(inner(item.data)) == 24
        outgoing = item.destination[1] in REFLECTOR_PORTS
        port = item.source if outgoing else item.destination
        own = next(ping.data[12:16] for ping in heads if ping.source == port and len(ping.data) == 40)
        assert own == (item.data[16:20] if outgoing else item.data[12:16])


@pytest.mark.peer("shared")
def test_voice_sizes_and_pace_are_those_of_the_relay_leg(shared: Path) -> None:
    leg = [
        item
        for item in datagrams(shared / "captures/telegram.pcap")
        if item.destination == ("91.108.8.8", 529) and 144 <= len(item.data) < 256
    ]
    schedule = LOOK.schedule("voice", 600, 1)
    theirs = Counter(len(item.data) // 16 * 16 for item in leg)
    ours = Counter(slot.size // 16 * 16 for slot in schedule)
    assert set(ours) == set(theirs)
    assert max(abs(ours[size] / len(schedule) - theirs[size] / len(leg)) for size in theirs) < 0.05
    gaps = sorted(b.at_s - a.at_s for a, b in pairwise(leg))
    assert {b.offset_ns - a.offset_ns for a, b in pairwise(schedule)} == {60_000_000}
    assert gaps[len(gaps) // 2] == pytest.approx(0.060, abs=0.002)


def test_voice_is_opus_at_48_khz_in_60_ms_packets() -> None:
    first, second = LOOK.schedule("voice", 1, 1)[:2]
    packets = [rtp.parse(inner(LOOK.media(KEYS, "up", slot))) for slot in (first, second)]
    assert (packets[1].timestamp - packets[0].timestamp) % (1 << 32) == 2880
    assert {packet.payload_type for packet in packets} == {111}
    assert {packet.extension.profile for packet in packets if packet.extension} == {rtp.ONE_BYTE_PROFILE}
