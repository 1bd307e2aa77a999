"""From rows to votes: what a usable call is, pairs within a run, one vote per volunteer and day.

The unit is the volunteer-day, never the attempt: attempt-level tests raise false alarms many times over.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import pandas as pd

Outcome = Literal[
    "difference", "usable", "connected_difference", "connected_usable", "connect", "damage", "line"
]
"""What a vote says, each a column of :func:`attempts`:

``difference`` usable minus its controls' mean usable (a service: answered); ``usable`` 0 or 1; the two
``connected_…`` count calls that were set up only; ``connect`` set-up minus the controls' set-up; ``damage``
lost or late share of connected calls minus the controls'; ``line`` 1 unless every control of the run failed.
"""


class Usable(msgspec.Struct, frozen=True, kw_only=True):
    """When a call attempt counts as usable; thresholds are data.

    The path index (MOS, R) is left out on purpose: it describes and is never the ground of a verdict.
    """

    setup_s_max: float = 10.0
    loss_or_late_ratio_max: float = 0.05
    """Lost plus late over sent, each direction (after the jitter buffer)."""
    jitter_ms_max: float = 30.0
    """RFC 3550 interarrival jitter, each direction."""


USABLE = Usable()
RUN_GAP = pd.Timedelta(minutes=20)


class Flow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows a claim speaks of; ``service`` null = any."""

    arm: Literal["shaped", "webrtc", "service", "domestic", "neutral", "aa"] = "shaped"
    service: str | None = None
    medium: Literal["voice", "video", "messaging"] | None = None

    @property
    def name(self) -> str:
        """Readable name, such as ``telegram voice``."""
        parts = (self.service, self.medium, None if self.arm == "shaped" else f"({self.arm} arm)")
        return " ".join(part for part in parts if part)


def _damage(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {way: rows[f"loss_ratio_{way}"] + rows[f"late_ratio_{way}"].fillna(0.0) for way in ("up", "down")}
    )


def usable(rows: pd.DataFrame, rule: Usable = USABLE) -> "pd.Series[float]":
    """Return 1.0 usable, 0.0 not, NaN not known, for each row.

    A direction without a record leaves the call *not known* unless what is known already spoils it.
    """
    calls = rows["nettest"] == "call"
    setup = rows["setup_ok"].fillna(value=False).astype(bool) & ~(rows["setup_s"] > rule.setup_s_max)
    media = rows["media_ok"].fillna(value=False).astype(bool)
    jitter = rows[["jitter_ms_up", "jitter_ms_down"]]
    damage = _damage(rows)
    spoilt = (damage > rule.loss_or_late_ratio_max).any(axis=1) | (jitter > rule.jitter_ms_max).any(axis=1)
    known = damage.notna().all(axis=1)
    call = np.select([~setup | ~media | spoilt, known], [0.0, 1.0], np.nan)
    service = rows["setup_ok"].astype("float64")
    return pd.Series(np.where(calls, call, service), index=rows.index)


def _runs(rows: pd.DataFrame) -> "pd.Series[int]":
    """Number each row's run: one volunteer's rows without a pause longer than ``RUN_GAP``.

    ``report_id`` joins one scenario only; a run measures several, one after the other.
    """
    ordered = rows.sort_values(["country", "asn", "probe_id", "start"], kind="stable")
    who = ordered["country"] + ordered["asn"] + ordered["probe_id"]
    begins = (who != who.shift()) | (ordered["start"].diff() > RUN_GAP)
    return begins.astype("int64").cumsum().reindex(rows.index)


def _down(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Tell for each row whether its run had no working line: two or more controls, and all failed."""
    run = _runs(rows)
    control = rows["arm"].isin(["control", "aa", "neutral", "domestic"]) & rows["ok"].notna()
    best = rows["ok"][control].groupby(run[control]).agg(["max", "size"])
    return run.isin(best.index[(best["max"] == 0) & (best["size"] >= 2)])


def _with_control(rows: pd.DataFrame) -> pd.DataFrame:
    """Join the controls of the run: both for a call, the first alone for the second (that is its placebo)."""
    keys, values = ["pair_id", "service", "medium"], ["ok", "connected", "harm"]
    first = rows[rows["arm"] == "control"].groupby(keys)[values].mean().add_prefix("control_")
    both = rows[rows["arm"].isin(["control", "aa"])].groupby(keys)[values].mean().add_prefix("control_")
    second = rows["arm"] == "aa"
    return pd.concat([rows[~second].join(both, on=keys), rows[second].join(first, on=keys)]).sort_index()


def attempts(rows: pd.DataFrame, timezone: str, rule: Usable = USABLE) -> pd.DataFrame:
    """Return one line per attempt with every :data:`Outcome`, null where it does not apply.

    ``day`` is the proleptic ordinal of the local day in ``timezone``. Outcomes other than ``line`` are null
    for runs without a working line: such a run says nothing about any service.
    """
    table = rows.copy()
    table["day"] = table["start"].dt.tz_convert(timezone).map(lambda start: start.toordinal())
    table["ok"] = usable(table, rule)
    table["connected"] = table["setup_ok"].astype("float64")
    harm = _damage(table).max(axis=1)
    silent = (table["connected"] == 1) & ~table["media_ok"].fillna(value=False).astype(bool)
    table["harm"] = harm.where(~(silent & harm.isna()), 1.0).clip(upper=1.0)
    table["down"] = _down(table)
    table = _with_control(table)
    calls = table["nettest"] == "call"
    up = table["connected"] == 1
    table["difference"] = np.where(calls, table["ok"] - table["control_ok"], table["ok"])
    table["usable"] = table["ok"]
    table["connected_difference"] = table["difference"].where(up)
    table["connected_usable"] = table["ok"].where(up)
    table["connect"] = table["connected"] - table["control_connected"]
    table["damage"] = (table["harm"] - table["control_harm"]).where(up)
    outcomes = ["difference", "usable", "connected_difference", "connected_usable", "connect", "damage"]
    table.loc[table["down"], outcomes] = np.nan
    table["line"] = 1.0 - table["down"].astype("float64")
    return table


def select(table: pd.DataFrame, flows: Sequence[Flow]) -> pd.DataFrame:
    """Return the attempts that belong to any of the flows."""
    keep = np.zeros(len(table), dtype=bool)
    for flow in flows:
        mask = table["arm"] == flow.arm
        mask &= (table["service"] == flow.service) if flow.service else True
        mask &= (table["medium"] == flow.medium) if flow.medium else True
        keep |= mask.to_numpy()
    return table[keep]


def weight(attempts_count: "pd.Series[int]") -> "pd.Series[float]":
    """Return m/(m+2) with m capped at 10: 500 attempts of one volunteer count like ten."""
    capped = attempts_count.clip(upper=10)
    return capped / (capped + 2)


def votes(table: pd.DataFrame, flows: Sequence[Flow], outcome: Outcome) -> pd.DataFrame:
    """Return one vote per volunteer and day: ``country asn probe_id day value attempts weight``."""
    chosen = select(table, flows)
    chosen = chosen[chosen[outcome].notna()]
    grouped = chosen.groupby(["country", "asn", "probe_id", "day"], sort=True)[outcome]
    cast = grouped.agg(value="mean", attempts="size").reset_index()
    cast["weight"] = weight(cast["attempts"])
    return cast
