"""The judge of one arm beside its controls: the first of ``PAIR_RULES`` whose condition holds decides.

``down`` needs every control to have failed and not one media packet to have arrived. A target that failed
without a dead direction is ``blocked`` only beside controls that lost little: else chance explains it. One
that stalled beside a control that held is ``blocked`` when one of its directions ends in silence (mechanism
``cut``), else ``degraded``, unless on a lossy line too few packets were due in its silence.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from callresults.nettests.call import CallKeys
from callresults.nettests.service import ServiceKeys
from callresults.observation import MEDIA_STAGES
from callresults.rules.mechanism import failure_mechanism, loss_mechanism
from callresults.rules.pair import CONDITIONS, Keys, Pair, differs, harms
from callresults.rules.table import PAIR_RULES, Rule
from callresults.verdict import Scope, Verdict

_RESTS_ON_LINE: Final = frozenset({"target_failed", "failed_on_lossy_line"})
"""Conditions that rest on what the controls lost."""
_LOOK_ARMS: Final = frozenset({"shaped", "webrtc", "fallback", "control", "aa"})
"""Arms whose far end is our responder: they test the look of traffic, never a service's address."""


def judge(target: Keys, controls: Sequence[Keys]) -> Verdict:
    """Return what ``PAIR_RULES`` say of an arm beside its controls.

    Args:
        target: the arm to judge: ``CallKeys``, or ``ServiceKeys`` of a service.
        controls: what ran beside it, of the same kind (neutral services beside a service); arms of another
            ``pair_id`` or kind, void ones and those without a session are left out.
    """
    pair = Pair(target, controls)
    rule = next(rule for rule in PAIR_RULES if CONDITIONS[rule.condition](pair))
    comparison = pair.comparison if rule.compares else None
    smallest = comparison.smallest_effect_ratio if comparison else None
    return Verdict(
        verdict=rule.verdict,
        scope=_scope(target),
        rule_id=rule.id,
        first_failing_stage=pair.failing.name if pair.failing else None,
        mechanism=_mechanism(rule, pair),
        reasons=(*rule.reasons, *_circumstances(rule, pair)),
        n_packets=comparison.n_packets if comparison else 0,
        smallest_effect_ratio=None if smallest is None else round(smallest, 4),
    )


def _scope(target: Keys) -> Scope:
    return "look" if target.arm in _LOOK_ARMS else "address"


def _mechanism(rule: Rule, pair: Pair) -> str | None:
    if rule.mechanism == "failure" and pair.failing:
        return failure_mechanism(pair.target, pair.failing)
    if rule.mechanism == "loss" and isinstance(pair.target, CallKeys):
        return loss_mechanism(pair.target)
    return "cut" if rule.mechanism == "cut" else None


def _circumstances(rule: Rule, pair: Pair) -> Iterator[str]:
    """Yield the codes of what else must be known to read the verdict."""
    if rule.condition == "target_void" and pair.target.void_reason:
        yield pair.target.void_reason
    if pair.unusable_controls:
        yield "unusable-controls"
    if 0 < len(pair.working) < len(pair.controls):
        yield "some-controls-failed"
    if _lacks_responder_view(rule, pair):
        yield "responder-view-missing"
    if rule.verdict == "blocked" and isinstance(pair.target, ServiceKeys):
        yield "outage-not-excluded"
    if rule.compares:
        yield from _doubts(pair)


def _lacks_responder_view(rule: Rule, pair: Pair) -> bool:
    """Say whether the direction of losses that matter here is unknown."""
    media = rule.compares or (pair.failing is not None and pair.failing.name in MEDIA_STAGES)
    calls = pair.calls if media else pair.calls[1:] if rule.condition in _RESTS_ON_LINE else []
    return any(call.metrics_up is None for call in calls)


def _doubts(pair: Pair) -> Iterator[str]:
    comparison = pair.comparison
    if comparison is None:
        return
    if harms(comparison) and not differs(comparison):
        yield "excess-not-significant"
    if differs(comparison) and not harms(comparison):
        yield "small-excess"
