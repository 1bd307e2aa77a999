"""The metrics of one direction of one flow, as they stand in a measurement."""

import msgspec


class DirectionMetrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Loss, variation, bursts and the path index of one direction. Null = not computable, never 0 or -1."""

    packets_sent: int
    packets_received: int
    """Unique sequence numbers that arrived within the waiting time."""
    packets_lost: int
    """Sent minus unique received (RFC 7680; a packet later than ``loss_wait_s`` is lost)."""
    loss_ratio: float | None
    """0..1; null when nothing was sent."""
    loss_wait_s: float
    """Waiting time Tmax (RFC 7680)."""
    packets_late: int
    """Received, but later than the playout deadline (minimum delay + ``playout_ms``)."""
    late_ratio: float | None
    """Late over sent, 0..1 (RFC 3611 discard rate of a fixed jitter buffer)."""
    playout_ms: float
    packets_duplicated: int
    duplicated_ratio: float | None
    packets_reordered: int
    """RFC 4737 Type-P-Reordered."""
    reordered_ratio: float | None
    jitter_ms: float | None
    """RFC 3550 interarrival jitter after the last packet."""
    jitter_ms_mean: float | None
    jitter_ms_max: float | None
    ipdv_ms_p95: float | None
    """95th percentile of |IPDV| (RFC 3393, 5481)."""
    pdv_ms_p50: float | None
    pdv_ms_p95: float | None
    """PDV above the minimum delay (RFC 5481)."""
    gmin_packets: int
    burst_density_ratio: float | None
    """RFC 3611 4.7.2, direct definition; lost and late packets count."""
    burst_duration_ms: float | None
    gap_density_ratio: float | None
    gap_duration_ms: float | None
    loss_run_packets_mean: float | None
    loss_run_packets_max: int
    burst_r: float | None
    """BurstR of G.107: mean loss run times (1 - loss ratio); null without loss."""
    longest_silence_ms: float | None
    """Longest time without an arrival between the first scheduled and the last scheduled packet."""
    r_factor: float | None
    """Transmission rating 0..100 of the reference codec on this path."""
    mos_cq: float | None
    """1..5, path index of the reference codec; never alone the ground of a verdict."""
    mos_cq_low: float | None
    mos_cq_high: float | None
    """Interval over the published codec tables."""
    mos_model: str | None
