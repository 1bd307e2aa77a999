"""The dialects by name."""

from functools import lru_cache
from typing import Final

from callprobe.dialect.contract import Dialect
from callprobe.dialect.open_echo import OPEN
from callprobe.dialect.random_look import RandomLook
from callprobe.dialect.telegram_v2 import TelegramV2
from callprobe.dialect.webrtc_aiortc import WebrtcAiortc
from callprobe.dialect.whatsapp_2023 import WhatsApp2023

_CONTROL_PREFIX: Final = "random:"
_SHAPED: Final[dict[str, Dialect]] = {
    look.name: look for look in (TelegramV2(), WhatsApp2023(), WebrtcAiortc())
}

LOOKS: Final[tuple[str, ...]] = tuple(_SHAPED)
"""Names of the looks that imitate an application."""


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
