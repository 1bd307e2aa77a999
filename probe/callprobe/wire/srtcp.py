"""Tells RTCP in clear from SRTCP, whose bodies are encrypted (RFC 3711 section 3.4, RFC 7714 section 9)."""

from typing import Final, NamedTuple

from callprobe.wire.rtcp import (
    RECEIVER_REPORT,
    SENDER_REPORT,
    Packet,
    RtcpError,
    is_plausible,
    packets,
)

INDEX_THEN_TAG: Final = "index-tag10"
"""E flag and index, then ten bytes of HMAC-SHA1 (RFC 3711 section 3.4)."""
TAG_THEN_INDEX: Final = "tag16-index"
"""Sixteen bytes of an AEAD's tag, then E flag and index (RFC 7714 section 9.1)."""
OTHER: Final = "other"
"""A report whose end is none of these, such as Discord's."""

_TRAILERS: Final = ((INDEX_THEN_TAG, 14, 14), (TAG_THEN_INDEX, 4, 20))
"""Name, where the index begins as seen from the end, and bytes that are no RTCP."""
_MOST_INDEX: Final = 1 << 24
"""Packets that one key has protected; no call comes near."""


class Compound(NamedTuple):
    """An RTCP or SRTCP datagram."""

    packets: tuple[Packet, ...]
    """Those whose headers are in clear; of an encrypted compound that is the first."""
    encrypted: bool
    """Whether all but header and sender of the first packet is hidden."""
    trailer: str | None
    """How a protected one ends; None without protection."""
    whole: bool
    """Whether the bodies of all packets are there and in clear."""


class _Trailer(NamedTuple):
    name: str
    encrypted: bool
    number: int
    """The index: how many packets the sender protected so far."""
    size: int


def read_compound(data: bytes, *, cut: bool = False) -> Compound:
    """Return the RTCP in a datagram, which the capture may have cut. Raises RtcpError when it is none."""
    first = _first_packet(data, cut=cut)
    if (clear := _walk(data)) is not None:
        return Compound(clear, encrypted=False, trailer=None, whole=True)
    trailer = None if cut else _trailer(data, 4 * first.words + 4)
    if trailer is not None and trailer.encrypted:
        return Compound((first,), encrypted=True, trailer=trailer.name, whole=False)
    if trailer is not None and (clear := _walk(data[: -trailer.size])) is not None:
        return Compound(clear, encrypted=False, trailer=trailer.name, whole=True)
    if cut and is_plausible(first):
        return Compound((first,), encrypted=False, trailer=None, whole=False)
    if not cut and _fills_its_report(first):
        return Compound((first,), encrypted=True, trailer=OTHER, whole=False)
    raise RtcpError("what follows the first RTCP packet is neither RTCP nor an SRTCP trailer")


def _first_packet(data: bytes, *, cut: bool) -> Packet:
    """Return the first packet, of which the body may be encrypted."""
    if len(data) < 8:
        raise RtcpError(f"{len(data)} bytes are too short for RTCP with a sender")
    words = int.from_bytes(data[2:4], "big")
    end = 4 * words + 4
    # WhatsApp sets bits of the count that count nothing (0x91c80012), so that is not looked at here
    if data[0] >> 6 != 2 or not 192 <= data[1] <= 223 or words == 0:
        raise RtcpError(f"{data[:4].hex()} is no header of RTCP with a sender")
    if end > len(data) and not cut:
        raise RtcpError(f"the first RTCP packet does not have the {words} words that it claims")
    return Packet(data[1], data[0] & 0x1F, data[4:end], words)


def _walk(data: bytes) -> tuple[Packet, ...] | None:
    """Return the packets of a compound in clear, or None."""
    try:
        found = tuple(packets(data))
    except RtcpError:
        return None
    return found if all(map(is_plausible, found)) else None


def _trailer(data: bytes, first_end: int) -> _Trailer | None:
    """Return the trailer that fits; of two the one with the lower index, since calls count from 1."""
    found = []
    for name, place, size in _TRAILERS:
        word = int.from_bytes(data[-place:][:4], "big")
        index = word & 0x7FFFFFFF
        if first_end + size <= len(data) and index < _MOST_INDEX:
            found.append(_Trailer(name, bool(word >> 31), index, size))
    encrypted = [trailer for trailer in found if trailer.encrypted]
    return min(encrypted or found, key=lambda trailer: trailer.number, default=None)


def _fills_its_report(packet: Packet) -> bool:
    """Say whether a packet is a report of exactly the length that its blocks need."""
    fixed = {SENDER_REPORT: 6, RECEIVER_REPORT: 1}.get(packet.packet_type)
    return fixed is not None and packet.words == fixed + 6 * packet.subtype
