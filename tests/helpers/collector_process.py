"""A real collector in its own process, on loopback, for tests that stop, kill and restart it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RUN = "from callresults.collector.cli import main; main()"


def run_collector(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``callcollector`` to its end."""
    command = [sys.executable, "-c", _RUN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def start(store: Path, listen: str = "127.0.0.1:0") -> tuple[subprocess.Popen[str], str]:
    """Start ``callcollector serve`` and return it with its URL, once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, "serve", "--listen", listen, "--store", str(store)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    process.communicate(timeout=15)
    return process.returncode


@contextmanager
def collector(store: Path) -> Iterator[str]:
    """Run a collector for the time of the block; gives its URL."""
    process, url = start(store)
    try:
        yield url
    finally:
        stop(process, signal.SIGKILL if process.poll() is not None else signal.SIGTERM)
