"""The times of an RTP stream: jitter, pauses, seconds, and the sample that delays are read from.

Which clock the time stamps follow is known at the end only, so the jitter is computed for every likely one.
"""

from typing import Final, NamedTuple

from callprobe.pcap.streams.rtp_numbers import Placed
from callprobe.pcap.streams.rtp_sample import NO_STEP, Sample, SampleColumns
from callprobe.pcap.streams.stream_seconds import RowColumns, SecondRows

CLOCKS_HZ: Final = (8000, 16000, 32000, 48000, 90000)
TICK_MS: Final = tuple(1000.0 / clock_hz for clock_hz in CLOCKS_HZ)
NANOSECOND_MS: Final = 1e-6
GAIN: Final = 0.0625
"""1/16, by which a new difference moves the jitter (RFC 3550 section 6.4.1)."""
SILENCE_MS: Final = 200
"""Neighbours whose stamps lie at least so far apart have silence between them: codecs pack less into one."""
SILENCE_TICKS: Final = tuple(clock_hz * SILENCE_MS // 1000 for clock_hz in CLOCKS_HZ)
SECOND_NS: Final = 1_000_000_000
ESTABLISHED: Final = 16
"""By so much numbers must have risen before it can be told what a packet takes of the stamps."""
MAX_ELAPSED_NS: Final = (1 << 62) - 1
"""Of all segments before the last: 64 bits hold the sum, however many there are."""
_HALF32: Final = 1 << 31
_MASK32: Final = (1 << 32) - 1


class TimeTotals(NamedTuple):
    """What was counted of a stream's times; tuples by clock are in the order of ``CLOCKS_HZ``."""

    elapsed_ns: int
    """From the first packet to the last, times between segments left out."""
    ticks: int
    """Time stamps from the first packet to the last, likewise."""
    differences: int
    """Differences of transits that entered the jitter."""
    jitter: tuple[float, ...]
    """After the last packet, ms."""
    jitter_sum: tuple[float, ...]
    jitter_max: tuple[float, ...]
    neighbours: int
    """Packets whose number is one above that of the packet before."""
    still: int
    """Of those, the ones with the same time stamp."""
    silences: tuple[int, ...]
    """Of those, the ones whose stamps lie ``SILENCE_MS`` apart."""
    sample: SampleColumns
    seconds_each: int
    """What a row stands for, s."""
    rows: RowColumns


class Times:
    """Takes packets in order of arrival; ``begin`` first, and again where the sender begins anew."""

    __slots__ = (
        "_grid_ns",
        "arrival_ns",
        "differences",
        "elapsed_ns",
        "highest_ticks",
        "highest_timestamp",
        "jitter",
        "jitter_max",
        "jitter_sum",
        "neighbours",
        "packets",
        "row_lost",
        "row_received",
        "rows",
        "sample",
        "second",
        "silences",
        "start_ticks",
        "still",
        "ticks",
        "timestamp",
    )

    def __init__(self, grid_ns: int, *, rows: int, sample: int) -> None:
        """Keep at most so many rows and packets of the sample; seconds are counted from ``grid_ns``."""
        self._grid_ns = grid_ns
        self.packets = self.differences = self.neighbours = self.still = 0
        self.arrival_ns = self.elapsed_ns = 0
        self.timestamp = self.ticks = 0
        self.start_ticks = self.highest_ticks = self.highest_timestamp = 0
        """Of the first packet of the segment, and of the one with the highest number."""
        self.jitter = [0.0] * len(CLOCKS_HZ)
        self.jitter_sum = [0.0] * len(CLOCKS_HZ)
        self.jitter_max = [0.0] * len(CLOCKS_HZ)
        self.silences = [0] * len(CLOCKS_HZ)
        self.sample = Sample(sample)
        self.rows = SecondRows(rows, len(CLOCKS_HZ))
        self.second: int | None = None
        """That of the packet before; what happened in it is in no row yet."""
        self.row_received = self.row_lost = 0

    def begin(self, epoch_ns: int, timestamp: int, size: int) -> None:
        """Take the first packet of a segment: it has no transit that could be compared."""
        self._enter_second(epoch_ns)
        self.row_received += 1
        self.elapsed_ns = max(-MAX_ELAPSED_NS, min(MAX_ELAPSED_NS, self.elapsed_ns))
        self.arrival_ns, self.timestamp = epoch_ns, timestamp
        self.start_ticks = self.highest_ticks = self.ticks
        self.highest_timestamp = timestamp
        self._keep(size, NO_STEP, 0)

    def follow(self, epoch_ns: int, timestamp: int, size: int, placed: Placed) -> None:
        """Take a packet that follows others of its segment."""
        self._enter_second(epoch_ns)
        self.row_received += placed.received
        self.row_lost += placed.lost
        gap_ns, ticks = epoch_ns - self.arrival_ns, difference32(timestamp, self.timestamp)
        self.arrival_ns, self.timestamp = epoch_ns, timestamp
        self.elapsed_ns += gap_ns
        self.ticks += ticks
        if placed.rises:
            self.highest_ticks, self.highest_timestamp = self.ticks, timestamp
        self._vary(gap_ns, ticks)
        if placed.step == 1:
            self.neighbours += 1
            self.still += ticks == 0
            if ticks >= SILENCE_TICKS[0]:
                for clock, least in enumerate(SILENCE_TICKS):
                    self.silences[clock] += ticks >= least
        self._keep(size, ticks if placed.step == 1 else NO_STEP, gap_ns)

    def went_on(self, numbers: int, numbers_before: int, timestamp: int) -> bool:
        """Say whether stamps rose in proportion to numbers, by half to twice as much for each as before.

        Of a segment that has just begun that cannot be told.

        Args:
            numbers: by how much the number rose over the highest.
            numbers_before: by how much numbers rose in the segment so far.
            timestamp: the stamp that goes with the risen number.
        """
        before = self.highest_ticks - self.start_ticks
        ticks = difference32(timestamp, self.highest_timestamp)
        if numbers_before < ESTABLISHED or before <= 0 or ticks <= 0:
            return False
        expected, found = before * numbers, ticks * numbers_before
        return expected <= 2 * found and found <= 2 * expected

    def end_row(self) -> None:
        """Write what happened in the current second into its row."""
        if self.second is not None:
            self.rows.add(self.row_received, self.row_lost, self.jitter)
            self.row_received = self.row_lost = 0

    def totals(self) -> TimeTotals:
        """Return what was counted; no more packets may follow."""
        self.end_row()
        return TimeTotals(
            elapsed_ns=self.elapsed_ns,
            ticks=self.ticks,
            differences=self.differences,
            jitter=tuple(self.jitter),
            jitter_sum=tuple(self.jitter_sum),
            jitter_max=tuple(self.jitter_max),
            neighbours=self.neighbours,
            still=self.still,
            silences=tuple(self.silences),
            sample=SampleColumns(*self.sample.columns),
            seconds_each=self.rows.seconds_each,
            rows=self.rows.columns(),
        )

    def _enter_second(self, epoch_ns: int) -> None:
        second = (epoch_ns - self._grid_ns) // SECOND_NS
        if second != self.second:
            self.end_row()
            self.rows.move(second)
            self.second = second

    def _vary(self, gap_ns: int, ticks: int) -> None:
        """Move the jitter of each clock (RFC 3550 section 6.4.1)."""
        self.differences += 1
        gap_ms = gap_ns * NANOSECOND_MS
        for clock, tick_ms in enumerate(TICK_MS):
            jitter = self.jitter[clock]
            jitter += (abs(gap_ms - ticks * tick_ms) - jitter) * GAIN
            self.jitter[clock] = jitter
            self.jitter_sum[clock] += jitter
            self.jitter_max[clock] = max(self.jitter_max[clock], jitter)

    def _keep(self, size: int, step: int, gap_ns: int) -> None:
        if self.sample.wants(self.packets):
            self.sample.add(self.packets, self.elapsed_ns, self.ticks, size, step, gap_ns)
        self.packets += 1


def difference32(later: int, earlier: int) -> int:
    """Return ``later - earlier`` of two time stamps as a signed number, right across one wrap."""
    return ((later - earlier + _HALF32) & _MASK32) - _HALF32
