"""A sample of a stream's packets of bounded size: all at first, then half of them, a quarter and so on.

Which packets stay depends on their place in the stream only, never on when the sample was thinned out. They
are chosen by the fractional parts of multiples of the golden ratio, which lie evenly and are in step with no
pattern of the sender's, such as a frame's number of packets.
"""

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

NO_STEP: Final = 1 << 40
"""The packet did not follow its neighbour in number."""
FACTOR: Final = 0x9E3779B1
"""2**32 divided by the golden ratio, odd."""
_MASK: Final = (1 << 32) - 1


class SampledPacket(NamedTuple):
    """One packet of the sample."""

    number: int
    """Which packet of the stream, from 0."""
    elapsed_ns: int
    """Since the first packet, times between segments left out."""
    ticks: int
    """Time stamp, since the first packet."""
    size: int
    step: int
    """Ticks since the packet before, or ``NO_STEP`` where that was not its neighbour in number."""
    gap_ns: int
    """Time since the packet before."""


class SampleColumns(NamedTuple):
    """The sample field by field, those of ``SampledPacket``."""

    numbers: Sequence[int]
    elapsed_ns: Sequence[int]
    ticks: Sequence[int]
    sizes: Sequence[int]
    steps: Sequence[int]
    gaps_ns: Sequence[int]


class Sample:
    """Takes packets in order."""

    __slots__ = ("bound", "columns", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.columns = tuple(array("q") for _ in SampledPacket._fields)
        """The packets, field by field; never more than ``limit`` of them."""
        self.bound = 1 << 32
        """A packet is wanted if ``number * FACTOR``, modulo 2**32, lies below."""

    def __len__(self) -> int:
        return len(self.columns[0])

    def wants(self, number: int) -> bool:
        """Say whether a packet belongs to the sample."""
        return number * FACTOR & _MASK < self.bound

    def add(self, *packet: int) -> None:
        """Add a packet that is wanted: the fields of ``SampledPacket``."""
        for column, value in zip(self.columns, packet, strict=True):
            column.append(value)
        while len(self) > self.limit:
            self._thin_out()

    def packets(self) -> list[SampledPacket]:
        """Return what stayed, in order."""
        return [SampledPacket(*row) for row in zip(*self.columns, strict=True)]

    def _thin_out(self) -> None:
        self.bound //= 2
        kept = [packet for packet in self.packets() if self.wants(packet.number)]
        for column, values in zip(self.columns, zip(*kept, strict=True), strict=True):
            column[:] = array("q", values)
