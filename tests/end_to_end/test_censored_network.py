"""A run through a relay that hinders calls names what failed, arm by arm, and never loses a record."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.processes import Ended, callprobe, relay, responder

CALLS = {
    "calls/telegram-voice": ["shaped", "control", "aa"],
    "calls/whatsapp-voice": ["shaped", "control", "aa"],
    "calls/webrtc-voice": ["webrtc", "control"],
}


Runs = dict[tuple[str, str], Ended]
"""By policy and scenario."""


def run(call: str, url: str, home: Path) -> Ended:
    return callprobe(
        "run", call, "--responder", url, "--media-duration-s", "1", "--json",
        environ={"CALLPROBE_HOME": str(home)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Each call through each relay, all at once, as ``run --json`` ended."""
    home = tmp_path_factory.mktemp("homes")
    with (
        responder() as far_end,
        relay("stun-drop", far_end.url) as stun,
        relay("udp-drop", far_end.url) as udp,
        ThreadPoolExecutor() as pool,
    ):
        urls = {"stun-drop": stun.url, "udp-drop": udp.url}
        running = {
            (censor, call): pool.submit(run, call, url, home / censor / call)
            for censor, url in urls.items()
            for call in CALLS
        }
        return {key: future.result() for key, future in running.items()}


def first_failing(keys: dict[str, Any]) -> str | None:
    return next((stage["name"] for stage in keys["stages"] if stage["outcome"] != "ok"), None)


def failing_stages(ended: Ended) -> dict[str, str | None]:
    keys = [measurement["test_keys"] for measurement in ended.document["measurements"]]
    return {one["arm"]: first_failing(one) for one in keys}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("censor", ["stun-drop", "udp-drop"])
def test_every_arm_has_its_record(runs: Runs, censor: str, call: str) -> None:
    """What a censor does is a result: a record for each arm, saved, and exit code 0."""
    ended = runs[censor, call]

    assert list(failing_stages(ended)) == CALLS[call]
    assert (ended.code, ended.stderr) == (0, "")
    assert (ended.document["saved"], ended.document["uploaded"]) == (len(CALLS[call]), 0)


@pytest.mark.parametrize(
    ("call", "failing"),
    [
        ("calls/telegram-voice", {"shaped": None, "control": None, "aa": None}),
        ("calls/whatsapp-voice", {"shaped": "relay_allocation", "control": None, "aa": None}),
        ("calls/webrtc-voice", {"webrtc": "ice_connectivity", "control": None}),
    ],
)
def test_dropped_stun_is_named_where_it_is_needed(
    runs: Runs, call: str, failing: dict[str, str | None]
) -> None:
    """The looks that begin with STUN fail at their own rung; Telegram's frames and random bytes pass."""
    assert failing_stages(runs["stun-drop", call]) == failing


@pytest.mark.parametrize("call", ["calls/whatsapp-voice", "calls/webrtc-voice"])
def test_dropped_stun_is_blocked_and_not_down(runs: Runs, call: str) -> None:
    """The controls live, so what fails is blocked, at the stage that the record names."""
    ended = runs["stun-drop", call]
    (row,) = ended.document["verdicts"]

    assert (row["verdict"], row["scenario"]) == ("blocked", call)
    assert row["first_failing_stage"] == failing_stages(ended)[row["arm"]]


def test_telegram_without_stun_is_not_called_down(runs: Runs) -> None:
    """Its first packets are not STUN."""
    (row,) = runs["stun-drop", "calls/telegram-voice"].document["verdicts"]

    assert row["verdict"] in {"ok", "insufficient"}
    assert row["first_failing_stage"] is None


@pytest.mark.parametrize("call", CALLS)
def test_no_udp_at_all_is_down(runs: Runs, call: str) -> None:
    """No look is blamed where no datagram comes through."""
    ended = runs["udp-drop", call]

    assert set(failing_stages(ended).values()) == {"udp_open"}
    assert [row["verdict"] for row in ended.document["verdicts"]] == ["down"]
