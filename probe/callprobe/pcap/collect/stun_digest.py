"""What is kept of a STUN message: nothing that could let anybody in."""

import zlib
from collections import Counter
from typing import Final

from callprobe.wire import ms_turn, stun

_MAX_TEXT: Final = 64
_MAX_PARTS: Final = 4
_FINGERPRINT_BYTES: Final = 8
_FINGERPRINT_XOR: Final = 0x5354554E


class Digest:
    """Type, attributes and a few values of one message."""

    __slots__ = ("attributes", "error_code", "kind", "lifetime_s", "realm", "software", "username_shape")

    def __init__(self, message: stun.Message, values: dict[int, bytes]) -> None:
        self.kind = message.type
        self.attributes = tuple([kind for kind, _ in message.attributes])
        get = values.get
        self.error_code = _error_code(get(stun.ERROR_CODE))
        self.realm = text_of(get(_realm_attribute(values)))
        self.software = text_of(get(stun.SOFTWARE))
        self.lifetime_s = _number(get(stun.LIFETIME))
        self.username_shape = _username_shape(get(stun.USERNAME))


def first_values(message: stun.Message) -> dict[int, bytes]:
    """Return the value of the first attribute of each type."""
    return dict(reversed(message.attributes))


def text_of(value: bytes | None) -> str | None:
    """Return a short printable text, or None of anything else."""
    if value is None or len(value) > _MAX_TEXT:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text.strip() if text.isprintable() else None


def by_number(counts: Counter[int]) -> dict[str, int]:
    """Return counts by number in hexadecimal, ``0x0001``, ascending."""
    return {f"0x{number:04x}": count for number, count in sorted(counts.items())}


def by_code(counts: Counter[int]) -> dict[str, int]:
    """Return counts by error code, ascending; 0 stands for an error that names none."""
    return {str(code) if code else "unknown": count for code, count in sorted(counts.items())}


def _realm_attribute(values: dict[int, bytes]) -> int:
    """Return the type of REALM: Microsoft, which is told by its cookie attribute, has another."""
    microsoft = values.get(ms_turn.MAGIC_COOKIE_ATTRIBUTE) == ms_turn.MAGIC_COOKIE
    return ms_turn.REALM if microsoft else stun.REALM


def _error_code(value: bytes | None) -> int | None:
    if value is None:
        return None
    try:
        return stun.unpack_error(value)[0]
    except stun.StunError:
        return None


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None


def _username_shape(value: bytes | None) -> str | None:
    """Return the lengths of a user name's parts; a binary one has no parts."""
    if value is None:
        return None
    parts = value.split(b":") if value.isascii() and value.decode().isprintable() else [value]
    return ":".join(str(len(part)) for part in parts) if len(parts) <= _MAX_PARTS else str(len(value))


def fingerprint_holds(payload: bytes, message: stun.Message) -> bool:
    """Check FINGERPRINT where it ends a whole message; elsewhere it is given the benefit of the doubt."""
    end = stun.HEADER_BYTES + (payload[2] << 8 | payload[3])
    kind, value = message.attributes[-1]
    if end > len(payload) or kind != stun.FINGERPRINT or len(value) != 4:
        return True
    crc = zlib.crc32(payload[: end - _FINGERPRINT_BYTES]) ^ _FINGERPRINT_XOR
    return crc == int.from_bytes(value, "big")
