"""What is tracked names no machine, no private package index and no person's folder."""

import re

import pytest

from helpers.repository import ROOT, tracked_files

HERE = "tests/house/test_words.py"
MACHINE_PATHS = re.compile(r"(?<![\w.*~-])/(?:home|Users|root|work)/[\w.]|(?<!\w)[A-Z]:\\Users\\")
PRIVATE_INDEX = re.compile(r"(?i)(?:extra-)?index-url\s*=\s*\S|find-links\s*=\s*\S|file:///(?!\S*\bexample)")
TEXT = {".py", ".toml", ".md", ".lock", ".json", ".html", ".yml", ".sh", ".css", ".js", ""}


def found(pattern: re.Pattern[str]) -> list[str]:
    """Return ``file:line`` of every hit in tracked text files."""
    hits = []
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in TEXT or name == HERE:
            continue
        text = path.read_text(errors="replace")
        hits += [f"{name}:{text.count(chr(10), 0, hit.start()) + 1}" for hit in pattern.finditer(text)]
    return hits


def test_no_path_of_a_machine() -> None:
    """Nobody's home and no workplace stands in the sources."""
    assert found(MACHINE_PATHS) == []


def test_no_private_package_index() -> None:
    """Packages come from where everybody gets them; a proxy is the business of the environment."""
    assert found(PRIVATE_INDEX) == []


def test_lock_file_names_the_public_index_only() -> None:
    """Every locked package has the public registry, or the workspace itself, as its source."""
    text = (ROOT / "uv.lock").read_text()

    assert set(re.findall(r"registry = \"([^\"]+)\"", text)) == {"https://pypi.org/simple"}
    assert set(re.findall(r"url = \"(https?://[^/\"]+)", text)) == {"https://files.pythonhosted.org"}


@pytest.mark.parametrize("parts", [("see ", "home", "ada"), ('open("', "work", "a"), (" ", "root", ".venv")])
def test_machine_path_is_found(parts: tuple[str, ...]) -> None:
    """The rule catches what it forbids; the paths are put together here, since none may stand in a file."""
    assert MACHINE_PATHS.search("/".join(parts))
    assert MACHINE_PATHS.search("C:\\Users\\ada")
