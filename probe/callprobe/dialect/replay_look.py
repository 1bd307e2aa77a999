"""The look of one recorded call: its very bytes at their times, or those bytes made unrecognisable.

Nothing is added to the packets, so the first one of the five-tuple is the call's own, and so is every other.
That leaves no place for a token: the far end knows a packet by its content, at a port that no other flow with
such packets has. For the same reason there is no set-up but the shared echo (``retry_ns`` is empty).
"""

import hashlib
from typing import Final, Literal

from callprobe.dialect.contract import (
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
from callprobe.dialect.filler import keystream, start, unclaimed
from callprobe.dialect.trace import MARK_BYTES, Half, Trace, inverted, mark

Nature = Literal["original", "inverted", "random"]
Book = dict[bytes, tuple[int, ...]]
"""Sequences by the mark of their packets."""

PREFIXES: Final[dict[Nature, str]] = {
    "original": "replay:",
    "inverted": "replay-inverted:",
    "random": "replay-random:",
}
"""Before the trace's digest, the name of a look."""
_HEAD_BYTES: Final = 12
_FOREIGN: Final = Heading(Heard.FOREIGN)
_DEADLINE_NS: Final = 4_000_000_000


class ReplayLook:
    """See ``callprobe.dialect.contract.Dialect``.

    The random one has other bytes in each flow: ``bound`` makes the look of a flow. Of a trace that came as
    the far end's message, the packets of the probe can be heard but not sent.
    """

    setup = SetupStage(name="udp_open", failure="udp_echo_timeout", deadline_ns=_DEADLINE_NS, retry_ns=())
    keepalive_first_ns: int | None = None
    keepalive_ns: int | None = None

    def __init__(
        self,
        trace: Trace,
        nature: Nature,
        *,
        version: str = "1",
        capture_date: str | None = None,
        keys: FlowKeys | None = None,
    ) -> None:
        """Take what is replayed; ``keys`` those of the flow that the bytes of a random look belong to."""
        self.name = PREFIXES[nature] + trace.digest
        self.version = version
        self.capture_date = capture_date
        self.trace = trace
        self.nature: Nature = nature
        self._halves: dict[Direction, Half] = {"up": trace.up, "down": trace.down}
        self._heads: dict[Direction, tuple[bytes, ...]] = {}
        self._fillers: dict[Direction, bytes] = {}
        if keys is not None:
            self._heads = {way: _heads(keys, way, len(half.schedule)) for way, half in self._halves.items()}
            self._fillers = {way: keystream(keys, f"replay {way}") for way in self._halves}
        self._books: dict[Direction, Book] = {}

    def bound(self, keys: FlowKeys) -> "ReplayLook":
        """Return the look of the flow with these keys."""
        if self.nature != "random":
            return self
        return ReplayLook(
            self.trace, "random", version=self.version, capture_date=self.capture_date, keys=keys
        )

    def book(self, direction: Direction) -> Book:
        """Return by which marks the packets of a direction are known; made on first use."""
        known = self._books.get(direction)
        if known is None:
            known = self._books[direction] = _book(self._marks(direction))
        return known

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        """Return the recorded packets of a direction before ``duration_s``; nothing is drawn."""
        del medium, seed
        end_ns = int(duration_s * 1e9)
        return tuple(slot for slot in self._halves[direction].schedule if slot.offset_ns < end_ns)

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        """Return nothing."""
        del keys, attempt
        return []

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        """Return nothing."""
        del keys, index
        return []

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        """Return nothing."""
        del keys
        return []

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        """Return the packet; raises LookupError for one that is known by its mark only."""
        del keys
        if self.nature == "random":
            head, at = self._heads[direction][slot.sequence], start(slot.sequence)
            rest = slot.size - _HEAD_BYTES
            return head + self._fillers[direction][at : at + rest] if rest >= 0 else head[: slot.size]
        payloads = self._halves[direction].payloads
        if payloads is None:
            raise LookupError("the bytes of this direction are not here")
        payload = payloads[slot.sequence]
        return inverted(payload) if self.nature == "inverted" else payload

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        """Return nothing: no packet carries anything of the flow."""
        del keys
        return ()

    def ident_of(self, data: bytes) -> bytes | None:
        """Return nothing; see ``book``."""
        del data
        return None

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        """Say which recorded packet a datagram is; one that was changed on the way is FOREIGN."""
        del keys
        key = data[:MARK_BYTES] if self.nature == "random" else mark(data)
        schedule = self._halves[direction].schedule
        twins = self.book(direction).get(key, ())
        if not twins or schedule[twins[0]].size != len(data):
            return _FOREIGN
        return Heading(Heard.MEDIA, twins[0], twins if len(twins) > 1 else ())

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        """Return nothing: what the far end answered is part of its half."""
        del keys, utc_ms, source, data
        return []

    def _marks(self, direction: Direction) -> tuple[bytes, ...]:
        half = self._halves[direction]
        if self.nature == "random":
            sizes = (slot.size for slot in half.schedule)
            return tuple(
                head[: min(size, MARK_BYTES)]
                for head, size in zip(self._heads[direction], sizes, strict=True)
            )
        return half.inverted_marks if self.nature == "inverted" else half.marks


def for_flow(dialect: Dialect, keys: FlowKeys, hears: Direction) -> Dialect:
    """Return the look of one flow, ready to hear the packets of a direction."""
    if not isinstance(dialect, ReplayLook):
        return dialect
    bound = dialect.bound(keys)
    bound.book(hears)
    return bound


def _book(marks: tuple[bytes, ...]) -> Book:
    found: dict[bytes, list[int]] = {}
    for sequence, key in enumerate(marks):
        found.setdefault(key, []).append(sequence)
    return {key: tuple(sequences) for key, sequences in found.items()}


def _heads(keys: FlowKeys, direction: Direction, count: int) -> tuple[bytes, ...]:
    """Return the beginnings of ``count`` packets: random, and no protocol's."""
    block = hashlib.shake_128(keys.derive(f"replay heads {direction}", 32)).digest(_HEAD_BYTES * count)
    return tuple(unclaimed(block[at : at + _HEAD_BYTES]) for at in range(0, len(block), _HEAD_BYTES))
