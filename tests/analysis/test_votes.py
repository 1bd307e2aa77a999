"""From rows to votes."""

import numpy as np
import pandas as pd
import pytest

from callanalysis.load import load
from callanalysis.votes import Flow, attempts, usable, votes, weight
from helpers import published

GOOD = {
    "nettest": "call",
    "setup_ok": True,
    "setup_s": 1.0,
    "media_ok": True,
    "loss_ratio_up": 0.01,
    "loss_ratio_down": 0.01,
    "late_ratio_up": 0.0,
    "late_ratio_down": 0.0,
    "jitter_ms_up": 5.0,
    "jitter_ms_down": 5.0,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 1.0),
        ({"setup_ok": False, "loss_ratio_up": np.nan}, 0.0),
        ({"setup_s": 10.1}, 0.0),
        ({"media_ok": False}, 0.0),
        ({"loss_ratio_down": 0.04, "late_ratio_down": 0.02}, 0.0),
        ({"jitter_ms_up": 31.0}, 0.0),
        ({"loss_ratio_up": np.nan, "late_ratio_up": np.nan, "jitter_ms_up": np.nan}, np.nan),
        ({"loss_ratio_up": np.nan, "loss_ratio_down": 0.2}, 0.0),
        ({"nettest": "service_reachability", "setup_ok": True, "media_ok": None}, 1.0),
    ],
)
def test_usable_follows_the_stated_thresholds(change, expected):
    """A call is usable, not usable, or not known, by thresholds that stand in one place."""
    row = pd.DataFrame([GOOD | change]).astype({"setup_ok": "boolean", "media_ok": "boolean"})
    np.testing.assert_equal(usable(row).iloc[0], expected)


def test_weight_is_capped():
    """Five hundred attempts of one volunteer weigh as much as ten."""
    got = weight(pd.Series([1, 2, 10, 500]))
    np.testing.assert_allclose(got, [1 / 3, 1 / 2, 10 / 12, 10 / 12])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = published.write(published.rows(3, published.World(outage=0.1)), tmp_path_factory.mktemp("data"))
    return attempts(load(folder).rows, "Europe/Moscow")


def test_one_vote_per_volunteer_and_day(table):
    """However many attempts, a volunteer has one vote a day per question."""
    cast = votes(
        table, [Flow(service="telegram", medium="voice"), Flow(service="telegram", medium="video")], "usable"
    )
    assert not cast.duplicated(["country", "asn", "probe_id", "day"]).any()
    assert set(cast["attempts"]) <= {1, 2}


def test_a_run_without_a_line_votes_on_the_line_only(table):
    """Where every control of a run failed, nothing is said of any service."""
    down = table[table["down"]]
    assert len(down) > 0
    assert down[["difference", "usable", "connect"]].isna().all(axis=None)
    assert (down["line"] == 0).all()


def test_second_control_is_compared_with_the_first_alone(table):
    """The A/A difference is between two controls, so its values are whole."""
    placebo = table[(table["arm"] == "aa") & table["difference"].notna()]
    assert set(placebo["difference"]) <= {-1.0, 0.0, 1.0}
    shaped = table[(table["arm"] == "shaped") & table["difference"].notna()]
    assert 0.5 in set(shaped["difference"].abs())


def test_local_day_is_of_the_claims_time_zone(tmp_path):
    """22:30 UTC is the next day in Moscow."""
    frame = published.rows(1).head(1).assign(measurement_start_time="2025-08-10 22:30:00")
    rows = load(published.write(frame, tmp_path)).rows
    assert int(attempts(rows, "Europe/Moscow")["day"].iloc[0]) == published.day(11).toordinal()
    assert int(attempts(rows, "UTC")["day"].iloc[0]) == published.day(10).toordinal()


def test_observed_calls_change_no_vote(tmp_path):
    """Not even by joining two runs of a volunteer in time: what is voted on is the same without them."""
    rows = published.rows(3, published.World(home_volunteers=8, abroad_volunteers=4))
    observed = rows.assign(
        arm="observed", measurement_id="o" + rows["measurement_id"], pair_id=rows["pair_id"]
    )
    with_them = published.write(pd.concat([rows, observed], ignore_index=True), tmp_path / "with")
    without = published.write(rows, tmp_path / "without")
    tables = [attempts(load(folder).rows, "Europe/Moscow") for folder in (with_them, without)]
    pd.testing.assert_frame_equal(*tables)
