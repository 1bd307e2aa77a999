"""Takes payloads out of what relays and applications wrap around them.

What is given out fits its wrapping to the byte. Where the wrapping alone proves little (channel data, whose
first bytes any cipher may show by chance), what is inside has to look like STUN, DTLS, RTP or RTCP as well.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from callprobe.wire import ms_turn, reflector, stun, zoom

MAX_DEPTH: Final = 2
"""Wrappings within wrappings that are taken off."""
WRAPPINGS: Final = frozenset({"turn-channel", "turn-indication", "ms-turn", "reflector", "zoom", "unknown"})

_COOKIE: Final = stun.MAGIC_COOKIE.to_bytes(4, "big")
_INDICATIONS: Final = frozenset({0x0016, 0x0017, ms_turn.SEND_REQUEST})
_CHANNEL_HEADER_BYTES: Final = 4
_LAST_CHANNEL_BYTE: Final = 0x4F
_REFLECTOR_HEADER_BYTES: Final = 24


class Inner(NamedTuple):
    """A payload and the wrapping it came in."""

    encapsulation: str
    """``plain``, one of WRAPPINGS, or ``a+b`` for b within a; ``unknown`` stands for STUN at the end of a
    datagram, behind a header that nobody knows."""
    payload: bytes


def is_direct(encapsulation: str) -> bool:
    """Say whether a payload lay in its datagram, or framed in a TCP stream, with nothing else around it."""
    return encapsulation == "plain" or (encapsulation not in WRAPPINGS and "+" not in encapsulation)


def unwrap(payload: bytes) -> list[Inner]:
    """Return the payload itself, then what it wraps, then what that wraps."""
    found = [Inner("plain", payload)]
    inside = _inside(payload)
    while inside is not None:
        found.append(inside)
        if len(found) > MAX_DEPTH:
            break
        outer = inside
        inside = _inside(outer.payload)
        if inside is not None:
            inside = Inner(f"{outer.encapsulation}+{inside.encapsulation}", inside.payload)
    return found


def channel_payload(payload: bytes) -> bytes | None:
    """Return what channel data (RFC 8656 section 12.5) carries, or None where its length does not fit.

    Over UDP the padding to four bytes may be there or not. Channel numbers beyond 0x4FFF are those of RFC
    5766.
    """
    if len(payload) < _CHANNEL_HEADER_BYTES or not 0x40 <= payload[0] < 0x80:
        return None
    end = _CHANNEL_HEADER_BYTES + (payload[2] << 8 | payload[3])
    spare = len(payload) - end
    if not 0 <= spare < 4 or (spare and payload[0] > _LAST_CHANNEL_BYTE):
        return None
    return payload[_CHANNEL_HEADER_BYTES:end]


def is_known(payload: bytes) -> bool:
    """Say whether a payload looks like STUN, DTLS, RTP or RTCP."""
    if len(payload) < 8:
        return False
    first = payload[0]
    if first < 0x40:
        return payload[4:8] == _COOKIE or (20 <= first <= 25 and payload[1] == 0xFE)
    return 128 <= first < 192


def _inside(payload: bytes) -> Inner | None:
    """Return what is wrapped once."""
    if len(payload) > _REFLECTOR_HEADER_BYTES:
        spare = len(payload) - _REFLECTOR_HEADER_BYTES - int.from_bytes(payload[20:24], "big")
        if 0 <= spare < 4 and (inside := _reflector(payload)) is not None:
            return inside
    opener = _OPENERS.get(payload[0]) if payload else None
    inside = None if opener is None else opener(payload)
    return _unknown(payload) if inside is None else inside


def _unknown(payload: bytes) -> Inner | None:
    """Find STUN behind a header of unknown shape: it has to end where the payload ends."""
    if payload[4:8] == _COOKIE:
        return None
    start = payload.find(_COOKIE, 8) - 4
    if start < 0 or payload[start] >= 0x40 or len(payload) - start < stun.HEADER_BYTES:
        return None
    size = stun.HEADER_BYTES + (payload[start + 2] << 8 | payload[start + 3])
    return Inner("unknown", payload[start:]) if size == len(payload) - start else None


def _reflector(payload: bytes) -> Inner | None:
    try:
        return Inner("reflector", reflector.parse_frame(payload))
    except reflector.ReflectorError:
        return None


def _channel(payload: bytes) -> Inner | None:
    inside = channel_payload(payload)
    return Inner("turn-channel", inside) if inside and is_known(inside) else None


def _indication(payload: bytes) -> Inner | None:
    """Open a Send or Data indication, or MS-TURN's own ones."""
    kind = int.from_bytes(payload[:2], "big")
    if kind == ms_turn.DATA_INDICATION:
        return _ms_data(payload)
    if kind not in _INDICATIONS or payload[4:8] != _COOKIE or len(payload) < stun.HEADER_BYTES:
        return None
    carried = stun.read_loosely(payload).first(stun.DATA)
    return Inner("turn-indication", carried) if carried else None


def _ms_data(payload: bytes) -> Inner | None:
    try:
        return Inner("ms-turn", ms_turn.parse_data_indication(payload))
    except ms_turn.MsTurnError:
        return None


def _ms_frame(payload: bytes) -> Inner | None:
    try:
        return Inner("ms-turn", ms_turn.parse_frame(payload).payload)
    except ms_turn.MsTurnError:
        return None


def _zoom(payload: bytes) -> Inner | None:
    try:
        return Inner("zoom", zoom.parse(payload).payload)
    except zoom.ZoomError:
        return None


_OPENERS: Final[dict[int, Callable[[bytes], Inner | None]]] = {
    **dict.fromkeys((0x00, 0x01), _indication),
    **dict.fromkeys((5, 13, 15, 16, 30, 33, 34, 35), _zoom),
    **dict.fromkeys(range(0x40, 0x80), _channel),
    0xFF: _ms_frame,
}
"""By first byte."""
