"""The per-second series of a call from the counts of its two directions."""

from collections.abc import Sequence
from itertools import zip_longest

from callresults.metrics.summary import SecondCount
from callresults.nettests.call import Second

_NOTHING = SecondCount(0, 0, 0)


def series_of(
    up: Sequence[SecondCount], down: Sequence[SecondCount], *, responder_view: bool
) -> tuple[Second, ...]:
    """Return one row per second of the schedule, both directions beside each other.

    Args:
        up: counts of what the probe sent.
        down: counts of what the responder sent; without its view, counts over the schedule that it shares.
        responder_view: False when the responder's record never came: then ``received_up`` and ``sent_down``
            are null.
    """
    return tuple(
        Second(
            second=second,
            sent_up=ours.sent,
            received_up=ours.received if responder_view else None,
            sent_down=theirs.sent if responder_view else None,
            received_down=theirs.received,
        )
        for second, (ours, theirs) in enumerate(zip_longest(up, down, fillvalue=_NOTHING))
    )
