"""Puts IP fragments together (RFC 791 section 3.2, RFC 8200 section 4.5), in bounded memory.

Fragments that overlap otherwise than as copies condemn their datagram, as in Linux (RFC 5722): which of them
the receiver believed cannot be known.
"""

from collections import OrderedDict
from typing import Final

MAX_DATAGRAMS: Final = 1024
"""Incomplete ones; the oldest is given up for a new one."""
MAX_BYTES: Final = 1 << 24
"""Of all incomplete datagrams together."""
MAX_FRAGMENTS: Final = 128
"""Of one datagram."""
MAX_DATAGRAM_BYTES: Final = 65_535
TIMEOUT_NS: Final = 30_000_000_000
"""A fragment that comes later belongs to another datagram of the same identification."""


class Reassembler:
    """Takes fragments in any order, and gives a datagram when its last one comes."""

    given_up: int = 0
    """Datagrams that contradicted themselves, took too long, or made room for others."""

    def __init__(self) -> None:
        self._partials: OrderedDict[bytes, _Partial] = OrderedDict()
        self._bytes = 0

    def add(self, key: bytes, offset: int, data: bytes, *, more: bool, epoch_ns: int) -> bytes | None:
        """Take a fragment; return the payload of the datagram that it completes.

        ``key`` is what the fragments of one datagram share: addresses, protocol and identification.
        """
        partial = self._partial(key, epoch_ns)
        if partial.condemned:
            return None
        before = partial.size
        if not partial.take(offset, data, more=more):
            partial.condemn()
            self.given_up += 1
        self._bytes += partial.size - before
        if partial.is_complete:
            self._forget(key)
            return partial.joined()
        while self._bytes > MAX_BYTES or len(self._partials) > MAX_DATAGRAMS:
            self._give_up(next(iter(self._partials)))
        return None

    def _partial(self, key: bytes, epoch_ns: int) -> "_Partial":
        partial = self._partials.get(key)
        if partial is not None and abs(epoch_ns - partial.begun_ns) > TIMEOUT_NS:
            self._give_up(key)
            partial = None
        if partial is None:
            partial = self._partials[key] = _Partial(epoch_ns)
        return partial

    def _give_up(self, key: bytes) -> None:
        self.given_up += not self._partials[key].condemned
        self._forget(key)

    def _forget(self, key: bytes) -> None:
        self._bytes -= self._partials.pop(key).size


class _Partial:
    """The fragments of a datagram that have come."""

    condemned: bool = False
    """Whether it is to be forgotten, and stays here to catch what belongs to it."""

    def __init__(self, begun_ns: int) -> None:
        self.begun_ns = begun_ns
        self.size = 0
        self._pieces: dict[int, bytes] = {}
        self._total: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no byte is missing."""
        return self.size == self._total and not self.condemned

    def take(self, offset: int, data: bytes, *, more: bool) -> bool:
        """Keep a fragment, unless it is a copy; say whether it fits those that are there."""
        end = offset + len(data)
        if self._pieces.get(offset) == data:
            return True
        if end > MAX_DATAGRAM_BYTES or (more and len(data) % 8) or len(self._pieces) >= MAX_FRAGMENTS:
            return False
        if not more:
            if self._total not in {None, end} or self._reaches_beyond(end):
                return False
            self._total = end
        elif self._total is not None and end > self._total:
            return False
        if any(offset < start + len(piece) and start < end for start, piece in self._pieces.items()):
            return False
        if data:
            self._pieces[offset] = data
            self.size += len(data)
        return True

    def condemn(self) -> None:
        """Let go of the bytes."""
        self.condemned = True
        self.size = 0
        self._pieces.clear()

    def joined(self) -> bytes:
        """Return the bytes in order."""
        return b"".join(piece for _, piece in sorted(self._pieces.items()))

    def _reaches_beyond(self, end: int) -> bool:
        return any(start + len(piece) > end for start, piece in self._pieces.items())
