"""The house rules of every test: loopback only, a clean environment, and no peer silently missing."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from helpers.loopback_guard import LoopbackGuard
from helpers.peers import PEERS, shared_directory, why_absent

NOT_RUN = "NOT RUN without "
KEPT = frozenset({"CALLPROBE_REQUIRE_ALL", "CALLPROBE_WITHOUT", "CALLPROBE_SHARED"})
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
GUARD = LoopbackGuard()

settings.register_profile("house", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("house")


def pytest_configure() -> None:
    """Put the guards up before any test module is imported."""
    os.environ["CALLPROBE_ONLY_LOCAL"] = "1"
    GUARD.install()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop a test whose peer is absent: loudly, and as a failure where all peers are required."""
    for marker in item.iter_markers("peer"):
        for name in marker.args:
            _require(name)


def _require(name: str) -> None:
    reason = why_absent(name)
    if reason is None and name not in _excused():
        return
    if name not in PEERS or ("CALLPROBE_REQUIRE_ALL" in os.environ and name not in _excused()):
        pytest.fail(f"this test needs {name}, and every peer is required here: {reason}", pytrace=False)
    pytest.skip(f"{NOT_RUN}{name}: {reason or 'excused by CALLPROBE_WITHOUT'}")


def _excused() -> set[str]:
    return set(filter(None, os.environ.get("CALLPROBE_WITHOUT", "").split(",")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were not run, and for want of what."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    for reason, count in sorted(reasons.items()):
        what = reason.removeprefix(NOT_RUN)
        terminalreporter.write_line(f"NOT RUN: {count} test(s) need {what}", yellow=True, bold=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test a home of its own and no setting of the person who runs it."""
    for name in [*os.environ]:
        if name in PROXIES or (name.startswith("CALLPROBE_") and name not in KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CALLPROBE_ONLY_LOCAL", "1")
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "callprobe-home"))


@pytest.fixture(autouse=True)
def stays_on_loopback() -> Iterator[LoopbackGuard]:
    """Fail a test that tried to leave loopback, even if the code under test swallowed the refusal."""
    GUARD.escapes.clear()
    yield GUARD
    assert GUARD.escapes == []


@pytest.fixture
def shared() -> Path:
    """Return the directory of shared captures and measurements; use with ``@pytest.mark.peer("shared")``."""
    return shared_directory()
