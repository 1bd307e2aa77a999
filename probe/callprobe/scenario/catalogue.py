"""Where scenarios lie, and which of them a run without arguments takes."""

from functools import cached_property
from pathlib import Path
from typing import Final

from callprobe.scenario.load import ScenarioError, load_scenario
from callprobe.scenario.model import Scenario

FOLDERS: Final = ("calls", "services")
"""Folders below the root whose files are scenarios; the others hold censors and histories."""


def default_root() -> Path:
    """Return the checkout's ``scenarios``, else the copy in the installed package.

    An editable install keeps a copy of the day it was made, so the checkout goes first.
    """
    package = Path(__file__).parents[1]
    checkout = package.parents[1] / "scenarios"
    return checkout if (checkout / FOLDERS[0]).is_dir() else package / "scenarios"


class Catalogue:
    """The scenarios below one root."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()

    def ids(self) -> tuple[str, ...]:
        """Return all ids, sorted: the path below the root without suffix."""
        files = (path for folder in FOLDERS for path in (self.root / folder).glob("**/*.toml"))
        return tuple(sorted(path.relative_to(self.root).with_suffix("").as_posix() for path in files))

    def find(self, id_or_path: str) -> Scenario:
        """Return the scenario of that id, or the one in that file.

        Raises:
            ScenarioError: there is none, or its file is not in order.
        """
        if id_or_path in self.ids():
            return load_scenario(self.root / f"{id_or_path}.toml", id_or_path)
        if id_or_path.endswith(".toml") or Path(id_or_path).is_file():
            return self._from_file(Path(id_or_path))
        raise ScenarioError(f"no scenario {id_or_path!r}; there are: {', '.join(self.ids())}, or name a file")

    def default_ids(self) -> tuple[str, ...]:
        """Return the ids that a run without arguments takes: those that say ``default = true``."""
        return tuple(name for name, scenario in self._all.items() if scenario.default)

    @cached_property
    def _all(self) -> dict[str, Scenario]:
        return {name: self.find(name) for name in self.ids()}

    def _from_file(self, path: Path) -> Scenario:
        resolved = path.resolve()
        if resolved.is_relative_to(self.root.resolve()):
            inside = resolved.relative_to(self.root.resolve()).with_suffix("").as_posix()
            return load_scenario(path, inside)
        return load_scenario(path)
