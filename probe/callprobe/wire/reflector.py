"""Telegram's UDP reflectors: control messages and the data frames of tgcalls v2.

Layouts after libtgvoip (VoIPController.cpp) and tgcalls (ReflectorPort.cpp).
"""

import ipaddress
from enum import Enum
from typing import Final, NamedTuple

TAG_BYTES: Final = 16
TGCALLS_QUERY_ID: Final = (123).to_bytes(8, "big")
"""The query id of every ping of tgcalls v2."""

_RUN: Final = b"\xff" * 12
_KIND: Final = slice(28, 32)
_QUERY_ID_OF_PING: Final = slice(32, 40)
_QUERY_ID_OF_ANSWER: Final = slice(36, 44)
_FRAME_HEADER_BYTES: Final = 24
_V4_MAPPED: Final = bytes(10) + b"\xff\xff"


class ReflectorError(ValueError):
    """The bytes are none of a reflector's; one sentence says why."""


class Kind(Enum):
    """What a control message is."""

    PING = "ping"
    PONG = "pong"
    PEER_REQUEST = "peer info request"
    PEER_ANSWER = "peer info"
    PEER_ANSWER_IPV6 = "peer info, IPv6"


_KINDS: Final = {
    (40, bytes.fromhex("feffffff")): Kind.PING,
    (64, bytes.fromhex("c77215c0")): Kind.PONG,
    (32, bytes.fromhex("ffffffff")): Kind.PEER_REQUEST,
    (48, bytes.fromhex("1c37d927")): Kind.PEER_ANSWER,
    (72, bytes.fromhex("b173fc83")): Kind.PEER_ANSWER_IPV6,
}


class Control(NamedTuple):
    """A control message; what its kind does not carry is None."""

    kind: Kind
    tag: bytes
    """16 bytes; those of a call's sockets agree in all 16 (libtgvoip) or in the first 12 (tgcalls v2)."""
    query_id: bytes | None = None
    date_s: int | None = None
    """The reflector's clock, seconds since 1970."""
    mapped: tuple[str, int] | None = None
    """Whence the reflector saw the ping come."""


def parse_control(data: bytes) -> Control:
    """Return the control message in ``data``. Raises ReflectorError."""
    kind = _KINDS.get((len(data), data[_KIND])) if data[16:28] == _RUN else None
    if kind is None:
        raise ReflectorError("these bytes are no message of a reflector's")
    tag = data[:TAG_BYTES]
    if kind is Kind.PING:
        return Control(kind, tag, data[_QUERY_ID_OF_PING])
    if kind is Kind.PONG:
        date_s = int.from_bytes(data[32:36], "little")
        return Control(kind, tag, data[_QUERY_ID_OF_ANSWER], date_s, _mapped(data[44:64]))
    return Control(kind, tag)


def parse_frame(data: bytes) -> bytes:
    """Return what a data frame of tgcalls v2 carries, padding taken off. Raises ReflectorError."""
    size = int.from_bytes(data[20:24], "big") if len(data) > _FRAME_HEADER_BYTES else 0
    if not size or not 0 <= len(data) - _FRAME_HEADER_BYTES - size < 4 or data[16:28] == _RUN:
        raise ReflectorError("these bytes are no frame of a reflector's")
    return data[_FRAME_HEADER_BYTES : _FRAME_HEADER_BYTES + size]


def _mapped(value: bytes) -> tuple[str, int]:
    """Return an address of 16 bytes, IPv4 mapped into IPv6, and a port in 32 bits, little-endian."""
    packed = value[12:16] if value[:12] == _V4_MAPPED else value[:16]
    return str(ipaddress.ip_address(packed)), int.from_bytes(value[16:20], "little") & 0xFFFF
