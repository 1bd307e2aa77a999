"""The metrics of one direction of one flow, as they stand in a measurement."""

import msgspec


class DirectionMetrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Loss, variation, bursts and the path index of one direction. Null = not computable, never 0 or -1."""

    packets_sent: int
    """Media packets that the sender sent."""
    packets_received: int
    """Unique sequence numbers that arrived within the waiting time."""
    packets_lost: int
    """Sent minus unique received (RFC 7680; a packet later than ``loss_wait_s`` is lost)."""
    loss_ratio: float | None
    """Lost over sent, 0..1; null when nothing was sent."""
    loss_wait_s: float | None
    """Waiting time Tmax (RFC 7680), counted from the smallest transit, as the clocks are not synchronised;
    null where no packet came too late to count: captures."""
    packets_late: int | None
    """Received, but later than the playout deadline (minimum delay + ``playout_ms``)."""
    late_ratio: float | None
    """Late over sent, 0..1 (RFC 3611 discard rate of a fixed jitter buffer)."""
    playout_ms: float | None
    """Depth of that jitter buffer."""
    packets_duplicated: int | None
    """Arrivals beyond the first copy of their packet (RFC 5560)."""
    duplicated_ratio: float | None
    """Duplicated over sent."""
    packets_reordered: int | None
    """RFC 4737 Type-P-Reordered, over first copies."""
    reordered_ratio: float | None
    """Reordered over received, 0..1."""
    jitter_ms: float | None
    """RFC 3550 interarrival jitter after the last packet; null below two arrivals."""
    jitter_ms_mean: float | None
    """Mean of the jitter over the arrivals."""
    jitter_ms_max: float | None
    """Highest value of the jitter."""
    ipdv_ms_p95: float | None
    """95th percentile of |IPDV| between neighbours that both arrived (RFC 3393, 5481)."""
    pdv_ms_p50: float | None
    """Median of PDV, the delay above the minimum delay (RFC 5481)."""
    pdv_ms_p95: float | None
    """95th percentile of PDV above the minimum delay (RFC 5481)."""
    gmin_packets: int
    """Gmin of RFC 3611: so many received packets in a row end a burst."""
    burst_density_ratio: float | None
    """RFC 3611 4.7.2, direct definition; lost and late packets count. Null without a burst."""
    burst_duration_ms: float | None
    """Mean duration of a burst, packets times their media time; null without a burst."""
    gap_density_ratio: float | None
    """Lost and late share of the packets between bursts; null when all is one burst."""
    gap_duration_ms: float | None
    """Mean duration of the gaps between bursts."""
    loss_run_packets_mean: float | None
    """Mean length of the runs of lost packets; null without loss."""
    loss_run_packets_max: int | None
    """Longest run of lost packets."""
    burst_r: float | None
    """BurstR of G.107: mean loss run times (1 - loss ratio); null without loss or when all was lost."""
    longest_silence_ms: float | None
    """Longest time without an arrival between the first scheduled and the last scheduled packet."""
    r_factor: float | None
    """Rating 0..100 of the reference codec on this path; lost and late packets count as lost."""
    mos_cq: float | None
    """1..4.5, path index of the reference codec; never alone the ground of a verdict."""
    mos_cq_low: float | None
    """Lowest over the published codec tables."""
    mos_cq_high: float | None
    """Highest over the published codec tables."""
    mos_model: str | None
    """Model, reference codec and assumed mouth-to-ear delay: ``g107.2/opus-swb-vbr-25/130ms``."""
