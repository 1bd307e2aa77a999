"""The import contracts hold, and none of them forgets a package."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.repository import ROOT, packages, pyproject

CONTRACTS: dict[str, dict[str, Any]] = {
    contract["id"]: contract for contract in pyproject()["tool"]["importlinter"]["contracts"]
}
PROBE = {name for name in packages() if name.startswith("callprobe.")}


def test_contracts_hold() -> None:
    """import-linter finds every import where docs/architecture.md allows it."""
    linter = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("contract", "allowed"),
    [
        ("scapy-in-pcap", {"callprobe.pcap"}),
        ("aiortc-in-rtc", {"callprobe.rtc"}),
        ("servers", {"callprobe.cli", "callprobe.responder"}),
    ],
)
def test_heavy_libraries_have_one_home(contract: str, allowed: set[str]) -> None:
    """Every package of the probe but the named ones is forbidden the library."""
    assert PROBE - set(CONTRACTS[contract]["source_modules"]) == allowed


def test_layers_name_every_package_of_the_probe() -> None:
    """No package stands outside the order."""
    layers = CONTRACTS["layers"]["layers"]

    named = {f"callprobe.{name.strip()}" for layer in layers for name in layer.split("|")}

    assert named == PROBE | {"callprobe.__main__"}
    assert CONTRACTS["layers"]["exhaustive"] is True
