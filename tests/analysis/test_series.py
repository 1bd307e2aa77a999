"""The panel and the changes in it."""

import numpy as np
import pandas as pd
import pytest

from callanalysis.series import candidates, change, effective_clusters, iso, level, panel

START = pd.Timestamp("2025-08-01").toordinal()


def _votes(home_after, other_after, shock_day=None):
    """40 volunteers, half at home, on all of 20 days; values are exact, with a little seeded noise."""
    rng = np.random.default_rng(1)
    grid = [(volunteer, offset) for volunteer in range(40) for offset in range(20)]
    frame = pd.DataFrame(grid, columns=["volunteer", "offset"])
    home = frame["volunteer"] < 20
    after = frame["offset"] >= 10
    frame["value"] = np.where(after, np.where(home, home_after, other_after), 1.0) + rng.normal(
        0, 0.2, len(frame)
    )
    frame["value"] -= np.where(frame["offset"] == shock_day, 0.8, 0.0)
    frame["country"] = np.where(home, "RU", "DE")
    frame["asn"] = "AS" + (frame["volunteer"] % 5).astype(str)
    frame["probe_id"] = "p" + frame["volunteer"].astype(str)
    frame["day"], frame["weight"] = START + frame["offset"], 1 / 3
    return panel(frame, "RU")


def test_change_is_a_difference_in_differences():
    """What other countries share on the same days is not the country's own."""
    effect = change(_votes(0.4, 0.9), START + 10, np.random.default_rng(1))
    assert effect.estimate == pytest.approx(-0.5, abs=0.06)
    assert effect.low95 < effect.low90 < effect.estimate < effect.high90 < effect.high95
    assert effect.joint


def test_a_bad_day_everywhere_changes_nothing():
    """A day that is bad in every country drops out."""
    calm, shaken = (
        change(_votes(0.6, 1.0, day), START + 10, np.random.default_rng(1)).estimate for day in (None, 15)
    )
    assert calm == pytest.approx(shaken, abs=1e-9)


def test_alone_judges_a_country_by_itself():
    """Without other countries the change is before against after."""
    effect = change(_votes(0.4, 0.9).alone("DE"), START + 10, np.random.default_rng(1))
    assert effect.estimate == pytest.approx(-0.1, abs=0.06)


def test_perfect_votes_keep_a_rule_of_three():
    """Not one failure among n leaves room for 3/n, so an interval never has no width."""
    votes = _votes(1.0, 1.0)
    flat = votes._replace(value=np.ones(len(votes.value))).alone("RU")
    effect = change(flat, START + 10, np.random.default_rng(1))
    assert effect.high90 - effect.estimate == pytest.approx(3 / 200)


def test_level_is_the_weighted_mean_inside_its_interval():
    """The level is of the named country alone."""
    votes = _votes(0.4, 0.9)
    share, low, high = level(votes.take(votes.day >= START + 10), np.random.default_rng(1))
    assert low <= share <= high
    assert share == pytest.approx(0.4, abs=0.06)


def test_candidates_leave_three_days_on_either_side():
    """A scan tries no date without three measured days before it and three from it on."""
    tried = candidates(_votes(1.0, 1.0))
    assert (iso(tried[0]), iso(tried[-1])) == ("2025-08-04", "2025-08-18")


def test_effective_clusters_count_equal_volunteers_fully():
    """Twenty volunteers of equal weight are twenty; unequal ones are fewer."""
    votes = _votes(1.0, 1.0)
    assert effective_clusters(votes) == pytest.approx(20)
    heavy = votes._replace(weight=np.where(votes.volunteer == votes.volunteer[0], 10.0, 1.0))
    assert effective_clusters(heavy) < 8


def test_unknown_countries_are_no_control():
    """Rows of country ZZ stand on neither side."""
    frame = pd.DataFrame(
        {
            "country": ["RU", "ZZ"],
            "asn": "AS1",
            "probe_id": ["a", "b"],
            "day": START,
            "value": 1.0,
            "weight": 1.0,
        }
    )
    assert list(panel(frame, "RU").country) == ["RU"]
