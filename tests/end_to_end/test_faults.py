"""Servers that die and people who press Ctrl-C: a run still ends with its records, saved and told."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callprobe.submit.outbox import Outbox
from helpers.collector_process import collector, run_collector
from helpers.processes import Ended, OnTerminal, Server, callprobe, relay, responder
from helpers.servers import refused_port

CALL = "calls/telegram-voice"
ARMS = ["shaped", "control", "aa"]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("CALLPROBE_HOME", str(folder))
    return folder


def keys_of(ended: Ended) -> list[dict[str, Any]]:
    return [measurement["test_keys"] for measurement in ended.document["measurements"]]


def arms_of(ended: Ended) -> list[str]:
    return [keys["arm"] for keys in keys_of(ended)]


def first_failing(keys: dict[str, Any]) -> dict[str, Any]:
    return next(stage for stage in keys["stages"] if stage["outcome"] != "ok")


def saved(home: Path) -> list[str]:
    return Outbox(home).all()


def ids_of(ended: Ended) -> list[str]:
    return [measurement["measurement_id"] for measurement in ended.document["measurements"]]


def test_a_responder_that_is_away_leaves_a_record_for_every_arm(home: Path) -> None:
    """Each record names the stage; the person is told in one sentence, exit 1."""
    ended = callprobe("run", CALL, "--responder", f"http://127.0.0.1:{refused_port()}", "--json")

    assert (ended.code, arms_of(ended)) == (1, ARMS)
    assert {first_failing(keys)["name"] for keys in keys_of(ended)} == {"session_open"}
    assert {first_failing(keys)["failure"] for keys in keys_of(ended)} == {"session_unreachable"}
    assert ended.stderr == f"{CALL}: the responder did not answer (ConnectError)\n"
    assert saved(home) == ids_of(ended)


def test_a_responder_killed_in_the_middle_of_the_media_leaves_a_record_for_every_arm(home: Path) -> None:
    """What failed is named: the media stopped, and loss is not known without the far end's record."""
    with (
        responder() as far_end,
        OnTerminal("run", CALL, "--responder", far_end.url, "--media-duration-s", "3", "--json") as run,
    ):
        run.wait_for(b"media")
        far_end.process.kill()
        ended = run.end()

    assert (ended.code, arms_of(ended), saved(home)) == (1, ARMS, ids_of(ended))
    assert {first_failing(keys)["name"] for keys in keys_of(ended)} <= {"media_first_packet", "media_hold"}
    assert {keys["responder_view"] for keys in keys_of(ended)} == {None}
    assert "the responder's record of the call never came" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_collector_that_is_away_gets_everything_once_it_is_back(home: Path, tmp_path: Path) -> None:
    """The results stay here; one later upload delivers each, a second one nothing."""
    away = f"http://127.0.0.1:{refused_port()}"
    with responder() as far_end:
        ended = callprobe(
            "run", CALL, "--responder", far_end.url, "--collector", away, "--media-duration-s", "1", "--json"
        )
    with collector(tmp_path / "store") as url:
        first, second = (callprobe("upload", "--collector", url, "--json") for _ in range(2))
    published = run_collector("publish", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "data"))

    assert (ended.code, ended.document["saved"], ended.document["uploaded"]) == (1, 3, 0)
    assert f"callprobe upload --collector {away}" in ended.stderr
    assert (first.code, first.document["delivered"]) == (0, 3)
    assert (second.code, second.document["delivered"], second.document["already_there"]) == (0, 0, 0)
    assert published.returncode == 0


def test_uploaded_are_those_that_the_collector_answered_for(home: Path, tmp_path: Path) -> None:
    """A run with a collector ends with 0, and every saved record is there."""
    with responder() as far_end, collector(tmp_path / "store") as url:
        ended = callprobe(
            "run", CALL, "--responder", far_end.url, "--collector", url, "--media-duration-s", "1", "--json"
        )

    assert (ended.code, ended.document["saved"], ended.document["uploaded"]) == (0, 3, 3)
    assert Outbox(home).pending() == []


def test_ctrl_c_during_the_media_keeps_what_was_measured(home: Path) -> None:
    """Exit 3 and one document: the call before it whole, this one's arms void with what they sent."""
    calls = ("calls/telegram-video", CALL)
    with (
        responder() as far_end,
        OnTerminal("run", *calls, "--responder", far_end.url, "--media-duration-s", "2", "--json") as run,
    ):
        run.wait_for(CALL.encode())
        run.shown = b""
        run.wait_for(b"media")
        ended = run.interrupt()

    assert (ended.code, arms_of(ended), saved(home)) == (3, ["shaped", "control", *ARMS], ids_of(ended))
    assert [keys["void_reason"] for keys in keys_of(ended)] == 2 * [None] + 3 * ["interrupted"]
    assert {first_failing(keys)["failure"] for keys in keys_of(ended)[2:]} == {"interrupted"}
    assert all(keys["packet_record"] for keys in keys_of(ended))
    assert "Interrupted; everything measured so far is saved." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_sigterm_is_like_ctrl_c(home: Path) -> None:
    """A system that shuts down loses no measurement either."""
    with (
        responder() as far_end,
        OnTerminal("run", CALL, "--responder", far_end.url, "--media-duration-s", "3", "--json") as run,
    ):
        run.wait_for(b"media")
        ended = run.interrupt(signal.SIGTERM)

    assert (ended.code, arms_of(ended), saved(home)) == (3, ARMS, ids_of(ended))
    assert {keys["void_reason"] for keys in keys_of(ended)} == {"interrupted"}


@pytest.fixture
def deaf() -> Iterator[Server]:
    """A responder that can be told to, and to which no datagram comes through."""
    with responder() as far_end, relay("udp-drop", far_end.url) as through:
        yield through


def test_an_interrupt_during_the_set_up_keeps_a_record_for_every_arm(home: Path, deaf: Server) -> None:
    """Nothing answered yet, and that is what each record says."""
    with OnTerminal("run", CALL, "--responder", deaf.url, "--json") as run:
        run.wait_for(b"udp_open")
        ended = run.interrupt()

    assert (ended.code, arms_of(ended), saved(home)) == (3, ARMS, ids_of(ended))
    assert {keys["void_reason"] for keys in keys_of(ended)} == {"interrupted"}
    assert {first_failing(keys)["failure"] for keys in keys_of(ended)} == {"interrupted"}


def test_an_interrupt_during_the_upload_leaves_the_rest_for_the_next(home: Path) -> None:
    """A collector that accepts and says nothing holds nobody up: exit 3, and all is still to be sent."""
    with responder() as far_end, socket.create_server(("127.0.0.1", 0)) as mute:
        collector_url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        arguments = ("--responder", far_end.url, "--collector", collector_url, "--media-duration-s", "1")
        with OnTerminal("run", CALL, *arguments, "--json") as run:
            connection, _ = mute.accept()
            with connection:
                ended = run.interrupt()

    assert (ended.code, ended.document["saved"], ended.document["uploaded"]) == (3, 3, 0)
    assert Outbox(home).pending() == ids_of(ended)


def test_progress_is_for_terminals_and_the_document_for_programs(home: Path) -> None:
    """With both at once, stdout is the document and nothing else."""
    with responder() as far_end:
        arguments = ("run", CALL, "--responder", far_end.url, "--media-duration-s", "1", "--json")
        with OnTerminal(*arguments) as terminal:
            watched = terminal.end()
        piped = callprobe(*arguments)

    assert "media" in watched.stderr
    assert piped.stderr == ""
    for ended in (watched, piped):
        assert json.loads(ended.stdout).keys() == {
            "report_ids", "measurements", "verdicts", "saved", "uploaded"
        }  # fmt: skip
