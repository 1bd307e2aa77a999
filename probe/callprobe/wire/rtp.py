"""RTP packets (RFC 3550 section 5.1) with their header extension (5.3.1, RFC 8285)."""

import struct
from typing import Final, NamedTuple

FIXED_HEADER_BYTES: Final = 12
ONE_BYTE_PROFILE: Final = 0xBEDE
"""Extension profile of RFC 8285's one-byte elements."""

_FIXED: Final = struct.Struct(">BBHII")
_EXTENSION: Final = struct.Struct(">HH")


class RtpError(ValueError):
    """The bytes are no RTP packet; one sentence says why."""


class Extension(NamedTuple):
    """A header extension as it stands, elements not taken apart."""

    profile: int
    """16 bits."""
    words: bytes
    """Whole 32-bit words, possibly none."""


class Packet(NamedTuple):
    """An RTP packet."""

    payload_type: int
    """0-127."""
    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits, in the clock of the payload type."""
    ssrc: int
    """32 bits."""
    payload: bytes = b""
    """Without padding; for SRTP with the authentication tag."""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: Extension | None = None
    padding_size: int = 0
    """Bytes of padding, its own count byte included; 0 when the P bit is clear."""


def parse(data: bytes) -> Packet:
    """Return the packet in ``data``. Raises RtpError."""
    if len(data) < FIXED_HEADER_BYTES:
        raise RtpError(f"{len(data)} bytes are too short for an RTP header")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        raise RtpError(f"RTP version {first >> 6} is not 2")
    at = FIXED_HEADER_BYTES + 4 * (first & 0x0F)
    if at > len(data):
        raise RtpError("the RTP packet ends within its list of sources")
    csrcs = struct.unpack_from(f">{first & 0x0F}I", data, FIXED_HEADER_BYTES)
    extension, at = _parse_extension(data, at) if first & 0x10 else (None, at)
    padding_size = _parse_padding(data, at) if first & 0x20 else 0
    return Packet(
        payload_type=second & 0x7F,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=data[at : len(data) - padding_size],
        marker=bool(second & 0x80),
        csrcs=csrcs,
        extension=extension,
        padding_size=padding_size,
    )


def build(packet: Packet) -> bytes:
    """Return the bytes of ``packet``; fields out of range are cut to their width."""
    first = 0x80 | (packet.padding_size > 0) << 5 | (packet.extension is not None) << 4 | len(packet.csrcs)
    second = packet.marker << 7 | packet.payload_type & 0x7F
    fixed = _FIXED.pack(
        first, second, packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF, packet.ssrc & 0xFFFFFFFF
    )
    sources = struct.pack(f">{len(packet.csrcs)}I", *packet.csrcs)
    padding = bytes(packet.padding_size - 1) + bytes([packet.padding_size]) if packet.padding_size else b""
    return fixed + sources + _build_extension(packet.extension) + packet.payload + padding


def _parse_extension(data: bytes, at: int) -> tuple[Extension, int]:
    if at + 4 > len(data):
        raise RtpError("the header of the RTP extension is cut off")
    profile, words = _EXTENSION.unpack_from(data, at)
    end = at + 4 + 4 * words
    if end > len(data):
        raise RtpError(f"the RTP extension of {words} words runs over the end")
    return Extension(profile, data[at + 4 : end]), end


def _parse_padding(data: bytes, at: int) -> int:
    if not 0 < data[-1] <= len(data) - at:
        raise RtpError(f"{data[-1]} bytes of RTP padding do not fit into the payload")
    return data[-1]


def _build_extension(extension: Extension | None) -> bytes:
    if extension is None:
        return b""
    return _EXTENSION.pack(extension.profile, len(extension.words) // 4) + extension.words
