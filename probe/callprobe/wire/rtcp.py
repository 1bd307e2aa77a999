"""RTCP compound packets (RFC 3550 section 6): split, and reports taken apart, the rest as it stands."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203
APPLICATION: Final = 204
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206
EXTENDED_REPORT: Final = 207

_HEADER: Final = struct.Struct(">BBH")
_SENDER: Final = struct.Struct(">QIII")
_BLOCK: Final = struct.Struct(">IIIIII")
_CNAME: Final = 1
_EMPTY: Final = frozenset({bytes([SOURCE_DESCRIPTION, 0, 0]), bytes([GOODBYE, 0, 0])})
"""Type and length of the packets that may name no source."""
_LEAST_WORDS: Final = {APPLICATION: 2, TRANSPORT_FEEDBACK: 2, PAYLOAD_FEEDBACK: 2}
_LEAST_WORDS_AND_EACH: Final = {
    SENDER_REPORT: (6, 6),
    RECEIVER_REPORT: (1, 6),
    SOURCE_DESCRIPTION: (0, 2),
    GOODBYE: (0, 1),
}


class RtcpError(ValueError):
    """The bytes are no RTCP; one sentence says why."""


class Packet(NamedTuple):
    """One packet of a compound as it stands."""

    packet_type: int
    subtype: int
    """Five bits: number of report blocks or of sources, or feedback format, by type."""
    body: bytes
    """What follows the length, the sender's SSRC first; padding left out."""
    words: int
    """Length field: 32-bit words after the first."""

    @property
    def ssrc(self) -> int | None:
        """Sender, or first source of a description; None in an empty packet."""
        return int.from_bytes(self.body[:4], "big") if len(self.body) >= 4 else None


class SenderInfo(NamedTuple):
    """What a sender report says of its sender."""

    ntp_time: int
    """64-bit NTP time: seconds since 1900 in the upper half."""
    rtp_timestamp: int
    packet_count: int
    octet_count: int


class ReportBlock(NamedTuple):
    """Reception of one source."""

    ssrc: int
    fraction_lost: int
    """Lost since the previous report, in 1/256."""
    cumulative_lost: int
    """Signed 24 bits: duplicates make it fall."""
    highest_sequence: int
    """Extended, 32 bits."""
    jitter_ticks: int
    """RTP clock units."""
    last_sr: int
    delay_since_last_sr: int
    """Units of 1/65536 s."""


class Report(NamedTuple):
    """One packet of a compound."""

    packet_type: int
    ssrc: int
    """Sender of the packet."""
    sender: SenderInfo | None
    """Only in a sender report."""
    blocks: tuple[ReportBlock, ...]
    """Only in sender and receiver reports."""
    rest: bytes
    """What follows that: profile extensions, or the whole body of another type."""


def packets(data: bytes) -> Iterator[Packet]:
    """Yield the packets of a compound, in order. Raises RtcpError at the first fault."""
    at = 0
    while at < len(data):
        end = _packet_end(data, at)
        body = data[at + 4 : end]
        if data[at] & 0x20:
            body = _without_padding(body, last=end == len(data))
        yield Packet(data[at + 1], data[at] & 0x1F, body, (end - at) // 4 - 1)
        at = end


def parse(data: bytes) -> list[Report]:
    """Return the packets of the compound in ``data``, in order. Raises RtcpError."""
    reports = [parse_report(packet) for packet in packets(data)]
    if not reports:
        raise RtcpError("an RTCP compound holds at least one packet")
    return reports


def parse_report(packet: Packet) -> Report:
    """Return what a packet reports. Raises RtcpError."""
    ssrc, body = packet.ssrc, packet.body
    if ssrc is None:
        raise RtcpError(f"an RTCP packet of type {packet.packet_type} names no source")
    if packet.packet_type not in {SENDER_REPORT, RECEIVER_REPORT}:
        return Report(packet.packet_type, ssrc, None, (), body[4:])
    blocks_at = 4 + (_SENDER.size if packet.packet_type == SENDER_REPORT else 0)
    end = blocks_at + _BLOCK.size * packet.subtype
    if end > len(body):
        raise RtcpError(f"an RTCP report is too short for its {packet.subtype} blocks")
    sender = SenderInfo(*_SENDER.unpack_from(body, 4)) if packet.packet_type == SENDER_REPORT else None
    blocks = tuple(_block(body, at) for at in range(blocks_at, end, _BLOCK.size))
    return Report(packet.packet_type, ssrc, sender, blocks, body[end:])


def parse_goodbye(packet: Packet) -> tuple[int, ...]:
    """Return the sources that leave (RFC 3550 section 6.6). Raises RtcpError."""
    if 4 * packet.subtype > len(packet.body):
        raise RtcpError(f"an RTCP goodbye is too short for its {packet.subtype} sources")
    return struct.unpack_from(f">{packet.subtype}I", packet.body)


def count_cnames(packet: Packet) -> int:
    """Return how many canonical names a source description holds (RFC 3550 section 6.5). Raises RtcpError."""
    body, at, found = packet.body, 0, 0
    for _ in range(packet.subtype):
        at += 4
        while at < len(body) and body[at] != 0:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise RtcpError(f"an item of an RTCP source description at byte {at} is cut off")
            found += body[at] == _CNAME
            at += 2 + body[at + 1]
        if at >= len(body):
            raise RtcpError(f"an RTCP source description is too short for its {packet.subtype} sources")
        at += 4 - at % 4
    return found


def is_plausible(packet: Packet) -> bool:
    """Say whether type, length and count fit each other, as random numbers hardly do."""
    kind = packet.packet_type
    fixed, each = _LEAST_WORDS_AND_EACH.get(kind, (_LEAST_WORDS.get(kind, 1), 0))
    return 192 <= kind <= 223 and packet.words >= fixed + each * packet.subtype


def _packet_end(data: bytes, at: int) -> int:
    empty = data[at + 1 : at + 4] in _EMPTY
    if at + 8 > len(data) and not empty:
        raise RtcpError(f"the RTCP packet at byte {at} is too short for its header and sender")
    first, _, words = _HEADER.unpack_from(data, at)
    end: int = at + 4 * (words + 1)
    if first >> 6 != 2:
        raise RtcpError(f"RTCP version {first >> 6} at byte {at} is not 2")
    if end > len(data) or (words < 1 and not empty):
        raise RtcpError(f"the RTCP packet at byte {at} does not have the {words} words that it claims")
    return end


def _without_padding(body: bytes, *, last: bool) -> bytes:
    """Return a padded body without its padding, which only the last packet may have (section 6.4.1)."""
    size = body[-1] if body else 0
    if not last or size == 0 or size % 4 or size > len(body):
        raise RtcpError(f"{size} bytes of RTCP padding do not fit")
    return body[:-size]


def _block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
    cumulative = loss & 0xFFFFFF
    signed = cumulative - (1 << 24) if cumulative & 0x800000 else cumulative
    return ReportBlock(ssrc, loss >> 24, signed, highest, jitter, last_sr, delay)
