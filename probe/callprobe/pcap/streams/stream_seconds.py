"""The seconds of a stream in bounded memory: when rows get too many, each stands for twice the time."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

_MOST_US = (1 << 32) - 1


class SecondRow(NamedTuple):
    """What happened within one row's time."""

    number: int
    """Which row of the stream's time, from 0 where the seconds begin; rows without packets are absent."""
    received: int
    """Different packets."""
    lost: int
    """Packets that were skipped, minus those that filled what was skipped before: may be below zero."""
    jitter_us: tuple[int, ...]
    """Jitter after the last packet, for each clock."""


class RowColumns(NamedTuple):
    """Rows field by field, those of ``SecondRow``; the jitters clock by clock."""

    numbers: Sequence[int]
    received: Sequence[int]
    lost: Sequence[int]
    jitters_us: tuple[Sequence[int], ...]


class SecondRows:
    """Rows in order of time; one is current."""

    __slots__ = ("_current", "_indices", "_jitters_us", "_limit", "_lost", "_received", "seconds_each")

    def __init__(self, limit: int, clocks: int) -> None:
        self.seconds_each = 1
        """What a row stands for, s: a power of two."""
        self._limit = limit
        self._indices = array("q")
        self._received = array("q")
        self._lost = array("q")
        self._jitters_us = [array("I") for _ in range(clocks)]
        self._current = -1

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def last_index(self) -> int | None:
        """The latest row, if there is one and it is current."""
        at_end = self._current == len(self._indices) - 1
        return self._indices[-1] if at_end and self._indices else None

    def add(self, received: int, lost: int, jitters_ms: Sequence[float]) -> None:
        """Add to the current row; its jitter is now this."""
        at = self._current
        self._received[at] += received
        self._lost[at] += lost
        for column, jitter_ms in zip(self._jitters_us, jitters_ms, strict=True):
            column[at] = min(round(jitter_ms * 1000.0), _MOST_US)

    def move(self, second: int) -> None:
        """Make the row of a second the current one."""
        index = second // self.seconds_each
        at = bisect_left(self._indices, index)
        if at == len(self._indices) or self._indices[at] != index:
            if len(self._indices) >= self._limit:
                self._halve()
                self.move(second)
                return
            self._insert(at, index)
        self._current = at

    def extend(self, columns: Sequence[bytes]) -> bool:
        """Append rows behind the last and make the last of them current; False if there is no room.

        Each column in turn as the machine's integers: numbers, received and lost of 64 bits, jitters of 32.
        """
        if len(self) + len(columns[0]) // self._indices.itemsize > self._limit:
            return False
        arrays = (self._indices, self._received, self._lost, *self._jitters_us)
        for rows, data in zip(arrays, columns, strict=True):
            rows.frombytes(data)
        self._current = len(self) - 1
        return True

    def columns(self) -> RowColumns:
        """Return all rows in order of time."""
        return RowColumns(self._indices, self._received, self._lost, tuple(self._jitters_us))

    def rows(self) -> list[SecondRow]:
        """Return all rows in order of time, one by one."""
        columns = zip(
            self._indices, self._received, self._lost, zip(*self._jitters_us, strict=True), strict=True
        )
        return [SecondRow(*row) for row in columns]

    def _insert(self, at: int, index: int) -> None:
        self._indices.insert(at, index)
        self._received.insert(at, 0)
        self._lost.insert(at, 0)
        for column in self._jitters_us:
            column.insert(at, 0)

    def _halve(self) -> None:
        """Let rows stand for twice the time until there are fewer."""
        while len(self._indices) >= self._limit:
            rows = self.rows()
            self.seconds_each *= 2
            for column in (self._indices, self._received, self._lost, *self._jitters_us):
                del column[:]
            for row in rows:
                index = row.number // 2
                if not self._indices or self._indices[-1] != index:
                    self._insert(len(self._indices), index)
                self._received[-1] += row.received
                self._lost[-1] += row.lost
                for column, jitter_us in zip(self._jitters_us, row.jitter_us, strict=True):
                    column[-1] = jitter_us
