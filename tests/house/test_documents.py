"""The documents lead somewhere: commands that exist, links that resolve."""

import re
from pathlib import Path

import pytest

from helpers.repository import ROOT, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def test_newcomer_needs_two_commands() -> None:
    """The first block of commands in the README is the demo and the tests, nothing else."""
    block = re.search(r"```\w*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None

    commands = [line.partition("#")[0].strip() for line in block[1].splitlines()]

    assert commands == ["make demo", "make test"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "ETHICS.md", "LICENSE"])
def test_document_is_there(name: str) -> None:
    """Who wants to use, change or judge the project finds the rules."""
    assert len((ROOT / name).read_text()) > 300


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_resolve(document: Path) -> None:
    """A link inside the repository points at something."""
    broken = [
        target for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()
    ]

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_make_targets_named_exist(document: Path) -> None:
    """Every ``make target`` that a text names can be run."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"`make ([a-z-]+)`", document.read_text()))

    assert sorted(named - targets) == []
