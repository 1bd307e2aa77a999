"""A recorded call replayed by processes on loopback, through a relay with and without a censor."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.collector_process import collector
from helpers.processes import Ended, callprobe, relay, responder, server
from helpers.recorded import recording, wehe_file
from helpers.servers import refused_port

UP = recording(media_s=1.5)[0]
NATURES = {"shaped": "replay:", "control": "replay-inverted:", "aa": "replay-random:"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a replay file of Wehe."""
    path = tmp_path_factory.mktemp("replay") / "call.json"
    path.write_text(wehe_file(UP))
    return path


@pytest.fixture(scope="module")
def ended(file: Path) -> dict[str, Ended]:
    """Replay it four times at once, three of them straight or through a relay that changes nothing."""
    with (
        responder() as far_end,
        relay("clean", far_end.url) as clean,
        relay("stun-drop", far_end.url) as drop,
    ):
        urls = {"one": far_end.url, "two": far_end.url, "clean": clean.url, "stun-drop": drop.url}
        with ThreadPoolExecutor() as pool:
            return dict(zip(urls, pool.map(lambda name: replay(file, urls[name], name), urls), strict=True))


def replay(file: Path, url: str, home: str, *more: str) -> Ended:
    arguments = ("pcap", "replay", str(file), "--responder", url, "--json", *more)
    return callprobe(*arguments, environ={"CALLPROBE_HOME": str(file.parent / home)})


def arms(one: Ended) -> dict[str, dict[str, Any]]:
    return {item["test_keys"]["arm"]: item["test_keys"] for item in one.document["measurements"]}


def failing(one: Ended) -> dict[str, list[str]]:
    return {
        arm: [stage["name"] for stage in keys["stages"] if stage["outcome"] != "ok"]
        for arm, keys in arms(one).items()
    }


def verdict(one: Ended) -> str:
    (row,) = one.document["verdicts"]
    return str(row["verdict"])


@pytest.mark.parametrize("name", ["one", "two", "clean"])
def test_every_packet_arrives_in_every_arm(ended: dict[str, Ended], name: str) -> None:
    """Of its size, none lost, none twice; and none of another replay of the same call at the same time."""
    for arm, keys in arms(ended[name]).items():
        assert keys["metrics_up"]["packets_sent"] == keys["metrics_up"]["packets_received"] == len(UP)
        assert keys["responder_view"]["packets_received"] == len(UP)
        assert keys["metrics_up"]["packets_duplicated"] == 0
        assert keys["local"]["local_drops_packets"] == 0
        assert keys["dialect"].startswith(NATURES[arm])
        assert keys["dialect_version"] == "1+wehe.scrubbed.up-only"
    assert failing(ended[name]) == {"shaped": [], "control": [], "aa": []}
    assert ended[name].code == 0


def test_a_censor_that_knows_the_calls_checks_is_found_out(ended: dict[str, Ended]) -> None:
    one = ended["stun-drop"]

    assert failing(one) == {"shaped": ["ice_connectivity"], "control": [], "aa": []}
    assert (one.code, verdict(one)) == (0, "blocked")


def test_what_was_measured_is_uploaded_as_that_of_a_run_is(file: Path, tmp_path: Path) -> None:
    """A collector takes it: it holds no address, and its bytes are canonical."""
    with collector(tmp_path / "store") as url:
        away = f"http://127.0.0.1:{refused_port()}"
        one = replay(file, away, "uploading", "--collector", url)

    assert (one.document["saved"], one.document["uploaded"]) == (3, 3)


def test_a_responder_that_replays_nothing_is_one_sentence(file: Path, tmp_path: Path) -> None:
    """Nothing is measured, exit 2."""
    config = tmp_path / "responder.toml"
    config.write_text("[limits]\nmax_traces = 0\n")
    with server("responder", "serve", "--listen", "127.0.0.1:0", "--config", str(config)) as far_end:
        one = replay(file, far_end.url, "none")

    assert (one.code, one.stdout) == (2, "")
    assert one.stderr.splitlines()[-1].endswith("does not replay calls: this responder replays no traces")


@pytest.mark.peer("shared")
def test_the_beginning_of_wehes_skype_call_arrives_whole(shared: Path, tmp_path: Path) -> None:
    """Its first four seconds; the whole of it takes fifteen."""
    call = tmp_path / "skype.json"
    call.symlink_to(shared / "replay-traces" / "Skype_06172024.pcap_client_all.json")
    with responder() as far_end:
        one = replay(call, far_end.url, "home", "--media-duration-s", "4", "--control", "inverted")

    for keys in arms(one).values():
        assert keys["metrics_up"]["packets_sent"] == 65
        assert keys["metrics_up"]["packets_lost"] == keys["metrics_up"]["packets_duplicated"] == 0
    assert [keys["control_nature"] for keys in arms(one).values()] == [None, "inverted", "inverted"]
