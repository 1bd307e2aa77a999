"""Every parser of hostile bytes survives what is stored, and some seconds of what a fuzzer makes of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.run import Outcome, fuzz, table
from fuzz.targets import CORPUS, Target, find, store, stored, targets

SECONDS = 5
MANY = 1_000_000_000


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_stored_inputs_are_survived(target: Target) -> None:
    """What once reached a branch, or was once found, raises nothing."""
    take = target.make()
    inputs = stored(target)

    for data in inputs:
        take(data)

    assert len(inputs) > 0


@pytest.mark.peer("atheris")
@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_some_seconds_of_fuzzing_find_nothing(target: Target) -> None:
    """No exception, no input that takes a second, no more than 200 MB."""
    outcome = fuzz(target, runs=MANY, seconds=SECONDS)

    assert outcome.finding is None
    assert outcome.runs > 0


def test_every_stored_file_belongs_to_a_target() -> None:
    """No corpus is left behind by a renamed target."""
    assert {path.stem for path in CORPUS.glob("*.hex")} == {target.name for target in targets()}


@pytest.mark.peer("atheris")
def test_a_fault_is_found(tmp_path: Path) -> None:
    """The way a target is run does notice an exception."""
    program = tmp_path / "faulty.py"
    program.write_text(
        "import sys\nfrom fuzz import run\nfrom fuzz.targets import Target\n"
        "def take(data):\n    if data[:1] == b'x': raise IndexError('found')\n"
        "run.find = lambda _: Target('faulty', 'wire', lambda: take)\n"
        "run.fuzz_here('faulty', sys.argv[1:])\n"
    )
    tests = str(Path(__file__).resolve().parents[1])
    result = subprocess.run(
        [sys.executable, program, "-max_total_time=20", f"-artifact_prefix={tmp_path}/"],
        env={"PYTHONPATH": tests},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode != 0
    assert "IndexError: found" in result.stdout + result.stderr


@pytest.mark.peer("atheris")
def test_fuzzing_is_guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New branches are noticed: the corpus grows, so the project's own lines are watched."""
    monkeypatch.setattr("fuzz.run.WORK", tmp_path)
    target = find("wire-rtcp")

    fuzz(target, runs=200_000, seconds=SECONDS)

    assert len(list((tmp_path / "corpus" / target.name).iterdir())) > 2 * len(stored(target))


def test_named_findings_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored corpus made small again keeps the lines that have a name."""
    monkeypatch.setattr("fuzz.targets.CORPUS", tmp_path)
    target = find("wire-stun")
    (tmp_path / "wire-stun.hex").write_text("0001 # a header cut short\nff\n")

    store(target, [b"\x02"])

    assert stored(target) == [b"\x00\x01", b"\x02"]


def test_table_says_what_falls_short() -> None:
    """Too few executions and findings are marked."""
    lines = table(
        [Outcome("wire-a", "wire", 5, 1, 10, None), Outcome("wire-b", "wire", 10, 1, 10, None)]
    ).splitlines()

    assert [line.endswith("FALLS SHORT") for line in lines[1:]] == [True, False]
