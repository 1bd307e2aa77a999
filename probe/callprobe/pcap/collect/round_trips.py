"""Round-trip times and other spans of a capture, summed up in bounded memory."""

import statistics
from array import array
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

KEPT: Final = 20_000
"""Round trips of one kind that are kept; later ones count, but do not move median and percentile."""


class RoundTrips(Struct, frozen=True, kw_only=True):
    """Round-trip times, ms; all null when nothing was answered."""

    n: int
    min: float | None = None
    median: float | None = None
    p95: float | None = None
    """Nearest rank."""
    max: float | None = None


class RoundTripLog:
    """Round-trip times as they come."""

    __slots__ = ("_kept", "_limit", "_max", "_min", "n")

    def __init__(self, limit: int = KEPT) -> None:
        self.n = 0
        self._limit = limit
        self._kept: array[float] = array("d")
        self._min = self._max = 0.0

    def add(self, rtt_ns: int) -> None:
        """Take one round trip."""
        rtt_ms = rtt_ns / 1e6
        if not self.n or rtt_ms < self._min:
            self._min = rtt_ms
        if not self.n or rtt_ms > self._max:
            self._max = rtt_ms
        self.n += 1
        if len(self._kept) < self._limit:
            self._kept.append(rtt_ms)

    def summary(self) -> RoundTrips:
        """Return what came so far, rounded to a microsecond."""
        if not self.n:
            return RoundTrips(n=0)
        ordered = sorted(self._kept)
        return RoundTrips(
            n=self.n,
            min=round(self._min, 3),
            median=round(statistics.median(ordered), 3),
            p95=round(ordered[-(-len(ordered) * 95 // 100) - 1], 3),
            max=round(self._max, 3),
        )


def since_s(origin_ns: int, epoch_ns: int) -> float:
    """Return seconds from the capture's origin, rounded to a microsecond."""
    return round((epoch_ns - origin_ns) / 1e9, 6) + 0.0  # no negative zero


def since_s_or_none(origin_ns: int, epoch_ns: int | None) -> float | None:
    """Return seconds from the capture's origin, or None for what never happened."""
    return None if epoch_ns is None else since_s(origin_ns, epoch_ns)


def median_ms(spans_ns: Sequence[int]) -> float | None:
    """Return the median of spans in ms, or None of none."""
    return round(statistics.median(spans_ns) / 1e6, 3) if spans_ns else None
