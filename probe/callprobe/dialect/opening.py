"""The packets of a recorded call that set it up, by kind: what has to pass before media are of any use.

A replay sends all packets at their times, whatever became of those before. So that a network which drops a
call's set-up only is not taken for one on which the call works, these are looked at apart.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from callprobe.dialect.trace import Half, Trace
from callprobe.wire.demux import Protocol, classify

OpeningName = Literal[
    "relay_allocation", "relay_ping", "turn_allocation", "ice_connectivity", "dtls_handshake"
]

FEWEST: Final = 4
"""Packets of a kind in a direction from which their absence says anything; chance loses three."""
_COOKIE: Final = b"\x21\x12\xa4\x42"
_TURN_ALLOCATE: Final = frozenset({b"\x00\x03", b"\x01\x03", b"\x01\x13"})
_RELAY_TOKEN: Final = b"\x40\x00"
_SERVER_TIME: Final = b"\x40\x02\x00\x08"
"""Type and length of an attribute that WhatsApp's relays put into their answers."""
_HANDSHAKE: Final = 22
_RUN: Final = b"\xff" * 12
_RUN_AT: Final = 16
_REFLECTOR_CONTROL: Final = frozenset({32, 40, 48, 64})
_REFLECTOR_HEAD: Final = 24
_CHANNEL_HEAD: Final = 4


class Opening(NamedTuple):
    """The packets of one kind."""

    name: OpeningName
    up: frozenset[int]
    """Sequences; of fewer than ``FEWEST`` in a direction none."""
    down: frozenset[int]


def openings_of(trace: Trace) -> tuple[Opening, ...]:
    """Return the kinds that a trace has enough packets of, in order of appearance."""
    up, down = _kinds(trace.up), _kinds(trace.down)
    found = (Opening(name, _numbers(up, name), _numbers(down, name)) for name in _in_order(trace, (up, down)))
    return tuple(opening for opening in found if opening.up or opening.down)


def kind_of(payload: bytes, *, wrapped: bool = False) -> OpeningName | None:
    """Return what kind of set-up a datagram belongs to, None for media and all else.

    ``wrapped``: it is what a relay's frame holds, and is not looked into again.
    """
    if payload[4:8] == _COOKIE and payload[0] < 0x40:
        return _stun_kind(payload)
    if len(payload) in _REFLECTOR_CONTROL and payload[_RUN_AT : _RUN_AT + len(_RUN)] == _RUN:
        return "relay_ping"
    protocol = classify(payload)
    if protocol is Protocol.DTLS:
        return "dtls_handshake" if payload[0] == _HANDSHAKE else None
    if not wrapped and protocol is Protocol.TURN_CHANNEL and _wraps(payload, 2, 2, _CHANNEL_HEAD):
        return kind_of(payload[_CHANNEL_HEAD:], wrapped=True)
    if not wrapped and _wraps(payload, 20, 4, _REFLECTOR_HEAD):
        return kind_of(payload[_REFLECTOR_HEAD:], wrapped=True)
    return None


def _stun_kind(payload: bytes) -> OpeningName:
    if payload[0] == 0x08 or payload[20:22] == _RELAY_TOKEN or _SERVER_TIME in payload[20:]:
        return "relay_allocation"
    return "turn_allocation" if payload[:2] in _TURN_ALLOCATE else "ice_connectivity"


def _wraps(payload: bytes, at: int, width: int, head: int) -> bool:
    """Say whether the length field at ``at`` says exactly what follows ``head`` bytes, padding apart."""
    said = int.from_bytes(payload[at : at + width], "big")
    return 0 < said <= len(payload) - head < said + 4


def _kinds(half: Half) -> tuple[OpeningName | None, ...]:
    return tuple(map(kind_of, half.payloads or ()))


def _numbers(kinds: Sequence[OpeningName | None], name: OpeningName) -> frozenset[int]:
    numbers = frozenset(number for number, kind in enumerate(kinds) if kind == name)
    return numbers if len(numbers) >= FEWEST else frozenset()


def _in_order(
    trace: Trace, kinds: tuple[tuple[OpeningName | None, ...], tuple[OpeningName | None, ...]]
) -> list[OpeningName]:
    firsts: dict[OpeningName, int] = {}
    for half, names in zip((trace.up, trace.down), kinds, strict=True):
        for slot, name in zip(half.schedule, names, strict=False):
            if name is not None:
                firsts[name] = min(firsts.get(name, slot.offset_ns), slot.offset_ns)
    return sorted(firsts, key=lambda name: firsts[name])
