"""The quality table: what was found wrong with the data, where, and what was done about it."""

from collections.abc import Callable
from typing import Literal

import msgspec
import pandas as pd

from callanalysis.columns import COLUMNS

Effect = Literal["file-set-aside", "rows-set-aside", "noted"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of trouble in one place."""

    code: str
    """Stable short code, such as ``corrupt-file`` or ``duplicate``."""
    where: str
    """Path below the data folder, or ``all rows``."""
    rows: int
    """Rows concerned; 0 where it cannot be known."""
    effect: Effect
    text: str
    """One sentence."""


Check = Callable[[pd.DataFrame], "pd.Series[bool]"]


def _bad_time(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["start"].isna() | (rows["start"] < pd.Timestamp("2020-01-01", tz="UTC"))


def _bad_ratio(rows: pd.DataFrame) -> "pd.Series[bool]":
    ratios = [name for name, kind in COLUMNS.items() if kind == "ratio"]
    return ((rows[ratios] < 0) | (rows[ratios] > 1)).any(axis=1)


def _nameless(rows: pd.DataFrame) -> "pd.Series[bool]":
    names = [
        "measurement_id",
        "report_id",
        "country",
        "asn",
        "probe_id",
        "service",
        "medium",
        "arm",
        "pair_id",
    ]
    return rows[names].isna().any(axis=1)


def _duplicate(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["measurement_id"].duplicated()


def _void(rows: pd.DataFrame) -> "pd.Series[bool]":
    return ~rows["valid"].fillna(value=False).astype(bool)


CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("impossible-time", "a start time that is no time, or lies before the project could exist", _bad_time),
    ("wrong-unit", "a ratio outside 0..1, as when per cent were written", _bad_ratio),
    ("nameless", "a null where volunteer, network, service or pair must be named", _nameless),
    ("duplicate", "a measurement_id seen before", _duplicate),
    ("void", "marked void by the probe itself", _void),
)


def sift(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the rows that stand every check, and a finding for each check that some rows failed."""
    findings = []
    for code, meaning, check in CHECKS:
        bad = check(rows)
        count = int(bad.sum())
        if count:
            text = f"{count} rows set aside: {meaning}."
            findings.append(
                Finding(code=code, where="all rows", rows=count, effect="rows-set-aside", text=text)
            )
            rows = rows[~bad]
    return rows, findings
