"""The pair rules as data: what each concludes under which condition, and the numbers they use.

In ``pair-down-1``, ``pair-blocked-1``, ``pair-generic-udp-1``, ``pair-only-controls-failed-1`` and
``pair-nothing-worked-1`` a lost echo (``udp_open``) counted as a failure whatever came through after it; in
``pair-cut-1`` and ``pair-stalled-1`` any silence counted, however few packets were due in it.
"""

from typing import Final, Literal

import msgspec

from callresults.verdict import VerdictName


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: under its condition, its verdict. Rules are tried in order; the first that holds decides."""

    id: str
    """Public contract: stands in published records, never re-used with another meaning."""
    condition: str
    """Name of the condition, see ``callresults.rules.pair.CONDITIONS``."""
    verdict: VerdictName
    """What it concludes."""
    sentence: str
    """The conclusion in words, for people."""
    evidence: str
    """The fields of the records that it rests on."""
    reasons: tuple[str, ...] = ()
    """Short codes that go with every verdict of this rule."""
    mechanism: Literal["failure", "cut", "loss"] | None = None
    """What tells how the target was hindered: its failing stage, its cut, or its loss pattern."""
    compares: bool = False
    """Whether it rests on the paired comparison of losses, so that its power is worth stating."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds of the pair rules."""

    p_value: float = 0.005
    """Highest p of the permutation test that counts as a difference.

    Blocks of a flow with long loss runs are not quite independent of each other, so the measured rate of
    false alarms is up to twice the nominal one: this keeps it at 1 %.
    """
    excess_loss_ratio: float = 0.05
    """Smallest loss above the controls' that counts as harm."""
    visible_effect_ratio: float = 0.20
    """``ok`` needs a comparison that would have shown this much extra loss with 80 % power."""
    cut_silence_s: int = 2
    """So many last seconds without one packet, after some arrived, are a cut."""
    bursty_burst_r: float = 1.5
    """BurstR from which loss is called bursty."""
    random_burst_r: float = 1.25
    """BurstR up to which loss is called random; between the two the data cannot tell."""
    clean_loss_ratio: float = 0.10
    """Highest loss of a control, in either direction, at which a set-up hardly fails by chance.

    Eight requests, each lost there or back with 0.19, all fail once in 600,000 calls; four, once in 800.
    """
    dead_packets: int = 20
    """So many packets sent and none arrived, while a control's did, are no chance on a line that works."""
    mechanism_losses: int = 20
    """Fewest lost packets from which BurstR says anything."""


PAIR_THRESHOLDS = Thresholds()

_STAGES: Final = "stages of all arms, without a udp_open that a later set-up refutes"
_COUNTS: Final = "metrics_up and metrics_down, else series: packets sent and received"
_SERIES: Final = "series: exact label permutation within blocks of a second or more, both directions"

PAIR_RULES: Final = (
    Rule(
        id="pair-void-1",
        condition="target_void",
        verdict="insufficient",
        sentence="The measurement itself must not be used.",
        evidence="valid, void_reason",
        reasons=("void-target",),
    ),
    Rule(
        id="pair-no-session-1",
        condition="no_session",
        verdict="insufficient",
        sentence="The responder gave no session, so nothing was tested.",
        evidence="stage session_open",
        reasons=("no-session",),
    ),
    Rule(
        id="pair-no-control-1",
        condition="no_control",
        verdict="insufficient",
        sentence="Nothing usable ran beside it to compare it with.",
        evidence="pair_id, valid, stage session_open",
        reasons=("no-control",),
    ),
    Rule(
        id="pair-media-passed-1",
        condition="all_failed_but_media_passed",
        verdict="insufficient",
        sentence="It and all beside it failed, but some media came through, so the line was not down.",
        evidence=f"{_STAGES}, {_COUNTS}",
        reasons=("controls-failed", "media-passed"),
    ),
    Rule(
        id="pair-down-2",
        condition="all_failed",
        verdict="down",
        sentence="Neither it nor anything beside it got through, and no media packet of any came in either "
        "direction.",
        evidence=f"{_STAGES}, {_COUNTS}",
        reasons=("controls-failed",),
    ),
    Rule(
        id="pair-lossy-line-1",
        condition="failed_on_lossy_line",
        verdict="insufficient",
        sentence="It failed, but its media were dead in no direction, and what ran beside it lost so much "
        "that chance can explain it.",
        evidence=f"{_STAGES}, {_COUNTS}",
        reasons=("lossy-line",),
    ),
    Rule(
        id="pair-unknown-line-1",
        condition="failed_on_unknown_line",
        verdict="insufficient",
        sentence="It failed, but its media were dead in no direction, and nothing tells what the line lost.",
        evidence=f"{_STAGES}, {_COUNTS}",
        reasons=("loss-unknown",),
    ),
    Rule(
        id="pair-generic-udp-2",
        condition="only_allow_listed_worked",
        verdict="generic-udp",
        sentence="Only a look that is let through everywhere got through; random bytes did not either, nor "
        "is chance on a lossy line to blame.",
        evidence=f"{_STAGES}, {_COUNTS}, control_nature",
    ),
    Rule(
        id="pair-blocked-2",
        condition="target_failed",
        verdict="blocked",
        sentence="It did not get through while an equal exchange beside it did: with its media dead in a "
        "direction, or on a line that lost little.",
        evidence=f"{_STAGES}, {_COUNTS}",
        mechanism="failure",
    ),
    Rule(
        id="pair-cut-2",
        condition="only_target_cut",
        verdict="blocked",
        sentence="Its media began and was cut while an equal flow beside it held: for longer than a pause, "
        "or on a line that lost little.",
        evidence=f"media_hold of all arms, series, {_COUNTS}",
        mechanism="cut",
    ),
    Rule(
        id="pair-stalled-2",
        condition="only_target_surely_stalled",
        verdict="degraded",
        sentence="Its media did not hold while that of an equal flow beside it did: for longer than a pause, "
        "or on a line that lost little.",
        evidence=f"media_hold of all arms, series, {_COUNTS}",
        mechanism="loss",
    ),
    Rule(
        id="pair-only-controls-failed-2",
        condition="only_controls_failed",
        verdict="ok",
        sentence="It worked although nothing beside it did.",
        evidence=_STAGES,
        reasons=("controls-failed",),
    ),
    Rule(
        id="pair-nothing-worked-2",
        condition="controls_failed",
        verdict="insufficient",
        sentence="Its media did not hold, and nothing beside it worked to compare it with.",
        evidence=_STAGES,
        reasons=("controls-failed",),
    ),
    Rule(
        id="pair-service-answers-1",
        condition="is_service",
        verdict="ok",
        sentence="The service answered, as the neutral one did.",
        evidence=_STAGES,
    ),
    Rule(
        id="pair-excess-loss-1",
        condition="excess_loss",
        verdict="degraded",
        sentence="It lost more packets than an equal flow in the same seconds.",
        evidence=_SERIES,
        mechanism="loss",
        compares=True,
    ),
    Rule(
        id="pair-stall-by-chance-1",
        condition="only_target_stalled",
        verdict="insufficient",
        sentence="Its media ended in silence, but few packets were due in it and the line can have "
        "lost them.",
        evidence=f"media_hold of all arms, {_SERIES}",
        reasons=("stall-by-chance",),
        compares=True,
    ),
    Rule(
        id="pair-all-stalled-1",
        condition="target_stalled",
        verdict="insufficient",
        sentence="Its media did not hold, but nor did that of what ran beside it.",
        evidence=f"media_hold of all arms, {_SERIES}",
        reasons=("controls-stalled",),
        compares=True,
    ),
    Rule(
        id="pair-no-excess-1",
        condition="enough_packets",
        verdict="ok",
        sentence="It lost no more packets than an equal flow in the same seconds.",
        evidence=_SERIES,
        compares=True,
    ),
    Rule(
        id="pair-too-few-packets-1",
        condition="otherwise",
        verdict="insufficient",
        sentence="Too few packets were compared to see a difference that matters.",
        evidence=_SERIES,
        reasons=("too-few-packets",),
        compares=True,
    ),
)
"""The rules, in the order in which they are tried."""
