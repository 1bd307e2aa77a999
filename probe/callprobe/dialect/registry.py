"""The dialects by name."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from callprobe.dialect.contract import Dialect
from callprobe.dialect.open_echo import OPEN
from callprobe.dialect.opening import openings_of
from callprobe.dialect.random_look import RandomLook
from callprobe.dialect.replay_look import PREFIXES, Nature, ReplayLook
from callprobe.dialect.telegram_v2 import TelegramV2
from callprobe.dialect.trace import Trace
from callprobe.dialect.webrtc_aiortc import WebrtcAiortc
from callprobe.dialect.whatsapp_2023 import WhatsApp2023

_CONTROL_PREFIX: Final = "random:"
_SHAPED: Final[dict[str, Dialect]] = {
    look.name: look for look in (TelegramV2(), WhatsApp2023(), WebrtcAiortc())
}

LOOKS: Final[tuple[str, ...]] = tuple(_SHAPED)
"""Names of the looks that imitate an application."""

ControlNature = Literal["random", "inverted"]


class UnknownDialectError(KeyError):
    """No dialect has that name; the text names those that exist."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"unknown dialect {self.name!r}; known are {', '.join(names())}"


def names() -> tuple[str, ...]:
    """Return every name that ``find`` knows."""
    return (OPEN.name, *LOOKS, *(_CONTROL_PREFIX + look for look in LOOKS))


@lru_cache(maxsize=64)
def find(name: str) -> Dialect:
    """Return the dialect of that name, always the same instance. Raises UnknownDialectError."""
    if name == OPEN.name:
        return OPEN
    look = _SHAPED.get(name.removeprefix(_CONTROL_PREFIX))
    if look is None:
        raise UnknownDialectError(name)
    return RandomLook(look) if name.startswith(_CONTROL_PREFIX) else look


def split_replay(name: str) -> tuple[Nature, str] | None:
    """Return nature and trace digest of a replay's name, or None for another look's."""
    for nature, prefix in PREFIXES.items():
        if name.startswith(prefix):
            return nature, name.removeprefix(prefix)
    return None


def control_nature_of(name: str) -> ControlNature:
    """Return what kind of control a look is."""
    replay = split_replay(name)
    return "inverted" if replay is not None and replay[0] == "inverted" else "random"


class Looks:
    """The looks that one run may use: every registered one, and those made of a trace."""

    def __init__(
        self,
        trace: Trace | None = None,
        natures: Mapping[str, ControlNature] | None = None,
        *,
        version: str = "1",
        capture_date: str | None = None,
    ) -> None:
        """Take a trace to replay; ``natures`` says what the controls of its arms are (random by default)."""
        self.trace = trace
        self.openings = openings_of(trace) if trace is not None else ()
        self._natures = natures or {}
        self._replays: dict[str, Dialect] = {}
        if trace is not None:
            looks = (ReplayLook(trace, kind, version=version, capture_date=capture_date) for kind in PREFIXES)
            self._replays = {look.name: look for look in looks}

    def find(self, name: str) -> Dialect:
        """Return the dialect of that name. Raises UnknownDialectError."""
        return self._replays.get(name) or find(name)

    def control_of(self, look: str, arm: str) -> str:
        """Return the name of the look that an arm which controls ``look`` has."""
        replay = split_replay(look)
        if replay is None:
            return _CONTROL_PREFIX + look
        return PREFIXES[self._natures.get(arm, "random")] + replay[1]


REGISTERED: Final = Looks()
"""No replays."""
