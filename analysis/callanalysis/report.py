"""The report: one static HTML file, no script, light and dark, fit for paper."""

from collections.abc import Sequence
from typing import NamedTuple

import jinja2
import msgspec
import pandas as pd

from callanalysis import __version__, plots
from callanalysis.claims import Claim
from callanalysis.evidence import Evidence
from callanalysis.judge import ClaimVerdict, Judged, window
from callanalysis.load import Dataset
from callanalysis.votes import USABLE, Flow, attempts

EMULATED_SENTENCE = (
    "Emulated data: a verdict here shows whether the method recovers the planted truth. "
    "Nothing on this page describes a real network, and no sentence of it is offered for quoting."
)

_SUCCESS_CAPTION = (
    "Share of usable calls per day, one vote per volunteer; band: 95 % (Wilson) over volunteers. "
    "Violet: onset found, and its 95 % interval."
)
_CALLS = tuple(
    Flow(service=service, medium=medium)
    for service in ("telegram", "whatsapp")
    for medium in ("voice", "video")
)


class Ground(NamedTuple):
    """One of the three grounds that a claim may rest on, and what it says."""

    name: str
    says: str


def grounds(verdict: ClaimVerdict) -> tuple[Ground, ...]:
    """Return the three grounds of a claim, kept apart."""
    nothing = "not part of this data set"
    own = f"{verdict.verdict} ({verdict.rule_id}, scope {verdict.scope})"
    own += f": {', '.join(verdict.reasons)}" if verdict.reasons else ""
    emulated = verdict.basis == "emulated"
    return (
        Ground("Method, on an emulated history", own if emulated else nothing),
        Ground("Public series of the time", nothing),
        Ground("Volunteers", "insufficient: no-baseline before this project" if emulated else own),
    )


def sentence(verdict: ClaimVerdict) -> str | None:
    """Return what may be quoted about a claim; nothing for emulated data."""
    if verdict.basis == "emulated":
        return None
    said = {"supported": "support", "refuted": "refute", "insufficient": "do not suffice to judge"}
    return (
        f"{verdict.n_calls} measurements by {verdict.n_volunteers} participating volunteers on "
        f"{verdict.n_networks} networks in {verdict.country} {said[verdict.verdict]} the claim: "
        f"{verdict.text}"
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.0f} pp"


def _span(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{100 * interval[0]:+.0f} to {100 * interval[1]:+.0f} pp"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _share_span(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f} %"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("callanalysis", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"percent": _percent, "span": _span, "share": _share, "share_span": _share_span}
    return environment


def scene_of(data: Dataset, claim: Claim, seed: int) -> plots.Scene | None:
    """Return what the figures show: the window of ``claim``; None when its country has no calls there."""
    table = window(attempts(data.rows, claim.timezone), claim)
    home = table[(table["country"] == claim.country) & (table["arm"] == "shaped")]
    there = set(zip(home["service"], home["medium"], strict=True))
    flows = [flow for flow in _CALLS if (flow.service, flow.medium) in there]
    if not flows:
        return None
    evidence = Evidence(table, claim, seed)
    onsets = {flow: None if evidence.lacks([flow]) else evidence.onset([flow]) for flow in flows}
    return plots.Scene(table, claim.country, onsets, data.basis == "emulated")


def _figures(scene: plots.Scene | None) -> list[tuple[str, str, str]]:
    """Return title, SVG and caption of each figure."""
    if scene is None:
        return []
    return [
        (
            "Success by service",
            plots.success(scene),
            _SUCCESS_CAPTION,
        ),
        (
            "Loss and bursts",
            plots.distributions(scene),
            "Cumulative shares of connected calls, before and after the onset (the middle day without one).",
        ),
        (
            "Networks and days",
            plots.networks(scene),
            "Usable share per network and day; empty = nobody measured. Violet: onset found.",
        ),
        ("What else answered", plots.services(scene), "Share of public endpoints that answered, per day."),
    ]


def _counts(scene: plots.Scene | None, rows: pd.DataFrame) -> str:
    if scene is None:
        return f"{len(rows)} rows"
    home = scene.table[scene.table["country"] == scene.country]
    return (
        f"{len(home)} attempts, {home['probe_id'].nunique()} volunteers and "
        f"{len(set(home['asn']) - {'AS0'})} networks in {scene.country}"
    )


def render(data: Dataset, judged: Judged, claims: Sequence[Claim]) -> str:
    """Return the whole page; ``claims`` in the order of ``judged.claims``."""
    scene = scene_of(data, claims[0], judged.seed)
    pairs = [
        {
            "claim": claim,
            "verdict": verdict,
            "grounds": grounds(verdict),
            "sentence": sentence(verdict),
            "parameters": msgspec.json.encode(claim.parameters).decode(),
        }
        for claim, verdict in zip(claims, judged.claims, strict=True)
    ]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            pairs=pairs,
            judged=judged,
            data=data,
            emulated=data.basis == "emulated",
            emulated_sentence=EMULATED_SENTENCE,
            figures=_figures(scene),
            counts=_counts(scene, data.rows),
            usable=USABLE,
            version=__version__,
        )
    )
