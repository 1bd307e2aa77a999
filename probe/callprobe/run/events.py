"""Progress of a run, as data; the terminal draws it, ``--json`` ignores it."""

from typing import NamedTuple, Protocol


class Phase(NamedTuple):
    """One step forward."""

    scenario_id: str
    name: str
    share: float
    """0..1 of this scenario."""


class Listener(Protocol):
    """Whoever wants to know."""

    def phase(self, phase: Phase) -> None:
        """A phase began or moved on."""
        ...

    def notice(self, sentence: str) -> None:
        """Something that the person should know."""
        ...


class Silent:
    """Nobody listens."""

    def phase(self, phase: Phase) -> None:
        """Ignore it."""

    def notice(self, sentence: str) -> None:
        """Ignore it."""
