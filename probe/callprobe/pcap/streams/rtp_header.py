"""What is read of an RTP packet's header (RFC 3550 section 5.1), and whether it fits together.

The trailer that the padding bit promises is not looked at: in SRTP it is encrypted.
"""

from struct import Struct
from typing import Final, NamedTuple

NO_EXTENSION: Final = -1
"""Instead of a profile: there is no header extension, or it was cut off."""
FIXED_HEADER_BYTES: Final = 12
_FIXED: Final = Struct(">BBHII")
_RUN: Final = b"\xff" * 12
_REFLECTOR_HEADER_BYTES: Final = 24


class RtpHeader(NamedTuple):
    """The header of one packet."""

    second_byte: int
    """Marker bit and payload type."""
    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits."""
    ssrc: int
    profile: int
    """Of the header extension (16 bits), or ``NO_EXTENSION``."""


def is_plain_rtp(payload: bytes) -> bool:
    """Say whether a datagram is settled as RTP by its first bytes (RFC 7983, RFC 5761).

    Version 2, no RTCP, and none of the forms of Telegram's reflectors, which may begin with any byte.
    """
    if len(payload) < FIXED_HEADER_BYTES or not 128 <= payload[0] < 192 or 192 <= payload[1] <= 223:
        return False
    if payload[16:28] == _RUN:
        return False
    size = len(payload) - _REFLECTOR_HEADER_BYTES
    return size <= 0 or not 0 <= size - int.from_bytes(payload[20:24], "big") < 4


def read_header(payload: bytes, size: int) -> RtpHeader | None:
    """Return the header of RTP, or None where version, list of sources or extension do not fit.

    ``size`` is what the packet had on the wire; of ``payload`` the end may be cut off.
    """
    if len(payload) < FIXED_HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(payload)
    if first >> 6 != 2:
        return None
    at = FIXED_HEADER_BYTES + 4 * (first & 0x0F)
    profile = NO_EXTENSION
    if first & 0x10:
        end = at + 4
        if end <= len(payload):
            profile = payload[at] << 8 | payload[at + 1]
            end += 4 * (payload[at + 2] << 8 | payload[at + 3])
        at = end
    return RtpHeader(second, sequence, timestamp, ssrc, profile) if at <= size else None
