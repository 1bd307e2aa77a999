"""The RTP streams of a capture: loss, duplicates, reordering, jitter, bursts, pauses, seconds, path index.

A stream is one synchronisation source from one address to another in one wrapping. Until it has
``MIN_PACKETS`` it is on probation. How much is kept at all is bounded, whatever the capture holds.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.pcap.streams.rtp_clock import ClockEvidence, MediaKind, infer, usual_payload_type, usual_step
from callprobe.pcap.streams.rtp_header import RtpHeader, is_plain_rtp, read_header
from callprobe.pcap.streams.rtp_sample import NO_STEP, SampleColumns
from callprobe.pcap.streams.rtp_state import OTHER_PROFILE, Limits, StreamState, StreamTotals
from callprobe.pcap.streams.rtp_times import (
    CLOCKS_HZ,
    NANOSECOND_MS,
    SECOND_NS,
    SILENCE_MS,
    TICK_MS,
    TimeTotals,
)
from callresults.metrics.bursts import GMIN_PACKETS, burst_ratio
from callresults.metrics.codecs import CODECS, Codec, alternatives
from callresults.metrics.emodel import codec_rating, model_name, mos_interval, mos_of
from callresults.metrics.loss import ratio
from callresults.metrics.variation import percentile

__all__ = ["RtpStream", "StreamTable", "is_plain_rtp"]

MIN_PACKETS: Final = 10
"""Fewer are left out: chance bytes look like RTP now and then."""
MAX_STREAMS: Final = 4096
"""Later ones are left out, and their packets counted."""
MAX_ON_PROBATION: Final = 4096
"""When more are begun, the oldest is forgotten."""
LIMITS: Final = (
    (16, Limits(rows=1024, sample=512)),
    (256, Limits(rows=1024, sample=256)),
    (MAX_STREAMS, Limits(rows=256, sample=128)),
)
"""What is kept of each of the first so many streams."""
FIRST_HEADER_BYTES: Final = 32
ONE_WAY_DELAY_MS: Final = 50.0
"""What the path index assumes of the network, as a capture does not show it."""
PLAYOUT_MS: Final = 60.0
"""What it assumes of the jitter buffer; packets that it would have discarded are not counted as lost."""
_PTIME_MS: Final = 20.0
"""What it assumes of a packet where the time stamps do not tell."""
_REGULAR_SHARE: Final = 0.05
_REFERENCE_CODEC: Final = "opus-swb-vbr-25"
_STATIC_CODECS: Final = {0: "g711-plc", 8: "g711-plc", 4: "g723.1-6.3", 18: "g729a-vad"}


class JitterMs(Struct, frozen=True, kw_only=True):
    """Interarrival jitter of RFC 3550 section 6.4.1, ms."""

    last: float
    mean: float
    max: float


class PdvMs(Struct, frozen=True, kw_only=True):
    """Delay above the smallest delay (RFC 5481 section 4.2), ms, of a sample of the packets.

    By the clocks as they are: what the sender's drifts against that of the capture is in it.
    """

    p50: float
    p95: float
    n_sampled: int
    """Packets in the sample: all, or evenly chosen ones."""


class Bursts(Struct, frozen=True, kw_only=True):
    """Where the losses lie (RFC 3611 section 4.7.2 by its direct definition; ITU-T G.107 section 7.5)."""

    gmin_packets: int
    """So many received in a row end a burst."""
    bursts: int
    burst_density_ratio: float | None
    """Lost share of the packets in bursts; null without a burst."""
    burst_duration_ms: float | None
    """Mean, by the media time of a packet; null without a burst."""
    gap_density_ratio: float | None
    """Lost share of the packets between bursts; null when all is one burst."""
    gap_duration_ms: float | None
    """Mean of the stretches between bursts."""
    loss_runs: int
    """Stretches of losses in a row."""
    loss_run_packets_mean: float | None
    """Null without loss."""
    loss_run_packets_max: int
    burst_r: float | None
    """BurstR: 1 is random loss, more is bursty; null without loss or when all was lost."""


class Dtx(Struct, frozen=True, kw_only=True):
    """Pauses in speech for which nothing is sent (discontinuous transmission)."""

    gaps: int
    """Neighbours in number whose stamps lie at least ``at_least_ms`` apart."""
    at_least_ms: int


class StreamSecond(Struct, frozen=True, gc=False):
    """One second of a stream, or as many as ``RtpStream.second_row_s`` says; without packets it is absent."""

    second: int
    """When it begins: whole seconds from the capture's first packet."""
    received: int
    """Different packets."""
    lost: int
    """Numbers found missing in it that never came."""
    jitter_ms: float | None
    """After its last packet; null when the clock is unknown."""


class RtpStream(Struct, frozen=True, kw_only=True):
    """One SSRC in one direction of one pair of addresses."""

    src: str
    dst: str
    ssrc: str
    encapsulation: str
    """``plain``, or what it lay within."""
    direction: Literal["up", "down"] | None = None
    """From or to the end that captured, where that is known."""
    kind: MediaKind | None
    """Guessed from payload type and clock."""
    payload_types: dict[int, int]
    """Packets by payload type."""
    clock_rate_hz: int | None
    """Inferred; null when nothing tells it."""
    clock_evidence: ClockEvidence | None
    """What the clock was inferred from."""
    timestamp_slope_hz: float | None
    """What the time stamps rose by in a second of arrival."""
    packets: int
    """Arrivals, copies included."""
    unique: int
    """Different sequence numbers."""
    expected: int
    """Highest minus lowest extended sequence number, plus one; summed where the sender began anew."""
    lost: int
    """Expected minus unique: duplicates hide nothing."""
    loss_ratio: float
    duplicates: int
    """Further copies of a packet."""
    reordered: int
    """Arrivals whose number is below that of the arrival just before."""
    type_p_reordered: int
    """First copies that came after a greater number (RFC 4737 section 3.3)."""
    strays: int
    """Packets far from all others in number, which enter no other figure but sizes and times."""
    segments: int
    """1, and 1 more each time that the sender began anew with the same SSRC."""
    first_s: float
    last_s: float
    max_gap_ms: float
    """Longest time between two arrivals."""
    media_bytes: int
    """Bytes of RTP on the wire, headers included."""
    size_min: int
    size_max: int
    size_mode: int
    """The size met most often, in the sample of ``pdv_ms``."""
    marker_packets: int
    extension_profiles: dict[str, int]
    """Packets with a header extension by profile, ``0xbede``; ``other`` beyond the first 16."""
    first_header: str
    """The first 32 bytes of the first packet, hex."""
    timestamp_step_ticks: int | None
    """The step between neighbours that is met most often, zero apart, in the sample of ``pdv_ms``."""
    ptime_ms: float | None
    """Media time of a packet (of a frame in video): that step by the clock."""
    jitter_ms: JitterMs | None
    """Null when the clock is unknown."""
    ipdv_ms_p95: float | None
    """95th percentile of |IPDV| between neighbours (RFC 3393, RFC 5481), in the sample of ``pdv_ms``."""
    pdv_ms: PdvMs | None
    """Null when the clock is unknown."""
    bursts: Bursts
    dtx: Dtx | None
    """Of audio whose clock is known."""
    mos_cq: float | None
    """1..4.5, path index of the reference codec, of audio; never alone the ground of a verdict."""
    mos_cq_low: float | None
    """Lowest over the published codec tables."""
    mos_cq_high: float | None
    """Highest over the published codec tables."""
    mos_model: str | None
    """Model, reference codec and assumed mouth-to-ear delay: ``g107.2/opus-swb-vbr-25/130ms``."""
    second_row_s: int
    """What a row of ``seconds`` stands for, s: more than 1 in very long streams."""
    seconds: tuple[StreamSecond, ...]


class StreamKey(NamedTuple):
    """What tells streams apart."""

    source: Address
    destination: Address
    ssrc: int
    encapsulation: str


class _Packet(NamedTuple):
    epoch_ns: int
    header: RtpHeader
    size: int
    start: bytes
    """Of the packet, for the first of a stream."""


class StreamTable:
    """Sorts packets into streams."""

    grid_ns: int | None = None
    """Where seconds begin, nanoseconds since 1970; while unknown, with each stream's first packet."""

    def __init__(self) -> None:
        self._probation: OrderedDict[StreamKey, list[_Packet]] = OrderedDict()
        self._streams: dict[StreamKey, StreamState] = {}
        self._totals: list[tuple[StreamKey, StreamTotals]] | None = None
        self.packets_left_out: int = 0
        """Of streams beyond ``MAX_STREAMS``, after their first packets."""

    def add(self, datagram: UdpDatagram, payload: bytes, encapsulation: str) -> None:
        """Take what a datagram carries, itself or inside, if it is RTP."""
        size = len(payload) + max(datagram.size - len(datagram.payload), 0)
        header = read_header(payload, size)
        if header is not None:
            key = StreamKey(datagram.source, datagram.destination, header.ssrc, encapsulation)
            self.take(key, datagram.epoch_ns, header, size, payload)

    def take(self, key: StreamKey, epoch_ns: int, header: RtpHeader, size: int, payload: bytes) -> None:
        """Take a packet whose header was read."""
        state = self._streams.get(key)
        if state is None:
            self._prove(key, _Packet(epoch_ns, header, size, payload[:FIRST_HEADER_BYTES]))
        else:
            state.add(epoch_ns, header, size)

    def streams(self, origin_ns: int) -> list[RtpStream]:
        """Return the streams of at least ``MIN_PACKETS`` packets, in order of their first packet.

        Times count from ``origin_ns``. Nothing may be taken afterwards.
        """
        if self._totals is None:
            self._totals = [(key, state.totals()) for key, state in self._streams.items()]
        return described(self._totals, origin_ns)

    def _prove(self, key: StreamKey, packet: _Packet) -> None:
        """Keep the first packets of a stream until there are enough."""
        packets = self._probation.get(key)
        if packets is None:
            if len(self._probation) >= MAX_ON_PROBATION:
                self._probation.popitem(last=False)
            packets = self._probation[key] = []
        packets.append(packet._replace(start=b"") if packets else packet)
        if len(packets) == MIN_PACKETS:
            del self._probation[key]
            self._settle(key, packets)

    def _settle(self, key: StreamKey, packets: list[_Packet]) -> None:
        count = len(self._streams)
        if count >= MAX_STREAMS:
            self.packets_left_out += len(packets)
            return
        first = packets[0]
        grid_ns = first.epoch_ns if self.grid_ns is None else self.grid_ns
        limits = next(limits for first, limits in LIMITS if count < first)
        state = self._streams[key] = StreamState(first.start, first.epoch_ns, grid_ns, limits)
        for packet in packets:
            state.add(packet.epoch_ns, packet.header, packet.size)


def described(found: Iterable[tuple[StreamKey, StreamTotals]], origin_ns: int) -> list[RtpStream]:
    """Return what is told of each stream that is one, in order of their first packet."""
    streams = [_described(key, totals, origin_ns) for key, totals in found if is_plausible(totals)]
    return sorted(streams, key=lambda stream: stream.first_s)


def is_plausible(totals: StreamTotals) -> bool:
    """Say whether numbers rise as a sender's do: in chance bytes they jump, in other protocols they rest."""
    return 4 * totals.numbers.orderly >= totals.packets - 1


def _described(key: StreamKey, totals: StreamTotals, origin_ns: int) -> RtpStream:
    numbers, times, clock = totals.numbers, totals.times, infer(totals)
    lost = numbers.expected - numbers.unique
    step = usual_step(times.sample)
    ptime_ms = step * 1000 / clock.rate_hz if step is not None and clock.rate_hz else None
    index = CLOCKS_HZ.index(clock.rate_hz) if clock.rate_hz in CLOCKS_HZ else None
    bursts = _bursts(totals, lost, ptime_ms)
    path_index = _path_index(totals, lost, ptime_ms, bursts) if clock.kind == "audio" else _PathIndex()
    return RtpStream(
        src=address_text(key.source),
        dst=address_text(key.destination),
        ssrc=f"0x{key.ssrc:08x}",
        encapsulation=key.encapsulation,
        kind=clock.kind,
        payload_types=dict(sorted(totals.payload_types.items())),
        clock_rate_hz=clock.rate_hz,
        clock_evidence=clock.evidence,
        timestamp_slope_hz=_rounded(clock.slope_hz, 1),
        packets=totals.packets,
        unique=numbers.unique,
        expected=numbers.expected,
        lost=lost,
        loss_ratio=round(lost / numbers.expected, 6),
        duplicates=totals.packets - totals.strays - numbers.unique,
        reordered=numbers.reordered,
        type_p_reordered=numbers.late,
        strays=totals.strays,
        segments=numbers.segments,
        first_s=round((totals.first_ns - origin_ns) / 1e9, 6),
        last_s=round((totals.last_ns - origin_ns) / 1e9, 6),
        max_gap_ms=round(totals.max_gap_ns / 1e6, 3),
        media_bytes=totals.bytes,
        size_min=totals.size_min,
        size_max=totals.size_max,
        size_mode=_mode(times.sample.sizes),
        marker_packets=totals.markers,
        extension_profiles=_profiles(totals.profiles),
        first_header=totals.first_header.hex(),
        timestamp_step_ticks=step,
        ptime_ms=_rounded(ptime_ms, 3),
        jitter_ms=_jitter_ms(times, index),
        ipdv_ms_p95=_ipdv_ms_p95(times.sample, index),
        pdv_ms=_pdv_ms(times.sample, index),
        bursts=bursts,
        dtx=None
        if index is None or clock.kind != "audio"
        else Dtx(gaps=times.silences[index], at_least_ms=SILENCE_MS),
        second_row_s=times.seconds_each,
        seconds=_seconds(totals, index, origin_ns),
        **path_index._asdict(),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _mode(values: Iterable[int]) -> int:
    """Return the value met most often, the smallest of equals."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def _profiles(profiles: dict[int, int]) -> dict[str, int]:
    return {
        "other" if profile == OTHER_PROFILE else f"0x{profile:04x}": packets
        for profile, packets in sorted(profiles.items())
    }


def _jitter_ms(times: TimeTotals, clock: int | None) -> JitterMs | None:
    if clock is None or not times.differences:
        return None
    return JitterMs(
        last=round(times.jitter[clock], 3),
        mean=round(times.jitter_sum[clock] / times.differences, 3),
        max=round(times.jitter_max[clock], 3),
    )


def _pdv_ms(sample: SampleColumns, clock: int | None) -> PdvMs | None:
    if clock is None:
        return None
    tick_ms = TICK_MS[clock]
    transits = [
        elapsed_ns * NANOSECOND_MS - ticks * tick_ms
        for elapsed_ns, ticks in zip(sample.elapsed_ns, sample.ticks, strict=True)
    ]
    transits.sort()
    p50, p95 = percentile(transits, 0.5), percentile(transits, 0.95)
    if p50 is None or p95 is None:
        return None
    smallest = transits[0]
    return PdvMs(p50=round(p50 - smallest, 3), p95=round(p95 - smallest, 3), n_sampled=len(transits))


def _ipdv_ms_p95(sample: SampleColumns, clock: int | None) -> float | None:
    if clock is None:
        return None
    tick_ms = TICK_MS[clock]
    variation = [
        abs(gap_ns * NANOSECOND_MS - step * tick_ms)
        for gap_ns, step in zip(sample.gaps_ns, sample.steps, strict=True)
        if step != NO_STEP
    ]
    variation.sort()
    return _rounded(percentile(variation, 0.95), 3)


def _bursts(totals: StreamTotals, lost: int, ptime_ms: float | None) -> Bursts:
    losses, expected = totals.numbers.losses, totals.numbers.expected
    found = losses.burst_gap(expected)
    packet_ms = _packet_ms(totals, ptime_ms)
    return Bursts(
        gmin_packets=GMIN_PACKETS,
        bursts=found.bursts,
        burst_density_ratio=_rounded(found.burst_density_ratio, 6),
        burst_duration_ms=_duration_ms(found.burst_packets_mean, packet_ms),
        gap_density_ratio=_rounded(found.gap_density_ratio, 6),
        gap_duration_ms=_duration_ms(found.gap_packets_mean, packet_ms),
        loss_runs=losses.runs,
        loss_run_packets_mean=_rounded(ratio(lost, losses.runs), 6),
        loss_run_packets_max=losses.run_max,
        burst_r=_rounded(burst_ratio(expected, range(lost), range(losses.runs)), 6),
    )


def _duration_ms(packets: float | None, packet_ms: float | None) -> float | None:
    return None if packets is None or packet_ms is None else round(packets * packet_ms, 3)


def _packet_ms(totals: StreamTotals, ptime_ms: float | None) -> float | None:
    """Return the time that a packet stands for: its media time, or the mean spacing where that is another."""
    steps = totals.numbers.expected - totals.numbers.segments
    if steps <= 0 or totals.times.elapsed_ns <= 0:
        return ptime_ms
    spacing_ms = totals.times.elapsed_ns / steps / 1e6
    regular = ptime_ms is not None and abs(spacing_ms - ptime_ms) <= _REGULAR_SHARE * ptime_ms
    return ptime_ms if regular else spacing_ms


class _PathIndex(NamedTuple):
    mos_cq: float | None = None
    mos_cq_low: float | None = None
    mos_cq_high: float | None = None
    mos_model: str | None = None


def _path_index(totals: StreamTotals, lost: int, ptime_ms: float | None, bursts: Bursts) -> _PathIndex:
    """Rate the reference codec with what is missing in the capture."""
    codec = _codec(totals)
    path = {
        "loss_ratio": lost / totals.numbers.expected,
        "burst_r": bursts.burst_r or 1.0,
        "delay_ms": ONE_WAY_DELAY_MS + PLAYOUT_MS + (_PTIME_MS if ptime_ms is None else ptime_ms),
    }
    low, high = mos_interval(_bounds(codec), **path)
    return _PathIndex(
        mos_cq=round(mos_of(codec_rating(codec, **path)), 3),
        mos_cq_low=round(low, 3),
        mos_cq_high=round(high, 3),
        mos_model=f"{model_name(codec)}/{path['delay_ms']:g}ms",
    )


@lru_cache
def _bounds(codec: Codec) -> tuple[Codec, ...]:
    """Return those alternatives of a codec that can be the best or the worst.

    Whatever the loss, a row that starts out no better and is no more robust than another is rated no better.
    """
    rows = {(row.ie, row.bpl_random): row for row in alternatives(codec)}.values()

    def is_between(row: Codec) -> bool:
        better = [one for one in rows if one.ie <= row.ie and one.bpl_random >= row.bpl_random]
        worse = [one for one in rows if one.ie >= row.ie and one.bpl_random <= row.bpl_random]
        return len(better) > 1 and len(worse) > 1

    return tuple(row for row in rows if not is_between(row))


def _codec(totals: StreamTotals) -> Codec:
    return CODECS[_STATIC_CODECS.get(usual_payload_type(totals), _REFERENCE_CODEC)]


def _seconds(totals: StreamTotals, clock: int | None, origin_ns: int) -> tuple[StreamSecond, ...]:
    rows, each = totals.times.rows, totals.times.seconds_each
    start_s = (totals.grid_ns - origin_ns) // SECOND_NS
    seconds = [start_s + number * each for number in rows.numbers]
    lost = _where_they_were_missed(rows.lost)
    jitters = [None] * len(seconds) if clock is None else [us / 1000 for us in rows.jitters_us[clock]]
    return tuple(map(StreamSecond, seconds, rows.received, lost, jitters))


def _where_they_were_missed(lost: Sequence[int]) -> list[int]:
    """Return losses by row, none below nothing: what came late was missed in a row before."""
    moved = list(lost)
    for late in (at for at in range(len(moved) - 1, -1, -1) if moved[at] < 0):
        made_good, moved[late] = -moved[late], 0
        for at in range(late - 1, -1, -1):
            made_good, moved[at] = max(made_good - moved[at], 0), max(moved[at] - made_good, 0)
            if not made_good:
                break
    return moved
