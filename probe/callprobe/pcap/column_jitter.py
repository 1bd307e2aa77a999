"""Jitter of many streams at once, for ``columns``.

RFC 3550's recurrence runs through blocks of rows side by side, each from zero; then the jitter that a block
began with is added, faded. The result differs from that of ``Times`` in the last bits of a double.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.rtp_times import CLOCKS_HZ, GAIN, NANOSECOND_MS, TICK_MS, Times

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

    def __init__(self, values: Floats, at: Ints, starts: Ints, first_blocks: Ints) -> None:
        self._values = values
        self._at = at
        whole = np.add.reduceat(values.sum(axis=0), first_blocks, axis=1)
        self.sums: Floats = whole
        """Of each stream."""
        self.most: Floats = np.maximum.reduceat(values.max(axis=0), first_blocks, axis=1)
        del starts

    def at(self, rows: Ints) -> Floats:
        """Return the jitter after some rows."""
        n_blocks = self._values.shape[2]
        place, block = np.divmod(self._at[rows], n_blocks)
        found: Floats = self._values[place, :, block].T
        return found


def jitters(gap_ns: Ints, ticks: Ints, starts: Ints, counts: Ints, times: Sequence[Times]) -> Jitter:
    """Return the jitter after each row; the rows of each stream are together, in order of arrival."""
    blocks = (counts + (_BLOCK - 1)) // _BLOCK
    first_blocks = np.cumsum(blocks) - blocks
    n_blocks = int(blocks.sum())
    of_stream = np.repeat(np.arange(len(starts)), counts)
    rank = np.arange(len(gap_ns)) - starts[of_stream]
    at = (rank % _BLOCK) * n_blocks + first_blocks[of_stream] + rank // _BLOCK
    gaps_ms, stamps = np.zeros(_BLOCK * n_blocks), np.zeros(_BLOCK * n_blocks)
    gaps_ms[at] = gap_ns * NANOSECOND_MS
    stamps[at] = ticks
    values = np.abs(gaps_ms.reshape(_BLOCK, 1, n_blocks) - stamps.reshape(_BLOCK, 1, n_blocks) * _TICKS_MS)
    jitter = np.zeros((len(CLOCKS_HZ), n_blocks))
    for row in values:
        row -= jitter
        row *= GAIN
        jitter += row
        row[:] = jitter
    before = np.array([of_stream.jitter for of_stream in times]).T
    carried = _carried(jitter, before, blocks, first_blocks)
    values += carried * _FADED.reshape(_BLOCK, 1, 1)
    _clear_behind(values, counts, blocks, first_blocks)
    return Jitter(values, at, starts, first_blocks)


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
    last = first_blocks + blocks - 1
    row, stream = np.nonzero(behind)
    values[row, :, last[stream]] = 0.0
