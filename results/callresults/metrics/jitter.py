"""Interarrival jitter of RFC 3550: section 6.4.1 in floats, appendix A.8 in integer RTP ticks.

Time stamps wrap: every difference of 32-bit stamps is taken modulo 2**32, or one wrap ruins five seconds.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_HALF32: Final = 1 << 31
_MASK32: Final = (1 << 32) - 1


class Jitter(NamedTuple):
    """Interarrival jitter of a stream, in the unit of the transits it was computed from."""

    last: float
    """J after the last packet: what a receiver report would carry."""
    mean: float
    """Mean of J over the packets, the first excepted."""
    max: float


def difference32(later: int, earlier: int) -> int:
    """Return ``later - earlier`` of two 32-bit stamps as a signed number, right across one wrap."""
    return ((later - earlier + _HALF32) & _MASK32) - _HALF32


def interarrival_jitter(transits: Sequence[float]) -> Jitter | None:
    """Return J += (|D| - J) / 16 over transits in order of arrival; None for fewer than two packets.

    RFC 3550 section 6.4.1. Duplicates and reordered packets count, as the standard has it.
    """
    if len(transits) < 2:
        return None
    jitter = total = highest = 0.0
    previous = transits[0]
    for transit in transits:
        jitter += (abs(transit - previous) - jitter) * 0.0625
        previous = transit
        total += jitter
        highest = max(highest, jitter)
    return Jitter(jitter, total / (len(transits) - 1), highest)


def tick_transits(packets: Iterable[tuple[int, int]]) -> list[int]:
    """Return transits in RTP ticks, unwrapped, of (arrival, timestamp) pairs of 32-bit ticks."""
    transits: list[int] = []
    for arrival_ticks, rtp_ticks in packets:
        wrapped = (arrival_ticks - rtp_ticks) & _MASK32
        transits.append(transits[-1] + difference32(wrapped, transits[-1]) if transits else wrapped)
    return transits


def integer_jitter_q4(packets: Iterable[tuple[int, int]]) -> int:
    """Return J of RFC 3550 appendix A.8, scaled by 16, of (arrival, timestamp) pairs of 32-bit ticks.

    A receiver report carries this value ``>> 4``.
    """
    jitter_q4 = 0
    previous: int | None = None
    for arrival_ticks, rtp_ticks in packets:
        transit = (arrival_ticks - rtp_ticks) & _MASK32
        if previous is not None:
            jitter_q4 += abs(difference32(transit, previous)) - ((jitter_q4 + 8) >> 4)
        previous = transit
    return jitter_q4
