"""The quality table."""

import pandas as pd

from callanalysis.columns import COLUMNS
from callanalysis.quality import sift


def _rows(count):
    frame = pd.DataFrame({name: ["x"] * count for name in COLUMNS})
    ratios = [name for name, kind in COLUMNS.items() if kind == "ratio"]
    frame[ratios] = 0.1
    frame["measurement_id"] = [f"m{index}" for index in range(count)]
    frame["valid"] = pd.array([True] * count, dtype="boolean")
    frame["start"] = pd.Timestamp("2025-08-03", tz="UTC")
    return frame


def test_good_rows_pass_without_a_finding():
    """What is in order leaves no trace in the table."""
    kept, findings = sift(_rows(4))
    assert (len(kept), findings) == (4, [])


def test_a_row_is_counted_once_under_its_first_trouble():
    """A row that is wrong in two ways is set aside once, so counts add up."""
    rows = _rows(5)
    rows.loc[0, "start"] = pd.NaT
    rows.loc[0, "valid"] = False
    rows.loc[1, "loss_ratio_up"] = 3.0
    rows.loc[2, "valid"] = pd.NA
    kept, findings = sift(rows)
    assert [(finding.code, finding.rows) for finding in findings] == [
        ("impossible-time", 1),
        ("wrong-unit", 1),
        ("void", 1),
    ]
    assert list(kept["measurement_id"]) == ["m3", "m4"]
