"""Round-trip times, summed up."""

import statistics
from collections.abc import Sequence

from msgspec import Struct


class RoundTrips(Struct, frozen=True, kw_only=True):
    """Round-trip times, ms; all null when nothing was answered."""

    n: int
    min: float | None = None
    median: float | None = None
    p95: float | None = None
    """Nearest rank."""
    max: float | None = None


def round_trips(rtt_ms: Sequence[float]) -> RoundTrips:
    """Return the summary of round-trip times in ms, rounded to a microsecond."""
    if not rtt_ms:
        return RoundTrips(n=0)
    ordered = sorted(rtt_ms)
    return RoundTrips(
        n=len(ordered),
        min=round(ordered[0], 3),
        median=round(statistics.median(ordered), 3),
        p95=round(ordered[-(-len(ordered) * 95 // 100) - 1], 3),
        max=round(ordered[-1], 3),
    )
