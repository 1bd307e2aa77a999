"""What tests may not do: sleep, mock, skip in silence."""

import ast
from collections.abc import Iterator

import pytest

from helpers.repository import ROOT

TESTS = sorted((ROOT / "tests").rglob("*.py"))
SLEEPS = {"time.sleep", "asyncio.sleep"}
SKIPS = {
    "pytest.skip",
    "pytest.importorskip",
    "pytest.xfail",
    "pytest.mark.skip",
    "pytest.mark.skipif",
    "pytest.mark.xfail",
}
EXCUSED = {
    ("tests/bench/replay.py", "time.sleep"): "it measures how late a bare sleep is, beside the replay",
    ("tests/conftest.py", "pytest.skip"): "the one place where an absent peer is reported",
    ("tests/rtc/test_answerer.py", "asyncio.sleep"): "that a far end stays silent shows only after a time",
    ("tests/rtc/test_call.py", "asyncio.sleep"): "the network changes in the middle of a call in real time",
}
"""What is allowed, where, and why. The list may only shrink."""


def offences(source: str) -> Iterator[str]:
    """Yield what ``source`` uses and should not; yielding to the loop (``sleep(0)``) is no sleep."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in SKIPS:
            yield ast.unparse(node)
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in SLEEPS
            and ast.unparse(node.args[0]) != "0"
        ):
            yield ast.unparse(node.func)
        if isinstance(node, ast.Import | ast.ImportFrom) and "unittest.mock" in ast.unparse(node):
            yield "unittest.mock"


def used() -> set[tuple[str, str]]:
    """Return (file, thing) for all tests."""
    return {
        (path.relative_to(ROOT).as_posix(), thing) for path in TESTS for thing in offences(path.read_text())
    }


def test_tests_neither_sleep_nor_mock_nor_skip() -> None:
    """A test fakes the network, waits for events, and is run or said not to be."""
    assert used() - EXCUSED.keys() == set()


def test_excuses_are_still_needed() -> None:
    """An excuse that nobody uses any more goes."""
    assert EXCUSED.keys() - used() == set()


@pytest.mark.parametrize(
    "source",
    [
        "time.sleep(1)",
        "await asyncio.sleep(0.1)",
        "@pytest.mark.skipif(x)\ndef f(): ...",
        "import unittest.mock",
    ],
)
def test_offence_is_found(source: str) -> None:
    """The rule catches what it forbids."""
    assert len(list(offences(f"async def outer():\n    {source.replace(chr(10), chr(10) + '    ')}"))) == 1
