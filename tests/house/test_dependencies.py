"""Each distribution declares what it imports, and imports what it declares."""

import ast
import re
import sys
import tomllib
from typing import Any

import pytest

from helpers.repository import DISTRIBUTIONS, ROOT, modules

IMPORT_NAMES = {"pyopenssl": "OpenSSL", "pylibsrtp": "pylibsrtp"}
"""Distributions whose import name differs from their own."""
WITHOUT_IMPORT = {
    ("analysis", "callresults"): "it defines the published columns that the analysis reads",
    ("probe", "uvicorn"): "callresults.collector.serve runs it; the extra would bring pyarrow along",
}
"""Dependencies that no module imports, each with the reason."""


def declared(distribution: str) -> set[str]:
    """Return the import names of a distribution's dependencies, extras included."""
    project: dict[str, Any] = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    names = {re.split(r"[\[<>=!~ ]", requirement)[0].lower() for requirement in requirements}
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}


def imported(distribution: str) -> set[str]:
    """Return the third-party packages that a distribution's modules import."""
    found: set[str] = set()
    for module in modules():
        if module.distribution == distribution:
            for node in ast.walk(ast.parse(module.path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {name.name.partition(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {DISTRIBUTIONS[distribution]}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_declared_is_what_is_imported(distribution: str) -> None:
    """Nothing comes along by accident, and nothing is installed for nothing."""
    excused = {name for folder, name in WITHOUT_IMPORT if folder == distribution}

    assert declared(distribution) == imported(distribution) | excused
