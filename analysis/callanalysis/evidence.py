"""What one claim can be judged on: its panels, its minimum sample, its changes, levels and onset.

Random streams are named, so a verdict does not depend on which other claims were judged before it.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from callanalysis import onset as onsets
from callanalysis import series
from callanalysis.claims import Claim, Minimum
from callanalysis.onset import Onset
from callanalysis.series import Effect, Panel
from callanalysis.votes import Flow, Outcome, select, votes

Flows = Sequence[Flow]

ONSET_FALL = -0.10
"""A change smaller than this is no onset, however significant."""


@dataclass(frozen=True)
class Evidence:
    """The attempts of one claim's window, and everything computed from them (kept, as atoms share it)."""

    table: pd.DataFrame
    """Attempts (``callanalysis.votes.attempts``) of the claim's window."""
    claim: Claim
    seed: int
    kept: dict[str, Any] = field(default_factory=dict)

    def _rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    @property
    def claimed_day(self) -> int:
        """Ordinal of the day that the claim names."""
        return self.claim.date.toordinal()

    def panel(self, flows: Flows, outcome: Outcome = "difference") -> Panel:
        """Return the votes of the flows everywhere."""
        key = f"panel {list(flows)} {outcome}"
        if key not in self.kept:
            self.kept[key] = series.panel(votes(self.table, flows, outcome), self.claim.country)
        panel: Panel = self.kept[key]
        return panel

    def at_home(self, flows: Flows) -> pd.DataFrame:
        """Return the flows' attempts in the named country."""
        chosen = select(self.table, flows)
        return chosen[chosen["country"] == self.claim.country]

    def lacks(self, flows: Flows, outcome: Outcome = "difference", day: int | None = None) -> tuple[str, ...]:
        """Return the reason codes of the minimum-sample rule; empty = enough."""
        attempts = self.at_home(flows)
        if attempts.empty:
            return ("not-measurable",)
        panel = self.panel(flows, outcome)
        if not panel.treated.any():
            return ("no-control",)
        return _shortfalls(panel, day or self.claimed_day, self.claim.minimum, _paired(attempts))

    def onset(self, flows: Flows, outcome: Outcome = "difference") -> Onset | None:
        """Return the start of a fall when the scan finds one by the joint rule, else None."""
        key = f"onset {list(flows)} {outcome}"
        if key not in self.kept:
            self.kept[key] = self._onset(self.panel(flows, outcome), key)
        found: Onset | None = self.kept[key]
        return found

    def _onset(self, panel: Panel, key: str) -> Onset | None:
        if not series.candidates(panel) or panel.treated.all():
            return None
        p_volunteer, p_network = series.scan(panel, self._rng("scan " + key))
        if p_volunteer > 0.01 or p_network > 0.05:
            return None
        found = onsets.find_onset(panel, self._rng(key))
        fall = series.change(panel, found.day, self._rng(key)).estimate
        return found if fall <= ONSET_FALL else None

    def start(self, flows: Flows, outcome: Outcome = "difference") -> int:
        """Return the day that divides before from after: the onset found, else the day claimed."""
        found = self.onset(flows, outcome)
        return found.day if found else self.claimed_day

    def change(self, flows: Flows, outcome: Outcome, day: int, until: int | None = None) -> Effect:
        """Return the change at ``day``, looking at days before ``until`` only."""
        panel = self.panel(flows, outcome)
        if until is not None:
            panel = panel.take(panel.day < until)
        return series.change(panel, day, self._rng(f"change {list(flows)} {outcome} {day} {until}"))

    def level(self, flows: Flows, outcome: Outcome, day: int) -> tuple[float, float, float]:
        """Return the country's level from ``day`` on with its 95 % interval."""
        panel = self.panel(flows, outcome)
        return series.level(panel.take(panel.day >= day), self._rng(f"level {list(flows)} {outcome}"))

    def stream(self, name: str) -> np.random.Generator:
        """Return the random stream of a rule's own statistic."""
        return self._rng(name)


def _paired(attempts: pd.DataFrame) -> float:
    """Return the share of known attempts on a working line that can be compared."""
    known = attempts[attempts["ok"].notna() & ~attempts["down"]]
    return float(known["difference"].notna().mean()) if len(known) else 0.0


def _shortfalls(panel: Panel, day: int, minimum: Minimum, paired: float) -> tuple[str, ...]:
    own = panel.take(panel.treated)
    before = own.day < day
    networks = np.bincount(own.network, own.weight)
    named = len(set(own.asn) - {"AS0"})
    other = panel.take(~panel.treated)
    lacking = {
        "no-baseline": len(np.unique(own.day[before])) < minimum.days_before
        or before.sum() < minimum.votes_before,
        "few-days-after": len(np.unique(own.day[~before])) < minimum.days_after,
        "few-volunteers": len(np.unique(own.volunteer)) < minimum.volunteers
        or series.effective_clusters(panel) < minimum.effective_clusters
        or (~before).sum() < minimum.votes_after,
        "one-network": named < minimum.networks or networks.max() > minimum.network_share * networks.sum(),
        "no-control": paired < minimum.paired_ratio
        or len(np.unique(other.volunteer)) < minimum.volunteers_elsewhere
        or len(set(other.country)) < minimum.countries_elsewhere,
    }
    return tuple(code for code, short in lacking.items() if short)
