"""Which of several packets with the very same bytes has arrived: the one that was due then."""

from bisect import bisect_left
from typing import Final

from callprobe.dialect.contract import Heading, Schedule

CLOSE_NS: Final = 20_000_000
"""Packets due this close to an arrival are taken in their order; times tell only those further apart."""


class Twins:
    """Tells the packets of one schedule apart by their times of arrival, where their bytes do not."""

    def __init__(self, schedule: Schedule) -> None:
        """Take the schedule of whoever sends."""
        self._schedule = schedule
        self._delay_ns: int | None = None
        """Arrival minus offset of the packet that came last; follows the delay of the line."""
        self._next: dict[int, int] = {}
        """Of twins, by the first of them: the place after the latest that came."""

    def settle(self, heading: Heading, kernel_ns: int) -> int | None:
        """Return the sequence (modulo 65536) of an arriving media packet, None where it has none."""
        sequence = heading.sequence_low16
        if heading.twins:
            sequence = self._one_of(heading.twins, kernel_ns)
        if sequence is not None and sequence < len(self._schedule):
            self._delay_ns = kernel_ns - self._schedule[sequence].offset_ns
        return sequence

    def _one_of(self, twins: tuple[int, ...], kernel_ns: int) -> int | None:
        """Return the twin that was due at the arrival; the first while no packet has come."""
        whole = twins[-1] < len(self._schedule)
        known = twins if whole else twins[: bisect_left(twins, len(self._schedule))]
        if not known:
            return None
        place = 0 if self._delay_ns is None else self._place(known, kernel_ns - self._delay_ns)
        self._next[known[0]] = max(self._next.get(known[0], 0), place + 1)
        return known[place]

    def _place(self, known: tuple[int, ...], due_ns: int) -> int:
        """Return the next one of those that are close, else the nearest, which then came twice."""
        following = max(self._next.get(known[0], 0), self._first_from(known, due_ns - CLOSE_NS))
        if following < len(known) and self._offset_ns(known[following]) <= due_ns + CLOSE_NS:
            return following
        at = self._first_from(known, due_ns)
        return min(
            range(max(at - 1, 0), min(at + 1, len(known))),
            key=lambda place: abs(self._offset_ns(known[place]) - due_ns),
        )

    def _first_from(self, known: tuple[int, ...], offset_ns: int) -> int:
        return bisect_left(known, offset_ns, key=self._offset_ns)

    def _offset_ns(self, sequence: int) -> int:
        return self._schedule[sequence].offset_ns
