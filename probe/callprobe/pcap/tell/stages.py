"""The ladder of a call as a capture shows it: which rung was reached when, and where it ended."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, get_args

from msgspec import Struct

from callprobe.pcap.tell import media_stages, setup_stages
from callprobe.pcap.tell.calls import Call, calls
from callprobe.pcap.tell.rung import Outcome, Rung
from callprobe.pcap.tell.sides import sides
from callresults.failure import Failure
from callresults.observation import StageName

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings

_LADDER: Final = {name: place for place, name in enumerate(get_args(StageName))}


class CaptureStage(Struct, frozen=True, kw_only=True):
    """One rung; those of which the capture shows nothing are left out."""

    name: StageName
    """Which rung, as in a measurement."""
    call: int
    """Which call of the capture, from 1."""
    direction: Literal["up", "down"] | None
    """Of media: sent or received by the host that captured; null where that is not known."""
    t0_s: float
    """First thing of it that was seen; of media, when the call began."""
    t_s: float
    """When it was reached; if it was not, the last thing of it that was seen."""
    outcome: Outcome
    """``partial``: reached, yet something of it did not answer or did not last."""
    failure: Failure | None
    """What to call it when it failed; null otherwise, and where no name fits."""
    detail: str
    """What was seen, a sentence without its full stop."""


def stages(findings: "Findings") -> tuple[CaptureStage, ...]:
    """Return the rungs of all calls, in order of the calls and of the ladder."""
    return tuple(
        stage
        for number, call in enumerate(calls(findings), start=1)
        for stage in _in_order(number, _rungs(findings, call))
    )


def _rungs(findings: "Findings", call: Call) -> Iterable[Rung]:
    yield from setup_stages.rungs(findings, call)
    yield from media_stages.rungs(call, sides(call, findings.endpoint))


def _in_order(number: int, rungs: Iterable[Rung]) -> list[CaptureStage]:
    ordered = sorted(rungs, key=lambda rung: _LADDER[rung.name])
    return [
        CaptureStage(
            name=rung.name,
            call=number,
            direction=rung.direction,
            t0_s=rung.t0_s,
            t_s=max(rung.t_s, rung.t0_s),
            outcome=rung.outcome,
            failure=rung.failure,
            detail=rung.detail,
        )
        for rung in ordered
    ]
