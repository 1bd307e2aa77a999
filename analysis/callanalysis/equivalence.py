"""Equivalence: "unaffected" is an interval inside a margin (two one-sided tests), never p > 0.05."""

from typing import Literal

from callanalysis.series import Effect

Judgement = Literal["supported", "refuted", "insufficient"]


def tost(effect: Effect, margin: float, beside: Effect | None = None) -> Judgement:
    """Judge "changed by less than ``margin``" at 5 %.

    Supported when the 90 % interval lies inside ±margin; refuted when the 95 % interval lies wholly below
    the margin; otherwise the data cannot tell. A rise beyond the margin is no harm and refutes nothing.
    ``beside`` is the same change less other countries' same days: a fall that others share refutes nothing
    either.
    """
    if -margin < effect.low90 and effect.high90 < margin:
        return "supported"
    fell = effect.high95 < -margin and (beside is None or beside.high95 < -margin)
    return "refuted" if fell else "insufficient"
