"""A time axis on which hours without traffic take as little room as they deserve."""

import bisect
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

MOST_BREAKS: Final = 5
"""Only the longest pauses are cut out, else the axis would be made of cuts."""
BREAK_WIDTH: Final = 26.0
_LEAST_PAUSE_S: Final = 60.0
_LEAST_PAUSE_SHARE: Final = 0.5
"""A pause is cut out when it is this share of the time that holds traffic, or more."""
_NEAR: Final = 20.0
"""A piece that begins no later than so many times its length is marked from the capture's beginning."""
_TICK_WIDTH: Final = 90.0
_STEPS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
_LONG_STEPS_S: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)

Span = tuple[float, float]
"""First and last moment, seconds from the capture's first packet."""


class Piece(NamedTuple):
    """A part of the axis without a cut."""

    start_s: float
    end_s: float
    left: float
    right: float


class Tick(NamedTuple):
    """A mark below the axis."""

    x: float
    label: str


class TimeAxis(NamedTuple):
    """Where on a figure a moment lies."""

    pieces: tuple[Piece, ...]

    @property
    def left(self) -> float:
        """Where the axis begins."""
        return self.pieces[0].left

    @property
    def right(self) -> float:
        """Where the axis ends."""
        return self.pieces[-1].right

    def x(self, at_s: float) -> float:
        """Return the place of a moment; one outside or in a cut lies at the nearest end."""
        index = bisect.bisect_right([piece.start_s for piece in self.pieces], at_s) - 1
        piece = self.pieces[max(index, 0)]
        share = (at_s - piece.start_s) / (piece.end_s - piece.start_s)
        return piece.left + min(max(share, 0.0), 1.0) * (piece.right - piece.left)

    def cuts(self) -> list[Span]:
        """Return the places, left and right, where time is left out."""
        return [(earlier.right, later.left) for earlier, later in pairwise(self.pieces)]

    def ticks(self) -> list[Tick]:
        """Return the marks; they count from where a piece begins if that is far from the first packet."""
        return [tick for piece in self.pieces for tick in _ticks(piece)]


def time_axis(spans: Iterable[Span], left: float, right: float) -> TimeAxis:
    """Return an axis from ``left`` to ``right`` over all spans, long pauses between them cut out."""
    merged = merge(spans)
    cuts = _cuts(merged)
    starts = [merged[0][0], *(later for _, later in cuts)]
    ends = [*(earlier for earlier, _ in cuts), merged[-1][1]]
    parts = [_widened(start, end) for start, end in zip(starts, ends, strict=True)]
    total_s = sum(end - start for start, end in parts)
    per_piece = (right - left - BREAK_WIDTH * len(cuts)) / len(parts)
    pieces, at = [], left
    for start, end in parts:
        # Half by length, half in equal shares: a short call beside a long one stays legible.
        width = per_piece * (0.5 + 0.5 * len(parts) * (end - start) / total_s)
        pieces.append(Piece(start, end, at, at + width))
        at += width + BREAK_WIDTH
    return TimeAxis(tuple(pieces))


def merge(spans: Iterable[Span], pause_s: float = 0.0) -> list[Span]:
    """Return the spans in order, those joined that overlap or lie no more than ``pause_s`` apart."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + pause_s:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged or [(0.0, 0.0)]


def clock_text(at_s: float) -> str:
    """Return a moment as ``12.3 s``, ``4:05 min``, ``2:04:05 h`` or ``113 d 4:05:10 h``."""
    if at_s < 120:
        return f"{at_s:g} s" if at_s == round(at_s, 3) else f"{at_s:.3g} s"
    whole = round(at_s)
    days, rest = divmod(whole, 86400)
    hours, minutes, seconds = rest // 3600, rest // 60 % 60, rest % 60
    if days:
        return f"{days} d {hours}:{minutes:02d}:{seconds:02d} h"
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d} h"
    return f"{minutes}:{seconds:02d} min"


def _widened(start_s: float, end_s: float) -> Span:
    """Return a span of some length, one moment included, whatever the size of the numbers."""
    return start_s, max(end_s, start_s + 0.001, math.nextafter(start_s, math.inf))


def _cuts(merged: Sequence[Span]) -> list[Span]:
    busy_s = sum(end - start for start, end in merged)
    least_s = max(_LEAST_PAUSE_S, _LEAST_PAUSE_SHARE * busy_s)
    pauses = [
        (earlier[1], later[0]) for earlier, later in pairwise(merged) if later[0] - earlier[1] > least_s
    ]
    longest = sorted(pauses, key=lambda pause: pause[0] - pause[1])[:MOST_BREAKS]
    return sorted(longest)


def _ticks(piece: Piece) -> list[Tick]:
    length_s = piece.end_s - piece.start_s
    most = max((piece.right - piece.left) / _TICK_WIDTH, 1.0)
    steps = (*_STEPS_S, *_LONG_STEPS_S)
    step_s = next((step for step in steps if length_s / step <= most), length_s)
    is_near = piece.start_s <= _NEAR * length_s or piece.end_s < _LEAST_PAUSE_S
    origin_s = 0.0 if is_near else piece.start_s
    begin = math.ceil((piece.start_s - origin_s) / step_s)
    marks = [begin + number for number in range(int(most) + 2)]
    ticks = []
    for mark in marks:
        at_s = mark * step_s
        if origin_s + at_s > piece.end_s:
            break
        x = piece.left + (origin_s + at_s - piece.start_s) / length_s * (piece.right - piece.left)
        label = clock_text(origin_s) if mark == 0 and not is_near else clock_text(round(at_s, 6))
        ticks.append(Tick(x, label if is_near or mark == 0 else f"+{label}"))
    return ticks
