"""STUN transactions (RFC 8489): who asked, who answered, and what the messages carried."""

from msgspec import Struct

from callprobe.pcap.round_trips import RoundTrips


class ClassicCounts(Struct, frozen=True, kw_only=True):
    """STUN without the magic cookie (RFC 3489), which is told by its exact length and attributes only."""

    messages: int
    transactions: int
    answered: int
    retransmitted: int
    by_type: dict[str, int]


class StunCounts(Struct, frozen=True, kw_only=True):
    """STUN as the bytes show it.

    ``messages``, ``by_type`` and ``attributes`` count what lies in channel data and in reflector and MS-TURN
    frames too; a message within a Send or Data indication is counted by ``in_indications`` alone.
    Transactions are those that lie in datagrams directly: one transaction id between one client and one
    server.
    """

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
    """Messages by REALM, where it is text."""
    software: dict[str, int]
    """Messages by SOFTWARE, where it is text."""
    username_shapes: dict[str, int]
    """Messages by the lengths of USERNAME's parts at colons, ``4:4``."""
    transaction_ids: dict[str, int]
    """Requests by kind of their id: ``printable`` (12 base64 characters), ``counter`` (one more than the id
    before it from that client), ``other``."""
    encapsulations: dict[str, int]
    in_indications: int
    fingerprints_wrong: int
    """Messages whose FINGERPRINT does not hold."""
    rtt_ms: dict[str, RoundTrips]
    """By request type, from the first request."""
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
    transport: str
    """``udp`` or ``tcp``."""
