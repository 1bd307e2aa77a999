"""``make fuzz``: coverage-guided fuzzing of every parser, with atheris; a table and JSON under build/reports.

Each target runs in a process of its own, which dies of the first exception, of an input that takes longer
than a second, and of more than 200 MB. What is found lies in build/fuzz/findings until it is a named line
below tests/data/fuzz.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from fuzz.targets import Target, find, store, stored, targets  # noqa: E402 - run as a program, tests are no package

WORK: Final = ROOT / "build" / "fuzz"
REPORT: Final = ROOT / "build" / "reports" / "fuzz.json"
Step = tuple[str, int, int]
"""File, line before and line after."""
TraceFunction = Callable[[FrameType, str, Any], Any]
RSS_LIMIT_MB: Final = 200
INPUT_LIMIT_S: Final = 1
FORKED: Final = ("sh", "-c", '"$@"; exit $?', "sh")
"""A process that is started right away is taken to have used as much memory as its parent once did."""
RUNS: Final = {"wire": 10_000_000, "dialect": 10_000_000, "file": 1_000_000}
"""Executions asked of each kind of target by ``make fuzz``."""
FILE_LIMIT_S: Final = 1200
"""File readers stop after so long, or after their executions."""


class Outcome(NamedTuple):
    """What became of one target."""

    target: str
    kind: str
    runs: int
    seconds: int
    goal_runs: int
    finding: str | None
    """Last line of what the fuzzer said when it stopped early."""

    @property
    def met(self) -> bool:
        """Whether nothing was found in as many executions as were asked for, or as long."""
        enough = self.runs >= self.goal_runs or (self.kind == "file" and self.seconds >= FILE_LIMIT_S)
        return self.finding is None and enough


def fuzz_here(name: str, arguments: list[str]) -> None:
    """Fuzz in this process; never returns.

    Nothing of the project may have been imported before: only what is imported here is watched.
    """
    import atheris

    assert not [module for module in sys.modules if module.startswith(("callprobe", "callresults"))]
    with atheris.instrument_imports(include=["callprobe", "callresults"]):
        take = find(name).make()
    atheris.Setup([sys.argv[0], *arguments], take)
    atheris.Fuzz()


def fuzz(target: Target, *, runs: int, seconds: int) -> Outcome:
    """Fuzz in a process of its own and return what became of it."""
    corpus, findings = WORK / "corpus" / target.name, WORK / "findings" / target.name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    _unpack(target, corpus)
    command = [
        *FORKED,
        *(sys.executable, __file__, "--child", target.name, "--"),
        *(
            f"-runs={runs}",
            f"-max_total_time={seconds}",
            f"-max_len={target.max_bytes}",
            "-print_final_stats=1",
        ),
        *(f"-rss_limit_mb={RSS_LIMIT_MB}", f"-timeout={INPUT_LIMIT_S}", f"-artifact_prefix={findings}/"),
        str(corpus),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    done = re.search(r"Done (\d+) runs in (\d+) second", result.stderr)
    units = re.search(r"stat::number_of_executed_units:\s*(\d+)", result.stderr)
    finding = None if done and result.returncode == 0 else _last_words(result.stdout + result.stderr)
    counted = done[1] if done else units[1] if units else "0"
    return Outcome(target.name, target.kind, int(counted), int(done[2]) if done else 0, runs, finding)


def _unpack(target: Target, corpus: Path) -> None:
    for data in stored(target):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def keep(target: Target) -> int:
    """Store the shortest inputs that together take every step which the corpus takes; return how many."""
    take = target.make()
    corpus = [path.read_bytes() for path in (WORK / "corpus" / target.name).iterdir()]
    known: set[Step] = set()
    kept = []
    for data in sorted(corpus, key=lambda data: (len(data), data)):
        steps = steps_of(take, data)
        if steps - known:
            known |= steps
            kept.append(data)
    store(target, kept or stored(target))
    return len(stored(target))


def steps_of(take: Callable[[bytes], None], data: bytes) -> set[Step]:
    """Return the steps from line to line of the project's code that an input takes."""
    steps: set[Step] = set()

    def trace(frame: FrameType, event: str, _: object) -> "TraceFunction | None":
        if "/callprobe/" not in frame.f_code.co_filename and "/callresults/" not in frame.f_code.co_filename:
            return None
        last = frame.f_lineno

        def within(frame: FrameType, event: str, _: object) -> "TraceFunction":
            nonlocal last
            if event == "line":
                steps.add((frame.f_code.co_filename, last, frame.f_lineno))
                last = frame.f_lineno
            return within

        return within if event == "call" else None

    sys.settrace(trace)
    try:
        take(data)
    finally:
        sys.settrace(None)
    return steps


def _last_words(text: str) -> str:
    telling = [
        line for line in text.splitlines() if re.search(r"Error|ERROR|Exception|SUMMARY|Test unit", line)
    ]
    return " | ".join(telling[-3:]) or text[-300:]


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as text."""
    lines = [f"{'target':<28} {'executions':>12} {'goal':>12} {'seconds':>8}  found"]
    for outcome in outcomes:
        found = (outcome.finding or "nothing") + ("" if outcome.met else "  FALLS SHORT")
        figures = f"{outcome.runs:>12,} {outcome.goal_runs:>12,} {outcome.seconds:>8}"
        lines.append(f"{outcome.target:<28} {figures}  {found}")
    return "\n".join(lines)


def main() -> int:
    """Fuzz what was asked for; 1 when something was found or too little was run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="targets; all when none is named")
    parser.add_argument("--runs", type=int, help="executions of each target")
    parser.add_argument("--seconds", type=int, help="longest time for each target")
    parser.add_argument("--keep", action="store_true", help="store the corpus, made small, for `make test`")
    parser.add_argument("--child", metavar="TARGET", help=argparse.SUPPRESS)
    own, rest = _split(sys.argv[1:])
    options = parser.parse_args(own)
    if options.child:
        fuzz_here(options.child, rest)
    chosen = [target for target in targets() if not options.names or target.name in options.names]
    outcomes = []
    for target in chosen:
        seconds = options.seconds or (FILE_LIMIT_S if target.kind == "file" else 0)
        outcomes.append(fuzz(target, runs=options.runs or RUNS[target.kind], seconds=seconds))
        sys.stdout.write(table(outcomes[-1:]).splitlines()[-1] + "\n")
        sys.stdout.flush()
        if options.keep and outcomes[-1].finding is None:
            sys.stdout.write(f"  {keep(target)} inputs stored\n")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(
        json.dumps([outcome._asdict() | {"met": outcome.met} for outcome in outcomes], indent=2) + "\n"
    )
    sys.stdout.write(f"\n{table(outcomes)}\nwritten: {REPORT.relative_to(ROOT)}\n")
    return 0 if all(outcome.met for outcome in outcomes) else 1


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


if __name__ == "__main__":
    sys.exit(main())
