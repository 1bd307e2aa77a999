"""The rules: each turns a claim's evidence into atoms. A claim file names its rule and gives its parameters.

A compound claim is the AND of its deciding atoms; the others stand beside it and only describe.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec
import numpy as np

from callanalysis import series
from callanalysis.bootstrap import DRAWS, Floats, Ints
from callanalysis.claims import Change, Claim, Count, Days, Margin, Share, Tolerance, parameters_of
from callanalysis.equivalence import Judgement, tost
from callanalysis.evidence import Evidence, Flows
from callanalysis.onset import Onset
from callanalysis.series import Effect
from callanalysis.votes import Flow, Outcome

Medians = Mapping[str, float]
NamedFlows = Annotated[tuple[Flow, ...], msgspec.Meta(min_length=1)]


class Atom(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that is judged by itself."""

    name: str
    verdict: Judgement
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    p_volunteer: float | None = None
    p_network: float | None = None
    reasons: tuple[str, ...] = ()
    note: str = ""
    """One sentence for people."""
    deciding: bool = True
    is_share: bool = False
    """The estimate is a share (0..1), not a change of one."""
    needs_address: bool = False
    """Its refutation says that a service was *not* hit, which the look alone cannot show."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule returns: the first atom's estimate is the claim's."""

    atoms: tuple[Atom, ...]
    flows: tuple[Flow, ...]
    """What is counted as the claim's calls, volunteers and networks."""
    onset: Onset | None = None


class _Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every rule may be given."""

    flows: NamedFlows
    fall_max: Change = -0.10
    """A fall is *supported* when its 95 % interval lies at or below this (and the joint rule holds)."""
    fall_refuted: Change = -0.10
    """… and *refuted* when the interval lies at or above this."""

    def __post_init__(self) -> None:
        if self.fall_max > self.fall_refuted:
            raise ValueError("fall_max lies above fall_refuted, so one interval could be both")


def _lacking(name: str, reasons: tuple[str, ...], *, deciding: bool = True) -> Atom:
    return Atom(name=name, verdict="insufficient", reasons=reasons, deciding=deciding)


def _points(ratio: float) -> str:
    return f"{100 * ratio:+.0f} pp"


def _effect_atom(
    name: str,
    verdict: Judgement,
    effect: Effect,
    *,
    ninety: bool = False,
    note: str = "",
    refuted: str = "no-fall",
) -> Atom:
    """Return an effect as an atom; ``refuted`` is the reason code of its refutation."""
    interval = (effect.low90, effect.high90) if ninety else (effect.low95, effect.high95)
    return Atom(
        name=name,
        verdict=verdict,
        estimate=effect.estimate,
        interval=interval,
        p_volunteer=effect.p_volunteer,
        p_network=effect.p_network,
        reasons={"insufficient": ("undecided",), "refuted": (refuted,)}.get(verdict, ()),
        note=note or f"{_points(effect.estimate)} from {series.iso(effect.date)} on.",
    )


def _fell(effect: Effect, rule: _Parameters) -> Judgement:
    if effect.joint and effect.high95 <= rule.fall_max:
        return "supported"
    return "refuted" if effect.low95 >= rule.fall_refuted else "insufficient"


def _placebo(evidence: Evidence, flows: Flows, day: int) -> bool:
    """Tell whether the second control changed against the first: then the runs themselves mislead."""
    second = tuple(Flow(arm="aa", service=flow.service, medium=flow.medium) for flow in flows)
    if evidence.lacks(second, day=day):
        return False
    effect = evidence.change(second, "difference", day)
    return effect.joint and abs(effect.estimate) >= 0.10


def fall(
    evidence: Evidence, rule: _Parameters, name: str, flows: Flows, outcome: Outcome = "difference"
) -> Atom:
    """Judge whether the flows fell in the country, against controls in the run and other countries' days."""
    day = evidence.start(flows, outcome)
    lacking = evidence.lacks(flows, outcome, day)
    if lacking:
        return _lacking(name, lacking)
    if _placebo(evidence, flows, day):
        return _lacking(name, ("placebo-fired",))
    effect = evidence.change(flows, outcome, day)
    return msgspec.structs.replace(_effect_atom(name, _fell(effect, rule), effect), needs_address=True)


class _Dated(_Parameters, frozen=True, kw_only=True):
    date_tolerance_days: Tolerance = 1
    onset_width_max_days: Days = 5


def dated(evidence: Evidence, rule: _Dated, onset: Onset | None) -> Atom:
    """Judge whether the fall began on the day claimed."""
    if onset is None:
        return _lacking("date", ("no-onset-found",))
    first, last = (evidence.claimed_day + shift * rule.date_tolerance_days for shift in (-1, 1))
    verdict, reasons = _date_verdict(onset, first, last, rule.onset_width_max_days)
    return Atom(
        name="date",
        verdict=verdict,
        reasons=reasons,
        note=f"Began on {series.iso(onset.day)} ({series.iso(onset.first)} to {series.iso(onset.last)}).",
        needs_address=True,
    )


def _date_verdict(onset: Onset, first: int, last: int, width_max: int) -> tuple[Judgement, tuple[str, ...]]:
    """Judge an onset against the days claimed: its interval must reach them and its day lie there."""
    if onset.last < first or onset.first > last:
        return "refuted", ("other-date",)
    if onset.last - onset.first >= width_max:
        return "insufficient", ("onset-too-wide",)
    return ("supported", ()) if first <= onset.day <= last else ("insufficient", ("date-unclear",))


class LevelAndFall(_Dated, frozen=True, kw_only=True):
    """Parameters of :func:`level_and_fall`."""

    fall_max: Change = -0.30
    usable_max: Share = 0.50
    usable_refuted: Share = 0.70

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.usable_max > self.usable_refuted:
            raise ValueError("usable_max lies above usable_refuted, so one interval could be both")


def _low(evidence: Evidence, rule: LevelAndFall, flows: Flows, outcome: Outcome) -> Atom:
    day = evidence.start(flows)
    lacking = evidence.lacks(flows, outcome, day)
    if lacking:
        return _lacking("level", lacking)
    share, low, high = evidence.level(flows, outcome, day)
    verdict: Judgement = "insufficient"
    if high <= rule.usable_max:
        verdict = "supported"
    elif low >= rule.usable_refuted:
        verdict = "refuted"
    return Atom(
        name="level",
        verdict=verdict,
        estimate=share,
        interval=(low, high),
        reasons={"insufficient": ("undecided",), "refuted": ("most-usable",)}.get(verdict, ()),
        note=f"{100 * share:.0f} % of calls usable from {series.iso(day)} on.",
        is_share=True,
        needs_address=True,
    )


def level_and_fall(evidence: Evidence, claim: Claim) -> Finding:
    """*Barely works since a day*: it fell, little is left, and it began on that day."""
    rule = parameters_of(claim, LevelAndFall)
    onset = evidence.onset(rule.flows)
    atoms = (
        fall(evidence, rule, "fall", rule.flows),
        _low(evidence, rule, rule.flows, "usable"),
        dated(evidence, rule, onset),
    )
    return Finding(atoms=atoms, flows=rule.flows, onset=onset)


class BrokenWhenConnected(LevelAndFall, frozen=True, kw_only=True):
    """Parameters of :func:`broken_when_connected`."""

    fall_max: Change = -0.20
    usable_max: Share = 0.65
    usable_refuted: Share = 0.80
    damage_min: Share = 0.03
    """Least extra share of lost or late packets in connected calls (lower bound)."""


def _damaged(evidence: Evidence, rule: BrokenWhenConnected) -> Atom:
    day = evidence.start(rule.flows, "connected_difference")
    lacking = evidence.lacks(rule.flows, "damage", day)
    if lacking:
        return _lacking("damage", lacking)
    effect = evidence.change(rule.flows, "damage", day)
    if effect.low95 >= rule.damage_min and effect.p_volunteer <= 0.01:
        verdict: Judgement = "supported"
    else:
        verdict = "refuted" if effect.high95 <= rule.damage_min else "insufficient"
    note = f"{_points(effect.estimate)} packets lost or late, worse direction, beside the control."
    return msgspec.structs.replace(
        _effect_atom("damage", verdict, effect, note=note, refuted="no-damage"), needs_address=True
    )


def _connecting(evidence: Evidence, rule: BrokenWhenConnected) -> Atom:
    """Describe how many more calls fail to connect; beside the claim, not part of it."""
    day = evidence.start(rule.flows, "connected_difference")
    lacking = evidence.lacks(rule.flows, "connect", day)
    if lacking:
        return _lacking("fails-to-connect", lacking, deciding=False)
    effect = evidence.change(rule.flows, "connect", day)
    note = f"Share of calls that connect: {_points(effect.estimate)}."
    atom = _effect_atom("fails-to-connect", _fell(effect, rule), effect, note=note)
    return msgspec.structs.replace(atom, deciding=False)


def _bursts(evidence: Evidence, rule: BrokenWhenConnected) -> Atom:
    """Describe the bursts of connected calls before and after."""
    own = evidence.at_home(rule.flows)
    own = own[own["connected"] == 1]
    after = own["day"] >= evidence.start(rule.flows, "connected_difference")
    columns = ["burst_duration_ms_up", "burst_duration_ms_down", "burst_r_up", "burst_r_down"]
    values = [dict(own.loc[mask, columns].median()) for mask in (~after, after)]
    said = [
        f"burst {_figure(part, 'burst_duration_ms')} ms, BurstR {_figure(part, 'burst_r')}" for part in values
    ]
    note = f"Medians of connected calls: before {said[0]}; after {said[1]}."
    return Atom(name="bursts", verdict="insufficient", reasons=("descriptive",), note=note, deciding=False)


def _figure(medians: Medians, name: str) -> str:
    worst = np.nanmax([medians[f"{name}_up"], medians[f"{name}_down"], -1.0])
    return "–" if worst < 0 else f"{worst:.1f}"


def broken_when_connected(evidence: Evidence, claim: Claim) -> Finding:
    """*Connects but cannot be used*: loss or late packets of any pattern spoil connected calls."""
    rule = parameters_of(claim, BrokenWhenConnected)
    onset = evidence.onset(rule.flows, "connected_difference")
    atoms = (
        fall(evidence, rule, "connected-calls-fall", rule.flows, "connected_difference"),
        _low(evidence, rule, rule.flows, "connected_usable"),
        _damaged(evidence, rule),
        dated(evidence, rule, onset),
        _connecting(evidence, rule),
        _bursts(evidence, rule),
    )
    return Finding(atoms=atoms, flows=rule.flows, onset=onset)


class AffectedToo(_Parameters, frozen=True, kw_only=True):
    """Parameters of :func:`affected_too`."""

    beside: NamedFlows
    """What it was hit together with."""


def affected_too(evidence: Evidence, claim: Claim) -> Finding:
    """*Was hit as well*: the flows fell, and so did those that they are named beside."""
    rule = parameters_of(claim, AffectedToo)
    atoms = (fall(evidence, rule, "fall", rule.flows), fall(evidence, rule, "beside-fell", rule.beside))
    return Finding(atoms=atoms, flows=rule.flows, onset=evidence.onset(rule.flows))


def same(evidence: Evidence, name: str, flows: Flows, margin: float, day: int) -> Atom:
    """Judge by equivalence whether the flows answered as before.

    The country's own change is what "as before" means; a refutation needs the fall beside others too.
    """
    lacking = evidence.lacks(flows, day=day)
    if lacking:
        return _lacking(name, lacking)
    alone = evidence.panel(flows).alone(evidence.claim.country)
    effect = series.change(alone, day, evidence.stream(f"same {list(flows)}"))
    note = f"{_points(effect.estimate)} from {series.iso(day)} on; margin ±{100 * margin:.0f} pp."
    verdict = tost(effect, margin, evidence.change(flows, "difference", day))
    if verdict == "supported" and _line_fell(evidence, flows, day):
        return _lacking(name, ("network-down-rose",))
    return _effect_atom(name, verdict, effect, ninety=True, note=note, refuted="changed")


def _line_fell(evidence: Evidence, flows: Flows, day: int) -> bool:
    """Tell whether runs without any working line became more frequent: they are set aside, not unseen."""
    effect = evidence.change(flows, "line", day)
    return effect.high95 < 0 and effect.estimate <= -0.05


class NothingElse(_Parameters, frozen=True, kw_only=True):
    """Parameters of :func:`nothing_else`."""

    others: NamedFlows
    """What must have stayed as it was."""
    margin: Margin = 0.05
    each_margin: Margin = 0.10
    """Wider margin for each of the others alone."""


def nothing_else(evidence: Evidence, claim: Claim) -> Finding:
    """*Only this was hit*: the flows fell, and the others, together and each, did not."""
    rule = parameters_of(claim, NothingElse)
    onset = evidence.onset(rule.flows)
    day = evidence.start(rule.flows)
    atoms = (
        same(evidence, "others-as-before", rule.others, rule.margin, day),
        *(same(evidence, f"as-before: {flow.name}", (flow,), rule.each_margin, day) for flow in rule.others),
        fall(evidence, rule, "calls-fell", rule.flows),
    )
    return Finding(atoms=atoms, flows=rule.flows, onset=onset)


class Unaffected(_Parameters, frozen=True, kw_only=True):
    """Parameters of :func:`unaffected`."""

    margin: Margin = 0.05


def unaffected(evidence: Evidence, claim: Claim) -> Finding:
    """*Answers as before*: equivalence within the margin."""
    rule = parameters_of(claim, Unaffected)
    atom = same(evidence, "as-before", rule.flows, rule.margin, evidence.claimed_day)
    return Finding(atoms=(atom,), flows=rule.flows, onset=evidence.onset(rule.flows))


class OnlyHere(_Parameters, frozen=True, kw_only=True):
    """Parameters of :func:`only_here`."""

    margin: Margin = 0.10
    countries_min: Annotated[int, msgspec.Meta(ge=1, le=300)] = 2
    """Other countries that must be scoreable."""
    country_volunteers_min: Count = 8
    country_votes_min: Count = 25
    """Volunteer-days before, and after, that make a country scoreable."""


def _elsewhere(evidence: Evidence, rule: OnlyHere, country: str, day: int) -> Atom | None:
    """Judge one other country by itself, against the controls in its own runs; None = too little data."""
    own = evidence.panel(rule.flows).alone(country)
    before = int((own.day < day).sum())
    few = min(before, len(own.day) - before) < rule.country_votes_min
    if few or len(np.unique(own.volunteer)) < rule.country_volunteers_min:
        return None
    effect = series.change(own._replace(network=own.volunteer), day, evidence.stream(f"elsewhere {country}"))
    note = f"{_points(effect.estimate)} in {country} from {series.iso(day)} on."
    return _effect_atom(
        f"not-in-{country}", tost(effect, rule.margin), effect, ninety=True, note=note, refuted="changed"
    )


def only_here(evidence: Evidence, claim: Claim) -> Finding:
    """*In this country only*: fell here, and in every scoreable other country did not."""
    rule = parameters_of(claim, OnlyHere)
    day = evidence.start(rule.flows)
    here = fall(evidence, rule, "fell-here", rule.flows)
    names = sorted(set(evidence.panel(rule.flows).country) - {claim.country})
    judged = {name: _elsewhere(evidence, rule, name, day) for name in names}
    others = tuple(atom for atom in judged.values() if atom is not None)
    if len(others) < rule.countries_min:
        others = (*others, _lacking("other-countries", ("no-control",)))
    unscored = ", ".join(name for name, atom in judged.items() if atom is None)
    if unscored:
        note = f"Too little data to judge: {unscored}."
        aside = Atom(name="not-scored", verdict="insufficient", note=note, deciding=False)
        others = (*others, aside)
    return Finding(atoms=(here, *others), flows=rule.flows, onset=evidence.onset(rule.flows))


class Partial(_Parameters, frozen=True, kw_only=True):
    """Parameters of :func:`partial`."""

    left_min: Share = 0.05
    """Share still usable (lower bound) that makes a restriction partial."""
    uniform_p_max: Share = 0.01


def _differ(evidence: Evidence, rule: Partial) -> Atom:
    """Judge whether networks differ: volunteers' networks are permuted, their means kept."""
    name = "networks-differ"
    day = evidence.start(rule.flows)
    lacking = evidence.lacks(rule.flows, day=day)
    if lacking:
        return _lacking(name, lacking)
    panel = evidence.panel(rule.flows)
    after = panel.take(panel.treated & (panel.day >= day) & (panel.asn != "AS0"))
    p, spread = _permute(after, evidence.stream(name))
    verdict: Judgement = "supported" if p <= rule.uniform_p_max else "insufficient"
    note = f"Networks' means spread by {100 * spread:.0f} pp (standard deviation)."
    reasons = () if verdict == "supported" else ("undecided",)
    return Atom(name=name, verdict=verdict, estimate=spread, p_volunteer=p, reasons=reasons, note=note)


def _permute(votes: series.Panel, rng: np.random.Generator) -> tuple[float, float]:
    """Return the permutation p-value and the spread of the networks' means over volunteers."""
    mass: Floats = np.bincount(votes.volunteer, votes.weight).astype(np.float64)
    mean = np.bincount(votes.volunteer, votes.weight * votes.value) / mass
    network = np.zeros(len(mass), dtype=np.int64)
    network[votes.volunteer] = votes.network
    observed = _spread(mean[None, :], mass[None, :], network)[0]
    order = rng.permuted(np.tile(np.arange(len(mass)), (DRAWS, 1)), axis=1)
    drawn = _spread(mean[order], mass[order], network)
    return float((1 + np.count_nonzero(drawn >= observed)) / (1 + DRAWS)), float(np.sqrt(observed))


def _spread(mean: Floats, mass: Floats, network: Ints) -> Floats:
    """Return the weighted variance of network means for each row of volunteers."""
    members = (network[:, None] == np.unique(network)[None, :]).astype(np.float64)
    total = mass @ members
    means = (mass * mean) @ members / total
    overall = (total * means).sum(axis=1, keepdims=True) / total.sum(axis=1, keepdims=True)
    variance: Floats = (total * (means - overall) ** 2).sum(axis=1) / total.sum(axis=1)
    return variance


def _some_left(evidence: Evidence, rule: Partial) -> Atom:
    day = evidence.start(rule.flows)
    lacking = evidence.lacks(rule.flows, "usable", day)
    if lacking:
        return _lacking("some-left", lacking)
    share, low, high = evidence.level(rule.flows, "usable", day)
    verdict: Judgement = "insufficient"
    if low >= rule.left_min:
        verdict = "supported"
    elif high < rule.left_min:
        verdict = "refuted"
    return Atom(
        name="some-left",
        verdict=verdict,
        estimate=share,
        interval=(low, high),
        reasons={"insufficient": ("undecided",), "refuted": ("none-left",)}.get(verdict, ()),
        note=f"{100 * share:.0f} % of calls usable from {series.iso(day)} on.",
        is_share=True,
    )


def partial(evidence: Evidence, claim: Claim) -> Finding:
    """*Restricted in part*: calls fell, some are left, and networks differ."""
    rule = parameters_of(claim, Partial)
    atoms = (
        fall(evidence, rule, "calls-fell", rule.flows),
        _some_left(evidence, rule),
        _differ(evidence, rule),
    )
    return Finding(atoms=atoms, flows=rule.flows, onset=evidence.onset(rule.flows))


class Restored(_Parameters, frozen=True, kw_only=True):
    """Parameters of :func:`restored`."""

    late_days: Days = 5
    """The last days of the data, where calls should be back."""
    margin: Margin = 0.05


def restored(evidence: Evidence, claim: Claim) -> Finding:
    """*Came back*: after a fall, the last days are as good as those before it."""
    rule = parameters_of(claim, Restored)
    onset = evidence.onset(rule.flows)
    return Finding(atoms=(_back(evidence, rule, onset),), flows=rule.flows, onset=onset)


def _back(evidence: Evidence, rule: Restored, onset: Onset | None) -> Atom:
    name = "back-as-before"
    lacking = evidence.lacks(rule.flows, day=evidence.start(rule.flows))
    if lacking or onset is None:
        return _lacking(name, lacking or ("no-fall-found",))
    panel = evidence.panel(rule.flows)
    late = panel.days[-min(rule.late_days, len(panel.days))]
    if late < onset.last + rule.late_days:
        return _lacking(name, ("few-days-after",))
    ends = panel.take((panel.day < onset.first) | (panel.day >= late))
    effect = series.change(ends, late, evidence.stream(name))
    after = panel.take(panel.day >= onset.first)
    rise = series.change(after, late, evidence.stream("rise"))
    back = tost(effect, rule.margin)
    if back == "supported" and not (rise.joint and rise.estimate > 0):
        back = "insufficient"
    if effect.high95 <= rule.fall_max:
        back = "refuted"
    elif back == "refuted":
        back = "insufficient"
    note = f"The last {rule.late_days} days beside those before the fall: {_points(effect.estimate)}."
    return _effect_atom(name, back, effect, note=note, refuted="still-fallen")


Rule = Callable[[Evidence, Claim], Finding]

RULES: Final[dict[str, tuple[Rule, type[_Parameters]]]] = {
    "level_and_fall": (level_and_fall, LevelAndFall),
    "broken_when_connected": (broken_when_connected, BrokenWhenConnected),
    "affected_too": (affected_too, AffectedToo),
    "nothing_else": (nothing_else, NothingElse),
    "unaffected": (unaffected, Unaffected),
    "only_here": (only_here, OnlyHere),
    "partial": (partial, Partial),
    "restored": (restored, Restored),
}
"""Public names; never renamed."""
