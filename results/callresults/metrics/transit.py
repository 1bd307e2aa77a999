"""Matching what arrived to what was sent: the one pass that every other metric starts from.

The two stamps of a packet are read on two clocks that nobody synchronised, so a transit is only known up to a
constant: differences of transits mean something, a transit alone does not.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple


class SentPacket(NamedTuple):
    """One packet as its sender stamped it."""

    sequence: int
    """Index in the schedule: unique, and rising in the order of sending."""
    sent_ns: int
    """Nanoseconds on the sender's monotonic clock."""


class Arrival(NamedTuple):
    """One packet as its receiver stamped it; the same sequence again is a duplicate."""

    sequence: int
    arrival_ns: int
    """Nanoseconds on the receiver's monotonic clock."""


class Matched(NamedTuple):
    """The arrivals of one direction, joined to what was sent. Times in ns, transits up to a constant."""

    sent_at: dict[int, int]
    """Sent stamp by sequence, in the order of sending."""
    arrived_ns: list[int]
    """Stamps of every matched arrival, duplicates included, in order of arrival."""
    transits_ns: list[int]
    """Arrival minus sent of the same packets."""
    first: dict[int, int]
    """Transit of each packet's first copy by sequence, in order of arrival."""


def match(sent: Iterable[SentPacket], arrivals: Iterable[Arrival]) -> Matched:
    """Join arrivals to what was sent; arrivals of unknown sequence numbers are left out."""
    sent_at: dict[int, int] = dict(sent)
    arrived_ns: list[int] = []
    transits_ns: list[int] = []
    first: dict[int, int] = {}
    for sequence, arrival_ns in sorted(arrivals, key=itemgetter(1)):
        if sequence in sent_at:
            transit_ns = arrival_ns - sent_at[sequence]
            arrived_ns.append(arrival_ns)
            transits_ns.append(transit_ns)
            if sequence not in first:
                first[sequence] = transit_ns
    return Matched(sent_at, arrived_ns, transits_ns, first)
