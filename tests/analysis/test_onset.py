"""When it began."""

import numpy as np
import pandas as pd
import pytest

from callanalysis.onset import find_onset
from callanalysis.series import iso, panel, scan

START = pd.Timestamp("2025-08-01").toordinal()


def _panel(seed, fall, day=10, roll_out=0):
    rng = np.random.default_rng(seed)
    lines = []
    for volunteer in range(120):
        country = "RU" if volunteer < 60 else ("DE", "KZ")[volunteer % 2]
        touched = country == "RU" and volunteer % 8 > 1
        for offset in np.flatnonzero(rng.random(20) < 0.42):
            share = float(np.clip((offset - day + 1) / (roll_out + 1), 0, 1))
            hit = touched and rng.random() < fall * share
            value = -1.0 if hit else float(rng.choice([-1, 0, 1], p=[0.025, 0.95, 0.025]))
            lines.append((country, f"AS{volunteer % 8}", f"p{volunteer}", START + offset, value, 1, 1 / 3))
    columns = ["country", "asn", "probe_id", "day", "value", "attempts", "weight"]
    return panel(pd.DataFrame(lines, columns=columns), "RU")


@pytest.mark.parametrize(("day", "roll_out"), [(10, 0), (13, 0), (10, 2)])
def test_onset_is_found_within_a_day(day, roll_out):
    """A fall, sharp or rolled out over days, is dated within a day and inside its own interval."""
    for seed in range(4):
        found = find_onset(_panel(seed, 0.8, day, roll_out), np.random.default_rng(seed))
        assert abs(found.day - START - day) <= 1, iso(found.day)
        assert found.first <= START + day <= found.last


def test_scan_tells_a_fall_from_none():
    """The scan's joint rule fires on a planted fall and not on its absence."""
    p_volunteer, p_network = scan(_panel(1, 0.8), np.random.default_rng(1))
    assert (p_volunteer <= 0.01, p_network <= 0.05) == (True, True)
    assert scan(_panel(1, 0.0), np.random.default_rng(1))[0] > 0.01
