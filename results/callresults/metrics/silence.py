"""Silence: the longest time in which a receiver that expects packets hears none."""

from collections.abc import Sequence
from itertools import pairwise


def longest_silence(arrived: Sequence[int], start: int, end: int) -> int:
    """Return the longest time without an arrival between ``start`` and ``end``, in their unit.

    ``start`` and ``end`` are when the first and the last packet were due, on the clock of the arrivals (sent
    plus the smallest transit); ``arrived`` ascends. The wait before the first arrival and after the last
    counts, so a flow that was cut is silent up to ``end``.
    """
    inside = [arrival for arrival in arrived if start <= arrival <= end]
    return max(after - before for before, after in pairwise((start, *inside, end)))
