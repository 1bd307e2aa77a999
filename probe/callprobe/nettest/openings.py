"""The rungs of a replayed call's own set-up: whether any of those packets came through, each kind apart.

A control has the same rungs, by the numbers of its packets, so that both are measured alike.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from callprobe.dialect.opening import FEWEST, Opening, OpeningName
from callprobe.media.caller import CallerLog
from callprobe.media.session import FlowView
from callprobe.nettest.ladder import not_reached, seconds
from callresults.failure import Failure
from callresults.observation import Stage

_FAILURES: Final[dict[OpeningName, Failure]] = {
    "relay_allocation": Failure.RELAY_ALLOCATION_TIMEOUT,
    "relay_ping": Failure.REFLECTOR_TIMEOUT,
    "turn_allocation": Failure.TURN_TIMEOUT,
    "ice_connectivity": Failure.ICE_FAILED,
    "dtls_handshake": Failure.DTLS_TIMEOUT,
}


class Replayed(NamedTuple):
    """What both ends saw of one flow."""

    log: CallerLog
    view: FlowView | None
    from_ns: int
    until_ns: int
    """When the media began and ended, or the run did."""
    interrupted: bool


def opening_stages(openings: Iterable[Opening], seen: Replayed, *, origin_ns: int) -> tuple[Stage, ...]:
    """Return a rung for each kind of set-up packets of which enough were sent to say anything."""
    stages = (_stage(opening, seen, origin_ns) for opening in openings)
    return tuple(stage for stage in stages if stage is not None)


def _stage(opening: Opening, seen: Replayed, origin_ns: int) -> Stage | None:
    view, log = seen.view, seen.log
    sent_up = opening.up & {sequence for sequence, _ in log.sent}
    passed_down = opening.down & {sequence for sequence, _ in log.arrived}
    sent_down = opening.down & set(view.sent_sequence) if view else frozenset[int]()
    passed_up = opening.up & set(view.received_sequence) if view else None
    ways = [_passed(sent_up, passed_up), _passed(sent_down or passed_down, passed_down)]
    known = [way for way in ways if way is not None]
    if not known:
        return None
    if seen.interrupted:
        return not_reached(opening.name, seconds(seen.until_ns, origin_ns), Failure.INTERRUPTED)
    outcome: Literal["ok", "failed"] = "ok" if all(known) else "failed"
    return Stage(
        name=opening.name,
        t0=seconds(
            min((at for number, at in log.sent if number in opening.up), default=seen.from_ns), origin_ns
        ),
        t=seconds(_end_ns(opening, seen), origin_ns),
        outcome=outcome,
        failure=None if outcome == "ok" else _FAILURES[opening.name],
        attempts=len(sent_up),
    )


def _passed(sent: frozenset[int], passed: frozenset[int] | None) -> bool | None:
    """Say whether any packet of a direction came through; None where nothing can be said."""
    if passed:
        return True
    return None if passed is None or len(sent) < FEWEST else False


def _end_ns(opening: Opening, seen: Replayed) -> int:
    """Return when the first answer came, else when it was too late for one."""
    arrived = (at for number, at in seen.log.arrived if number in opening.down)
    return min(arrived, default=seen.until_ns)
