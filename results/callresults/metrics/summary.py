"""All metrics of one direction from its packets: what a measurement carries."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from callresults.metrics.bursts import GMIN_PACKETS, burst_gap, burst_ratio, loss_runs
from callresults.metrics.codecs import CODECS, alternatives
from callresults.metrics.direction import DirectionMetrics
from callresults.metrics.duplicates import count_duplicates
from callresults.metrics.emodel import codec_rating, model_name, mos_interval, mos_of
from callresults.metrics.jitter import interarrival_jitter
from callresults.metrics.loss import late_sequences, ratio, within_wait
from callresults.metrics.reordering import count_reordered
from callresults.metrics.silence import longest_silence
from callresults.metrics.transit import Arrival, Matched, SentPacket, match
from callresults.metrics.variation import inter_packet_delay_variation, packet_delay_variation, percentile

__all__ = [
    "Arrival",
    "MetricOptions",
    "SecondCount",
    "SentPacket",
    "direction_metrics",
    "per_second",
]

_NS_PER_MS = 1e6
_REGULAR_SHARE = 0.05
_NS_PER_S = 1_000_000_000


class MetricOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the metrics assume; every value that changes a number is named here."""

    loss_wait_s: float = 2.0
    """Tmax of RFC 7680, counted from the smallest transit."""
    playout_ms: float = 60.0
    """Depth of the fixed jitter buffer that decides *late*; 60 for voice."""
    ptime_ms: float | None = 20.0
    """Media time of one packet (null: video has none); burst and gap durations count it, or the mean spacing
    of what was sent where pauses make that longer."""
    one_way_delay_ms: float = 50.0
    """Network delay that the E-model assumes (the clocks are not synchronised); half a round trip if known.

    Mouth to ear is this plus ``playout_ms`` plus ``ptime_ms``.
    """
    codec: str | None = "opus-swb-vbr-25"
    """Reference codec, a name in ``metrics.codecs.CODECS``; null = no path index (video)."""


class SecondCount(NamedTuple):
    """One second of the sender's schedule: of ``sent`` packets, ``received`` arrived in time (Tmax)."""

    second: int
    sent: int
    received: int


def direction_metrics(
    sent: Sequence[SentPacket], arrivals: Sequence[Arrival], options: MetricOptions
) -> DirectionMetrics:
    """Return every metric of one direction.

    Args:
        sent: what was sent, in the order of sending, sequence numbers unique and rising.
        arrivals: what arrived; duplicates, reordering and unknown sequence numbers (ignored) are expected.
        options: what the metrics assume.

    Times are rounded to 1 us, ratios to 1e-6.
    """
    matched = match(sent, arrivals)
    received = within_wait(matched.first, round(options.loss_wait_s * _NS_PER_S))
    late = late_sequences(received, round(options.playout_ms * _NS_PER_MS))
    n_sent, n_received, n_late = len(matched.sent_at), len(received), len(late)
    places = list(enumerate(matched.sent_at))
    lost = [place for place, sequence in places if sequence not in received]
    missing = [place for place, sequence in places if sequence not in received or sequence in late]
    reordered = count_reordered(received)
    duplicated = count_duplicates(len(matched.arrived_ns), len(matched.first))
    return DirectionMetrics(
        packets_sent=n_sent,
        packets_received=n_received,
        packets_lost=n_sent - n_received,
        loss_ratio=_rounded(ratio(n_sent - n_received, n_sent), 6),
        loss_wait_s=options.loss_wait_s,
        packets_late=n_late,
        late_ratio=_rounded(ratio(n_late, n_sent), 6),
        playout_ms=options.playout_ms,
        packets_duplicated=duplicated,
        duplicated_ratio=_rounded(ratio(duplicated, n_sent), 6),
        packets_reordered=reordered,
        reordered_ratio=_rounded(ratio(reordered, n_received), 6),
        longest_silence_ms=_silence_ms(matched),
        **_variation(matched, received)._asdict(),
        **_runs(n_sent, lost)._asdict(),
        **_bursts(n_sent, missing, _packet_ms(matched.sent_at, options.ptime_ms))._asdict(),
        **_path_index(n_sent, missing, options)._asdict(),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else round(value_ns / _NS_PER_MS, 3)


def _silence_ms(matched: Matched) -> float | None:
    if not matched.sent_at:
        return None
    smallest = min(matched.transits_ns, default=0)
    sent_ns = matched.sent_at.values()
    return _ms(longest_silence(matched.arrived_ns, min(sent_ns) + smallest, max(sent_ns) + smallest))


class _Variation(NamedTuple):
    jitter_ms: float | None
    jitter_ms_mean: float | None
    jitter_ms_max: float | None
    ipdv_ms_p95: float | None
    pdv_ms_p50: float | None
    pdv_ms_p95: float | None


def _variation(matched: Matched, received: dict[int, int]) -> _Variation:
    jitter = interarrival_jitter(matched.transits_ns)
    pdv = packet_delay_variation(received.values())
    ipdv = sorted(map(abs, inter_packet_delay_variation(map(received.get, matched.sent_at))))
    return _Variation(
        jitter_ms=_ms(jitter.last) if jitter else None,
        jitter_ms_mean=_ms(jitter.mean) if jitter else None,
        jitter_ms_max=_ms(jitter.max) if jitter else None,
        ipdv_ms_p95=_ms(percentile(ipdv, 0.95)),
        pdv_ms_p50=_ms(percentile(pdv, 0.5)),
        pdv_ms_p95=_ms(percentile(pdv, 0.95)),
    )


class _Runs(NamedTuple):
    loss_run_packets_mean: float | None
    loss_run_packets_max: int
    burst_r: float | None


def _runs(n_sent: int, lost: Sequence[int]) -> _Runs:
    runs = loss_runs(lost)
    return _Runs(
        loss_run_packets_mean=_rounded(ratio(len(lost), len(runs)), 6),
        loss_run_packets_max=max(runs, default=0),
        burst_r=_rounded(burst_ratio(n_sent, lost, runs), 6),
    )


class _Bursts(NamedTuple):
    gmin_packets: int
    burst_density_ratio: float | None
    burst_duration_ms: float | None
    gap_density_ratio: float | None
    gap_duration_ms: float | None


def _bursts(n_sent: int, missing: Sequence[int], packet_ms: float | None) -> _Bursts:
    found = burst_gap(n_sent, missing, GMIN_PACKETS)
    return _Bursts(
        gmin_packets=GMIN_PACKETS,
        burst_density_ratio=_rounded(found.burst_density_ratio, 6),
        burst_duration_ms=_duration_ms(found.burst_packets_mean, packet_ms),
        gap_density_ratio=_rounded(found.gap_density_ratio, 6),
        gap_duration_ms=_duration_ms(found.gap_packets_mean, packet_ms),
    )


def _duration_ms(packets: float | None, packet_ms: float | None) -> float | None:
    return None if packets is None or packet_ms is None else round(packets * packet_ms, 3)


def _packet_ms(sent_at: dict[int, int], ptime_ms: float | None) -> float | None:
    """Return the time that a packet stands for in a burst or gap: its media time, or the mean spacing.

    The spacing is taken where there is no media time (video) or pauses (DTX) stretch the stream: so many
    packets then last longer than their media.
    """
    if len(sent_at) < 2:
        return ptime_ms
    times = sent_at.values()
    spacing_ms = (max(times) - min(times)) / (len(sent_at) - 1) / _NS_PER_MS
    regular = ptime_ms is not None and abs(spacing_ms - ptime_ms) <= _REGULAR_SHARE * ptime_ms
    return ptime_ms if regular else spacing_ms


class _PathIndex(NamedTuple):
    r_factor: float | None = None
    mos_cq: float | None = None
    mos_cq_low: float | None = None
    mos_cq_high: float | None = None
    mos_model: str | None = None


def _path_index(n_sent: int, missing: Sequence[int], options: MetricOptions) -> _PathIndex:
    """Rate the reference codec with what is missing at playout, lost or late."""
    if options.codec is None or not n_sent:
        return _PathIndex()
    codec = CODECS[options.codec]
    loss_ratio = len(missing) / n_sent
    burst_r = burst_ratio(n_sent, missing, loss_runs(missing)) or 1.0
    delay_ms = options.one_way_delay_ms + options.playout_ms + (options.ptime_ms or 0.0)
    r_factor = codec_rating(codec, loss_ratio=loss_ratio, burst_r=burst_r, delay_ms=delay_ms)
    low, high = mos_interval(alternatives(codec), loss_ratio=loss_ratio, burst_r=burst_r, delay_ms=delay_ms)
    return _PathIndex(
        r_factor=round(r_factor, 2),
        mos_cq=round(mos_of(r_factor), 3),
        mos_cq_low=round(low, 3),
        mos_cq_high=round(high, 3),
        mos_model=f"{model_name(codec)}/{delay_ms:g}ms",
    )


def per_second(
    sent: Iterable[SentPacket], arrivals: Iterable[Arrival], loss_wait_s: float = 2.0
) -> list[SecondCount]:
    """Return sent and received counts per second of the sender's schedule, from the first packet sent.

    A packet is counted in the second in which it was *sent*, so the loss of a second is the loss of the
    packets sent in it; seconds in which nothing was sent are there with zeros.
    """
    matched = match(sent, arrivals)
    if not matched.sent_at:
        return []
    received = within_wait(matched.first, round(loss_wait_s * _NS_PER_S))
    start_ns = min(matched.sent_at.values())
    n_seconds = (max(matched.sent_at.values()) - start_ns) // _NS_PER_S + 1
    counts = [[0, 0] for _ in range(n_seconds)]
    for sequence, sent_ns in matched.sent_at.items():
        count = counts[(sent_ns - start_ns) // _NS_PER_S]
        count[0] += 1
        count[1] += sequence in received
    return [SecondCount(second, *count) for second, count in enumerate(counts)]
