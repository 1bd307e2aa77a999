"""Which of several packets with the very same bytes has arrived: the one that was due then."""

from bisect import bisect_left

from callprobe.dialect.contract import Heading, Schedule


class Twins:
    """Tells the packets of one schedule apart by their times of arrival, where their bytes do not."""

    def __init__(self, schedule: Schedule) -> None:
        """Take the schedule of whoever sends."""
        self._schedule = schedule
        self._delay_ns: int | None = None
        """Arrival minus offset of the packet that came last; follows the delay of the line."""

    def settle(self, heading: Heading, kernel_ns: int) -> int | None:
        """Return the sequence (modulo 65536) of an arriving media packet, None where it has none."""
        sequence = heading.sequence_low16
        if heading.twins:
            sequence = self._nearest(heading.twins, kernel_ns)
        if sequence is not None and sequence < len(self._schedule):
            self._delay_ns = kernel_ns - self._schedule[sequence].offset_ns
        return sequence

    def _nearest(self, twins: tuple[int, ...], kernel_ns: int) -> int | None:
        """Return the twin that was due nearest to the arrival; the first while no packet has come."""
        known = twins[: bisect_left(twins, len(self._schedule))]
        if self._delay_ns is None or not known:
            return next(iter(known), None)
        due_ns = kernel_ns - self._delay_ns
        at = bisect_left(known, due_ns, key=lambda sequence: self._schedule[sequence].offset_ns)
        return min(
            known[max(at - 1, 0) : at + 1], key=lambda one: abs(self._schedule[one].offset_ns - due_ns)
        )
