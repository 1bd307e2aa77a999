"""``callprobe lab relay`` as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner

from callprobe.censor.truth import read_rows, sort_rows
from callprobe.cli.main import main
from callprobe.pcap.analyze import analyze
from helpers.loopback import bound_socket
from helpers.policies import policy_text, rule

COMMAND = [sys.executable, "-c", "from callprobe.cli.main import main; main()", "lab", "relay"]


@pytest.fixture
def censor(tmp_path: Path) -> Path:
    """A policy file that drops what goes down."""
    path = tmp_path / "censor.toml"
    path.write_text(policy_text(rule("down", 'kind = "drop"\nratio = 1.0', match='direction = "down"')))
    return path


@pytest.fixture
def target() -> Iterator[socket.socket]:
    """A UDP socket that waits for datagrams."""
    with bound_socket() as sock:
        sock.settimeout(10)
        yield sock


def start(censor: Path, target: socket.socket, *more: str) -> "subprocess.Popen[str]":
    """Start a relay to ``target``."""
    to = f"127.0.0.1:{target.getsockname()[1]}"
    where = ["--censor", str(censor), "--listen", "127.0.0.1:0", "--to", to]
    return subprocess.Popen(
        [*COMMAND, *where, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ready(stdout: IO[str] | None) -> dict[str, Any]:
    """Return the line that says that the relay is ready."""
    assert stdout is not None
    line: dict[str, Any] = json.loads(stdout.readline())
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_with_everything_written(
    censor: Path, target: socket.socket, tmp_path: Path, number: signal.Signals
) -> None:
    """Log, capture and accounts are whole after a signal, and the exit code is 0."""
    log, pcap = tmp_path / "truth.jsonl", tmp_path / "seen.pcap"
    with start(censor, target, "--ports", "2", "--log", str(log), "--pcap", str(pcap), "--json") as relay:
        line = ready(relay.stdout)
        port = int(line["url"].rpartition(":")[2])
        with bound_socket() as client:
            client.sendto(b"hello", ("127.0.0.1", port))
            data, source = target.recvfrom(100)
        relay.send_signal(number)
        accounts, problems = relay.communicate(timeout=10)
    packets, _, summary = sort_rows(read_rows(log.read_bytes().splitlines()))

    assert (relay.returncode, problems, data, source[0], line["ports"]) == (0, "", b"hello", "127.0.0.1", 2)
    assert [row.verdict for row in packets] == ["passed"]
    assert json.loads(accounts)["summary"]["arrived"] == 1
    assert summary is not None
    assert summary.conserved
    assert analyze(pcap).udp_datagrams == 1


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"--listen": "192.0.2.1:0"}, "192.0.2.1"),
        ({"--to": "nowhere:1"}, "ADDRESS:PORT"),
        ({"--censor": "missing.toml"}, "missing.toml"),
        ({"--log": "missing/truth.jsonl"}, "missing/truth.jsonl"),
    ],
)
def test_bad_input_gets_one_sentence(censor: Path, change: dict[str, str], part: str) -> None:
    """What cannot be used is named, with exit code 2 and no traceback."""
    options = {"--censor": str(censor), "--listen": "127.0.0.1:0", "--to": "127.0.0.1:9"} | change
    result = CliRunner().invoke(main, ["lab", "relay", *(word for pair in options.items() for word in pair)])

    assert result.exit_code == 2
    assert part in result.stderr
    assert "Traceback" not in result.output
