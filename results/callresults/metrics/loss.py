"""Loss by RFC 7680: a packet that has not arrived within the waiting time Tmax is lost.

Counted over unique sequence numbers, so duplicates never hide a loss. As the clocks are not synchronised,
Tmax runs from the smallest transit seen.
"""


def within_wait(first: dict[int, int], loss_wait_ns: int) -> dict[int, int]:
    """Return the transits (ns) of the packets that arrived within the waiting time, order kept.

    Args:
        first: transit of each packet's first copy, by sequence.
        loss_wait_ns: Tmax of RFC 7680 section 2.2, counted from the smallest transit.
    """
    if not first:
        return first
    limit_ns = min(first.values()) + loss_wait_ns
    if max(first.values()) <= limit_ns:
        return first
    return {sequence: transit for sequence, transit in first.items() if transit <= limit_ns}


def late_sequences(received: dict[int, int], playout_ns: int) -> set[int]:
    """Return the packets that came too late for a fixed jitter buffer (RFC 3611 4.7.1, discarded).

    The buffer plays a packet ``playout_ns`` after the smallest transit.
    """
    if not received:
        return set()
    deadline_ns = min(received.values()) + playout_ns
    return {sequence for sequence, transit in received.items() if transit > deadline_ns}


def ratio(part: float, whole: float) -> float | None:
    """Return ``part / whole``, or None where there is no whole."""
    return part / whole if whole else None
