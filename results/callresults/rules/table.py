"""The pair rules as data, in the order in which they are tried."""

from typing import Final

from callresults.rules.rule import Rule

_STAGES: Final = "stages of all arms"
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
        id="pair-down-1",
        condition="all_failed",
        verdict="down",
        sentence="Neither it nor anything beside it got through.",
        evidence=_STAGES,
        reasons=("controls-failed",),
    ),
    Rule(
        id="pair-generic-udp-1",
        condition="only_allow_listed_worked",
        verdict="generic-udp",
        sentence="Only a look that is let through everywhere got through; random bytes did not either.",
        evidence=f"{_STAGES}, control_nature",
    ),
    Rule(
        id="pair-blocked-1",
        condition="target_failed",
        verdict="blocked",
        sentence="It did not get through while an equal exchange beside it did.",
        evidence=_STAGES,
        mechanism="failure",
    ),
    Rule(
        id="pair-cut-1",
        condition="only_target_cut",
        verdict="blocked",
        sentence="Its media began and was cut while an equal flow beside it held.",
        evidence="media_hold of all arms, series",
        mechanism="cut",
    ),
    Rule(
        id="pair-stalled-1",
        condition="only_target_stalled",
        verdict="degraded",
        sentence="Its media did not hold while that of an equal flow beside it did.",
        evidence="media_hold of all arms",
        mechanism="loss",
    ),
    Rule(
        id="pair-only-controls-failed-1",
        condition="only_controls_failed",
        verdict="ok",
        sentence="It worked although nothing beside it did.",
        evidence=_STAGES,
        reasons=("controls-failed",),
    ),
    Rule(
        id="pair-nothing-worked-1",
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
