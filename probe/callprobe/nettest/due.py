"""When a direction's media are due, so that its silence says something. Pure; offsets of a schedule."""

from typing import Final

from callprobe.dialect.contract import Schedule
from callprobe.nettest.ladder import FIRST_PACKET_DEADLINE_NS, STALL_NS, STALL_SHARE, Span

ENOUGH: Final = 10
"""Packets that chance does not lose all."""


def due_in(schedule: Schedule, *, recorded: bool) -> Span:
    """Return from when to when a schedule's media are due, as offsets.

    A look of our own sends evenly, so from its first to its last packet. A ``recorded`` call may begin or end
    with a lone packet long before or after the others; one that is lost must not look like a call that never
    began or did not hold. So within the deadline of the first packet, and within the last silence that would
    count as a stall, several packets are due.
    """
    offsets = [slot.offset_ns for slot in schedule]
    if not offsets:
        return Span(0, 0)
    if not recorded or len(offsets) < ENOUGH:
        return Span(offsets[0], offsets[-1])
    first_ns = max(offsets[0], offsets[ENOUGH - 1] - FIRST_PACKET_DEADLINE_NS // 2)
    stall_ns = min(STALL_NS, int(STALL_SHARE * (offsets[-1] - first_ns)))
    dense = (
        offsets[last]
        for last in range(len(offsets) - 1, ENOUGH - 2, -1)
        if offsets[last] - offsets[last - ENOUGH + 1] <= stall_ns
    )
    return Span(first_ns, max(next(dense, offsets[-1]), first_ns))
