"""Where losses lie in a stream, while it passes: runs of losses, bursts and gaps.

The same figures as ``callresults.metrics.bursts`` gives of a whole pattern, in memory that does not grow.
"""

from typing import Final, NamedTuple

from callresults.metrics.bursts import GMIN_PACKETS, BurstGap

_NEVER: Final = -(1 << 40)


class LossTotals(NamedTuple):
    """What is kept of a pattern; positions count from the stream's first packet."""

    lost: int = 0
    runs: int = 0
    """Stretches of losses in a row."""
    run_max: int = 0
    bursts: int = 0
    burst_packets: int = 0
    burst_missing: int = 0
    first_burst_at: int = 0
    """Where the first burst begins, if there is one."""
    last_burst_end: int = 0
    """The position after the last burst, if there is one."""

    def burst_gap(self, n_packets: int) -> BurstGap:
        """Return bursts and gaps by the direct definition of RFC 3611 section 4.7.2."""
        edges = (self.first_burst_at > 0) + (self.last_burst_end < n_packets) if self.bursts else 2
        return BurstGap(
            bursts=self.bursts,
            burst_packets=self.burst_packets,
            burst_missing=self.burst_missing,
            gaps=max(self.bursts - 1, 0) + edges if self.bursts else int(n_packets > 0),
            gap_packets=n_packets - self.burst_packets,
            gap_missing=self.lost - self.burst_missing,
        )


class LossPattern:
    """Takes losses in order of their positions."""

    __slots__ = (
        "_bursts",
        "_count",
        "_end",
        "_first",
        "_first_burst_at",
        "_last",
        "_missing",
        "_packets",
        "_run",
        "_run_max",
        "_runs",
        "_total",
    )

    def __init__(self) -> None:
        self._total = self._runs = self._run = self._run_max = 0
        self._bursts = self._packets = self._missing = self._first_burst_at = self._end = 0
        self._first = self._last = _NEVER
        self._count = 0

    def lose(self, position: int, count: int) -> None:
        """Take losses in a row, above all that were taken before."""
        self._total += count
        if position == self._last + 1:
            self._run += count
        else:
            self._runs += 1
            self._run = count
        self._run_max = max(self._run_max, self._run)
        if position - self._last > GMIN_PACKETS:
            self._end_cluster()
            self._first = position
            self._count = 0
        self._last = position + count - 1
        self._count += count

    def totals(self) -> LossTotals:
        """Return what was found; no more losses may follow."""
        self._end_cluster()
        self._count = 0
        return LossTotals(
            lost=self._total,
            runs=self._runs,
            run_max=self._run_max,
            bursts=self._bursts,
            burst_packets=self._packets,
            burst_missing=self._missing,
            first_burst_at=self._first_burst_at,
            last_burst_end=self._end,
        )

    def _end_cluster(self) -> None:
        """Count a stretch of losses near to one another; a single loss is no burst."""
        if self._count < 2:
            return
        if not self._bursts:
            self._first_burst_at = self._first
        self._bursts += 1
        self._packets += self._last - self._first + 1
        self._missing += self._count
        self._end = self._last + 1
