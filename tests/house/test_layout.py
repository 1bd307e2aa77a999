"""Every module has its test, every scenario its specification, every package its place in the documents."""

import re

import pytest

from helpers.repository import ROOT, Module, modules, packages

WITHOUT_TEST = {
    "probe/callprobe/dialect/contract.py": "a contract; those who use its keys test them",
    "probe/callprobe/media/flow.py": "a contract without logic",
    "probe/callprobe/media/session.py": "a contract without logic",
    "probe/callprobe/net/contract.py": "a contract without logic",
    "probe/callprobe/rtc/caller.py": "tests/rtc/test_call.py makes its calls, whole and hindered",
    "probe/callprobe/scenario/model.py": "a record without logic; test_load reads it from files",
    "results/callresults/failure.py": "a closed list",
    "results/callresults/measurement.py": "a record without logic; test_codec writes and reads it",
    "results/callresults/metrics/direction.py": "a record without logic",
    "results/callresults/nettests/call.py": "a record without logic",
    "results/callresults/nettests/common.py": "a record without logic",
    "results/callresults/nettests/service.py": "a record without logic",
    "results/callresults/verdict.py": "a record without logic",
}
"""Modules without a test file of their own, each with the reason. The list may only shrink."""

SOURCES = [module for module in modules() if module.path.stem not in {"__init__", "__main__"}]
DOCUMENTED = (ROOT / "docs" / "architecture.md").read_text()
SCENARIO_FILES = {
    path.relative_to(ROOT / "scenarios")
    for path in (ROOT / "scenarios").rglob("*")
    if path.suffix in {".toml", ".md"} and path.stem != "README"
}


def has_test(module: Module) -> bool:
    """Whether the module has ``tests/[distribution/]folder/test_<stem>*.py``."""
    folders = (
        ROOT / "tests" / module.inner.parent,
        ROOT / "tests" / module.distribution / module.inner.parent,
    )
    return any(
        any(folder.glob(pattern))
        for folder in folders
        for pattern in (f"test_{module.path.stem}.py", f"test_{module.path.stem}_*.py")
    )


def test_every_module_has_its_test_file() -> None:
    """The tests mirror the code; what is excused has a reason."""
    assert sorted(m.name for m in SOURCES if not has_test(m) and m.name not in WITHOUT_TEST) == []


def test_excuses_are_still_needed() -> None:
    """An excuse whose module is gone, or has a test by now, goes too."""
    needed = {module.name for module in SOURCES if not has_test(module)}

    assert sorted(WITHOUT_TEST.keys() - needed) == []


def test_every_scenario_has_its_specification() -> None:
    """TOML and text come in pairs of one stem."""
    files = {path.with_suffix("") for path in SCENARIO_FILES if path.suffix == ".toml"}
    texts = {path.with_suffix("") for path in SCENARIO_FILES if path.suffix == ".md"}

    assert files == texts
    assert files


@pytest.mark.parametrize("package", packages())
def test_architecture_names_every_package(package: str) -> None:
    """Whoever meets a package finds it in docs/architecture.md."""
    name = package.rpartition(".")[2]

    assert re.search(rf"`{name}`", DOCUMENTED)
