"""The look of Telegram's second-generation calls (tgcalls ``InstanceV2Impl``) on a UDP reflector.

Follows ``ndpid_heads_telegram_voice.pcap`` (heads of nDPI's ``telegram_voice.pcapng``, 2024-11-18); frames in
comments are that file's. The reflector is pinged with the call's tag and a run of twelve FF; the rest travels
in frames that name the receiver's and the sender's tag. Voice sizes are those of the relay leg of
``telegram.pcap`` (2020), since no whole capture of this generation is public; video is built from published
rates alone.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from random import Random
from typing import Final, NamedTuple

from callprobe.dialect.contract import (
    TOKEN_BYTES,
    CallMedium,
    Direction,
    FlowKeys,
    Heading,
    Heard,
    Schedule,
    SetupStage,
    Slot,
)
from callprobe.dialect.filler import keystream, start
from callprobe.dialect.shape import Histogram, Planned, number
from callprobe.wire import stun

SECOND_NS: Final = 1_000_000_000

PING_BYTES: Final = 40
PONG_BYTES: Final = 64
FRAME_OVERHEAD_BYTES: Final = 24

_RUN: Final = b"\xff" * 12
_PING: Final = _RUN + b"\xfe\xff\xff\xff"
_PONG: Final = _RUN + b"\xc7\x72\x15\xc0"  # udpReflectorSelfInfo 0xC01572C7, little-endian
_QUERY_ID: Final = (123).to_bytes(8, "big")  # constant in tgcalls v2
_TAG_BYTES: Final = 16

_VOICE: Final = 111
_VIDEO: Final = 100  # the first dynamic type that this generation gives to a video codec
_MARKER: Final = 0x80
_FIRST_BYTE: Final = 0x90
_PROFILE: Final = 0xBEDE
_VIDEO_MIN_BYTES: Final = 300
"""Voice stays below, video above: the size of a slot tells its medium."""
_TRANSPORT_SEQUENCE: Final = 0x31  # one-byte element 3 with two bytes: transport-wide sequence number

_HEAD: Final = struct.Struct(">20sIBBHIIHHBHx")

# Relay leg of the second call in telegram.pcap: 264 media packets in steps of 16 bytes, here in steps of 4.
_VOICE_BYTES: Final = Histogram(
    (
        (144, 156, 45),
        (160, 172, 24),
        (176, 188, 54),
        (192, 204, 16),
        (208, 220, 25),
        (224, 236, 59),
        (240, 252, 41),
    ),
    step=4,
)
_VOICE_FRAME_US: Final = 60_000
_VIDEO_FRAME_US: Final = 40_000
_BURST_US: Final = 100
_KEY_FRAME_EVERY: Final = 100
_KEY_FRAME_PACKETS: Final = 6
_FULL_BYTES: Final = 1208  # the largest multiple of four below the 1211 that were seen
_VIDEO_PACKETS: Final = Histogram(((1, 1, 6), (2, 2, 3), (3, 3, 1)))
_ONE_PACKET_BYTES: Final = Histogram(((304, 496, 5), (500, 796, 4), (800, 1100, 1)), step=4)
_MORE_PACKET_BYTES: Final = Histogram(((600, 896, 5), (900, 1208, 5)), step=4)

_FOREIGN: Final = Heading(Heard.FOREIGN)
_CONTROL: Final = Heading(Heard.CONTROL)
_ANSWER: Final = Heading(Heard.SETUP_ANSWER)


class _Flow(NamedTuple):
    """What every packet of one direction needs."""

    tags: bytes
    """Receiver's tag and the sender's four bytes: the first 20 bytes of a frame."""
    ssrc: int
    ssrc_bytes: bytes
    first_sequence: int
    first_timestamp: int
    first_transport: int
    block: bytes


class TelegramV2:
    """See ``callprobe.dialect.contract.Dialect``. Set-up and keepalive are one ping, its answer one pong."""

    name = "telegram-v2"
    version = "1"
    capture_date: str | None = "2024-11-18"
    setup = SetupStage(
        name="relay_ping",
        failure="reflector_timeout",
        deadline_ns=4 * SECOND_NS,
        retry_ns=tuple(index * SECOND_NS // 2 for index in range(8)),
    )
    keepalive_first_ns: int | None = 10 * SECOND_NS
    keepalive_ns: int | None = 10 * SECOND_NS

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        del direction
        return _schedule(medium, duration_s, seed)

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        del attempt  # every ping is the same
        return [_caller_tag(keys) + _PING + _QUERY_ID]

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        return self.requests(keys, index)

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        """Nothing: a reflector is left in silence."""
        del keys
        return []

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        sequence, _, size, ticks, marker = slot
        flow = _flow(keys, direction)
        kind = _VIDEO if size >= _VIDEO_MIN_BYTES else _VOICE
        at = start(sequence)
        padding = flow.block[at] & 3
        head = _HEAD.pack(
            flow.tags,
            size - FRAME_OVERHEAD_BYTES - padding,
            _FIRST_BYTE,
            kind | _MARKER if marker else kind,
            (flow.first_sequence + sequence) & 0xFFFF,
            (flow.first_timestamp + ticks) & 0xFFFFFFFF,
            flow.ssrc,
            _PROFILE,
            1,
            _TRANSPORT_SEQUENCE,
            (flow.first_transport + sequence) & 0xFFFF,
        )
        return head + flow.block[at : at + size - _HEAD.size - padding] + bytes(padding)

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        return (keys.token,)

    def ident_of(self, data: bytes) -> bytes | None:
        return data[:TOKEN_BYTES] if _is_ping(data) or _is_frame(data) else None

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        flow = _flow(keys, direction)
        if data[:20] == flow.tags and data[32:36] == flow.ssrc_bytes and _is_frame(data):
            return Heading(Heard.MEDIA, (data[26] << 8 | data[27]) - flow.first_sequence & 0xFFFF)
        if data[:_TAG_BYTES] != _caller_tag(keys):
            return _FOREIGN
        if direction == "up":
            return _CONTROL if _is_ping(data) else _FOREIGN
        return _ANSWER if len(data) == PONG_BYTES and data[_TAG_BYTES:32] == _PONG else _FOREIGN

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        if self.hear(keys, "up", data).kind is not Heard.CONTROL:
            return []
        mapped = stun.pack_address(source)[4:]
        host = mapped if len(mapped) == 16 else bytes(10) + b"\xff\xff" + mapped
        date = (utc_ms // 1000 & 0xFFFFFFFF).to_bytes(4, "little")
        port = source[1].to_bytes(4, "little")
        return [data[:_TAG_BYTES] + _PONG + date + data[32:PING_BYTES] + host + port]


@lru_cache(maxsize=1024)
def _flow(keys: FlowKeys, direction: Direction) -> _Flow:
    receiver, sender = ("responder", "caller") if direction == "up" else ("caller", "responder")
    drawn = keys.derive(f"telegram stream {direction}", 12)
    ssrc, sequence, timestamp, transport = struct.unpack(">IHIH", drawn)
    return _Flow(
        tags=keys.token + _socket_tag(keys, receiver) + _socket_tag(keys, sender),
        ssrc=ssrc,
        ssrc_bytes=drawn[:4],
        first_sequence=sequence,
        first_timestamp=timestamp,
        first_transport=transport,
        block=keystream(keys, f"telegram media {direction}"),
    )


@lru_cache(maxsize=1024)
def _caller_tag(keys: FlowKeys) -> bytes:
    return keys.token + _socket_tag(keys, "caller")


def _socket_tag(keys: FlowKeys, end: str) -> bytes:
    """Return the four bytes that end a tag: random for each local port (frames 8, 9, 10)."""
    return keys.derive(f"telegram socket {end}", 4)


def _is_ping(data: bytes) -> bool:
    return len(data) == PING_BYTES and data[_TAG_BYTES:32] == _PING


def _is_frame(data: bytes) -> bool:
    """Say whether the length at byte 20 fits a frame of RTP padded to four."""
    if len(data) < _HEAD.size or len(data) % 4:
        return False
    padding = len(data) - FRAME_OVERHEAD_BYTES - int.from_bytes(data[20:24], "big")
    return 0 <= padding <= 3 and data[FRAME_OVERHEAD_BYTES] == _FIRST_BYTE


@lru_cache(maxsize=256)
def _schedule(medium: CallMedium, duration_s: float, seed: int) -> Schedule:
    rng = Random(f"telegram-v2 {medium} {seed}")
    if medium == "voice":
        return number(_voice(rng), duration_s, 48_000)
    return number(_video(rng), duration_s, 90_000)


def _voice(rng: Random) -> Iterator[Planned]:
    """One Opus packet each 60 ms, without pauses."""
    for frame in count():
        yield Planned(frame * _VOICE_FRAME_US, _VOICE_BYTES.draw(rng), marker=False)


def _video(rng: Random) -> Iterator[Planned]:
    """25 frames a second, mostly of one packet; a burst of full packets for a key frame every 4 s."""
    for frame in count():
        sizes = _frame_sizes(rng, key_frame=frame % _KEY_FRAME_EVERY == 0)
        for index, size in enumerate(sizes):
            offset_us = frame * _VIDEO_FRAME_US + index * _BURST_US
            yield Planned(offset_us, size, marker=index == len(sizes) - 1)


def _frame_sizes(rng: Random, *, key_frame: bool) -> list[int]:
    if key_frame:
        return [_FULL_BYTES] * _KEY_FRAME_PACKETS
    packets = _VIDEO_PACKETS.draw(rng)
    if packets == 1:
        return [_ONE_PACKET_BYTES.draw(rng)]
    return [_MORE_PACKET_BYTES.draw(rng)] * packets
