"""The repository as data: its files, modules and settings, for the rules that are tests."""

import functools
import subprocess
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {"probe": "callprobe", "results": "callresults", "analysis": "callanalysis"}


class Module(NamedTuple):
    """One source module of the project."""

    distribution: str
    """Folder of the distribution: probe, results or analysis."""
    path: Path

    @property
    def inner(self) -> Path:
        """Path inside the distribution's package."""
        return self.path.relative_to(ROOT / self.distribution / DISTRIBUTIONS[self.distribution])

    @property
    def name(self) -> str:
        """Path below the repository, as people write it."""
        return self.path.relative_to(ROOT).as_posix()


@functools.cache
def modules() -> tuple[Module, ...]:
    """Return every source module of the three distributions."""
    return tuple(
        Module(folder, path)
        for folder, package in DISTRIBUTIONS.items()
        for path in sorted((ROOT / folder / package).rglob("*.py"))
    )


@functools.cache
def packages() -> tuple[str, ...]:
    """Return the dotted names of the packages inside the three distributions."""
    tops = [ROOT / folder / package for folder, package in DISTRIBUTIONS.items()]
    inits = (init for top in tops for init in sorted(top.glob("*/__init__.py")))
    return tuple(f"{init.parents[1].name}.{init.parent.name}" for init in inits)


@functools.cache
def pyproject() -> dict[str, Any]:
    """Return the workspace's ``pyproject.toml``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Return what git tracks, or would track, of the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file())
