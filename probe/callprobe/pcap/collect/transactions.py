"""STUN transactions (RFC 8489): who asked, who answered, and what the messages carried."""

import re
from collections import Counter
from enum import Enum
from typing import Final

from msgspec import Struct

from callprobe.pcap.collect.classic_stun import ClassicCounts, ClassicTable
from callprobe.pcap.collect.encapsulation import is_direct
from callprobe.pcap.collect.recent import Recent
from callprobe.pcap.collect.round_trips import RoundTripLog, RoundTrips, since_s, since_s_or_none
from callprobe.pcap.collect.stun_digest import Digest, by_code, by_number, fingerprint_holds
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import stun

OPEN_LIMIT: Final = 10_000
"""Transactions that an answer or a repetition still finds."""
LISTED_LIMIT: Final = 20_000
"""Transactions that are listed; later ones are counted only."""
DISTINCT_TEXTS: Final = 64
"""Different realms, programs and user name shapes that are told."""

CALL_END: Final = 0x0800
"""Tells WhatsApp's relay that the call is over, and is never answered (stun_wa_call.pcapng frame 409)."""

_CLASS_BITS: Final = 0x0110
_INDICATION: Final = 0x0010
_RESPONSE_BIT: Final = 0x0100
_ERROR: Final = 0x0110
# The class bits of these types say request; yet these answer (stun_wa_call.pcapng frames 48 and 427).
_ANSWERS_WITHOUT_BITS: Final = frozenset({0x0802, 0x0805})
_PRINTABLE_ID: Final = re.compile(rb"[A-Za-z0-9+/]{12}")
_CLIENTS_WITH_COUNTERS: Final = 1024


class StunCounts(Struct, frozen=True, kw_only=True):
    """STUN as the bytes show it.

    ``messages``, ``by_type`` and ``attributes`` count what lies in channel data and in reflector and MS-TURN
    frames too; a message within a Send or Data indication is counted by ``in_indications`` alone.
    Transactions are those that lie in datagrams directly: one transaction id between one client and one
    server.
    """

    first_s: float | None
    last_s: float | None
    messages: int
    transactions: int
    """Those that ask for an answer: no indications, no 0x0800."""
    answered: int
    unanswered: int
    retransmitted: int
    """Transactions whose request was sent more than once."""
    by_type: dict[str, int]
    attributes: dict[str, int]
    """Occurrences by type, unknown ones included."""
    errors: dict[str, int]
    """Transactions by the error code of their first answer."""
    realms: dict[str, int]
    """First requests and first answers by REALM, where it is text."""
    software: dict[str, int]
    """Likewise by SOFTWARE."""
    username_shapes: dict[str, int]
    """Likewise by the lengths of USERNAME's parts at colons, ``4:4``."""
    transaction_ids: dict[str, int]
    """Requests by kind of their id: ``printable`` (12 base64 characters), ``counter`` (one more than the id
    before it from that client), ``other``."""
    encapsulations: dict[str, int]
    in_indications: int
    fingerprints_wrong: int
    """Whole messages whose FINGERPRINT does not hold."""
    rtt_ms: dict[str, RoundTrips]
    """By request type, from the last request before the answer."""
    classic: ClassicCounts
    dropped: int
    """Transactions that were counted but not kept, since there were too many."""


class StunTransaction(Struct, frozen=True, kw_only=True):
    """One transaction, however often its request was sent."""

    kind: str
    """Type of the request, ``0x0001``."""
    client: str
    server: str
    first_s: float
    last_request_s: float
    requests: int
    """Copies of the request."""
    answered_s: float | None
    answer_kind: str | None
    answers: int
    """Copies of the answer, later ones of another type included."""
    rtt_ms: float | None
    """From the first request."""
    rtt_last_ms: float | None
    """From the last request before the answer."""
    request_size: int
    """Bytes of the first request as it lay in the datagram."""
    answer_size: int | None
    attributes: tuple[str, ...]
    """Of the first request, in order."""
    answer_attributes: tuple[str, ...]
    error_code: int | None
    realm: str | None
    """Of the answer, else of the request."""
    software: str | None
    lifetime_s: int | None
    """LIFETIME of the answer."""
    username_shape: str | None
    encapsulation: str
    answer_encapsulation: str | None
    """Seldom another one: MS-TURN relays requests plain and answers framed."""
    transport: str
    """``udp`` or ``tcp``."""


class Role(Enum):
    """What a message is to its transaction."""

    ASKED = "first request"
    REPEATED = "request again"
    ANSWERED = "first answer"
    ANSWERED_AGAIN = "answer again"
    UNASKED = "first answer to a request that was not seen"
    INDICATED = "neither asks nor answers"


class Transaction:
    """A transaction in the making."""

    __slots__ = (
        "answer",
        "answer_encapsulation",
        "answer_size",
        "answered_ns",
        "answers",
        "client",
        "encapsulation",
        "first_ns",
        "kind",
        "last_ns",
        "message",
        "owner",
        "request_size",
        "requests",
        "server",
    )

    def __init__(self, kind: int, client: Address, server: Address, encapsulation: str) -> None:
        self.kind = kind
        self.client = client
        self.server = server
        self.encapsulation = encapsulation
        self.first_ns = self.last_ns = 0
        """First request; last request before the answer."""
        self.requests = 0
        self.message: Digest | None = None
        """First request; None while only answers were seen."""
        self.request_size = 0
        self.answered_ns: int | None = None
        self.answer: Digest | None = None
        self.answer_size = 0
        self.answer_encapsulation: str | None = None
        self.answers = 0
        self.owner: object = None
        """Whoever else follows the transaction may keep its own state here."""

    @property
    def succeeded(self) -> bool:
        """Whether the first answer is no error."""
        return self.answer is not None and self.answer.kind & _CLASS_BITS != _ERROR

    @property
    def error_code(self) -> int | None:
        """Error code of the first answer."""
        return None if self.answer is None else self.answer.error_code

    @property
    def answered_elsewhere(self) -> bool:
        """Whether the answer came wrapped, though the request had lain in its datagram directly."""
        return is_direct(self.encapsulation) and not is_direct(self.answer_encapsulation or "plain")

    @property
    def rtt_ns(self) -> int | None:
        """From the first request to the first answer; None also where the answer came first."""
        return _span(self.first_ns, self.answered_ns) if self.requests else None

    @property
    def rtt_last_ns(self) -> int | None:
        """From the last request before the answer."""
        return _span(self.last_ns, self.answered_ns) if self.requests else None


class TransactionTable:
    """The STUN of one transport, by transaction."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._first_ns: int | None = None
        self._last_ns = 0
        self._types: Counter[int] = Counter()
        self._attributes: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        self._errors: Counter[int] = Counter()
        self._realms: Counter[str] = Counter()
        self._software: Counter[str] = Counter()
        self._shapes: Counter[str] = Counter()
        self._ids: Counter[str] = Counter()
        self._kinds: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._encapsulations: Counter[str] = Counter()
        self._rtt: dict[int, RoundTripLog] = {}
        self._last_ids: Recent[Address, int] = Recent(_CLIENTS_WITH_COUNTERS)
        self._plain: Recent[tuple[bytes, Address, Address], Transaction] = Recent(OPEN_LIMIT)
        self._wrapped: Recent[tuple[bytes, Address, Address], Transaction] = Recent(OPEN_LIMIT)
        self._listed: list[Transaction] = []
        self._classic = ClassicTable()

    def add(
        self,
        datagram: UdpDatagram,
        payload: bytes,
        message: stun.Message,
        values: dict[int, bytes],
        encapsulation: str,
    ) -> tuple[Role, Transaction]:
        """Take a message; ``values`` holds the first attribute of each type."""
        self._count(datagram, payload, message, values, encapsulation)
        kind = message.type
        if kind & _RESPONSE_BIT or kind in _ANSWERS_WITHOUT_BITS:
            return self._answered(datagram, payload, message, values, encapsulation)
        if kind & _CLASS_BITS == _INDICATION or kind == CALL_END:
            return Role.INDICATED, Transaction(kind, datagram.source, datagram.destination, encapsulation)
        return self._asked(datagram, payload, message, values, encapsulation)

    def add_classic(self, datagram: UdpDatagram, message: stun.Message) -> None:
        """Take a message of RFC 3489."""
        self._classic.add(datagram, message)

    def counts(self, origin_ns: int) -> StunCounts:
        """Return the sums."""
        transactions, answered = self._counts["transactions"], self._counts["answered"]
        return StunCounts(
            first_s=since_s_or_none(origin_ns, self._first_ns),
            last_s=since_s(origin_ns, self._last_ns) if self._first_ns is not None else None,
            messages=self._types.total(),
            transactions=transactions,
            answered=answered,
            unanswered=transactions - answered,
            retransmitted=self._counts["retransmitted"],
            by_type=by_number(self._types),
            attributes=by_number(self._attributes),
            errors=by_code(self._errors),
            realms=dict(self._realms),
            software=dict(self._software),
            username_shapes=dict(self._shapes),
            transaction_ids=dict(self._ids),
            encapsulations=dict(self._encapsulations),
            in_indications=self._counts["in_indications"],
            fingerprints_wrong=self._counts["fingerprints_wrong"],
            rtt_ms={f"0x{kind:04x}": log.summary() for kind, log in sorted(self._rtt.items())},
            classic=self._classic.counts(),
            dropped=self._counts["dropped"],
        )

    def listed(self, origin_ns: int) -> list[StunTransaction]:
        """Return the transactions in order of their first requests."""
        return [_record(item, origin_ns, self._transport) for item in self._listed]

    def _count(
        self,
        datagram: UdpDatagram,
        payload: bytes,
        message: stun.Message,
        values: dict[int, bytes],
        encapsulation: str,
    ) -> None:
        if self._first_ns is None:
            self._first_ns = datagram.epoch_ns
        self._last_ns = max(self._last_ns, datagram.epoch_ns)
        if "turn-indication" in encapsulation:
            self._counts["in_indications"] += 1
            return
        self._types[message.type] += 1
        self._encapsulations[encapsulation] += 1
        attributes = self._attributes
        for kind, _ in message.attributes:
            attributes[kind] += 1
        if stun.FINGERPRINT in values and not fingerprint_holds(payload, message):
            self._counts["fingerprints_wrong"] += 1

    def _asked(
        self,
        datagram: UdpDatagram,
        payload: bytes,
        message: stun.Message,
        values: dict[int, bytes],
        encapsulation: str,
    ) -> tuple[Role, Transaction]:
        plain = is_direct(encapsulation)
        table = self._plain if plain else self._wrapped
        key = (message.transaction_id, datagram.source, datagram.destination)
        known = table.get(key)
        if known is None:
            known = Transaction(message.type, datagram.source, datagram.destination, encapsulation)
            table.put(key, known)
        if known.answered_ns is None or not known.requests:
            known.last_ns = datagram.epoch_ns
        known.requests += 1
        if known.requests > 1:
            self._counts["retransmitted"] += plain and known.requests == 2
            return Role.REPEATED, known
        known.kind, known.first_ns = message.type, datagram.epoch_ns
        known.message = Digest(message, values)
        known.request_size = datagram.size if plain else len(payload)
        self._note(known.message)
        self._list(known)
        if plain:
            self._counts["transactions"] += 1
            self._counts["answered"] += known.answered_ns is not None
            self._ids[self._kind_of_id(message.transaction_id, datagram.source)] += 1
        return Role.ASKED, known

    def _answered(
        self,
        datagram: UdpDatagram,
        payload: bytes,
        message: stun.Message,
        values: dict[int, bytes],
        encapsulation: str,
    ) -> tuple[Role, Transaction]:
        plain = is_direct(encapsulation)
        key = (message.transaction_id, datagram.destination, datagram.source)
        table = self._plain if plain else self._wrapped
        known = table.get(key)
        if known is None and not plain:
            known = self._plain.get(key)
        if known is None:
            known = Transaction(0, datagram.destination, datagram.source, encapsulation)
            table.put(key, known)
        known.answers += 1
        if known.answers > 1 and not (plain and known.answered_elsewhere):
            return Role.ANSWERED_AGAIN, known
        digest = Digest(message, values)
        self._note(digest)
        known.answered_ns, known.answer = datagram.epoch_ns, digest
        known.answer_size = datagram.size if plain else len(payload)
        known.answer_encapsulation = encapsulation
        if not known.requests:
            return Role.UNASKED, known
        if plain:
            self._close(known, digest)
        return Role.ANSWERED if known.answers == 1 else Role.ANSWERED_AGAIN, known

    def _close(self, transaction: Transaction, digest: Digest) -> None:
        """Count the first answer to a request that was seen."""
        self._counts["answered"] += 1
        if digest.error_code is not None:
            self._errors[digest.error_code] += 1
        log = self._rtt.get(transaction.kind)
        if log is None:
            log = self._rtt[transaction.kind] = RoundTripLog()
        log.add(transaction.rtt_last_ns or 0)

    def _list(self, transaction: Transaction) -> None:
        if len(self._listed) < LISTED_LIMIT:
            self._listed.append(transaction)
        else:
            self._counts["dropped"] += 1

    def _note(self, digest: Digest) -> None:
        """Count the texts of a message, and let messages of one kind share their list of attributes."""
        kinds = self._kinds.get(digest.attributes)
        if kinds is not None:
            digest.attributes = kinds
        elif len(self._kinds) < OPEN_LIMIT:
            self._kinds[digest.attributes] = digest.attributes
        if digest.realm is not None:
            _count_text(self._realms, digest.realm)
        if digest.software is not None:
            _count_text(self._software, digest.software)
        if digest.username_shape is not None:
            _count_text(self._shapes, digest.username_shape)

    def _kind_of_id(self, transaction_id: bytes, client: Address) -> str:
        number = int.from_bytes(transaction_id, "big")
        last = self._last_ids.get(client)
        self._last_ids.put(client, number)
        if last is not None and number == last + 1:
            return "counter"
        return "printable" if _PRINTABLE_ID.fullmatch(transaction_id) else "other"


def _count_text(texts: Counter[str], text: str) -> None:
    if text in texts or len(texts) < DISTINCT_TEXTS:
        texts[text] += 1


def _record(item: Transaction, origin_ns: int, transport: str) -> StunTransaction:
    message, answer = item.message, item.answer
    return StunTransaction(
        kind=f"0x{item.kind:04x}",
        client=address_text(item.client),
        server=address_text(item.server),
        first_s=since_s(origin_ns, item.first_ns),
        last_request_s=since_s(origin_ns, item.last_ns),
        requests=item.requests,
        answered_s=since_s_or_none(origin_ns, item.answered_ns),
        answer_kind=None if answer is None else f"0x{answer.kind:04x}",
        answers=item.answers,
        rtt_ms=_ms(item.rtt_ns),
        rtt_last_ms=_ms(item.rtt_last_ns),
        request_size=item.request_size,
        answer_size=None if answer is None else item.answer_size,
        attributes=_names(message),
        answer_attributes=_names(answer),
        error_code=item.error_code,
        realm=(answer and answer.realm) or (message and message.realm) or None,
        software=(answer and answer.software) or (message and message.software) or None,
        lifetime_s=None if answer is None else answer.lifetime_s,
        username_shape=None if message is None else message.username_shape,
        encapsulation=item.encapsulation,
        answer_encapsulation=item.answer_encapsulation,
        transport=transport,
    )


def _span(asked_ns: int, answered_ns: int | None) -> int | None:
    return None if answered_ns is None or answered_ns < asked_ns else answered_ns - asked_ns


def _ms(span_ns: int | None) -> float | None:
    return None if span_ns is None else round(span_ns / 1e6, 3)


def _names(digest: Digest | None) -> tuple[str, ...]:
    return () if digest is None else tuple(f"0x{kind:04x}" for kind in digest.attributes)
