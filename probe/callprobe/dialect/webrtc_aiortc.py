"""The look of a plain WebRTC call as aiortc makes it, without the call: ICE check, consent, RTP.

Written after the sources of aioice 0.13 (order of attributes, priority, retransmission, consent) and aiortc
1.16 (payload types, header extensions, marker, packet size). It exists so that a control can mirror what the
``webrtc`` arm sends; the arm itself is aiortc. There is no DTLS handshake here, and sizes of media are drawn
from published ranges, since the arm's own depend on its codecs.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from random import Random
from string import ascii_letters, digits
from typing import Final, NamedTuple

from callprobe.dialect.contract import (
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

PRIORITY: Final = 0x0024
USE_CANDIDATE: Final = 0x0025
ICE_CONTROLLING: Final = 0x802A
_PEER_REFLEXIVE: Final = (110 << 24 | 65535 << 8 | 255).to_bytes(4, "big")  # RFC 8445 section 5.1.2.1
_LETTERS: Final = (ascii_letters + digits).encode()
_USERNAME_BYTES: Final = 9  # two fragments of four characters, and a colon
_USERNAME_AT: Final = stun.HEADER_BYTES + 4
_USERNAME_HEAD: Final = struct.pack(">HH", stun.USERNAME, _USERNAME_BYTES)

_OPUS: Final = 96
_VP8: Final = 97
_MARKER: Final = 0x80
_FIRST_BYTE: Final = 0x90
_PROFILE: Final = 0xBEDE
_AUDIO_ELEMENTS: Final = b"\x10\x30\x20\x1e"  # mid "0"; level -30 dBov
_VIDEO_ELEMENTS: Final = b"\x10\x30\x32"  # mid "0"; three bytes of absolute send time follow
_VIDEO_MIN_BYTES: Final = 300
"""Voice stays below, video above: the size of a slot tells its medium."""

_HEAD: Final = struct.Struct(">BBHIIHH")
_SSRC_AT: Final = 8

_VOICE_BYTES: Final = Histogram(((45, 69, 1), (70, 94, 4), (95, 119, 5), (120, 144, 4), (145, 170, 2)))
_VOICE_FRAME_US: Final = 20_000
_GRID_US: Final = 20_000
_BURST_US: Final = 100
_KEY_FRAME_EVERY: Final = 120
_KEY_FRAME_PACKETS: Final = 6
_FULL_BYTES: Final = 1334  # 1300 of payload and its descriptor, header, extension and SRTP tag around it
_VIDEO_PACKETS: Final = Histogram(((1, 1, 4), (2, 2, 5), (3, 3, 1)))
_LAST_BYTES: Final = Histogram(((300, 599, 4), (600, 999, 4), (1000, 1334, 2)))

_FOREIGN: Final = Heading(Heard.FOREIGN)
_CONTROL: Final = Heading(Heard.CONTROL)


class _Flow(NamedTuple):
    """What every packet of one direction needs."""

    ssrc: int
    ssrc_bytes: bytes
    first_sequence: int
    first_timestamp: int
    block: bytes


class _Ice(NamedTuple):
    """What both ends of a flow know of its checks."""

    username: bytes
    password: bytes
    """Of the responder: it protects requests and their answers (RFC 8489 section 9.1)."""
    tie_breaker: bytes
    check_id: bytes
    """Transaction of the set-up; a retransmission keeps it."""


class WebrtcAiortc:
    """See ``callprobe.dialect.contract.Dialect``."""

    name = "webrtc-aiortc"
    version = "1.16.0"
    capture_date: str | None = None
    setup = SetupStage(
        name="ice_connectivity",
        failure="ice_failed",
        deadline_ns=4 * SECOND_NS,
        retry_ns=(0, SECOND_NS // 2, 3 * SECOND_NS // 2, 7 * SECOND_NS // 2),
    )
    keepalive_first_ns: int | None = 5 * SECOND_NS
    keepalive_ns: int | None = 5 * SECOND_NS

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        del direction
        return _schedule(medium, duration_s, seed)

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        del attempt  # aioice retransmits the same bytes
        return [_check(_ice(keys), _ice(keys).check_id, nominate=True)]

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        """Return a consent check (RFC 7675)."""
        transaction_id = keys.derive(f"webrtc consent {index}", stun.TRANSACTION_ID_BYTES)
        return [_check(_ice(keys), transaction_id, nominate=False)]

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        """Return nothing: aiortc says good-bye inside DTLS, which this look does not have."""
        del keys
        return []

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        sequence, offset_ns, size, ticks, marker = slot
        flow = _flow(keys, direction)
        kind, elements = _OPUS, _AUDIO_ELEMENTS
        if size >= _VIDEO_MIN_BYTES:
            kind, elements = _VP8, _VIDEO_ELEMENTS + _send_time(offset_ns) + b"\0\0"
        head = _HEAD.pack(
            _FIRST_BYTE,
            kind | _MARKER if marker else kind,
            (flow.first_sequence + sequence) & 0xFFFF,
            (flow.first_timestamp + ticks) & 0xFFFFFFFF,
            flow.ssrc,
            _PROFILE,
            len(elements) // 4,
        )
        at = start(sequence)
        return head + elements + flow.block[at : at + size - _HEAD.size - len(elements)]

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        """Return the user name, and the SSRC by which media are recognised when no check arrived."""
        return _ice(keys).username, _flow(keys, "up").ssrc_bytes

    def ident_of(self, data: bytes) -> bytes | None:
        if _is_media(data):
            return data[_SSRC_AT : _SSRC_AT + 4]
        if stun.is_stun(data) and data[stun.HEADER_BYTES : _USERNAME_AT] == _USERNAME_HEAD:
            return data[_USERNAME_AT : _USERNAME_AT + _USERNAME_BYTES]
        return None

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        flow = _flow(keys, direction)
        if data[_SSRC_AT : _SSRC_AT + 4] == flow.ssrc_bytes and _is_media(data):
            return Heading(Heard.MEDIA, (data[2] << 8 | data[3]) - flow.first_sequence & 0xFFFF)
        wanted = stun.BINDING_REQUEST if direction == "up" else stun.BINDING_RESPONSE
        if data[:2] != wanted.to_bytes(2, "big") or not _is_protected(data, _ice(keys)):
            return _FOREIGN
        if direction == "up":
            return _CONTROL if self.ident_of(data) == _ice(keys).username else _FOREIGN
        is_check = data[8 : stun.HEADER_BYTES] == _ice(keys).check_id
        return Heading(Heard.SETUP_ANSWER if is_check else Heard.KEEPALIVE_ANSWER)

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        del utc_ms
        if self.hear(keys, "up", data).kind is not Heard.CONTROL:
            return []
        response = stun.binding_response(data[8 : stun.HEADER_BYTES], source)
        return [stun.add_fingerprint(stun.add_integrity(response, _ice(keys).password))]


def _check(ice: _Ice, transaction_id: bytes, *, nominate: bool) -> bytes:
    """Return a connectivity check, attributes in aioice's order."""
    attributes = [
        (stun.USERNAME, ice.username),
        (PRIORITY, _PEER_REFLEXIVE),
        (ICE_CONTROLLING, ice.tie_breaker),
    ]
    if nominate:
        attributes.append((USE_CANDIDATE, b""))
    request = stun.binding_request(transaction_id, attributes)
    return stun.add_fingerprint(stun.add_integrity(request, ice.password))


def _is_protected(data: bytes, ice: _Ice) -> bool:
    try:
        return stun.verify_integrity(data, ice.password) and stun.verify_fingerprint(data)
    except stun.StunError:
        return False


def _is_media(data: bytes) -> bool:
    return (
        len(data) >= _HEAD.size + 4
        and data[0] == _FIRST_BYTE
        and data[1] & 0x7F in {_OPUS, _VP8}
        and data[12:14] == b"\xbe\xde"
    )


def _send_time(offset_ns: int) -> bytes:
    """Return 24 bits of absolute send time: seconds in 6.18 fixed point."""
    return ((offset_ns << 18) // SECOND_NS & 0xFFFFFF).to_bytes(3, "big")


@lru_cache(maxsize=1024)
def _ice(keys: FlowKeys) -> _Ice:
    drawn = bytes(_LETTERS[byte % len(_LETTERS)] for byte in keys.derive("webrtc ice", 30))
    return _Ice(
        username=drawn[:4] + b":" + drawn[4:8],
        password=drawn[8:],
        tie_breaker=keys.derive("webrtc tie breaker", 8),
        check_id=keys.derive("webrtc check", stun.TRANSACTION_ID_BYTES),
    )


@lru_cache(maxsize=1024)
def _flow(keys: FlowKeys, direction: Direction) -> _Flow:
    drawn = keys.derive(f"webrtc stream {direction}", 10)
    ssrc, sequence, timestamp = struct.unpack(">IHI", drawn)
    return _Flow(
        ssrc=ssrc,
        ssrc_bytes=drawn[:4],
        first_sequence=sequence,
        first_timestamp=timestamp,
        block=keystream(keys, f"webrtc media {direction}"),
    )


@lru_cache(maxsize=256)
def _schedule(medium: CallMedium, duration_s: float, seed: int) -> Schedule:
    rng = Random(f"webrtc-aiortc {medium} {seed}")
    if medium == "voice":
        return number(_voice(rng), duration_s, 48_000)
    return number(_video(rng), duration_s, 90_000)


def _voice(rng: Random) -> Iterator[Planned]:
    """One Opus packet each 20 ms without pauses; aiortc marks the last packet of a frame, so each of them."""
    for frame in count():
        yield Planned(frame * _VOICE_FRAME_US, _VOICE_BYTES.draw(rng), marker=True)


def _video(rng: Random) -> Iterator[Planned]:
    """30 frames a second, each at the step of the grid before its time; a key frame every 4 s."""
    for frame in count():
        sizes = _frame_sizes(rng, key_frame=frame % _KEY_FRAME_EVERY == 0)
        frame_us = frame * 1_000_000 // 30 // _GRID_US * _GRID_US
        for index, size in enumerate(sizes):
            yield Planned(frame_us + index * _BURST_US, size, marker=index == len(sizes) - 1)


def _frame_sizes(rng: Random, *, key_frame: bool) -> list[int]:
    packets = _KEY_FRAME_PACKETS if key_frame else _VIDEO_PACKETS.draw(rng)
    return [_FULL_BYTES] * (packets - 1) + [_LAST_BYTES.draw(rng)]
