"""The control: the sizes and times of another dialect, and no look at all.

Every datagram is 12 constant bytes, 4 masked ones (kind, check, 16-bit sequence) and filler. The mask is
chosen by the filler, as QUIC's header protection is, so that nothing counts up in the clear.
"""

from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from callprobe.dialect.contract import (
    TOKEN_BYTES,
    CallMedium,
    Dialect,
    Direction,
    FlowKeys,
    Heading,
    Heard,
    Schedule,
    SetupStage,
    Slot,
)
from callprobe.dialect.filler import faceless, is_faceless, keystream, start

MIN_BYTES: Final = 20
_HEAD_BYTES: Final = 16
_SAMPLE_MASK: Final = 0x0FFF
_CHECK: Final = 0x5A
_COPIES: Final = 16
"""Most datagrams of one set-up attempt."""


class _Kind(IntEnum):
    """What a datagram is; the value travels masked."""

    MEDIA = 0
    REQUEST = 1
    KEEPALIVE = 2
    FAREWELL = 3
    SETUP_ANSWER = 4
    KEEPALIVE_ANSWER = 5


_FOREIGN: Final = Heading(Heard.FOREIGN)
_UP: Final[dict[int, Heading]] = {
    _Kind.REQUEST: Heading(Heard.CONTROL),
    _Kind.KEEPALIVE: Heading(Heard.CONTROL),
    _Kind.FAREWELL: Heading(Heard.CONTROL),
}
_DOWN: Final[dict[int, Heading]] = {
    _Kind.SETUP_ANSWER: Heading(Heard.SETUP_ANSWER),
    _Kind.KEEPALIVE_ANSWER: Heading(Heard.KEEPALIVE_ANSWER),
}


class _Flow(NamedTuple):
    """What every packet of one direction needs."""

    prefix: bytes
    block: bytes
    """Filler without a run of four FF."""
    masks: bytes


class RandomLook:
    """The look-free twin of ``mirror``; see ``callprobe.dialect.contract.Dialect``."""

    version = "1"
    capture_date: str | None = None

    def __init__(self, mirror: Dialect) -> None:
        """Take schedule, set-up timing, sizes and counts from ``mirror``."""
        self.name = f"random:{mirror.name}"
        self.setup = SetupStage(
            name="udp_open",
            failure="udp_echo_timeout",
            deadline_ns=mirror.setup.deadline_ns,
            retry_ns=mirror.setup.retry_ns,
        )
        self.keepalive_first_ns = mirror.keepalive_first_ns
        self.keepalive_ns = mirror.keepalive_ns
        self._mirror = mirror

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        return self._mirror.schedule(medium, duration_s, seed, direction)

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        mirrored = self._mirror.requests(keys, attempt)
        return _alike(keys, _Kind.REQUEST, attempt * _COPIES, mirrored)

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        return _alike(keys, _Kind.KEEPALIVE, index, self._mirror.keepalive(keys, index))

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        return _alike(keys, _Kind.FAREWELL, 0, self._mirror.farewell(keys))

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        return _datagram(_flow(keys, direction), _Kind.MEDIA, slot.sequence, slot.size)

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        return (_flow(keys, "up").prefix,)

    def ident_of(self, data: bytes) -> bytes | None:
        return data[:TOKEN_BYTES] if len(data) >= MIN_BYTES and is_faceless(data) else None

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        flow = _flow(keys, direction)
        if data[:TOKEN_BYTES] != flow.prefix or len(data) < MIN_BYTES:
            return _FOREIGN
        kind, sequence = _unmask(flow, data)
        if kind == _Kind.MEDIA:
            return Heading(Heard.MEDIA, sequence)
        return (_UP if direction == "up" else _DOWN).get(kind, _FOREIGN)

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        if self.hear(keys, "up", data).kind is not Heard.CONTROL:
            return []
        kind, sequence = _unmask(_flow(keys, "up"), data)
        if kind == _Kind.REQUEST:
            attempt, copy = divmod(sequence, _COPIES)
            asked, answer = self._mirror.requests(keys, attempt)[copy:], _Kind.SETUP_ANSWER
        else:
            asked, answer = self._mirror.keepalive(keys, sequence), _Kind.KEEPALIVE_ANSWER
        if kind == _Kind.FAREWELL or not asked:
            return []
        mirrored = self._mirror.answers(keys, utc_ms, source, asked[0])
        return _alike(keys, answer, sequence, mirrored)


@lru_cache(maxsize=1024)
def _flow(keys: FlowKeys, direction: Direction) -> _Flow:
    block = keystream(keys, f"random filler {direction}")
    return _Flow(
        prefix=faceless(keys, f"random prefix {direction}"),
        block=block.replace(b"\xff\xff\xff\xff", b"\xff\xff\xff\x5a"),
        masks=keystream(keys, f"random mask {direction}"),
    )


def _alike(keys: FlowKeys, kind: _Kind, first: int, mirrored: list[bytes]) -> list[bytes]:
    """Return datagrams as many and as long as ``mirrored``, numbered from ``first``."""
    flow = _flow(keys, "down" if kind in _DOWN else "up")
    return [_datagram(flow, kind, first + index, len(data)) for index, data in enumerate(mirrored)]


def _datagram(flow: _Flow, kind: _Kind, sequence: int, size: int) -> bytes:
    prefix, block, masks = flow
    at = start(sequence) ^ kind
    sample = (block[at] << 8 | block[at + 1]) & _SAMPLE_MASK
    clear = kind << 24 | _CHECK << 16 | sequence & 0xFFFF
    masked = clear ^ int.from_bytes(masks[sample : sample + 4], "big")
    return prefix + masked.to_bytes(4, "big") + block[at : at + size - _HEAD_BYTES]


def _unmask(flow: _Flow, data: bytes) -> tuple[int, int]:
    """Return (kind, sequence); kind -1 where the check byte does not hold."""
    sample = (data[16] << 8 | data[17]) & _SAMPLE_MASK
    masks = flow.masks
    clear = int.from_bytes(data[12:16], "big") ^ int.from_bytes(masks[sample : sample + 4], "big")
    return clear >> 24 if clear >> 16 & 0xFF == _CHECK else -1, clear & 0xFFFF
