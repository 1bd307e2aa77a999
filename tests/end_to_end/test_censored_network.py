"""A run through a relay that hinders calls names what failed, arm by arm, and never loses a record."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from helpers.processes import Ended, callprobe, relay, responder

CALLS = {
    "calls/telegram-voice": ["shaped", "control", "aa"],
    "calls/whatsapp-voice": ["shaped", "control", "aa"],
    "calls/webrtc-voice": ["webrtc", "control"],
}


Runs = dict[str, Ended]
"""By scenario."""


def run_through(censor: str, homes: Path) -> Runs:
    """Run each call through a relay with that policy, all at once, with ``--json``."""

    def run(call: str) -> Ended:
        arguments = ("--responder", via.url, "--media-duration-s", "1", "--json")
        return callprobe("run", call, *arguments, environ={"CALLPROBE_HOME": str(homes / call)})

    with responder() as far_end, relay(censor, far_end.url) as via, ThreadPoolExecutor() as pool:
        return dict(zip(CALLS, pool.map(run, CALLS), strict=True))


def first_failing(keys: dict[str, Any]) -> str | None:
    return next((stage["name"] for stage in keys["stages"] if stage["outcome"] != "ok"), None)


def failing_stages(ended: Ended) -> dict[str, str | None]:
    keys = [measurement["test_keys"] for measurement in ended.document["measurements"]]
    return {one["arm"]: first_failing(one) for one in keys}


def check_whole(ended: Ended, call: str) -> None:
    """What a censor does is a result: a record for each arm, saved, and exit code 0."""
    assert list(failing_stages(ended)) == CALLS[call]
    assert (ended.code, ended.stderr) == (0, "")
    assert (ended.document["saved"], ended.document["uploaded"]) == (len(CALLS[call]), 0)


def test_dropped_stun_is_named_where_it_is_needed_and_not_called_down(tmp_path: Path) -> None:
    """Looks that begin with STUN are blocked at their own rung; Telegram's frames and random bytes pass."""
    runs = run_through("stun-drop", tmp_path)
    rows = {call: row for call, ended in runs.items() for row in ended.document["verdicts"]}

    for call, ended in runs.items():
        check_whole(ended, call)
    assert {call: failing_stages(ended) for call, ended in runs.items()} == {
        "calls/telegram-voice": {"shaped": None, "control": None, "aa": None},
        "calls/whatsapp-voice": {"shaped": "relay_allocation", "control": None, "aa": None},
        "calls/webrtc-voice": {"webrtc": "ice_connectivity", "control": None},
    }
    assert rows["calls/whatsapp-voice"]["verdict"] == rows["calls/webrtc-voice"]["verdict"] == "blocked"
    assert rows["calls/telegram-voice"]["verdict"] in {"ok", "insufficient"}
    assert rows["calls/whatsapp-voice"]["first_failing_stage"] == "relay_allocation"
    assert rows["calls/webrtc-voice"]["first_failing_stage"] == "ice_connectivity"


def test_no_udp_at_all_is_down(tmp_path: Path) -> None:
    """Still a record for every arm, and no look is blamed where no datagram comes through."""
    runs = run_through("udp-drop", tmp_path)

    for call, ended in runs.items():
        check_whole(ended, call)
        assert set(failing_stages(ended).values()) == {"udp_open"}
        assert [row["verdict"] for row in ended.document["verdicts"]] == ["down"]
