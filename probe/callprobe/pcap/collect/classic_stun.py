"""STUN of RFC 3489, which has no cookie and is counted apart."""

from collections import Counter
from typing import Final

from msgspec import Struct

from callprobe.pcap.collect.recent import Recent
from callprobe.pcap.collect.stun_digest import by_number
from callprobe.pcap.packets import Address, UdpDatagram
from callprobe.wire import ms_turn, stun

OPEN_LIMIT: Final = 2_000
"""Transactions that an answer or a repetition still finds."""
TYPES: Final = frozenset(
    {0x0001, 0x0002, 0x0003, 0x0004, 0x0101, 0x0102, 0x0103, 0x0104, 0x0111, 0x0112, 0x0113, 0x0114, 0x0115}
)
"""Those of RFC 3489 and of what Microsoft built on it; without the cookie a type proves little."""

_RESPONSE_BIT: Final = 0x0100


class ClassicCounts(Struct, frozen=True, kw_only=True):
    """STUN without the magic cookie (RFC 3489), which is told by its exact length and attributes only."""

    messages: int
    transactions: int
    answered: int
    retransmitted: int
    by_type: dict[str, int]


class ClassicTable:
    """The messages of RFC 3489, by transaction."""

    def __init__(self) -> None:
        self._types: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        self._open: Recent[tuple[bytes, Address, Address], list[int]] = Recent(OPEN_LIMIT)

    def add(self, datagram: UdpDatagram, message: stun.Message) -> None:
        """Take a message."""
        kind = message.type
        self._types[kind] += 1
        if kind == ms_turn.DATA_INDICATION:
            return
        if kind & _RESPONSE_BIT:
            self._answer((message.transaction_id, datagram.destination, datagram.source))
            return
        key = (message.transaction_id, datagram.source, datagram.destination)
        known = self._open.get(key)
        if known is None:
            self._open.put(key, [1, 0])
            self._counts["transactions"] += 1
            return
        known[0] += 1
        self._counts["retransmitted"] += known[0] == 2

    def _answer(self, key: tuple[bytes, Address, Address]) -> None:
        known = self._open.get(key)
        if known is not None:
            known[1] += 1
            self._counts["answered"] += known[1] == 1

    def counts(self) -> ClassicCounts:
        """Return the sums."""
        return ClassicCounts(
            messages=self._types.total(),
            transactions=self._counts["transactions"],
            answered=self._counts["answered"],
            retransmitted=self._counts["retransmitted"],
            by_type=by_number(self._types),
        )
