"""The settings keep their promises: strict, reasoned, offered by make."""

import re
import subprocess

from helpers.repository import ROOT, pyproject

TEXT = (ROOT / "pyproject.toml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_ignored_lint_rule_has_its_reason() -> None:
    """Each rule that is switched off says why on its line."""
    block = re.search(r"^ignore = \[\n(.*?)^\]", TEXT, re.DOTALL | re.MULTILINE)
    assert block is not None

    lines = block[1].splitlines()

    assert [line for line in lines if not re.fullmatch(r'    "[A-Z]+\d*", +# \S.*', line)] == []
    assert len(lines) == len(pyproject()["tool"]["ruff"]["lint"]["ignore"])


def test_strictness_stays_on() -> None:
    """All lint rules, strict typing, warnings as errors."""
    tool = pyproject()["tool"]

    assert tool["ruff"]["lint"]["select"] == ["ALL"]
    assert tool["mypy"]["strict"] is True
    assert set(tool["mypy"]["packages"]) == {"callprobe", "callresults", "callanalysis"}
    assert tool["pytest"]["ini_options"]["filterwarnings"] == ["error"]


def test_help_lists_every_target() -> None:
    """``make help`` says something about each target."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None

    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert [line.split()[0] for line in shown.splitlines()] == phony[1].split()


def test_ci_requires_every_peer() -> None:
    """The CI lets no test be missing in silence, and contacts nobody."""
    script = (ROOT / ".ci" / "run").read_text()

    assert "export CALLPROBE_REQUIRE_ALL=1 CALLPROBE_ONLY_LOCAL=1" in script
    assert script.index("make system-deps") < script.index("make test")
