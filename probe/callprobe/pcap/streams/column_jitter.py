"""Jitter of many streams at once, for ``columns``.

RFC 3550's recurrence runs through blocks of rows side by side, each from zero; then the jitter that a block
began with is added, faded. The result differs from that of ``Times`` in the last bits of a double.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.streams.rtp_times import CLOCKS_HZ, GAIN, NANOSECOND_MS, TICK_MS, Times

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK: Final = 32
_FADED: Final = (1.0 - GAIN) ** np.arange(1, _BLOCK + 1)
"""What is left of a jitter after each row of a block."""
_TICKS_MS: Final = np.array(TICK_MS).reshape(-1, 1)
_DOUBLINGS: Final = 6
"""What came 2**6 blocks before is nothing to a double."""


class Jitter:
    """The jitter after each row, by clock."""

    def __init__(self, values: Floats, at: Ints, first_blocks: Ints) -> None:
        self._values = values
        self._at = at
        self.sums: Floats = np.add.reduceat(values.sum(axis=0), first_blocks, axis=1)
        """Of each stream."""
        self.most: Floats = np.maximum.reduceat(values.max(axis=0), first_blocks, axis=1)

    def at(self, rows: Ints) -> Floats:
        """Return the jitter after some rows."""
        place, block = np.divmod(self._at[rows], self._values.shape[2])
        found: Floats = self._values[place, :, block].T
        return found


def jitters(gap_ns: Ints, ticks: Ints, starts: Ints, counts: Ints, times: Sequence[Times]) -> Jitter:
    """Return the jitter after each row; the rows of each stream are together, in order of arrival."""
    blocks = (counts + (_BLOCK - 1)) // _BLOCK
    first_blocks = np.cumsum(blocks) - blocks
    n_blocks = int(blocks.sum())
    rank = np.arange(len(gap_ns)) - np.repeat(starts - first_blocks * _BLOCK, counts)
    at = (rank % _BLOCK) * n_blocks + rank // _BLOCK
    gaps_ms, stamps = np.zeros(_BLOCK * n_blocks), np.zeros(_BLOCK * n_blocks)
    gaps_ms[at] = gap_ns * NANOSECOND_MS
    stamps[at] = ticks
    values = stamps.reshape(_BLOCK, 1, n_blocks) * _TICKS_MS
    before = np.zeros((len(CLOCKS_HZ), n_blocks))
    for row, gap_ms in zip(values, gaps_ms.reshape(_BLOCK, n_blocks), strict=True):
        np.subtract(gap_ms, row, out=row)
        np.abs(row, out=row)
        np.subtract(row, before, out=row)
        np.multiply(row, GAIN, out=row)
        before = np.add(row, before, out=row)
    carried = _carried(before, np.array([of_stream.jitter for of_stream in times]).T, blocks, first_blocks)
    faded = np.empty_like(carried)
    for row, left in zip(values, _FADED, strict=True):
        np.multiply(carried, left, out=faded)
        np.add(row, faded, out=row)
    _clear_behind(values, counts, blocks, first_blocks)
    return Jitter(values, at, first_blocks)


def _carried(ends: Floats, before: Floats, blocks: Ints, first_blocks: Ints) -> Floats:
    """Return the jitter that each block began with.

    Args:
        ends: what each block ends with when it begins with none.
        before: what the first block of each stream begins with.
        blocks: of each stream.
        first_blocks: of each stream.
    """
    place = np.arange(ends.shape[1]) - np.repeat(first_blocks, blocks)
    carried = np.empty_like(ends)
    carried[:, 1:] = ends[:, :-1]
    carried[:, first_blocks] = before
    faded = float(_FADED[-1])
    for doubling in range(_DOUBLINGS):
        distance = 1 << doubling
        if distance >= len(place):
            break
        further = carried[:, :-distance] * (faded * (place[distance:] >= distance))
        carried[:, distance:] += further
        faded *= faded
    return carried


def _clear_behind(values: Floats, counts: Ints, blocks: Ints, first_blocks: Ints) -> None:
    """Put zeros where the last block of a stream has no rows."""
    filled = counts - (blocks - 1) * _BLOCK
    behind = np.arange(_BLOCK).reshape(-1, 1) >= filled
    row, stream = np.nonzero(behind)
    values[row, :, (first_blocks + blocks - 1)[stream]] = 0.0
