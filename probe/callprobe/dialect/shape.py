"""Drawing of schedules: sizes after measured histograms, on the grid of a run.

Only ``random()`` of a seeded generator is used, since Python promises its sequence across versions: probe and
responder draw the same schedule from the same seed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple

from callprobe.dialect.contract import Schedule, Slot


class Planned(NamedTuple):
    """A media packet before it has a number."""

    offset_us: int
    """Microseconds after the first one."""
    size: int
    marker: bool


class Histogram:
    """Values in bins with counts; inside a bin every ``step``-th value is equally likely."""

    def __init__(self, bins: Iterable[tuple[int, int, int]], step: int = 1) -> None:
        """Take (first value, last value, count) of each bin."""
        self._bins = tuple(bins)
        self._step = step
        self._cumulative = tuple(accumulate(count for _, _, count in self._bins))

    def draw(self, rng: Random) -> int:
        """Return one value."""
        at = bisect_right(self._cumulative, rng.random() * self._cumulative[-1])
        first, last, _ = self._bins[at]
        return first + self._step * int(rng.random() * ((last - first) // self._step + 1))


def chance_run(rng: Random, chance: float) -> int:
    """Return how often in a row an event of probability ``chance`` happens (geometric, from 0)."""
    length = 0
    while rng.random() < chance:
        length += 1
    return length


def number(planned: Iterator[Planned], duration_s: float, clock_hz: int) -> Schedule:
    """Return the packets of ``planned`` (endless, in order of time) before ``duration_s``, numbered from 0.

    A longer duration only adds packets at the end. Packets of one frame share its RTP time: the millisecond.
    """
    end_us = round(duration_s * 1_000_000)
    slots = []
    for sequence, packet in enumerate(planned):
        if packet.offset_us >= end_us:
            break
        ticks = packet.offset_us // 1000 * clock_hz // 1000
        slots.append(Slot(sequence, packet.offset_us * 1000, packet.size, ticks, packet.marker))
    return tuple(slots)
