"""One rung of a call's ladder, before it is known which call of the capture it belongs to."""

from typing import Literal, NamedTuple

from callprobe.pcap.tell.endpoint import Direction
from callresults.failure import Failure
from callresults.observation import StageName

Outcome = Literal["ok", "failed", "partial", "not_seen"]


class Rung(NamedTuple):
    """See ``CaptureStage``."""

    name: StageName
    t0_s: float
    t_s: float
    outcome: Outcome
    detail: str
    failure: Failure | None = None
    direction: Direction | None = None


def outcome_of(answered: int, asked: int) -> Outcome:
    """Return what became of several that were asked."""
    if not answered:
        return "failed"
    return "ok" if answered >= asked else "partial"
