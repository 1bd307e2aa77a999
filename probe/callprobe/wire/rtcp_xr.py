"""RTCP extended reports (RFC 3611): their blocks, those of VoIP taken apart."""

import struct
from typing import Final, NamedTuple

from callprobe.wire.rtcp import EXTENDED_REPORT, Packet, RtcpError

LOSS_RLE: Final = 1
DUPLICATE_RLE: Final = 2
RECEIPT_TIMES: Final = 3
REFERENCE_TIME: Final = 4
DELAYS: Final = 5
STATISTICS: Final = 6
VOIP_METRICS: Final = 7

_UNAVAILABLE: Final = 127
_VOIP: Final = struct.Struct(">IBBBBHHHHbbBBBBBBBBHHH")
_STATISTICS: Final = struct.Struct(">IHHIIIIIIBBBB")
_RANGE: Final = struct.Struct(">IHH")
_DELAY: Final = struct.Struct(">III")


class Block(NamedTuple):
    """A block as it stands; burst, gap and discard metrics of later documents stay so."""

    kind: int
    type_specific: int
    """Eight bits whose meaning the kind decides."""
    body: bytes


class RunLengths(NamedTuple):
    """Loss or duplicate run lengths (sections 4.1 and 4.2)."""

    ssrc: int
    begin_sequence: int
    end_sequence: int
    """One more than the last told of."""
    thinning: int
    """Only every 2^n-th sequence number is told of."""
    told: int
    """Sequence numbers told of."""
    marked: int
    """Those of them that were received, or received more than once."""


class ReceiptTimes(NamedTuple):
    """When packets arrived (section 4.3)."""

    ssrc: int
    begin_sequence: int
    end_sequence: int
    thinning: int
    times: tuple[int, ...]
    """RTP timestamps of the receiver's clock."""


class Delay(NamedTuple):
    """An answer to a receiver's reference time (section 4.5)."""

    ssrc: int
    """The receiver that is answered."""
    last_rr: int
    """Middle 32 bits of its reference time."""
    delay_since_last_rr: int
    """Units of 1/65536 s."""


class Statistics(NamedTuple):
    """Statistics summary (section 4.6); None where the sender does not tell."""

    ssrc: int
    begin_sequence: int
    end_sequence: int
    lost: int | None
    duplicates: int | None
    jitter: tuple[int, int, int, int] | None
    """Least, most, mean and standard deviation, RTP clock units."""
    time_to_live: tuple[int, int, int, int] | None
    """Least, most, mean and standard deviation of TTL or hop limit."""


class VoipMetrics(NamedTuple):
    """VoIP metrics (section 4.7)."""

    ssrc: int
    loss_rate: int
    """In 1/256, as the three that follow."""
    discard_rate: int
    burst_density: int
    gap_density: int
    burst_ms: int
    """Mean, as the next."""
    gap_ms: int
    round_trip_ms: int
    end_system_delay_ms: int
    signal_level_dbm: int | None
    noise_level_dbm: int | None
    echo_return_loss_db: int | None
    gap_threshold: int
    """Gmin."""
    r_factor: int | None
    external_r_factor: int | None
    mos_lq: float | None
    mos_cq: float | None
    receiver_configuration: int
    jitter_buffer_nominal_ms: int
    jitter_buffer_most_ms: int
    jitter_buffer_limit_ms: int


def parse(packet: Packet) -> tuple[Block, ...]:
    """Return the blocks of an extended report (section 3). Raises RtcpError."""
    if packet.packet_type != EXTENDED_REPORT or len(packet.body) < 4:
        raise RtcpError(f"{len(packet.body)} bytes of type {packet.packet_type} are no RTCP extended report")
    blocks = []
    at = 4
    while at < len(packet.body):
        end = at + 4 + 4 * int.from_bytes(packet.body[at + 2 : at + 4], "big")
        if at + 4 > len(packet.body) or end > len(packet.body):
            raise RtcpError(f"the extended report block at byte {at} runs over the end")
        blocks.append(Block(packet.body[at], packet.body[at + 1], packet.body[at + 4 : end]))
        at = end
    return tuple(blocks)


def run_lengths(block: Block) -> RunLengths:
    """Return what a loss or duplicate RLE block tells. Raises RtcpError."""
    ssrc, begin, end = _unpack(_RANGE, block)
    thinning = block.type_specific & 0x0F
    first = -(-begin // (1 << thinning)) << thinning
    expected = -(-((end - begin) % 65536 - (first - begin)) // (1 << thinning))
    told = marked = 0
    for (chunk,) in struct.iter_unpack(">H", _even(block.body[_RANGE.size :])):
        size, ones = _run(chunk, max(expected - told, 0))
        told, marked = told + size, marked + ones
    return RunLengths(ssrc, begin, end, thinning, told, marked)


def receipt_times(block: Block) -> ReceiptTimes:
    """Return what a packet receipt times block tells. Raises RtcpError."""
    ssrc, begin, end = _unpack(_RANGE, block)
    rest = block.body[_RANGE.size :]
    times = struct.unpack(f">{len(rest) // 4}I", rest[: len(rest) // 4 * 4])
    return ReceiptTimes(ssrc, begin, end, block.type_specific & 0x0F, times)


def reference_time(block: Block) -> int:
    """Return the 64-bit NTP time of a receiver's reference time block. Raises RtcpError."""
    if len(block.body) != 8:
        raise RtcpError(f"{len(block.body)} bytes are no RTCP reference time")
    return int.from_bytes(block.body, "big")


def delays(block: Block) -> tuple[Delay, ...]:
    """Return the answers in a DLRR block. Raises RtcpError."""
    if len(block.body) % _DELAY.size:
        raise RtcpError(f"{len(block.body)} bytes are no RTCP answers to reference times")
    return tuple(Delay(*fields) for fields in _DELAY.iter_unpack(block.body))


def statistics(block: Block) -> Statistics:
    """Return what a statistics summary block tells. Raises RtcpError."""
    ssrc, begin, end, lost, duplicates, *rest = _unpack(_STATISTICS, block)
    flags = block.type_specific
    jitter, time_to_live = (rest[0], rest[1], rest[2], rest[3]), (rest[4], rest[5], rest[6], rest[7])
    return Statistics(
        ssrc=ssrc,
        begin_sequence=begin,
        end_sequence=end,
        lost=lost if flags & 0x80 else None,
        duplicates=duplicates if flags & 0x40 else None,
        jitter=jitter if flags & 0x20 else None,
        time_to_live=time_to_live if flags & 0x18 else None,
    )


def voip_metrics(block: Block) -> VoipMetrics:
    """Return what a VoIP metrics block tells. Raises RtcpError."""
    ssrc, loss, discard, burst_density, gap_density, burst_ms, gap_ms, *rest = _unpack(_VOIP, block)
    round_trip_ms, end_system_delay_ms, signal, noise, echo, threshold, *rest = rest
    r_factor, external_r_factor, mos_lq, mos_cq, configuration, _, nominal_ms, most_ms, limit_ms = rest
    return VoipMetrics(
        ssrc=ssrc,
        loss_rate=loss,
        discard_rate=discard,
        burst_density=burst_density,
        gap_density=gap_density,
        burst_ms=burst_ms,
        gap_ms=gap_ms,
        round_trip_ms=round_trip_ms,
        end_system_delay_ms=end_system_delay_ms,
        signal_level_dbm=_available(signal),
        noise_level_dbm=_available(noise),
        echo_return_loss_db=_available(echo),
        gap_threshold=threshold,
        r_factor=_available(r_factor),
        external_r_factor=_available(external_r_factor),
        mos_lq=_mos(mos_lq),
        mos_cq=_mos(mos_cq),
        receiver_configuration=configuration,
        jitter_buffer_nominal_ms=nominal_ms,
        jitter_buffer_most_ms=most_ms,
        jitter_buffer_limit_ms=limit_ms,
    )


def _unpack(layout: struct.Struct, block: Block) -> tuple[int, ...]:
    if len(block.body) < layout.size:
        raise RtcpError(
            f"{len(block.body)} bytes are too short for an extended report block of kind {block.kind}"
        )
    return layout.unpack_from(block.body)


def _even(data: bytes) -> bytes:
    return data[: len(data) // 2 * 2]


def _run(chunk: int, most: int) -> tuple[int, int]:
    """Return the sequence numbers that a chunk tells of, and how many of them are marked (section 4.1)."""
    if chunk & 0x8000:
        size = min(15, most)
        return size, ((chunk & 0x7FFF) >> (15 - size)).bit_count()
    size = min(chunk & 0x3FFF, most)
    return size, size if chunk & 0x4000 else 0


def _available(value: int) -> int | None:
    return None if value == _UNAVAILABLE else value


def _mos(value: int) -> float | None:
    return None if value == _UNAVAILABLE else value / 10
