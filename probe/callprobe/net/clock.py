"""The clocks of the machine, and the kernel's wall-clock stamps brought onto the monotonic clock.

CLOCK_REALTIME and CLOCK_MONOTONIC are slewed alike, so their difference is constant between two steps of the
wall clock (``settimeofday``, NTP step); a change of the difference beyond the reading error is such a step.
"""

import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

STEP_FLOOR_NS: Final = 100_000
"""A smaller change of the clocks' difference is not called a step: a stamp is no better than that anyway."""


def now_ns() -> int:
    """Return the monotonic clock, nanoseconds; the clock of every deadline of ``net``."""
    return time.monotonic_ns()


def utc_now() -> datetime:
    """Return the wall clock, UTC, aware."""
    return datetime.now(UTC)


class ClockReading(NamedTuple):
    """Both clocks read at one instant, as well as that can be done."""

    monotonic_ns: int
    """Middle of the two monotonic reads around the wall-clock read."""
    realtime_ns: int
    width_ns: int
    """Time between the two monotonic reads: twice the largest error of the pairing."""

    @property
    def offset_ns(self) -> int:
        """Wall clock minus monotonic clock."""
        return self.realtime_ns - self.monotonic_ns


def read_clocks() -> ClockReading:
    """Read both clocks, the monotonic one on either side of the wall clock."""
    before_ns = time.monotonic_ns()
    realtime_ns = time.time_ns()
    width_ns = time.monotonic_ns() - before_ns
    return ClockReading(before_ns + width_ns // 2, realtime_ns, width_ns)


class StampClock:
    """Maps SO_TIMESTAMPNS stamps (CLOCK_REALTIME) onto the monotonic clock, across steps of the wall clock.

    Pure: give it a fresh reading with ``update`` before the stamps of each batch are mapped.
    """

    steps: int = 0
    """Steps of the wall clock seen so far."""

    def __init__(self, reading: ClockReading) -> None:
        self._best = reading
        self._stepped_from: ClockReading | None = None
        self._previous_ns = self._latest_ns = reading.monotonic_ns

    def update(self, reading: ClockReading) -> None:
        """Take a reading made after the batch arrived."""
        self._previous_ns, self._latest_ns = self._latest_ns, reading.monotonic_ns
        self._stepped_from = None
        error_ns = (self._best.width_ns + reading.width_ns) // 2 + STEP_FLOOR_NS
        if abs(reading.offset_ns - self._best.offset_ns) > error_ns:
            self.steps += 1
            self._stepped_from, self._best = self._best, reading
        elif reading.width_ns < self._best.width_ns:
            self._best = reading

    def monotonic_ns(self, realtime_ns: int) -> int:
        """Return ``realtime_ns``, the kernel's stamp, on the monotonic clock; never after the last reading.

        In the batch around a step a stamp may be of the old or the new wall clock: the one that puts it
        nearest to the time between the last two readings is taken.
        """
        mapped_ns = realtime_ns - self._best.offset_ns
        if self._stepped_from is not None:
            old_ns = realtime_ns - self._stepped_from.offset_ns
            mapped_ns = min(mapped_ns, old_ns, key=self._distance_ns)
        return min(mapped_ns, self._latest_ns)

    def _distance_ns(self, when_ns: int) -> int:
        return max(self._previous_ns - when_ns, when_ns - self._latest_ns, 0)
