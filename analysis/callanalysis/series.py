"""The panel of a claim: votes in the named country beside votes elsewhere, day by day, and the fall in it.

Differences in differences: the regression has one effect per day, which is the other countries' same-day
mean; as their votes are rows of the same regression, its noise is carried along.
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from callanalysis.bootstrap import Flags, Floats, Ints, Regression, Wild, resample, wild


def _renumbered(codes: Ints) -> Ints:
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


class Panel(NamedTuple):
    """Votes as arrays; ``treated`` marks the named country."""

    value: Floats
    weight: Floats
    day: Ints
    """Proleptic ordinal."""
    treated: Flags
    volunteer: Ints
    """Cluster codes 0..G-1."""
    network: Ints
    asn: NDArray[np.object_]
    country: NDArray[np.object_]

    def take(self, keep: Flags) -> "Panel":
        """Return the chosen votes, clusters renumbered."""
        return Panel(
            self.value[keep],
            self.weight[keep],
            self.day[keep],
            self.treated[keep],
            _renumbered(self.volunteer[keep]),
            _renumbered(self.network[keep]),
            self.asn[keep],
            self.country[keep],
        )

    def alone(self, country: str) -> "Panel":
        """Return one country's votes, to be judged without the others' days."""
        own = self.take(self.country == country)
        return own._replace(treated=np.ones(len(own.value), dtype=np.bool_))

    @property
    def days(self) -> list[int]:
        """Days with votes in the named country, in order."""
        return [int(day) for day in np.unique(self.day[self.treated])]


class Effect(NamedTuple):
    """A change at a date.

    Intervals are by volunteer clusters, for whom the estimand speaks; p-values by both kinds of cluster.
    """

    date: int
    estimate: float
    low95: float
    high95: float
    low90: float
    high90: float
    """90 % interval by volunteer clusters: what equivalence is judged on."""
    p_volunteer: float
    p_network: float

    @property
    def joint(self) -> bool:
        """The joint rule: volunteer clusters p ≤ 0.01 and network clusters p ≤ 0.05."""
        return self.p_volunteer <= 0.01 and self.p_network <= 0.05


def panel(votes: pd.DataFrame, country: str) -> Panel:
    """Return the votes of ``country`` and of all others; unknown countries (``ZZ``) are left out."""
    known = votes[votes["country"] != "ZZ"]
    network = known["country"] + " " + known["asn"]
    return Panel(
        known["value"].to_numpy(np.float64),
        known["weight"].to_numpy(np.float64),
        known["day"].to_numpy(np.int64),
        (known["country"] == country).to_numpy(),
        pd.factorize(network + " " + known["probe_id"], sort=True)[0],
        pd.factorize(network, sort=True)[0],
        known["asn"].to_numpy(object),
        known["country"].to_numpy(object),
    )


def _nuisance(votes: Panel) -> Floats:
    """Day effects and the country's own level; with no other country, the level alone."""
    if votes.treated.all():
        return np.ones((len(votes.value), 1))
    days = np.unique(votes.day)
    return np.column_stack([votes.day[:, None] == days[None, :], votes.treated]).astype(np.float64)


def _steps(votes: Panel, dates: list[int]) -> Floats:
    return (votes.treated[:, None] & (votes.day[:, None] >= np.array(dates)[None, :])).astype(np.float64)


def _both(votes: Panel, dates: list[int], rng: np.random.Generator) -> tuple[Wild, Wild]:
    nuisance, steps = _nuisance(votes), _steps(votes, dates)
    model = Regression(votes.value, votes.weight, nuisance, steps, votes.volunteer)
    return wild(model, rng), wild(model._replace(codes=votes.network), rng)


def _floor(votes: Panel, day: int) -> float:
    """Rule of three: without one differing vote among n, a change of 3/n stays possible."""
    after = votes.treated & (votes.day >= day)
    return 3.0 / max(min(int(after.sum()), int((votes.treated & ~after).sum())), 1)


def change(votes: Panel, day: int, rng: np.random.Generator) -> Effect:
    """Return the change at a date fixed in advance."""
    by_volunteer, by_network = _both(votes, [day], rng)
    estimate, least = float(by_volunteer.beta[0]), _floor(votes, day)
    half95 = max(by_volunteer.half_width(0.95), least)
    half90 = max(by_volunteer.half_width(0.90), least)
    return Effect(
        day,
        estimate,
        estimate - half95,
        estimate + half95,
        estimate - half90,
        estimate + half90,
        by_volunteer.p_fixed(),
        by_network.p_fixed(),
    )


def candidates(votes: Panel, margin_days: int = 3) -> list[int]:
    """Return the dates a scan may try: those with ``margin_days`` measured days before and from them on."""
    return votes.days[margin_days : len(votes.days) - margin_days + 1]


def scan(votes: Panel, rng: np.random.Generator) -> tuple[float, float]:
    """Return p-values (volunteer, network clusters) of the largest change over all candidate dates."""
    by_volunteer, by_network = _both(votes, candidates(votes), rng)
    return by_volunteer.p_scan(), by_network.p_scan()


def level(votes: Panel, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the weighted mean of the named country's votes and its 95 % volunteer-cluster interval."""
    own = votes.take(votes.treated)
    clusters = int(own.volunteer.max()) + 1
    total = np.bincount(own.volunteer, own.weight * own.value, clusters)
    mass = np.bincount(own.volunteer, own.weight, clusters)
    counts = resample(rng, clusters)
    low, high = np.quantile(counts @ total / np.maximum(counts @ mass, 1e-9), [0.025, 0.975])
    return float(total.sum() / mass.sum()), float(low), float(high)


def effective_clusters(votes: Panel) -> float:
    """Return (Σw)²/Σw² over the named country's volunteers."""
    mass = np.bincount(votes.volunteer[votes.treated], votes.weight[votes.treated])
    return float(mass.sum() ** 2 / (mass**2).sum()) if mass.any() else 0.0


def iso(day: int) -> str:
    """Return the ISO date of an ordinal."""
    return date.fromordinal(day).isoformat()
