"""The pieces of the demo; the whole of it is ``make demo``."""

import io
import socket
from typing import Any

import msgspec
import pytest
from rich.console import Console

from callprobe.cli import demo
from helpers.sample_measurement import call


def as_document(number: int, **changes: Any) -> dict[str, Any]:
    measurement = call(number)
    keys = msgspec.structs.replace(measurement.test_keys, **changes)
    return {"measurements": [msgspec.to_builtins(msgspec.structs.replace(measurement, test_keys=keys))]}


def test_a_program_that_ends_well_gives_what_it_printed() -> None:
    """Programs are found beside the interpreter."""
    assert demo._run("callprobe", "--version").startswith("callprobe, version ")


def test_a_program_that_fails_stops_the_demo_with_its_own_words() -> None:
    """Which, with what code, and why."""
    with pytest.raises(demo.DemoError, match=r"callprobe run nowhere ended with 2: Error: no scenario"):
        demo._run("callprobe", "run", "nowhere")


def test_a_server_is_gone_after_its_block() -> None:
    """Also when the block ends by Ctrl-C."""
    with (
        pytest.raises(KeyboardInterrupt),
        demo._server("callprobe", "responder", "serve", "--listen", "127.0.0.1:0") as url,
    ):
        raise KeyboardInterrupt
    host, _, port = url.removeprefix("http://").partition(":")

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_server_that_does_not_get_ready_is_named() -> None:
    """A step that cannot begin stops the demo."""
    with (
        pytest.raises(demo.DemoError, match="responder serve did not get ready"),
        demo._server("callprobe", "responder", "serve", "--listen", "nowhere"),
    ):
        raise AssertionError("it is not ready")


def test_the_difference_stands_side_by_side() -> None:
    """The same call before and after, with loss and verdict."""
    page = io.StringIO()
    table = demo._difference(as_document(1), as_document(1, metrics_up=None))
    Console(file=page, width=80).print(table)

    assert "telegram-voice" in page.getvalue()
    assert "? / " in page.getvalue()
    assert "…" not in page.getvalue()


def test_the_demo_says_which_verdicts_were_planted() -> None:
    """What the history's author expected is counted, and what differs is named."""
    claims = [{"claim_id": "a", "verdict": "supported"}, {"claim_id": "b", "verdict": "refuted"}]

    told = demo.recovered({"a": "supported", "b": "supported", "c": "refuted"}, claims)

    assert told.splitlines() == [
        "1 of 3 verdicts are as the history was planted.",
        "b: refuted instead of supported",
        "c: not judged instead of refuted",
    ]
