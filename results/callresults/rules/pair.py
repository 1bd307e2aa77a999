"""An arm with its controls, and the conditions that the pair rules name.

An arm *failed* when its set-up or its first media did, *stalled* when its media began and did not hold; it
*worked* unless it failed. What counts as a failure is what ``callresults.observation.obstacles`` says.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from callresults.nettests.call import CallKeys
from callresults.nettests.service import ServiceKeys
from callresults.observation import Stage, first_failing
from callresults.rules.blocks import PairedBlocks, paired_blocks
from callresults.rules.mechanism import cut_directions
from callresults.rules.media import came_through, packets_in_final_silence, traffic
from callresults.rules.permutation import Comparison, compare
from callresults.rules.table import PAIR_THRESHOLDS

Keys = CallKeys | ServiceKeys


def has_session(keys: Keys) -> bool:
    """Say whether the responder gave a session, where the arm asked for one."""
    return not any(stage.name == "session_open" and stage.outcome != "ok" for stage in keys.stages)


def failed(keys: Keys) -> bool:
    """Say whether set-up or first media failed (for a service: any stage)."""
    failing = first_failing(keys.stages)
    return failing is not None and failing.name != "media_hold"


def stalled(keys: Keys) -> bool:
    """Say whether media began and did not hold."""
    failing = first_failing(keys.stages)
    return failing is not None and failing.name == "media_hold"


class Pair:
    """An arm and those of its controls that can be compared with it."""

    def __init__(self, target: Keys, controls: Sequence[Keys]) -> None:
        beside = [
            keys for keys in controls if isinstance(keys, type(target)) and keys.pair_id == target.pair_id
        ]
        self.target = target
        self.controls = [keys for keys in beside if keys.valid and has_session(keys)]
        self.unusable_controls = len(beside) - len(self.controls)
        self.working = [keys for keys in self.controls if not failed(keys)]
        self.failing: Stage | None = first_failing(target.stages)

    @cached_property
    def calls(self) -> list[CallKeys]:
        """The target and its working controls, where they are calls."""
        return [keys for keys in (self.target, *self.working) if isinstance(keys, CallKeys)]

    @cached_property
    def media_passed(self) -> bool:
        """Whether any media came through, of the target or of any control, at either end."""
        calls = (keys for keys in (self.target, *self.controls) if isinstance(keys, CallKeys))
        return any(came_through(keys) for keys in calls)

    @cached_property
    def target_media_dead(self) -> bool:
        """Whether nothing of the target arrived in a direction in which a working control got through."""
        own, *beside = (traffic(keys) for keys in self.calls)
        return any(
            way.sent >= PAIR_THRESHOLDS.dead_packets
            and way.received == 0
            and any(control[index].received for control in beside)
            for index, way in enumerate(own)
        )

    @cached_property
    def worst_control_loss_ratio(self) -> float | None:
        """The highest loss of a working control in a direction, 0..1; None where none is known."""
        losses = (way.loss_ratio for keys in self.calls[1:] for way in traffic(keys))
        return max((loss for loss in losses if loss is not None), default=None)

    @cached_property
    def blocks(self) -> PairedBlocks:
        """What the calls lost in the same seconds."""
        return paired_blocks(self.calls)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The permutation test over those seconds; None where nothing can be compared."""
        if not self.blocks.blocks:
            return None
        return compare(
            self.blocks.blocks,
            self.blocks.packets_per_block,
            alpha=PAIR_THRESHOLDS.p_value,
            excess_loss_ratio=PAIR_THRESHOLDS.excess_loss_ratio,
        )


def differs(comparison: Comparison) -> bool:
    """Say whether the test found the target's losses different from its controls', however small."""
    return comparison.p_value <= PAIR_THRESHOLDS.p_value


def harms(comparison: Comparison) -> bool:
    """Say whether the target's extra loss is large enough to matter, whatever the test says."""
    return comparison.excess_loss_ratio >= PAIR_THRESHOLDS.excess_loss_ratio


def _all_failed(pair: Pair) -> bool:
    return failed(pair.target) and not pair.working


def _failed_undead(pair: Pair) -> bool:
    """Say whether a call failed without a dead direction, so that chance may have lost its requests."""
    return failed(pair.target) and isinstance(pair.target, CallKeys) and not pair.target_media_dead


def _failed_on_lossy_line(pair: Pair) -> bool:
    loss = pair.worst_control_loss_ratio
    return _failed_undead(pair) and loss is not None and loss > PAIR_THRESHOLDS.clean_loss_ratio


def _failed_on_unknown_line(pair: Pair) -> bool:
    return _failed_undead(pair) and pair.worst_control_loss_ratio is None


def _only_allow_listed_worked(pair: Pair) -> bool:
    natures = {keys.control_nature for keys in pair.working if isinstance(keys, CallKeys)}
    return failed(pair.target) and natures == {"allow-listed"} and len(pair.working) < len(pair.controls)


def _only_target_stalled(pair: Pair) -> bool:
    return stalled(pair.target) and any(not stalled(keys) for keys in pair.working)


def _only_target_surely_stalled(pair: Pair) -> bool:
    """Say whether the silence of the only arm that stalled is longer than lost packets of a pause explain."""
    if not _only_target_stalled(pair) or not isinstance(pair.target, CallKeys):
        return False
    loss = pair.worst_control_loss_ratio
    clean = loss is not None and loss <= PAIR_THRESHOLDS.clean_loss_ratio
    return clean or packets_in_final_silence(pair.target) >= PAIR_THRESHOLDS.dead_packets


def _only_target_cut(pair: Pair) -> bool:
    target = pair.target
    return isinstance(target, CallKeys) and _only_target_surely_stalled(pair) and bool(cut_directions(target))


def _excess_loss(pair: Pair) -> bool:
    return pair.comparison is not None and differs(pair.comparison) and harms(pair.comparison)


def _enough_packets(pair: Pair) -> bool:
    smallest = pair.comparison.smallest_effect_ratio if pair.comparison else None
    return smallest is not None and smallest <= PAIR_THRESHOLDS.visible_effect_ratio


CONDITIONS: Final[dict[str, Callable[[Pair], bool]]] = {
    "target_void": lambda pair: not pair.target.valid,
    "no_session": lambda pair: not has_session(pair.target),
    "no_control": lambda pair: not pair.controls,
    "all_failed_but_media_passed": lambda pair: _all_failed(pair) and pair.media_passed,
    "all_failed": _all_failed,
    "failed_on_lossy_line": _failed_on_lossy_line,
    "failed_on_unknown_line": _failed_on_unknown_line,
    "only_allow_listed_worked": _only_allow_listed_worked,
    "target_failed": lambda pair: failed(pair.target),
    "only_target_cut": _only_target_cut,
    "only_target_surely_stalled": _only_target_surely_stalled,
    "only_controls_failed": lambda pair: not pair.working and not stalled(pair.target),
    "controls_failed": lambda pair: not pair.working,
    "is_service": lambda pair: isinstance(pair.target, ServiceKeys),
    "excess_loss": _excess_loss,
    "only_target_stalled": _only_target_stalled,
    "target_stalled": lambda pair: stalled(pair.target),
    "enough_packets": _enough_packets,
    "otherwise": lambda _: True,
}
"""Conditions by name; each may take for granted that those of the rules before it did not hold."""
