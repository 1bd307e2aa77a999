"""The rules' own parts."""

import numpy as np
import pytest

from callanalysis.onset import Onset
from callanalysis.rules import RULES, _date_verdict, _permute
from callanalysis.series import Panel
from helpers.published import day

FIRST, LAST = day(10).toordinal(), day(12).toordinal()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((11, 11, 11), ("supported", ())),
        ((12, 10, 14), ("supported", ())),
        ((14, 14, 15), ("refuted", ("other-date",))),
        ((7, 6, 9), ("refuted", ("other-date",))),
        ((14, 12, 14), ("insufficient", ("date-unclear",))),
        ((11, 8, 14), ("insufficient", ("onset-too-wide",))),
    ],
)
def test_date_needs_day_and_interval_in_the_claimed_days(found, expected):
    """The onset's interval must reach the claimed days, be narrow, and its day lie among them."""
    onset = Onset(*(day(number).toordinal() for number in found), roll_out_days=0)
    assert _date_verdict(onset, FIRST, LAST, 5) == expected


def _volunteers(means):
    """Ten volunteers on each network, one vote each."""
    rng = np.random.default_rng(3)
    network = np.repeat(np.arange(len(means)), 10)
    value = np.array(means)[network] + rng.normal(0, 0.2, len(network))
    size = len(network)
    names = np.array([f"AS{code}" for code in network], dtype=object)
    return Panel(
        value, np.ones(size), np.zeros(size, int), np.ones(size, bool), np.arange(size), network, names, names
    )


def test_networks_that_differ_are_told_from_those_that_do_not():
    """The permutation finds two untouched networks among six, and nothing among six alike."""
    p, spread = _permute(_volunteers([0.0, 0.0, -0.8, -0.8, -0.8, -0.8]), np.random.default_rng(1))
    assert p <= 0.01
    assert spread == pytest.approx(0.38, abs=0.05)
    assert _permute(_volunteers([-0.8] * 6), np.random.default_rng(1))[0] > 0.05


def test_rule_names_are_public():
    """Names are added, never changed."""
    assert set(RULES) >= {
        *("level_and_fall", "broken_when_connected", "affected_too", "nothing_else"),
        *("unaffected", "only_here", "partial", "restored"),
    }
