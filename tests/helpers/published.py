"""A fast generator of published rows: volunteers, networks, bad days, outages and a planted restriction.

It is made for the analysis's tests and knows nothing of the packets; the lab's histories are the slow, true
counterpart. What it plants follows the issue's August history.
"""

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from callresults.store.columns import Row

FIRST_DAY = date(2025, 8, 1)
DAYS = 20
CALLS = (("telegram", "voice"), ("telegram", "video"), ("whatsapp", "voice"), ("whatsapp", "video"))
SERVICES = (
    ("service", "telegram", "messaging", "telegram-https"),
    ("service", "whatsapp", "messaging", "whatsapp-https"),
    ("service", "telegram", "voice", "telegram-relay-stun"),
    ("domestic", "max", "messaging", "max-https"),
    ("domestic", "max", "messaging", "max-web-https"),
    ("neutral", "example", "messaging", "neutral-https"),
)
INTEGERS = ("packets_sent_up", "packets_sent_down")


class World(NamedTuple):
    """What is planted."""

    onset: date | None = None
    hit: tuple[str, ...] = ("RU",)
    home_volunteers: int = 60
    abroad_volunteers: int = 60
    home_networks: int = 8
    untouched_networks: int = 2
    outage: float = 0.02
    """Share of (network, day) on which half of the runs have no line."""
    failure: float = 0.025
    """Baseline failure of any attempt."""
    bad_day: float = 0.02
    """Share of (volunteer, day) on which every call is likely to be bad."""
    drift: float = 0.0
    """Standard deviation per network of a step in call failures at 11 August, shaped arm only."""
    incident: float = 0.0
    """Share of days on which a service has trouble everywhere."""
    emulated: bool = True


def _volunteers(world: World) -> pd.DataFrame:
    countries = ("KZ", "DE", "GE")
    rows = [("RU", f"AS{100 + i % world.home_networks}") for i in range(world.home_volunteers)]
    rows += [
        (countries[i % 3], f"AS{1000 * (1 + i % 3) + (i // 3) % 4}") for i in range(world.abroad_volunteers)
    ]
    return pd.DataFrame(rows, columns=["country", "asn"])


def _runs(world: World, rng: np.random.Generator) -> pd.DataFrame:
    people = _volunteers(world)
    people["volunteer"] = np.arange(len(people))
    people["active"] = rng.uniform(0.35, 0.5, len(people))
    people["propensity"] = rng.normal(0, 0.7, len(people))
    grid = people.loc[people.index.repeat(DAYS)].reset_index(drop=True)
    grid["day"] = np.tile(np.arange(DAYS), len(people))
    grid["bad"] = rng.random(len(grid)) < world.bad_day
    network, code = np.unique(grid["country"] + grid["asn"], return_inverse=True)
    struck = rng.random((len(network), DAYS)) < world.outage
    grid["down"] = struck[code, grid["day"]] & (rng.random(len(grid)) < 0.5)
    grid["drift"] = rng.normal(0, world.drift, len(network))[code] if world.drift else 0.0
    grid["touched"] = code - np.searchsorted(network, "RU") >= world.untouched_networks
    return grid[rng.random(len(grid)) < grid["active"]].reset_index(drop=True)


def _start(runs: pd.DataFrame, rng: np.random.Generator) -> "pd.Series[str]":
    minutes = 5 * rng.integers(0, 12 * 20, len(runs))  # stays inside the local day of UTC+3 as of UTC
    stamps = pd.Timestamp(FIRST_DAY) + pd.to_timedelta(runs["day"], "D") + pd.to_timedelta(minutes, "m")
    return stamps.dt.strftime("%Y-%m-%d %H:%M:%S")


def _base(runs: pd.DataFrame, world: World, seed: int, start: "pd.Series[str]") -> pd.DataFrame:
    frame = pd.DataFrame(dict.fromkeys(Row.__struct_fields__, None), index=runs.index, dtype=object)
    frame["report_id"] = [f"r{seed}-{index}" for index in runs.index]
    frame["measurement_start_time"] = start
    frame["month"] = start.str[:7]
    frame["country"], frame["asn"] = runs["country"], runs["asn"]
    frame["probe_id"] = "p" + runs["volunteer"].astype(str)
    frame["access_type"], frame["software_version"] = "home-wifi", "0.1.0"
    frame["emulated"], frame["history"] = world.emulated, "2025-08-russia" if world.emulated else None
    frame["scenario_id"], frame["valid"], frame["coarsened"] = "calls/all", True, False
    return frame


def _hit(runs: pd.DataFrame, world: World) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    if world.onset is None:
        return np.zeros(len(runs), dtype=bool)
    after = runs["day"] >= (world.onset - FIRST_DAY).days
    touched = runs["touched"] | (runs["country"] != "RU")
    return (runs["country"].isin(world.hit) & after & touched).to_numpy()


def _quality(frame: pd.DataFrame, state: "np.ndarray", rng: np.random.Generator) -> None:
    """Fill the metrics; ``state`` 0 fine, 1 bad path, 2 bursty loss, 3 killed, 4 no set-up."""
    size = len(frame)
    frame["setup_ok"] = state != 4
    frame["setup_s"] = np.where(state != 4, rng.gamma(2, 0.15, size), np.nan)
    frame["media_ok"] = state < 3
    frame["first_failing_stage"] = np.select([state == 4, state == 3], ["udp_open", "media_hold"], None)
    for way in ("up", "down"):
        low, high = rng.uniform(0, 0.01, size), rng.uniform(0.08, 0.4, size)
        loss = np.select([state == 0, state < 3, state == 3], [low, high, 0.9], np.nan)
        burst = np.select([state == 0, state == 1, state == 2], [15, 40, 180], np.nan)
        frame[f"packets_sent_{way}"] = np.where(state != 4, 150, np.nan)
        frame[f"loss_ratio_{way}"] = loss
        frame[f"late_ratio_{way}"] = np.where(state != 4, rng.uniform(0, 0.004, size), np.nan)
        frame[f"jitter_ms_{way}"] = np.where(state != 4, rng.gamma(4, 1.0, size), np.nan)
        frame[f"burst_duration_ms_{way}"] = burst * rng.uniform(0.5, 1.5, size)
        frame[f"burst_r_{way}"] = np.select([state == 2, state != 4], [4.0, 1.1], np.nan)
        frame[f"mos_cq_{way}"] = np.clip(4.4 - 6 * loss, 1, 4.5)


def _states(
    runs: pd.DataFrame, world: World, rng: np.random.Generator, flow: tuple[str, str], arm: str
) -> "np.ndarray":
    size = len(runs)
    logit = np.log(world.failure / (1 - world.failure)) + runs["propensity"] + 3.0 * runs["bad"]
    if arm == "shaped":
        logit = logit + np.where(runs["day"] >= 10, runs["drift"], 0.0)
        troubled = rng.random(DAYS) < world.incident
        logit = logit + np.where(troubled[runs["day"]], 2.5, 0.0)
    state = np.where(rng.random(size) < 1 / (1 + np.exp(-logit)), rng.choice([1, 3, 4], size), 0)
    if arm == "shaped":
        struck = _hit(runs, world)
        dice = rng.random(size)
        if flow[0] == "telegram":
            planted = np.select([dice < 0.75, dice < 0.95], [3, 1], 0)
        else:
            planted = np.select([dice < 0.08, dice < 0.75], [4, 2], 0)
        state = np.where(struck & (planted > 0), planted, state)
    return np.where(runs["down"], 4, state)


def _calls(
    base: pd.DataFrame, runs: pd.DataFrame, world: World, rng: np.random.Generator
) -> list[pd.DataFrame]:
    frames = []
    for flow in CALLS:
        for arm in ("shaped", "control", "aa"):
            frame = base.copy()
            frame["nettest"], frame["service"], frame["medium"] = "call", *flow
            frame["arm"] = arm
            frame["report_id"] = frame["pair_id"] = base["report_id"] + f"-{flow[0]}-{flow[1]}"
            frame["dialect"] = flow[0] if arm == "shaped" else "random"
            frame["responder_id"], frame["responder_network"] = "lab-1", "AS64500"
            _quality(frame, _states(runs, world, rng, flow, arm), rng)
            frames.append(frame)
    return frames


def _services(
    base: pd.DataFrame, runs: pd.DataFrame, world: World, rng: np.random.Generator
) -> list[pd.DataFrame]:
    frames = []
    for arm, service, medium, target in SERVICES:
        frame = base.copy()
        frame["nettest"], frame["service"], frame["medium"] = "service_reachability", service, medium
        frame["arm"], frame["target_id"] = arm, target
        frame["report_id"] = frame["pair_id"] = base["report_id"] + f"-{service}-{medium}"
        fails = rng.random(len(runs)) < world.failure
        if target == "telegram-relay-stun":
            fails |= _hit(runs, world) & (rng.random(len(runs)) < 0.3)
        frame["setup_ok"] = ~(fails | runs["down"].to_numpy())
        frame["setup_s"] = np.where(frame["setup_ok"], rng.gamma(2, 0.1, len(runs)), np.nan)
        frames.append(frame)
    return frames


def rows(seed: int, world: World | None = None) -> pd.DataFrame:
    """Return the rows of one world as a DataFrame with the columns of ``Row``."""
    world = world or World()
    rng = np.random.default_rng(seed)
    runs = _runs(world, rng)
    base = _base(runs, world, seed, _start(runs, rng))
    frames = _calls(base, runs, world, rng) + _services(base, runs, world, rng)
    for index, frame in enumerate(frames):
        frame["measurement_id"] = frame["report_id"] + f"-{index}"
    return pd.concat(frames, ignore_index=True)


def _arrow(frame: pd.DataFrame) -> pa.Table:
    flags, floats = {"emulated", "valid", "setup_ok", "media_ok", "coarsened"}, ("_up", "_down", "setup_s")
    fields = []
    for name in frame.columns:
        if name in flags:
            kind = pa.bool_()
        elif name in INTEGERS:
            kind = pa.int64()
        else:
            kind = pa.float64() if name.endswith(floats) else pa.string()
        fields.append(pa.field(name, kind))
    return pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False, safe=False)


def write(frame: pd.DataFrame, folder: Path) -> Path:
    """Write the rows as ``month=/country=`` partitions below ``folder`` and return it."""
    for (month, country), part in frame.groupby(["month", "country"]):
        target = folder / f"month={month}" / f"country={country}"
        target.mkdir(parents=True, exist_ok=True)
        pq.write_table(_arrow(part.drop(columns=["month", "country"])), target / "part-0.parquet")
    return folder


def day(number: int) -> date:
    """Return a day of August 2025."""
    return FIRST_DAY + timedelta(days=number - 1)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
