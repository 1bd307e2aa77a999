"""RTCP compound packets (RFC 3550 section 6): reports taken apart, the rest as it stands."""

import struct
from typing import Final, NamedTuple

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201

_HEADER: Final = struct.Struct(">BBH")
_SENDER: Final = struct.Struct(">QIII")
_BLOCK: Final = struct.Struct(">IIIIII")


class RtcpError(ValueError):
    """The bytes are no RTCP; one sentence says why."""


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


def parse(data: bytes) -> list[Report]:
    """Return the packets of the compound in ``data``, in order. Raises RtcpError."""
    reports = []
    at = 0
    while at < len(data):
        body_end = _packet_end(data, at)
        reports.append(_report(data[at], data[at + 1], data[at + 4 : body_end]))
        at = body_end
    if not reports:
        raise RtcpError("an RTCP compound holds at least one packet")
    return reports


def _packet_end(data: bytes, at: int) -> int:
    if at + 8 > len(data):
        raise RtcpError(f"the RTCP packet at byte {at} is too short for its header and sender")
    first, _, words = _HEADER.unpack_from(data, at)
    end: int = at + 4 * (words + 1)
    if first >> 6 != 2:
        raise RtcpError(f"RTCP version {first >> 6} at byte {at} is not 2")
    if end > len(data) or words < 1:
        raise RtcpError(f"the RTCP packet at byte {at} does not have the {words} words that it claims")
    return end


def _report(first: int, packet_type: int, body: bytes) -> Report:
    ssrc = int.from_bytes(body[:4], "big")
    if packet_type not in {SENDER_REPORT, RECEIVER_REPORT}:
        return Report(packet_type, ssrc, None, (), body[4:])
    blocks_at = 4 + (_SENDER.size if packet_type == SENDER_REPORT else 0)
    end = blocks_at + _BLOCK.size * (first & 0x1F)
    if end > len(body):
        raise RtcpError(f"an RTCP report is too short for its {first & 0x1F} blocks")
    sender = SenderInfo(*_SENDER.unpack_from(body, 4)) if packet_type == SENDER_REPORT else None
    blocks = tuple(_block(body, at) for at in range(blocks_at, end, _BLOCK.size))
    return Report(packet_type, ssrc, sender, blocks, body[end:])


def _block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
    cumulative = loss & 0xFFFFFF
    signed = cumulative - (1 << 24) if cumulative & 0x800000 else cumulative
    return ReportBlock(ssrc, loss >> 24, signed, highest, jitter, last_sr, delay)
