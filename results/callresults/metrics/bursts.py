"""Where losses lie: bursts and gaps (RFC 3611), loss distance and period (RFC 3357), BurstR (G.107).

A loss pattern is its length and the rising positions of what is missing, both in the order of sending.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

GMIN_PACKETS: Final = 16
"""RFC 3611 4.7.2: this many received packets in a row end a burst."""


class BurstGap(NamedTuple):
    """Bursts and gaps of a loss pattern; counts of packets, ``missing`` = lost or discarded."""

    bursts: int
    burst_packets: int
    burst_missing: int
    gaps: int
    gap_packets: int
    gap_missing: int

    @property
    def burst_density_ratio(self) -> float | None:
        """Missing share of the packets in bursts, 0..1; None without bursts."""
        return self.burst_missing / self.burst_packets if self.bursts else None

    @property
    def gap_density_ratio(self) -> float | None:
        """Missing share of the packets in gaps, 0..1; None without gaps."""
        return self.gap_missing / self.gap_packets if self.gaps else None

    @property
    def burst_packets_mean(self) -> float | None:
        """Mean length of a burst, packets; None without bursts."""
        return self.burst_packets / self.bursts if self.bursts else None

    @property
    def gap_packets_mean(self) -> float | None:
        """Mean length of a gap, packets; None without gaps."""
        return self.gap_packets / self.gaps if self.gaps else None


def burst_gap(n_packets: int, missing: Sequence[int], gmin_packets: int = GMIN_PACKETS) -> BurstGap:
    """Return bursts and gaps by the direct definition of RFC 3611 section 4.7.2.

    A burst is the longest stretch that starts and ends with a missing packet and holds no ``gmin_packets``
    received in a row; a missing packet alone in such a stretch belongs to the gap. The stream counts as
    preceded and followed by received packets.
    """
    bursts = [(first, last, count) for first, last, count in _clusters(missing, gmin_packets) if count > 1]
    burst_packets = sum(last - first + 1 for first, last, _ in bursts)
    burst_missing = sum(count for _, _, count in bursts)
    return BurstGap(
        bursts=len(bursts),
        burst_packets=burst_packets,
        burst_missing=burst_missing,
        gaps=_count_gaps(n_packets, bursts),
        gap_packets=n_packets - burst_packets,
        gap_missing=len(missing) - burst_missing,
    )


def _clusters(missing: Sequence[int], gmin_packets: int) -> list[tuple[int, int, int]]:
    """Return (first, last, count) of losses with fewer than ``gmin_packets`` received between them."""
    clusters: list[tuple[int, int, int]] = []
    if not missing:
        return clusters
    first = last = missing[0]
    count = 0
    for position in missing:
        if position - last > gmin_packets:
            clusters.append((first, last, count))
            first, count = position, 0
        last = position
        count += 1
    clusters.append((first, last, count))
    return clusters


def _count_gaps(n_packets: int, bursts: Sequence[tuple[int, int, int]]) -> int:
    edges = [-1, *(edge for first, last, _ in bursts for edge in (first, last)), n_packets]
    return sum(end - start > 1 for start, end in zip(edges[::2], edges[1::2], strict=True))


class AppendixA2(NamedTuple):
    """The transition counters of RFC 3611 appendix A.2, as pjsip and Jitsi keep them.

    A labelled variant for comparison with such peers: the packets after the last loss never enter, so it does
    not reproduce the RFC's own example. ``burst_gap`` is the definition.
    """

    c11: int = 0
    c13: int = 0
    c14: int = 0
    c22: int = 0
    c23: int = 0
    c33: int = 0

    @property
    def burst_density_q8(self) -> int:
        """Burst density, 0..255 of 256."""
        leaving = self.c13 + self.c23 + self.c33
        p32 = self.c23 / leaving if leaving else 0.0
        p23 = 1 - self.c22 / (self.c22 + self.c23) if self.c22 + self.c23 else 1.0
        return int(256 * p23 / (p23 + p32)) if p23 + p32 else 0

    @property
    def gap_packets(self) -> float | None:
        """Mean gap, packets; None before the first burst ended."""
        return (self.c11 + self.c14 + self.c13) / self.c13 if self.c13 else None

    @property
    def burst_packets(self) -> float | None:
        """Mean burst, packets; None before the first burst ended."""
        if self.gap_packets is None:
            return None
        total = self.c11 + self.c14 + 2 * self.c13 + self.c22 + 2 * self.c23 + self.c33
        return total / self.c13 - self.gap_packets


def appendix_a2(
    missing: Iterable[bool], gmin_packets: int = GMIN_PACKETS, *, initial_lost: int = 0
) -> AppendixA2:
    """Return the counters of RFC 3611 appendix A.2 over packets in order, True = lost or discarded.

    ``initial_lost`` is the unspecified start value of the RFC's ``lost``; implementations differ (0 or 1).
    """
    c11 = c13 = c14 = c22 = c23 = c33 = received = 0
    lost = initial_lost
    for is_missing in missing:
        if not is_missing:
            received += 1
            continue
        if received >= gmin_packets:
            c14 += lost == 1
            c13 += lost != 1
            c11 += received
            lost = 1
        else:
            lost += 1
            c33 += received == 0
            c23 += received > 0
            c22 += max(received - 1, 0)
        received = 0
    return AppendixA2(c11, c13, c14, c22, c23, c33)


def loss_distances(missing: Sequence[int]) -> list[int]:
    """Return the loss distance of each lost packet: positions since the previous loss, 0 for the first.

    RFC 3357 section 4 (Type-P-One-Way-Loss-Distance-Stream).
    """
    return [0, *(after - before for before, after in pairwise(missing))][: len(missing)]


def loss_periods(missing: Sequence[int]) -> list[int]:
    """Return the number of the loss period, from 1, that each lost packet belongs to.

    RFC 3357 section 4 (Type-P-One-Way-Loss-Period-Stream): losses in a row share a period.
    """
    periods: list[int] = []
    for distance in loss_distances(missing):
        periods.append(periods[-1] + (distance > 1) if periods else 1)
    return periods


def noticeable_loss_ratio(missing: Sequence[int], delta_packets: int) -> float | None:
    """Return the share of losses within ``delta_packets`` of the previous one (RFC 3357 section 6.1)."""
    if not missing:
        return None
    return sum(0 < distance <= delta_packets for distance in loss_distances(missing)) / len(missing)


def loss_runs(missing: Sequence[int]) -> list[int]:
    """Return the lengths, in packets, of the runs of consecutive losses."""
    runs: list[int] = []
    previous = -2
    for position in missing:
        if position == previous + 1:
            runs[-1] += 1
        else:
            runs.append(1)
        previous = position
    return runs


def burst_ratio(n_packets: int, missing: Sequence[int], runs: Sequence[int]) -> float | None:
    """Return BurstR: mean loss run over that of random loss, ``mean(runs) * (1 - loss)``.

    1 = random, more = bursty (ITU-T G.107 section 7.5). None without loss, and when all is lost.
    """
    if not missing or len(missing) >= n_packets:
        return None
    return len(missing) / len(runs) * (1 - len(missing) / n_packets)
