"""Verdicts: what the pairing of an arm with its controls says."""

from typing import Literal

import msgspec

VerdictName = Literal["ok", "degraded", "blocked", "down", "generic-udp", "insufficient"]
Scope = Literal["look", "address", "look+address"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one rule concluded about one arm beside its controls."""

    verdict: VerdictName
    """``down``: all controls failed too; ``generic-udp``: random bytes fail, an allow-listed look passes."""
    scope: Scope
    """What was tested: the look of the traffic, the service's address, or both."""
    rule_id: str
    """The rule (a public contract; rules are data in ``callresults.rules``)."""
    first_failing_stage: str | None
    """The first rung that kept the arm from working (an echo that later rungs refute does not); else null."""
    mechanism: str | None = None
    """How it was hindered, where the data can tell; null means *cannot tell*."""
    reasons: tuple[str, ...] = ()
    """Short codes of what the rule rests on or lacks."""
    n_packets: int = 0
    """Packets (sent, both directions) that the comparison rests on."""
    smallest_effect_ratio: float | None = None
    """Smallest extra loss that this many packets could show with 80 % power; null where not computed."""
