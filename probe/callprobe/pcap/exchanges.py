"""Requests and answers that a capture shows in clear: STUN and TURN, relay pings, reflector pings."""

import statistics
from collections import Counter, deque
from typing import Final, NamedTuple

from msgspec import Struct

from callprobe.pcap.read import Address, UdpDatagram
from callprobe.wire import demux, stun

_COOKIE: Final = stun.MAGIC_COOKIE.to_bytes(4, "big")
_CLASS_BITS: Final = 0x0110
_RESPONSE_BIT: Final = 0x0100
_RELAY_PING: Final = 0x0801
# The class bits of these types say request; yet these answer (stun_wa_call.pcapng frames 48 and 427) …
_ANSWERS_WITHOUT_BITS: Final = frozenset({0x0802, 0x0805})
# … and this one tells the relay that the call is over, and is never answered (frame 409).
_CALL_END: Final = 0x0800
_ALLOCATE: Final = (0x0003, 0x0103, 0x0113)
_PING_MARK: Final = bytes.fromhex("ff" * 12 + "feffffff")
_PONG_MARK: Final = bytes.fromhex("ff" * 12 + "c77215c0")
_MARK: Final = slice(16, 32)


class RoundTrips(Struct, frozen=True, kw_only=True):
    """Round-trip times, ms; all null when nothing was answered."""

    n: int
    min: float | None
    median: float | None
    max: float | None


class StunCounts(Struct, frozen=True, kw_only=True):
    """STUN as the bytes show it; an answer belongs to the oldest open request of its transaction id."""

    messages: int
    transactions: int
    answered: int
    retransmitted: int
    """Requests that repeat one still open."""
    by_type: dict[str, int]


class TurnCounts(Struct, frozen=True, kw_only=True):
    """TURN (RFC 8656) by message type."""

    allocate_requests: int
    allocate_success: int
    allocate_error: int
    channel_data: int


class ReflectorCounts(Struct, frozen=True, kw_only=True):
    """Telegram reflector pings (40 bytes) and their answers (64 bytes)."""

    pings: int
    answers: int


class RelayPings(Struct, frozen=True, kw_only=True):
    """WhatsApp relay pings 0x0801 and pongs 0x0802."""

    requests: int
    answers: int
    rtt_ms: RoundTrips


class _Transaction(NamedTuple):
    client: Address
    server: Address
    transaction_id: bytes


class ExchangeCollector:
    """Counts the exchanges of a capture."""

    def __init__(self) -> None:
        self._types: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        self._waiting: dict[_Transaction, deque[tuple[int, int]]] = {}
        self._relay_rtt_ms: list[float] = []

    def add(self, datagram: UdpDatagram) -> None:
        """Take a datagram, whatever it holds."""
        payload = datagram.payload
        if _looks_like_stun(payload):
            self._stun(datagram)
        elif payload[_MARK] == _PING_MARK and len(payload) == 40:
            self._counts["pings"] += 1
        elif payload[_MARK] == _PONG_MARK and len(payload) == 64:
            self._counts["pongs"] += 1
        elif demux.classify(payload) is demux.Protocol.TURN_CHANNEL and _is_channel_data(payload):
            self._counts["channel_data"] += 1

    @property
    def stun(self) -> StunCounts:
        """All STUN messages, those of the dialects included."""
        return StunCounts(
            messages=self._types.total(),
            transactions=self._counts["transactions"],
            answered=self._counts["answered"],
            retransmitted=self._counts["retransmitted"],
            by_type={f"0x{kind:04x}": count for kind, count in sorted(self._types.items())},
        )

    @property
    def turn(self) -> TurnCounts:
        """TURN messages; a WhatsApp allocation counts, since it is an Allocate."""
        request, success, error = (self._types[kind] for kind in _ALLOCATE)
        return TurnCounts(
            allocate_requests=request,
            allocate_success=success,
            allocate_error=error,
            channel_data=self._counts["channel_data"],
        )

    @property
    def reflector(self) -> ReflectorCounts:
        """Reflector pings and answers."""
        return ReflectorCounts(pings=self._counts["pings"], answers=self._counts["pongs"])

    @property
    def relay_pings(self) -> RelayPings:
        """Relay pings, answers and round trips."""
        return RelayPings(
            requests=self._types[_RELAY_PING],
            answers=len(self._relay_rtt_ms),
            rtt_ms=_round_trips(self._relay_rtt_ms),
        )

    def _stun(self, datagram: UdpDatagram) -> None:
        kind = int.from_bytes(datagram.payload[:2], "big")
        self._types[kind] += 1
        transaction_id = datagram.payload[8:20]
        if kind & _RESPONSE_BIT or kind in _ANSWERS_WITHOUT_BITS:
            self._answer(
                _Transaction(datagram.destination, datagram.source, transaction_id), datagram.epoch_ns
            )
        elif not kind & _CLASS_BITS and kind != _CALL_END:
            self._ask(_Transaction(datagram.source, datagram.destination, transaction_id), kind, datagram)

    def _ask(self, transaction: _Transaction, kind: int, datagram: UdpDatagram) -> None:
        waiting = self._waiting.setdefault(transaction, deque())
        if any(other == kind for other, _ in waiting):
            self._counts["retransmitted"] += 1
            return
        self._counts["transactions"] += 1
        waiting.append((kind, datagram.epoch_ns))

    def _answer(self, transaction: _Transaction, epoch_ns: int) -> None:
        waiting = self._waiting.get(transaction)
        if not waiting:
            return
        self._counts["answered"] += 1
        kind, asked_ns = waiting.popleft()
        if kind == _RELAY_PING:
            self._relay_rtt_ms.append((epoch_ns - asked_ns) / 1e6)


def _looks_like_stun(payload: bytes) -> bool:
    """Say whether cookie and top bits are STUN's; WhatsApp's padded pings are longer than they say."""
    return len(payload) >= stun.HEADER_BYTES and payload[0] < 0x40 and payload[4:8] == _COOKIE


def _is_channel_data(payload: bytes) -> bool:
    """Say whether the length field fits, padding to four bytes allowed (RFC 8656 section 12.5)."""
    spare = len(payload) - 4 - int.from_bytes(payload[2:4], "big")
    return 0 <= spare < 4


def _round_trips(rtt_ms: list[float]) -> RoundTrips:
    if not rtt_ms:
        return RoundTrips(n=0, min=None, median=None, max=None)
    return RoundTrips(
        n=len(rtt_ms),
        min=round(min(rtt_ms), 3),
        median=round(statistics.median(rtt_ms), 3),
        max=round(max(rtt_ms), 3),
    )
