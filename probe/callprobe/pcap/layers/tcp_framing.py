"""Messages in a byte stream: STUN and TURN as they are (RFC 8656 section 12.5), or framed by RFC 4571."""

from struct import Struct
from typing import Final, Literal, NamedTuple

from callprobe.wire.stun import HEADER_BYTES, MAGIC_COOKIE

Framing = Literal["turn-tcp", "rfc4571"]

_COOKIE: Final = MAGIC_COOKIE.to_bytes(4, "big")
_LENGTH: Final = Struct(">H").unpack_from
_CHANNEL: Final = range(0x40, 0x50)
_STUN: Final = range(0x40)
_DTLS: Final = range(20, 64)
_DTLS_VERSIONS: Final = frozenset({b"\xfe\xff", b"\xfe\xfd", b"\x01\x00"})
_MIN_DTLS_BYTES: Final = 13
_RTP: Final = range(128, 192)
_MIN_RTP_BYTES: Final = 8
_FRAMED: Final = frozenset({*range(4), *_DTLS, *_CHANNEL, *_RTP})
"""First bytes of what is multiplexed on one flow (RFC 7983)."""


class Split(NamedTuple):
    """The messages at the beginning of some bytes."""

    messages: list[bytes]
    """Without framing; empty ones are left out."""
    rest: bytes
    """The beginning of a message that is not complete."""
    in_step: bool
    """Whether it can be one."""


def recognise(data: bytes) -> Framing | None:
    """Return how messages are framed in what a segment carries, if it begins with one that tells."""
    if _is_stun(data):
        return "turn-tcp"
    framed = data[2:]
    if len(data) >= 2 and (_is_whole_stun(framed, _LENGTH(data)[0]) or _is_dtls(framed)):
        return "rfc4571"
    if data[:1] and data[0] in _CHANNEL and _is_made_of("turn-tcp", data):
        return "turn-tcp"
    is_media = len(framed) >= _MIN_RTP_BYTES and framed[0] in _RTP
    return "rfc4571" if is_media and _is_made_of("rfc4571", data) else None


def split(framing: Framing, data: bytes) -> Split:
    """Return the messages at the beginning of ``data``, up to where none can begin."""
    bounds = _turn if framing == "turn-tcp" else _framed
    messages: list[bytes] = []
    at = 0
    while len(data) - at >= 4:
        found = bounds(data, at)
        if found is None:
            return Split(messages, b"", in_step=False)
        start, end, following = found
        if following > len(data):
            break
        if end > start:
            messages.append(data[start:end])
        at = following
    return Split(messages, data[at:], in_step=True)


def _turn(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return where a message starts and ends, and where the next one begins; None if there can be none."""
    (length,) = _LENGTH(data, at + 2)
    if data[at] in _STUN and _COOKIE.startswith(data[at + 4 : at + 8]):
        end = at + HEADER_BYTES + length
        return at, end, end
    if data[at] in _CHANNEL:
        return at, at + 4 + length, at + 4 + (length + 3 & ~3)
    return None


def _framed(data: bytes, at: int) -> tuple[int, int, int] | None:
    (length,) = _LENGTH(data, at)
    end = at + 2 + length
    return (at + 2, end, end) if not length or data[at + 2] in _FRAMED else None


def _is_stun(data: bytes) -> bool:
    return data[4:8] == _COOKIE and data[0] in _STUN and data[3] % 4 == 0


def _is_whole_stun(data: bytes, size: int) -> bool:
    return _is_stun(data) and size == HEADER_BYTES + _LENGTH(data, 2)[0]


def _is_dtls(data: bytes) -> bool:
    return len(data) >= _MIN_DTLS_BYTES and data[0] in _DTLS and data[1:3] in _DTLS_VERSIONS


def _is_made_of(framing: Framing, data: bytes) -> bool:
    """Say whether a segment consists of whole messages: what weak signs need beside them."""
    messages, rest, in_step = split(framing, data)
    return bool(messages) and in_step and not rest
