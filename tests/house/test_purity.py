"""The core is pure: no global random state, no clock, no entropy of its own (imports: test_imports)."""

import ast
from collections.abc import Iterator

import pytest

from helpers.repository import Module, modules

PURE = {
    "probe": {"media", "dialect", "censor", "scenario", "wire"},
    "results": {"metrics"},
}
IMPURE_CALLS = {
    ("date", "today"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("os", "urandom"),
    ("uuid", "uuid1"),
    ("uuid", "uuid4"),
}
PURE_MODULES = [m for m in modules() if m.inner.parts[0] in PURE.get(m.distribution, set())]


def impurities(source: str) -> Iterator[str]:
    """Yield what in ``source`` depends on more than its arguments."""
    tree = ast.parse(source)
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            yield from (f"from random import {name.name}" for name in node.names if name.name != "Random")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, attribute = node.value.id, node.attr
            drawn = owner == "random" and attribute != "Random" and owner in imported
            if drawn or (owner, attribute) in IMPURE_CALLS:
                yield f"{owner}.{attribute}"


@pytest.mark.parametrize("module", PURE_MODULES, ids=lambda module: module.name)
def test_pure_modules_depend_on_their_arguments_only(module: Module) -> None:
    """The same call gives the same answer, today and tomorrow."""
    assert list(impurities(module.path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import random\nrandom.random()",
        "from random import choice",
        "import os\nos.urandom(8)",
        "datetime.now()",
    ],
)
def test_impurity_is_found(source: str) -> None:
    """The rule catches what it forbids."""
    assert len(list(impurities(source))) == 1


@pytest.mark.parametrize(
    "source",
    ["import random\nrandom.Random(7).random()", "def draw(random: Random):\n    return random.random()"],
)
def test_seeded_generator_is_pure(source: str) -> None:
    """A generator of one's own, or one that is handed in, is welcome."""
    assert list(impurities(source)) == []
