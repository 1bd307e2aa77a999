"""A tiny history, played: determinism, policies on and off, marks of emulation."""

import gzip
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callprobe.censor.policy import PolicyError, load_policy
from callprobe.lab import incident
from callprobe.lab.history import History, HistoryCountry, HistoryError, HistoryNetwork, Line
from callprobe.scenario.catalogue import default_root
from callprobe.scenario.load import ScenarioError
from callresults.codec import decode
from callresults.measurement import Measurement

ROOT = default_root()
HIT = HistoryNetwork(
    asn="AS64496",
    name="hit",
    access_type="wired",
    volunteers=2,
    probability={"telegram-look": 1.0, "telegram-loss": 1.0, "telegram-address": 1.0},
)
SPARED = HistoryNetwork(asn="AS64504", name="spared", access_type="home-wifi", volunteers=1)
HISTORY = History(
    schema=1,
    name="tiny",
    title="A tiny history",
    first_day=date(2025, 8, 10),
    last_day=date(2025, 8, 11),
    utc_offset_hours=3.0,
    restriction_start=date(2025, 8, 11),
    policies=True,
    censor="censors/august-2025",
    scenarios=("services/neutral", "services/telegram-relay", "calls/telegram-voice"),
    active_share=1.0,
    media_duration_s=8.0,
    line=Line(
        delay_ms=(8.0, 45.0),
        jitter_ms=(0.5, 8.0),
        loss_ratio=(0.0, 0.002),
        bad_day_share=0.0,
        bad_day_loss_ratio=0.15,
        outage_share=0.0,
    ),
    countries=(HistoryCountry(code="RU", networks=(HIT, SPARED)),),
    expected={"telegram-voice-collapsed": "supported"},
    expected_off={"telegram-voice-collapsed": "refuted"},
)


def changed(**changes: Any) -> History:
    return msgspec.structs.replace(HISTORY, **changes)


def play(history: History, out: Path, *, seed: int = 3, workers: int = 1) -> dict[str, Any]:
    return incident.play(history, ROOT, out, seed=seed, workers=workers)


def measurements(out: Path) -> list[Measurement]:
    files = sorted((out / "measurements").glob("*.jsonl.gz"))
    return [decode(line) for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}


def verdicts(found: list[Measurement], arm: str) -> Counter[tuple[str, str, str]]:
    """Return how often (network, day, verdict) came out for an arm."""
    return Counter(
        (item.probe_asn, item.measurement_start_time[:10], item.test_keys.verdict.verdict)
        for item in found
        if item.test_keys.arm == arm and item.test_keys.verdict is not None
    )


def test_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    one, two = (play(HISTORY, tmp_path / str(workers), workers=workers) for workers in (1, 2))
    assert one == two
    assert files(tmp_path / "1") == files(tmp_path / "2")
    play(HISTORY, tmp_path / "other", seed=4)
    assert files(tmp_path / "other") != files(tmp_path / "1")


def test_look_is_blocked_from_the_start_of_the_restriction_where_it_is_enforced(tmp_path: Path) -> None:
    truth = play(HISTORY, tmp_path)
    found = measurements(tmp_path)
    assert verdicts(found, "shaped") == {
        ("AS64496", "2025-08-10", "ok"): 2,
        ("AS64496", "2025-08-11", "blocked"): 2,
        ("AS64504", "2025-08-10", "ok"): 1,
        ("AS64504", "2025-08-11", "ok"): 1,
    }
    assert truth["packets_dropped_by_rule"]["telegram-look"] > 0
    assert truth["measurements"] == len(found)
    assert truth["runs"] == 6


def test_address_is_blocked_on_the_service_arm(tmp_path: Path) -> None:
    play(HISTORY, tmp_path)
    services = verdicts(measurements(tmp_path), "service")
    assert {key[2] for key in services if key[:2] == ("AS64496", "2025-08-11")} == {"blocked"}
    assert {key[2] for key in services if key[:2] != ("AS64496", "2025-08-11")} == {"ok"}


def test_with_the_policies_off_nothing_is_hindered(tmp_path: Path) -> None:
    truth = play(changed(policies=False), tmp_path)
    found = measurements(tmp_path)
    assert {key[2] for arm in ("shaped", "service") for key in verdicts(found, arm)} == {"ok"}
    assert truth["packets_dropped_by_rule"] == {}
    assert truth["restriction_start"] is None
    assert truth["expected"] == {"telegram-voice-collapsed": "refuted"}
    assert {str(network["probability"]) for network in truth["networks"]} == {"{}"}


def test_every_record_is_marked_as_emulated_with_the_historys_name(tmp_path: Path) -> None:
    play(HISTORY, tmp_path)
    found = measurements(tmp_path)
    assert {(item.annotations.emulated, item.annotations.history) for item in found} == {(True, "tiny")}
    assert {(item.probe_cc, item.test_keys.access_type) for item in found} == {
        ("RU", "wired"),
        ("RU", "home-wifi"),
    }
    assert len({item.test_keys.probe_id for item in found}) == 3
    assert {item.test_keys.local.load_1m for item in found if item.test_keys.local} == {None}


def test_network_may_begin_later_than_its_country() -> None:
    late = msgspec.structs.replace(HIT, start_delay_days=2)
    days = [date(2025, 8, day) for day in (10, 11, 12, 13)]
    assert [incident.enforced(HISTORY, HIT, day) for day in days] == [False, True, True, True]
    assert [incident.enforced(HISTORY, late, day) for day in days] == [False, False, False, True]
    assert not incident.enforced(HISTORY, SPARED, days[-1])
    assert not incident.enforced(changed(policies=False), HIT, days[-1])


def test_network_has_the_rules_that_it_names_at_its_own_rates() -> None:
    base = load_policy(ROOT / "censors" / "august-2025.toml")
    own = incident.policy_for(base, msgspec.structs.replace(HIT, probability={"telegram-look": 0.3}))
    assert [(rule.id, rule.probability) for rule in own.phases[0].rules] == [("telegram-look", 0.3)]


def test_new_history_leaves_nothing_of_an_old_one(tmp_path: Path) -> None:
    (tmp_path / "measurements").mkdir()
    stale = tmp_path / "measurements" / "XX-AS1.jsonl.gz"
    stale.write_bytes(b"")
    play(changed(countries=(HistoryCountry(code="RU", networks=(SPARED,)),)), tmp_path)
    assert not stale.exists()
    assert set(files(tmp_path)) == {"RU-AS64504.jsonl.gz", "truth.json"}


@pytest.mark.parametrize(
    ("history", "error", "sentence"),
    [
        (changed(censor="censors/nowhere"), PolicyError, "nowhere.toml: cannot be read"),
        (changed(scenarios=("calls/nowhere",)), ScenarioError, "calls/nowhere"),
        (
            changed(
                countries=(
                    HistoryCountry(
                        code="RU", networks=(msgspec.structs.replace(HIT, probability={"magic": 1.0}),)
                    ),
                )
            ),
            HistoryError,
            "AS64496: probability: no rule 'magic' in censors/august-2025; there are telegram-",
        ),
    ],
)
def test_reference_to_nothing_is_one_sentence_before_anything_is_played(
    history: History, error: type[Exception], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=sentence):
        play(history, tmp_path)
    assert not (tmp_path / "truth.json").exists()
