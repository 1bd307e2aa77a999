"""``make captures``: the project's own captures, each with its truth and its expected analysis.

Every look meets every policy once, in virtual time and from a fixed seed, so a second run writes the same
bytes. The truth is the lab's; the expected analysis is what the analysis says today, to be read before it is
committed.
"""

import sys
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from callprobe.censor.policy import load_policy
from callprobe.dialect.registry import LOOKS
from callprobe.lab.captures import CapturedCall, capture_call, write_capture
from callprobe.pcap.analyze import analyze

FOLDER: Final = Path(__file__).resolve().parent
ROOT: Final = FOLDER.parents[1]
SEED: Final = 1
DURATION_S: Final = 10.0
POLICIES: Final = {
    "clean": ROOT / "scenarios" / "censors" / "clean.toml",
    "august": ROOT / "scenarios" / "censors" / "august-2025.toml",
    "random-loss": FOLDER / "policies" / "random-loss.toml",
    "policer": FOLDER / "policies" / "policer.toml",
    "cut": FOLDER / "policies" / "cut.toml",
}
NARROW: Final = {("whatsapp-2023", "policer"): FOLDER / "policies" / "policer-narrow.toml"}
"""A look that sends little needs a narrower policer to be policed."""


class Case(NamedTuple):
    """One look under one policy."""

    look: str
    policy: str

    @property
    def stem(self) -> str:
        """Name of the case's files."""
        return f"{self.look}_{self.policy}"


CASES: Final = tuple(Case(look, policy) for look in LOOKS for policy in POLICIES)


def play(case: Case) -> CapturedCall:
    """Return the call of a case."""
    policy = load_policy(NARROW.get(case, POLICIES[case.policy]))
    return capture_call(case.look, policy, seed=SEED, duration_s=DURATION_S)


def write(case: Case, folder: Path) -> None:
    """Write capture, truth and expected analysis of a case into ``folder``."""
    call = play(case)
    capture = folder / f"{case.stem}.pcap"
    write_capture(capture, call.seen)
    (folder / f"{case.stem}.truth.json").write_bytes(pretty(call.truth))
    (folder / f"{case.stem}.analysis.json").write_bytes(pretty(analyze(capture)))


def pretty(record: object) -> bytes:
    """Return a record as indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def main() -> None:
    """Write every case."""
    for case in CASES:
        write(case, FOLDER)
    sys.stdout.write(f"{len(CASES)} captures in {FOLDER.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
