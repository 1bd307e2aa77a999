"""What the evidence reaches: the look of the traffic, the service's own address, or both.

The shaped arm meets only our responder: it can show that a look is treated worse, never by itself that a
service is free, since a block by address does not touch it. A STUN Binding at the service's relay can.
"""

from typing import Literal

from callanalysis.claims import Scope
from callanalysis.evidence import Evidence, Flows
from callanalysis.onset import Onset
from callanalysis.votes import Flow

Address = Literal["hit", "clean", "unclear", "not-tested"]

CLEAN_FALL = -0.10
"""The address is clean when the 95 % interval of its change lies above this."""


def relay_flows(flows: Flows) -> tuple[Flow, ...]:
    """Return the address evidence for call flows: the service arm's STUN Binding (medium voice)."""
    services = sorted({flow.service for flow in flows if flow.arm == "shaped" and flow.service})
    return tuple(Flow(arm="service", service=service, medium="voice") for service in services)


def address(evidence: Evidence, flows: Flows, onset: Onset | None) -> Address:
    """Say how the relay addresses of *every* service in ``flows`` fared from the claimed day on.

    Where the look fell later than claimed, the days from the claimed one to that fall are what counts.
    """
    states = [_one(evidence, (relay,), onset) for relay in relay_flows(flows)]
    for state in ("not-tested", "hit", "unclear"):
        if state in states:
            return state
    return "clean" if states else "not-tested"


def _one(evidence: Evidence, relay: Flows, onset: Onset | None) -> Address:
    lacking = evidence.lacks(relay)
    if lacking:
        return "not-tested"
    day = evidence.claimed_day
    until = onset.first if onset and onset.first > day + 1 else None
    effect = evidence.change(relay, "difference", day, until)
    if effect.joint and effect.high95 < 0:
        return "hit"
    return "clean" if effect.low95 >= CLEAN_FALL else "unclear"


def reached(flows: Flows, state: Address, verdict: str) -> Scope:
    """Return the scope of a verdict: what its evidence reaches."""
    if all(flow.arm != "shaped" for flow in flows):
        return "address"
    if state == "not-tested" or (verdict == "supported" and state != "hit"):
        return "look"
    return "look+address"
