"""A recorded call replayed by processes on loopback, through a relay with and without a censor."""

from pathlib import Path
from typing import Any

import pytest

from helpers.processes import Ended, callprobe, relay, responder, server
from helpers.recorded import recording, wehe_file

UP = recording(media_s=1.5)[0]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a replay file of Wehe; what is measured stays beside it."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "home"))
    path = tmp_path / "call.json"
    path.write_text(wehe_file(UP))
    return path


def replay(file: Path, url: str, *more: str) -> Ended:
    return callprobe("pcap", "replay", str(file), "--responder", url, "--json", *more)


def arms(ended: Ended) -> dict[str, dict[str, Any]]:
    return {one["test_keys"]["arm"]: one["test_keys"] for one in ended.document["measurements"]}


def verdict(ended: Ended) -> str:
    (row,) = ended.document["verdicts"]
    return str(row["verdict"])


def failing(keys: dict[str, Any]) -> list[str]:
    return [stage["name"] for stage in keys["stages"] if stage["outcome"] != "ok"]


def test_every_packet_arrives_in_every_arm(file: Path) -> None:
    """Sent on time, of its size, none lost; the record says what was replayed."""
    with responder() as far_end:
        ended = replay(file, far_end.url)

    assert ended.code == 0
    for arm, keys in arms(ended).items():
        assert failing(keys) == []
        assert keys["metrics_up"]["packets_sent"] == keys["metrics_up"]["packets_received"] == len(UP)
        assert keys["responder_view"]["packets_received"] == len(UP)
        assert keys["local"]["local_drops_packets"] == 0
        assert keys["dialect"].startswith(
            {"shaped": "replay:", "control": "replay-inverted:"}.get(arm, "replay-random:")
        )
        assert keys["dialect_version"] == "1+wehe.scrubbed.up-only"


def test_a_censor_that_knows_the_calls_checks_is_found_out(file: Path) -> None:
    with responder() as far_end, relay("stun-drop", far_end.url) as via:
        ended = replay(file, via.url)

    assert {arm: failing(keys) for arm, keys in arms(ended).items()} == {
        "shaped": ["ice_connectivity"], "control": [], "aa": [],
    }  # fmt: skip
    assert (ended.code, verdict(ended)) == (0, "blocked")


def test_a_relay_without_a_censor_changes_nothing(file: Path) -> None:
    with responder() as far_end, relay("clean", far_end.url) as via:
        ended = replay(file, via.url)

    assert {arm: failing(keys) for arm, keys in arms(ended).items()} == {
        "shaped": [], "control": [], "aa": [],
    }  # fmt: skip
    assert verdict(ended) in {"ok", "insufficient"}


def test_a_responder_that_replays_nothing_is_one_sentence(file: Path, tmp_path: Path) -> None:
    """Nothing is measured, exit 2."""
    config = tmp_path / "responder.toml"
    config.write_text("[limits]\nmax_traces = 0\n")
    with server("responder", "serve", "--listen", "127.0.0.1:0", "--config", str(config)) as far_end:
        ended = replay(file, far_end.url)

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].endswith("does not replay calls: this responder replays no traces")


@pytest.mark.peer("shared")
def test_the_beginning_of_wehes_skype_call_arrives_whole(file: Path, shared: Path) -> None:
    """Its first four seconds; the whole of it takes fifteen."""
    call = shared / "replay-traces" / "Skype_06172024.pcap_client_all.json"
    with responder() as far_end:
        ended = replay(call, far_end.url, "--media-duration-s", "4", "--control", "inverted")

    for keys in arms(ended).values():
        assert keys["metrics_up"]["packets_sent"] == 65
        assert keys["metrics_up"]["packets_lost"] == keys["metrics_up"]["packets_duplicated"] == 0
    assert [keys["control_nature"] for keys in arms(ended).values()] == [None, "inverted", "inverted"]
