"""What came through of an arm's media, each direction apart, as far as its record knows."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Final, NamedTuple

from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.call import CallKeys

SENT_TOLERANCE: Final = 0.10
"""More arrivals than this above what was sent show that a stand-in for what was sent is none."""


class Traffic(NamedTuple):
    """One direction of one flow; packets."""

    sent: int
    received: int | None
    """None when not known."""

    @property
    def loss_ratio(self) -> float | None:
        """Lost over sent, 0..1; None when nothing was sent or either number is not known."""
        if not self.sent or self.received is None or self.received > (1 + SENT_TOLERANCE) * self.sent:
            return None
        return max(0.0, 1 - self.received / self.sent)


def traffic(keys: CallKeys) -> tuple[Traffic, Traffic]:
    """Return what an arm sent and received up and down.

    Without the far end's record it is not known what arrived up, and what the probe itself sent stands for
    what the far end sent down: both schedules are of one kind and length, though not equal where a look
    keeps silent in pauses.
    """
    sent_up = sum(second.sent_up for second in keys.series)
    down = [second.sent_down for second in keys.series]
    return (
        _traffic(keys.metrics_up, sent_up, (second.received_up for second in keys.series)),
        _traffic(
            keys.metrics_down,
            sent_up if None in down else sum(sent or 0 for sent in down),
            (second.received_down for second in keys.series),
        ),
    )


def _traffic(metrics: DirectionMetrics | None, sent: int, received: Iterable[int | None]) -> Traffic:
    if metrics is not None:
        return Traffic(metrics.packets_sent, metrics.packets_received)
    known = [count for count in received if count is not None]
    return Traffic(sent, sum(known) if known else None)


def packets_in_final_silence(keys: CallKeys) -> int:
    """Return how many packets were sent into the silence that an arm ended in; the direction with more."""
    up = [(second.sent_up, second.received_up) for second in keys.series]
    down = [
        (second.sent_up if second.sent_down is None else second.sent_down, second.received_down)
        for second in keys.series
    ]
    silences = (takewhile(lambda counts: counts[1] == 0, reversed(rows)) for rows in (up, down))
    return max(sum(sent for sent, _ in silence) for silence in silences)


def came_through(keys: CallKeys) -> bool:
    """Say whether any media of an arm arrived, in time or not, at either end."""
    began = any(stage.name == "media_first_packet" and stage.outcome == "ok" for stage in keys.stages)
    seen_far = keys.responder_view is not None and keys.responder_view.packets_received > 0
    seen_by_second = any(second.received_up or second.received_down for second in keys.series)
    return began or seen_far or seen_by_second or any(way.received for way in traffic(keys))
