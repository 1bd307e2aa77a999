"""The sequence numbers of an RTP stream: what is missing, came twice, or came out of order.

Numbers are extended to the nearest of the highest seen before, as in RFC 3550 appendix A.1. Which ones came
is remembered for ``WINDOW`` of them: a copy that lies farther back cannot be told from the next round.
"""

import re
from typing import Final, NamedTuple

from callprobe.pcap.streams.loss_pattern import LossPattern, LossTotals

MAX_JUMP: Final = 3000
"""MAX_DROPOUT of RFC 3550 appendix A.1, here either way."""
MAX_MISORDER: Final = 100
"""Of the same."""
WINDOW: Final = 1 << 16
HALF_WINDOW: Final = WINDOW // 2
"""No packet can lie farther back than this, so what does is final."""
_STRIDE: Final = HALF_WINDOW // 2
"""The window never moves by more at once, so nothing is overwritten before it is final."""
_BYTES: Final = WINDOW // 8
_BYTE_MASK: Final = _BYTES - 1
_FULL: Final = 0xFF
_ABSENT: Final = re.compile("0+")


class Placed(NamedTuple):
    """What a packet's number did."""

    step: int
    """Number minus that of the packet before."""
    received: int
    """1 for the first copy of a packet, 0 for a further one."""
    lost: int
    """Numbers skipped, or -1 where one that had been skipped came after all."""
    rises: bool
    """Whether it is the highest so far."""


class NumberTotals(NamedTuple):
    """What was counted of a stream's numbers."""

    segments: int
    unique: int
    expected: int
    """Highest minus lowest number, plus one, summed over the segments."""
    reordered: int
    """Packets whose number is below that of the packet before."""
    late: int
    """First copies below the highest number before them (RFC 4737 section 3.3, Type-P-Reordered)."""
    orderly: int
    """Packets whose number is a little above or below that of the packet before, as chance has it not."""
    losses: LossTotals


class Numbers:
    """Takes numbers in order of arrival; ``begin`` first, and again where the sender begins anew."""

    __slots__ = (
        "_expected_before",
        "_final",
        "_losses",
        "highest",
        "late",
        "lowest",
        "orderly",
        "previous",
        "reordered",
        "segments",
        "start",
        "unique",
        "window",
    )

    def __init__(self) -> None:
        self.segments = self.unique = self.reordered = self.late = self.orderly = 0
        self.start = self.highest = self.lowest = self.previous = 0
        """Extended numbers of the segment: its first packet's, and that of the packet before."""
        self.window = bytearray(_BYTES)
        """One bit for each number within ``WINDOW`` of the highest; those above it mean nothing."""
        self._expected_before = 0
        self._final: int | None = None
        """Numbers below are lost if they did not come yet."""
        self._losses = LossPattern()

    def begin(self, sequence: int) -> None:
        """Start a segment with its first packet."""
        if self.segments:
            self._end_segment()
            self.window = bytearray(_BYTES)
        self.segments += 1
        self.unique += 1
        self.start = self.highest = self.lowest = self.previous = sequence
        self._final = None
        self._mark(sequence)

    def difference(self, sequence: int) -> int:
        """Return how far a number of 16 bits lies above the highest: -32768 to 32767."""
        return ((sequence - self.highest + HALF_WINDOW) & 0xFFFF) - HALF_WINDOW

    def take(self, number: int) -> Placed:
        """Take an extended number: at most half a window below the highest, less than a whole one above."""
        step = number - self.previous
        self.previous = number
        self.reordered += step < 0
        self.orderly += 0 < step <= MAX_JUMP or -MAX_MISORDER <= step < 0
        lost = number - self.highest - 1
        if lost >= 0:
            self._rise(number)
        elif self.window[number >> 3 & _BYTE_MASK] >> (number & 7) & 1:
            return Placed(step, 0, 0, rises=False)
        else:
            self.late += 1
            lost = -1
            if number < self.lowest:
                lost = self.lowest - number - 1
                self.lowest = number
        self.unique += 1
        self._mark(number)
        return Placed(step, 1, lost, lost >= 0 and number == self.highest)

    def settle(self, number: int) -> None:
        """Declare final what lies so far below a number that it will never come, if the window gets full."""
        final = self.lowest if self._final is None else self._final
        if number - final >= WINDOW:
            self._settle_below(number - HALF_WINDOW)

    def totals(self) -> NumberTotals:
        """Return what was counted; no more numbers may follow."""
        self._end_segment()
        return NumberTotals(
            segments=self.segments,
            unique=self.unique,
            expected=self._expected_before,
            reordered=self.reordered,
            late=self.late,
            orderly=self.orderly,
            losses=self._losses.totals(),
        )

    def _rise(self, number: int) -> None:
        """Make a number the highest: what lies between has not come."""
        while number - self.highest > _STRIDE:
            self._rise(self.highest + _STRIDE)
            self._clear(self.highest, self.highest + 1)
        self.settle(number)
        if number - self.highest > 1:
            self._clear(self.highest + 1, number)
        self.highest = number

    def _mark(self, number: int) -> None:
        self.window[number >> 3 & _BYTE_MASK] |= 1 << (number & 7)

    def _clear(self, start: int, end: int) -> None:
        """Note that numbers have not come: bit by bit up to whole bytes, and after them."""
        window = self.window
        while start < end:
            at, whole = start >> 3 & _BYTE_MASK, (end - start) >> 3
            if start & 7 or not whole:
                window[at] &= _FULL ^ 1 << (start & 7)
                start += 1
            else:
                whole = min(whole, _BYTES - at)
                window[at : at + whole] = bytes(whole)
                start += 8 * whole

    def _end_segment(self) -> None:
        self._settle_below(self.highest + 1)
        self._expected_before += self.highest - self.lowest + 1

    def _settle_below(self, end: int) -> None:
        start = self.lowest if self._final is None else self._final
        position = self._expected_before + start - self.lowest
        for run in _ABSENT.finditer(self._came(start, end)):
            self._losses.lose(position + run.start(), run.end() - run.start())
        self._final = end

    def _came(self, start: int, end: int) -> str:
        """Return a digit for each number of a stretch within the window: 1 if it came."""
        at = start >> 3 & _BYTE_MASK
        size = ((end + 7) >> 3) - (start >> 3)
        came = (self.window[at:] + self.window[:at])[:size]
        if size > _BYTES:
            came += self.window[at : at + 1]
        bits = int.from_bytes(came, "little") >> (start & 7)
        count = end - start
        return f"{bits & ((1 << count) - 1):0{count}b}"[::-1] if count > 0 else ""
