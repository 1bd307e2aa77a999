"""Takes payloads out of what relays and applications wrap around them."""

from typing import NamedTuple


class Inner(NamedTuple):
    """A payload and the wrapping it came in."""

    encapsulation: str
    """``plain``, ``turn-channel``, ``turn-indication``, ``ms-turn``, ``reflector`` or ``zoom``."""
    payload: bytes


def unwrap(payload: bytes) -> list[Inner]:
    """Return the payload itself, then what it wraps."""
    return [Inner("plain", payload)]
