"""The look of WhatsApp's native client on its relay path, as of February 2023.

Follows ``stun_wa_call.pcapng`` of nDPI (two calls, 2023-02-17); frames in comments are that file's. The
client speaks a STUN of its own: Allocate 0x0003 with an opaque relay token, pings 0x0801, pongs 0x0802, end
of call 0x0800; media are SRTP with keys from the signalling. What was secret in the capture is derived from
the flow's key; the request names a documentation address (RFC 5737) as its relay, never a real one.
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
from callprobe.dialect.shape import Histogram, Planned, chance_run, number
from callprobe.wire import stun

SECOND_NS: Final = 1_000_000_000

ALLOCATE: Final = 0x0003
ALLOCATED: Final = 0x0103
CALL_END: Final = 0x0800
PING: Final = 0x0801
PONG: Final = 0x0802

RELAY_TOKEN: Final = 0x4000
SERVER_TIME: Final = 0x4002
CLIENT_STATS: Final = 0x802B

_TOKEN_SIZE: Final = 150
_TOKEN_HEAD: Final = b"\x09\x03"  # frames 3-10: the tokens of four relays begin so
_TOKEN_AT: Final = stun.HEADER_BYTES + 4 + len(_TOKEN_HEAD)
_CALL_END_STATS: Final = b"\x02\x00\x00\x00"  # the value of the voice call; its meaning is unknown
_RELAY_PORT: Final = 3478
_COPIES: Final = 2
_RETRIES_NS: Final = tuple(int(after * SECOND_NS) for after in (0.0, 0.5, 1.0, 2.0))
_FIRST_PING: Final = _COPIES * len(_RETRIES_NS)
_FAREWELL_MESSAGE: Final = 64  # leaves room for pings of three minutes before it
_MAX_MESSAGES: Final = 1 << 20

_VOICE: Final = 120
_VIDEO: Final = 97
_MARKER: Final = 0x80
_FIRST_BYTE: Final = 0x90  # version 2, extension
_PROFILE: Final = 0xDEBE
_FIRST_SEQUENCE: Final = 1
_VIDEO_MIN_BYTES: Final = 600
"""Voice stays below, video above: the size of a slot tells its medium."""
_DTX_BYTES: Final = 25
_DTX_WORD: Final = b"\x30\x01\x00\x00"
_CLOCK_EVERY: Final = 8  # packets; the capture has the sender's clock in a quarter to an eighth of them
_VIDEO_OVERHEAD: Final = 36  # header with extension, and the short tag

_PLAIN: Final = struct.Struct(">BBHIIHH")
_TIMED: Final = struct.Struct(">BBHIIHHBI3x")
_FRAMED: Final = struct.Struct(">BBHIIHH3sHBHBHBH2x")

# Both directions of the voice call, 319 packets, DTX and comfort noise apart: the 60 ms packets.
_SPEECH_BYTES: Final = Histogram(((41, 58, 54), (60, 79, 23), (80, 179, 53), (180, 299, 60), (300, 404, 23)))
_COMFORT_BYTES: Final = Histogram(((45, 57, 71), (60, 63, 8)))
_TALK_CHANCE: Final = 0.855  # 213 speech packets in 27 runs: 7.9 in a run, two at least
_COMFORT_CHANCE: Final = 0.74  # 79 comfort packets in 27 pauses
_FRAME_US: Final = 60_000
_FRAMES_TO_COMFORT: Final = 6
_FRAMES_BETWEEN_COMFORT: Final = 7  # 420 ms
_EARLY_SPEECH: Final = 5  # speech cuts a pause short by up to four frames

_VIDEO_GAPS_US: Final = (60_000, 80_000, 60_000, 60_000, 80_000)  # 68 ms on the 20 ms grid
_VIDEO_PACKETS: Final = Histogram(((2, 2, 3), (3, 3, 6), (4, 4, 2)))
_VIDEO_BYTES: Final = Histogram(((678, 799, 2), (800, 999, 5), (1000, 1113, 6)))
_BURST_US: Final = 100

_FOREIGN: Final = Heading(Heard.FOREIGN)
_CONTROL: Final = Heading(Heard.CONTROL)


class _Flow(NamedTuple):
    """What every packet of one direction needs."""

    ssrc: int
    ssrc_bytes: bytes
    first_timestamp: int
    first_clock: int
    stream_id: int
    block: bytes


class WhatsApp2023:
    """See ``callprobe.dialect.contract.Dialect``."""

    name = "whatsapp-2023"
    version = "1"
    capture_date: str | None = "2023-02-17"
    setup = SetupStage(
        name="relay_allocation",
        failure="relay_allocation_timeout",
        deadline_ns=4 * SECOND_NS,
        retry_ns=_RETRIES_NS,
    )
    keepalive_first_ns: int | None = 0
    keepalive_ns: int | None = 3 * SECOND_NS

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        del direction
        return _schedule(medium, duration_s, seed)

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        return [_signed(keys, ALLOCATE, _COPIES * attempt + copy, _relay(keys)) for copy in range(_COPIES)]

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        return [stun.build(stun.Message(PING, _transaction_id(keys, _FIRST_PING + index)))]

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        token, relayed = _relay(keys)
        attributes = (token, (CLIENT_STATS, _CALL_END_STATS), relayed)
        return [_signed(keys, CALL_END, _FAREWELL_MESSAGE, attributes)]

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        sequence, _, size, ticks, marker = slot
        flow = _flow(keys, direction)
        kind = _VIDEO if size >= _VIDEO_MIN_BYTES else _VOICE
        header = _FIRST_BYTE, kind | _MARKER if marker else kind, (sequence + _FIRST_SEQUENCE) & 0xFFFF
        head = _head(flow, header, slot, (flow.first_timestamp + ticks) & 0xFFFFFFFF)
        at = start(sequence)
        return head + flow.block[at : at + size - len(head)]

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        """Return the token, and the SSRC by which media are recognised when no Allocate arrived."""
        return keys.token, _flow(keys, "up").ssrc_bytes

    def ident_of(self, data: bytes) -> bytes | None:
        if _has_relay_token(data):
            return data[_TOKEN_AT : _TOKEN_AT + TOKEN_BYTES]
        return data[8:12] if _is_media(data) else None

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        flow = _flow(keys, direction)
        if data[8:12] == flow.ssrc_bytes and _is_media(data):
            return Heading(Heard.MEDIA, (data[2] << 8 | data[3]) - _FIRST_SEQUENCE & 0xFFFF)
        if not stun.is_stun(data) or not _is_ours(keys, data[8:20]):
            return _FOREIGN
        return _hear_request(keys, data) if direction == "up" else _hear_answer(keys, data)

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        transaction_id = data[8:20]
        if self.hear(keys, "up", data).kind is not Heard.CONTROL:
            return []
        if data[:2] == PING.to_bytes(2, "big"):
            return [stun.build(stun.Message(PONG, transaction_id))]
        if data[:2] == CALL_END.to_bytes(2, "big"):
            return []
        attributes = (
            (stun.XOR_MAPPED_ADDRESS, stun.xor_address(source, transaction_id)),
            (SERVER_TIME, utc_ms.to_bytes(8, "big")),
        )
        answer = stun.build(stun.Message(ALLOCATED, transaction_id, attributes))
        return [stun.add_integrity(answer, _integrity_key(keys))]


def _head(flow: _Flow, header: tuple[int, int, int], slot: Slot, timestamp: int) -> bytes:
    """Return the RTP header with the extension that a packet of this size carries in the capture."""
    sequence, offset_ns, size, _, _ = slot
    if size == _DTX_BYTES:
        return _PLAIN.pack(*header, timestamp, flow.ssrc, _PROFILE, 1) + _DTX_WORD
    if size >= _VIDEO_MIN_BYTES:
        return _video_head(flow, header, slot, timestamp)
    if sequence % _CLOCK_EVERY or size < _TIMED.size:
        return _PLAIN.pack(*header, timestamp, flow.ssrc, _PROFILE, 0)
    clock = flow.first_clock + offset_ns // 1_000_000
    return _TIMED.pack(*header, timestamp, flow.ssrc, _PROFILE, 2, 0xD3, clock)


def _video_head(flow: _Flow, header: tuple[int, int, int], slot: Slot, timestamp: int) -> bytes:
    """Elements 3, 5, 6, 7, 9 as in frames 509 and on; element 7 is the payload size of a last packet."""
    return _FRAMED.pack(
        *header,
        timestamp,
        flow.ssrc,
        _PROFILE,
        4,
        b"\x30\x01\x51",
        flow.stream_id,
        0x61,
        0x40 + slot.sequence % 32,
        0x71,
        slot.size - _VIDEO_OVERHEAD,
        0x91,
        (flow.first_clock + slot.offset_ns // 10_000_000) & 0xFFFF,
    )


@lru_cache(maxsize=1024)
def _flow(keys: FlowKeys, direction: Direction) -> _Flow:
    ssrc = keys.derive(f"whatsapp ssrc {direction}", 4)
    drawn = keys.derive(f"whatsapp start {direction}", 6)
    timestamp, clock, stream_id = struct.unpack(">HHH", drawn)
    block = keystream(keys, f"whatsapp media {direction}")
    return _Flow(int.from_bytes(ssrc, "big"), ssrc, timestamp, clock, stream_id, block)


def _relay(keys: FlowKeys) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """Return the relay token and the relay's address, the attributes by which a request names its relay."""
    filler = keystream(keys, "whatsapp relay token")
    token = (_TOKEN_HEAD + keys.token + filler)[:_TOKEN_SIZE]
    host = f"192.0.2.{1 + keys.derive('whatsapp relay host', 1)[0] % 254}"
    # The mask of an IPv4 address is the cookie alone: any transaction id will do.
    relayed = stun.xor_address((host, _RELAY_PORT), bytes(stun.TRANSACTION_ID_BYTES))
    return (RELAY_TOKEN, token), (stun.XOR_RELAYED_ADDRESS, relayed)


def _signed(
    keys: FlowKeys, message_type: int, message: int, attributes: tuple[tuple[int, bytes], ...]
) -> bytes:
    data = stun.build(stun.Message(message_type, _transaction_id(keys, message), attributes))
    return stun.add_integrity(data, _integrity_key(keys))


def _integrity_key(keys: FlowKeys) -> bytes:
    return keys.derive("whatsapp integrity", 32)


def _transaction_id(keys: FlowKeys, message: int) -> bytes:
    """Count up from one random start in each call: frames 1 (…4A25), 2 (…4A26), 3 (…4A27)."""
    first = int.from_bytes(keys.derive("whatsapp transaction", 12), "big")
    return ((first + message) % (1 << 96)).to_bytes(12, "big")


def _is_ours(keys: FlowKeys, transaction_id: bytes) -> bool:
    first = int.from_bytes(keys.derive("whatsapp transaction", 12), "big")
    return (int.from_bytes(transaction_id, "big") - first) % (1 << 96) < _MAX_MESSAGES


def _is_media(data: bytes) -> bool:
    return len(data) >= _PLAIN.size and data[0] == _FIRST_BYTE and data[1] & 0x7F in {_VOICE, _VIDEO}


def _has_relay_token(data: bytes) -> bool:
    return (
        stun.is_stun(data)
        and data[:2] in {b"\x00\x03", b"\x08\x00"}
        and data[stun.HEADER_BYTES : _TOKEN_AT] == b"\x40\x00\x00\x96" + _TOKEN_HEAD
        and len(data) > stun.HEADER_BYTES + _TOKEN_SIZE
    )


def _hear_request(keys: FlowKeys, data: bytes) -> Heading:
    if data[:2] == b"\x08\x01" and len(data) == stun.HEADER_BYTES:
        return _CONTROL
    ours = _has_relay_token(data) and data[_TOKEN_AT : _TOKEN_AT + TOKEN_BYTES] == keys.token
    return _CONTROL if ours else _FOREIGN


def _hear_answer(keys: FlowKeys, data: bytes) -> Heading:
    if data[:2] == b"\x08\x02":
        return Heading(Heard.KEEPALIVE_ANSWER)
    if data[:2] != b"\x01\x03":
        return _FOREIGN
    try:
        holds = stun.verify_integrity(data, _integrity_key(keys))
    except stun.StunError:
        return _FOREIGN
    return Heading(Heard.SETUP_ANSWER) if holds else _FOREIGN


@lru_cache(maxsize=256)
def _schedule(medium: CallMedium, duration_s: float, seed: int) -> Schedule:
    rng = Random(f"whatsapp-2023 {medium} {seed}")
    if medium == "voice":
        return number(_voice(rng), duration_s, 16_000)
    return number(_video(rng), duration_s, 90_000)


def _voice(rng: Random) -> Iterator[Planned]:
    """Runs of 60 ms speech, one DTX frame, comfort noise each 420 ms; marked where speech follows noise."""
    frame = 0
    marker = False
    while True:
        for _ in range(2 + chance_run(rng, _TALK_CHANCE)):
            yield Planned(frame * _FRAME_US, _SPEECH_BYTES.draw(rng), marker)
            marker = False
            frame += 1
        yield Planned(frame * _FRAME_US, _DTX_BYTES, marker=False)
        frame += _FRAMES_TO_COMFORT
        for _ in range(chance_run(rng, _COMFORT_CHANCE)):
            yield Planned(frame * _FRAME_US, _COMFORT_BYTES.draw(rng), marker=False)
            frame += _FRAMES_BETWEEN_COMFORT
            marker = True
        frame -= int(rng.random() * _EARLY_SPEECH)


def _video(rng: Random) -> Iterator[Planned]:
    """Frames of two to four packets of nearly one size, the last of them marked."""
    at_us = 0
    for frame in count():
        packets = _VIDEO_PACKETS.draw(rng)
        size = _VIDEO_BYTES.draw(rng)
        for index in range(packets):
            yield Planned(at_us + index * _BURST_US, size, marker=index == packets - 1)
        at_us += _VIDEO_GAPS_US[frame % len(_VIDEO_GAPS_US)]
