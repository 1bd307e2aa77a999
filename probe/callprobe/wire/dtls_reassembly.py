"""Puts handshake messages together from their fragments (RFC 6347 section 4.2.3), in bounded memory."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from callprobe.wire.dtls import Fragment

MOST_MESSAGE_BYTES: Final = 1 << 16
"""Of a larger message, such as none in use has, nothing is kept."""
MOST_PENDING_BYTES: Final = 1 << 20
"""Of all messages that are not whole yet; beyond, the one untouched longest is given up."""
MOST_PENDING: Final = 1024
MOST_PARTS: Final = 128


class Reassembly:
    """Messages that are not whole yet, whoever sent them."""

    def __init__(self) -> None:
        self._pending: OrderedDict[Hashable, _Pending] = OrderedDict()
        self._bytes = 0
        self.given_up = 0
        """Messages too large, in too many parts, or untouched for too long."""

    def add(self, sender: Hashable, fragment: Fragment) -> tuple[bytes, int] | None:
        """Return the message that this part completes and the number of its parts, else None."""
        if fragment.whole:
            return fragment.body, 1
        if fragment.size > MOST_MESSAGE_BYTES:
            self.given_up += 1
            return None
        key = (sender, fragment.kind, fragment.message_seq, fragment.size)
        pending = self._pending.setdefault(key, _Pending(fragment.size))
        self._pending.move_to_end(key)
        self._bytes += pending.add(fragment)
        message = pending.joined()
        if message is not None:
            self._forget(key)
            return message, len(pending.parts)
        if len(pending.parts) >= MOST_PARTS:
            self._give_up(key)
        while self._bytes > MOST_PENDING_BYTES or len(self._pending) > MOST_PENDING:
            self._give_up(next(iter(self._pending)))
        return None

    def _give_up(self, key: Hashable) -> None:
        self.given_up += 1
        self._forget(key)

    def _forget(self, key: Hashable) -> None:
        self._bytes -= self._pending.pop(key).held


class _Pending:
    """Parts of one message."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.parts: dict[int, bytes] = {}
        """By offset; of several with one offset the longest."""
        self.held = 0

    def add(self, fragment: Fragment) -> int:
        """Keep a part; return by how many bytes that grew what is held."""
        old = self.parts.get(fragment.offset, b"")
        if len(fragment.body) <= len(old) and fragment.offset in self.parts:
            return 0
        self.parts[fragment.offset] = fragment.body
        growth = len(fragment.body) - len(old)
        self.held += growth
        return growth

    def joined(self) -> bytes | None:
        """Return the message if no byte of it is missing; where parts overlap the earlier offset wins."""
        if self.held < self._size:
            return None
        message = b""
        for offset, body in sorted(self.parts.items()):
            if offset > len(message):
                return None
            message += body[len(message) - offset :]
        return message if len(message) == self._size else None
