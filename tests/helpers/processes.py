"""The project's own programs as processes on loopback: servers, and runs that are stopped in the middle."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from helpers.repository import ROOT

CALLPROBE = [sys.executable, "-m", "callprobe"]
PORTS = 4
"""How many consecutive ports a responder and a relay have."""
PATIENCE_S = 60.0
CENSORS = ROOT / "scenarios" / "censors"


class Server(NamedTuple):
    """A server that said that it is ready."""

    process: "subprocess.Popen[str]"
    url: str


class Ended(NamedTuple):
    """A command that came to its end."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


def start(*arguments: str, environ: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a command; ``environ`` is put over this process's own."""
    return subprocess.Popen(
        [*CALLPROBE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )


def end(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a command's end."""
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return Ended(process.returncode, stdout, stderr)


def callprobe(*arguments: str, environ: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    return end(start(*arguments, environ=environ))


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    """Run a server for the time of the block; it is dead afterwards, whatever happened to it inside."""
    process = start(*arguments)
    try:
        yield Server(process, _ready(process))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def _ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return str(json.loads(line)["url"])


@contextmanager
def responder() -> Iterator[Server]:
    """Run a responder on any free ports."""
    with server("responder", "serve", "--listen", "127.0.0.1:0") as running:
        yield running


@contextmanager
def relay(censor: str, to: str, log: Path | None = None) -> Iterator[Server]:
    """Run a relay in front of the responder at the URL ``to``, with a policy of ``scenarios/censors``."""
    where = ("--listen", "127.0.0.1:0", "--to", to.removeprefix("http://"), "--ports", str(PORTS))
    logged = ("--log", str(log)) if log else ()
    with server("lab", "relay", "--censor", str(CENSORS / f"{censor}.toml"), *where, *logged) as running:
        yield running


class OnTerminal:
    """A command whose stderr is a terminal, so that it shows its progress; over with its block."""

    def __init__(self, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self._stdout = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._screen, terminal = os.openpty()
        self.shown = b""
        try:
            self.process = subprocess.Popen(
                [*CALLPROBE, *arguments],
                stdout=self._stdout,
                stderr=terminal,
                text=True,
                env={**os.environ, "TERM": "xterm", **(environ or {})},
            )
        finally:
            os.close(terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._stdout.close()
        os.close(self._screen)

    def wait_for(self, text: bytes) -> None:
        """Read the screen until ``text`` is shown."""
        while text not in self.shown:
            self.shown += os.read(self._screen, 4096)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> Ended:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> Ended:
        """Wait for the end, reading on, so that a full terminal stops nobody."""
        with contextlib.suppress(OSError):  # Linux says EIO once nobody holds the terminal's other end
            while more := os.read(self._screen, 4096):
                self.shown += more
        code = self.process.wait(PATIENCE_S)
        self._stdout.seek(0)
        return Ended(code, self._stdout.read(), self.shown.decode().replace("\r\n", "\n"))
