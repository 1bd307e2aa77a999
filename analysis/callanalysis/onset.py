"""When it began: a ramp (start day, 0..5 days of roll-out) fitted to daily votes, with a bootstrap interval.

A sharp step under-covers when a restriction starts at mid-day or network after network; the ramp does not.
"""

from typing import NamedTuple

import numpy as np

from callanalysis.bootstrap import Flags, Floats, resample
from callanalysis.series import Panel, candidates

ROLL_OUT_DAYS = range(6)


class Onset(NamedTuple):
    """Start day with its 95 % interval; ordinals."""

    day: int
    first: int
    last: int
    roll_out_days: int


class _Daily(NamedTuple):
    """Difference to the other countries' same-day mean, (draws, days), and its weight."""

    value: Floats
    weight: Floats


def _daily(votes: Panel, counts: Floats) -> _Daily:
    """Return each draw's daily difference; ``counts`` (draws, volunteers) are multiplicities."""
    days, index = np.unique(votes.day, return_inverse=True)
    shape = (counts.shape[1], len(days))

    def sums(mask: Flags) -> tuple[Floats, Floats]:
        mass, total = np.zeros(shape), np.zeros(shape)
        np.add.at(mass, (votes.volunteer[mask], index[mask]), votes.weight[mask])
        np.add.at(total, (votes.volunteer[mask], index[mask]), (votes.weight * votes.value)[mask])
        return counts @ mass, counts @ total

    mass, total = sums(votes.treated)
    mean = total / np.maximum(mass, 1e-9)
    if votes.treated.all():
        return _Daily(mean, mass)
    mass_other, total_other = sums(~votes.treated)
    weight = mass * mass_other / np.maximum(mass + mass_other, 1e-9)
    return _Daily(mean - total_other / np.maximum(mass_other, 1e-9), weight)


def _ramps(days: Floats, starts: list[int]) -> tuple[Floats, list[tuple[int, int]]]:
    pairs = [(start, roll) for start in starts for roll in ROLL_OUT_DAYS]
    shapes = [np.clip((days - start + 1) / (roll + 1), 0, 1) for start, roll in pairs]
    return np.array(shapes), pairs


def _gain(daily: _Daily, ramps: Floats) -> Floats:
    """Return how much squared error each falling ramp explains, (draws, ramps); rising ones explain none."""
    weight = daily.weight
    mass = weight.sum(axis=1, keepdims=True)
    centred = daily.value - (weight * daily.value).sum(axis=1, keepdims=True) / mass
    product = (weight * centred) @ ramps.T
    mean = (weight @ ramps.T) / mass
    spread = weight @ (ramps**2).T - mass * mean**2
    return np.where((product < 0) & (spread > 1e-9), product**2 / np.maximum(spread, 1e-9), 0.0)


def find_onset(votes: Panel, rng: np.random.Generator) -> Onset:
    """Return the start day of the fall; whether there is one at all is for the scan test to say."""
    days = np.unique(votes.day).astype(np.float64)
    ramps, pairs = _ramps(days, candidates(votes))
    clusters = int(votes.volunteer.max()) + 1
    best = pairs[int(_gain(_daily(votes, np.ones((1, clusters))), ramps)[0].argmax())]
    drawn = _gain(_daily(votes, resample(rng, clusters)), ramps).argmax(axis=1)
    starts = np.array([pairs[index][0] for index in drawn])
    first, last = np.quantile(starts, [0.025, 0.975], method="nearest")
    return Onset(best[0], min(int(first), best[0]), max(int(last), best[0]), best[1])
