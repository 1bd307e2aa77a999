"""Puts the claims through their rules and states the verdicts."""

from collections.abc import Sequence

import msgspec
import pandas as pd

from callanalysis.attribution import Address, address, reached
from callanalysis.claims import FIRST_VOLUNTEER_DAY, Claim, ClaimError, Scope, parameters_of
from callanalysis.equivalence import Judgement
from callanalysis.evidence import Evidence
from callanalysis.load import Basis, Dataset
from callanalysis.rules import RULES, Atom, Finding
from callanalysis.series import iso
from callanalysis.votes import attempts


class ClaimVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One claim judged; the names are a public contract."""

    claim_id: str
    verdict: Judgement
    estimate: float | None
    interval: tuple[float, float] | None
    onset_date: str | None
    """Start of the fall that was found, whether or not the claim named it."""
    onset_interval: tuple[str, str] | None
    n_networks: int
    n_volunteers: int
    n_calls: int
    scope: Scope
    rule_id: str
    basis: Basis
    reasons: tuple[str, ...]
    text: str
    date: str
    country: str
    atoms: tuple[Atom, ...]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer: what ``claims --json`` prints and ``verdicts.json`` holds."""

    data_hash: str
    seed: int
    claims: tuple[ClaimVerdict, ...]


def check_rules(claims: Sequence[Claim]) -> None:
    """Check every claim's rule and parameters before anything is computed.

    Raises:
        ClaimError: One sentence.
    """
    for claim in claims:
        if claim.rule not in RULES:
            known = ", ".join(sorted(RULES))
            raise ClaimError(f"Claim {claim.id}, key rule: {claim.rule!r} is not one of {known}.")
        parameters_of(claim, RULES[claim.rule][1])


def window(table: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    """Return the attempts of the days that the claim looks at."""
    day = claim.date.toordinal()
    return table[table["day"].between(day - claim.window_days, day + claim.window_days)]


def _conjunction(atoms: Sequence[Atom]) -> Judgement:
    verdicts = {atom.verdict for atom in atoms if atom.deciding}
    if "refuted" in verdicts:
        return "refuted"
    return "insufficient" if "insufficient" in verdicts else "supported"


def _address_gap(claim: Claim, finding: Finding, state: Address) -> tuple[str, ...]:
    """Return why a refutation does not stand: it says *not hit* and the address may have been."""
    refuting = [atom for atom in finding.atoms if atom.deciding and atom.verdict == "refuted"]
    if "address" not in claim.scope or not all(atom.needs_address for atom in refuting):
        return ()
    codes: dict[Address, tuple[str, ...]] = {
        "not-tested": ("address-not-tested",),
        "unclear": ("address-unclear",),
        "hit": ("conflicting",),
        "clean": (),
    }
    return codes[state]


def _reasons(atoms: Sequence[Atom], verdict: Judgement) -> tuple[str, ...]:
    """Return the codes of the deciding atoms that made the verdict, each once, in order."""
    codes = [code for atom in atoms if atom.deciding and atom.verdict == verdict for code in atom.reasons]
    return tuple(dict.fromkeys(codes))


def _rounded(finding: Finding) -> Finding:
    """Round figures to 6 digits: what a reader sees must not hang on a last bit."""

    def short(value: float | None) -> float | None:
        return None if value is None else round(value, 6) + 0.0

    atoms = tuple(
        msgspec.structs.replace(
            atom,
            estimate=short(atom.estimate),
            interval=atom.interval and (round(atom.interval[0], 6) + 0.0, round(atom.interval[1], 6) + 0.0),
        )
        for atom in finding.atoms
    )
    return msgspec.structs.replace(finding, atoms=atoms)


def judge(table: pd.DataFrame, claim: Claim, basis: Basis, seed: int) -> ClaimVerdict:
    """Return the verdict on one claim; ``table`` is :func:`callanalysis.votes.attempts` of its time zone."""
    evidence = Evidence(window(table, claim), claim, seed)
    rule, _ = RULES[claim.rule]
    finding = _rounded(rule(evidence, claim))
    verdict = _conjunction(finding.atoms)
    reasons = _reasons(finding.atoms, verdict)
    state = address(evidence, finding.flows, finding.onset)
    gap = _address_gap(claim, finding, state) if verdict == "refuted" else ()
    if gap:
        verdict, reasons = "insufficient", gap
    if basis == "volunteers" and claim.date < FIRST_VOLUNTEER_DAY:
        verdict, reasons = "insufficient", ("no-baseline",)
    own = evidence.at_home(finding.flows)
    own = own[own["difference"].notna()]
    first, onset = finding.atoms[0], finding.onset
    return ClaimVerdict(
        claim_id=claim.id,
        verdict=verdict,
        estimate=first.estimate,
        interval=first.interval,
        onset_date=iso(onset.day) if onset else None,
        onset_interval=(iso(onset.first), iso(onset.last)) if onset else None,
        n_networks=len(set(own["asn"]) - {"AS0"}),
        n_volunteers=int(own["probe_id"].nunique()),
        n_calls=len(own),
        scope=reached(finding.flows, state, verdict),
        rule_id=claim.rule,
        basis=basis,
        reasons=reasons,
        text=claim.text,
        date=claim.date.isoformat(),
        country=claim.country,
        atoms=finding.atoms,
    )


def judge_all(data: Dataset, claims: Sequence[Claim], seed: int) -> Judged:
    """Return the verdicts on every claim, in order.

    Raises:
        ClaimError: A claim names no rule, or wrong parameters.
    """
    check_rules(claims)
    tables = {zone: attempts(data.rows, zone) for zone in sorted({claim.timezone for claim in claims})}
    verdicts = tuple(judge(tables[claim.timezone], claim, data.basis, seed) for claim in claims)
    return Judged(data_hash=data.data_hash, seed=seed, claims=verdicts)
