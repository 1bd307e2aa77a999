"""ICE (RFC 8445): the pairs that were checked, and which of them carries the call."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from callprobe.pcap.collect.round_trips import RoundTripLog, RoundTrips, since_s, since_s_or_none
from callprobe.pcap.collect.stun_digest import by_code
from callprobe.pcap.collect.transactions import Role, Transaction
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import stun

PAIR_LIMIT: Final = 2048
"""Pairs that are listed."""
MEDIA_PACKETS: Final = 10
"""Packets that make a flow media."""

_BINDING: Final = 0x0001
_GOOG_PING: Final = 0x0200
_RINGRTC_NOMINATION: Final = 0xC001
_ROLE_CONFLICT: Final = 487
_CONSENT_AFTER_NS: Final = 5_000_000_000
_RTT_LIMIT: Final = 500
_SHAPE_LIMIT: Final = 8
_ERROR_LIMIT: Final = 32


class MediaPath(NamedTuple):
    """Media that somebody else found, for the choice of the pair that carries the call."""

    a: str
    b: str
    first_s: float
    packets: int


class IcePair(Struct, frozen=True, kw_only=True):
    """Two addresses between which Binding checks were seen."""

    a: str
    """Who sent the first check that was seen."""
    b: str
    encapsulation: str
    """``plain``, or how checks were relayed; then the addresses are those of the relaying flow."""
    peer: str | None
    """Who was behind the TURN server, where that was seen."""
    checks: int
    """Transactions, both ways."""
    checks_from_b: int
    answered: int
    """Without errors."""
    answered_from_b: int
    requests: int
    """Checks with their copies."""
    first_s: float
    last_s: float
    """Last check."""
    first_answered_s: float | None
    last_answered_s: float | None
    nominated_s: float | None
    """First check that nominates."""
    nomination: str | None
    """``use-candidate``, ``ringrtc`` (0xC001) or ``media``."""
    selected: bool
    """It carries the call: media says so, else nomination with an answer."""
    media_s: float | None
    """When media was first seen on it, if anybody told."""
    controlling: str | None
    """``a`` or ``b``, who said to be ICE-CONTROLLING last."""
    controlling_tie_breaker_zero: bool | None
    """ICE-CONTROLLING's tie-breaker is zero in every check, as Telegram's is."""
    tie_breaker_zero: bool | None
    """Likewise of both roles."""
    priority_ends_00: bool | None
    """PRIORITY's last byte (256 minus the component) is zero in every check, as Telegram's is."""
    role_conflicts: int
    """Answers with 487."""
    errors: dict[str, int]
    """Checks by the error code of their first answer."""
    consent_checks: int
    """Checks that were answered later than 5 s after the first answer (RFC 7675)."""
    longest_answer_gap_s: float | None
    """Between one answer and the next."""
    goog_pings: int
    """Requests 0x0200."""
    goog_ping_answers: int
    bare: bool
    """No check carries more than MESSAGE-INTEGRITY, as with WhatsApp (44 bytes)."""
    username_shapes: tuple[str, ...]
    """Lengths of USERNAME's parts, ``4:4``."""
    rtt_ms: RoundTrips
    """Of checks that were sent once."""


class _Pair:
    """A pair in the making."""

    __slots__ = (
        "a",
        "b",
        "bare",
        "controlling",
        "counts",
        "encapsulation",
        "errors",
        "first_answered_ns",
        "first_ns",
        "last_answered_ns",
        "last_ns",
        "longest_gap_ns",
        "nominated_ns",
        "nomination",
        "peer",
        "priority_ends_00",
        "rtt",
        "shapes",
        "tie_breakers",
    )

    def __init__(self, datagram: UdpDatagram, encapsulation: str, peer: str | None) -> None:
        self.a: Address = datagram.source
        self.b: Address = datagram.destination
        self.encapsulation = encapsulation
        self.peer = peer
        self.first_ns = self.last_ns = datagram.epoch_ns
        self.counts: Counter[str] = Counter()
        self.errors: Counter[int] = Counter()
        self.first_answered_ns: int | None = None
        self.last_answered_ns = 0
        self.longest_gap_ns: int | None = None
        self.nominated_ns: int | None = None
        self.nomination: str | None = None
        self.controlling: str | None = None
        self.tie_breakers: dict[int, bool] = {}
        """Whether all were zero, by the type of the role's attribute."""
        self.priority_ends_00: bool | None = None
        self.bare = True
        self.shapes: dict[str, None] = {}
        self.rtt = RoundTripLog(_RTT_LIMIT)

    @property
    def ends(self) -> frozenset[str]:
        """Both addresses as text."""
        return frozenset((address_text(self.a), address_text(self.b)))


class IceCollector:
    """The checks of a capture."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[frozenset[Address], str | None], _Pair] = {}

    def message(
        self,
        datagram: UdpDatagram,
        values: dict[int, bytes],
        role: Role,
        transaction: Transaction,
        peer: str | None,
    ) -> None:
        """Take a STUN message; ``peer`` is who sits behind the TURN server that relayed it."""
        if role is Role.ASKED:
            if transaction.kind == _GOOG_PING or _is_check(transaction.kind, values):
                self._asked(datagram, values, transaction, peer)
        elif isinstance(transaction.owner, _Pair):
            if role is Role.REPEATED:
                transaction.owner.counts["requests"] += 1
                transaction.owner.last_ns = datagram.epoch_ns
            elif role is Role.ANSWERED:
                _answered(transaction.owner, datagram.epoch_ns, transaction)

    def pairs(self, origin_ns: int, media: Iterable[MediaPath] = ()) -> list[IcePair]:
        """Return the pairs in order of their first checks."""
        paths: dict[frozenset[str], MediaPath] = {}
        for path in media:
            ends = frozenset((path.a, path.b))
            known = paths.get(ends)
            packets = path.packets + (known.packets if known else 0)
            first_s = min(path.first_s, known.first_s) if known else path.first_s
            paths[ends] = MediaPath(path.a, path.b, first_s, packets)
        pairs = sorted(self._pairs.values(), key=lambda pair: pair.first_ns)
        selected = _selected(pairs, paths)
        return [
            _record(pair, origin_ns, paths.get(pair.ends), selected=id(pair) in selected) for pair in pairs
        ]

    def _asked(
        self, datagram: UdpDatagram, values: dict[int, bytes], transaction: Transaction, peer: str | None
    ) -> None:
        key = (frozenset((datagram.source, datagram.destination)), peer)
        pair = self._pairs.get(key)
        if pair is None:
            if len(self._pairs) >= PAIR_LIMIT:
                return
            pair = self._pairs[key] = _Pair(datagram, transaction.encapsulation, peer)
        transaction.owner = pair
        pair.last_ns = datagram.epoch_ns
        from_b = datagram.source == pair.b
        pair.counts["requests"] += 1
        if transaction.kind == _GOOG_PING:
            pair.counts["goog_pings"] += 1
            return
        pair.counts["checks"] += 1
        pair.counts["checks_from_b"] += from_b
        _note_attributes(pair, values, datagram.epoch_ns, "b" if from_b else "a")
        shape = None if transaction.message is None else transaction.message.username_shape
        if shape is not None and len(pair.shapes) < _SHAPE_LIMIT:
            pair.shapes[shape] = None


def _is_check(kind: int, values: dict[int, bytes]) -> bool:
    """Say whether a Binding request is a connectivity check: it names a user, or only proves a key."""
    if kind != _BINDING:
        return False
    return (stun.USERNAME in values and stun.REALM not in values) or values.keys() == {stun.MESSAGE_INTEGRITY}


def _note_attributes(pair: _Pair, values: dict[int, bytes], epoch_ns: int, sender: str) -> None:
    pair.bare &= stun.USERNAME not in values
    nominates = stun.USE_CANDIDATE in values or _RINGRTC_NOMINATION in values
    if nominates and pair.nominated_ns is None:
        pair.nominated_ns = epoch_ns
        pair.nomination = "use-candidate" if stun.USE_CANDIDATE in values else "ringrtc"
    priority = values.get(stun.PRIORITY)
    if priority:
        pair.priority_ends_00 = pair.priority_ends_00 is not False and priority[-1] == 0
    for role in (stun.ICE_CONTROLLING, stun.ICE_CONTROLLED):
        tie_breaker = values.get(role)
        if tie_breaker is not None:
            pair.tie_breakers[role] = pair.tie_breakers.get(role, True) and not any(tie_breaker)
            if role == stun.ICE_CONTROLLING:
                pair.controlling = sender


def _answered(pair: _Pair, epoch_ns: int, transaction: Transaction) -> None:
    if transaction.kind == _GOOG_PING:
        pair.counts["goog_ping_answers"] += 1
    elif not transaction.succeeded:
        code = transaction.error_code or 0
        if code in pair.errors or len(pair.errors) < _ERROR_LIMIT:
            pair.errors[code] += 1
        return
    else:
        pair.counts["answered"] += 1
        pair.counts["answered_from_b"] += transaction.client == pair.b
    if pair.first_answered_ns is None:
        pair.first_answered_ns = epoch_ns
    else:
        pair.longest_gap_ns = max(pair.longest_gap_ns or 0, epoch_ns - pair.last_answered_ns)
    pair.last_answered_ns = epoch_ns
    pair.counts["consent_checks"] += epoch_ns - pair.first_answered_ns > _CONSENT_AFTER_NS
    if transaction.requests == 1:
        pair.rtt.add(transaction.rtt_ns or 0)


def _selected(pairs: list[_Pair], paths: dict[frozenset[str], MediaPath]) -> set[int]:
    """Return the identities of the pairs that carry a call.

    Media decides. Among pairs with an end in common of which none carries media, it is the nominated one that
    was answered last.
    """
    chosen: set[int] = set()
    taken: set[str] = set()
    for ends in {pair.ends for pair in pairs}:
        path = paths.get(ends)
        if path is not None and path.packets >= MEDIA_PACKETS:
            same = [pair for pair in pairs if pair.ends == ends]
            chosen.add(id(max(same, key=lambda pair: (pair.counts["answered"], pair.last_answered_ns))))
            taken |= ends
    nominated = [pair for pair in pairs if pair.nominated_ns is not None and pair.counts["answered"]]
    for pair in sorted(nominated, key=lambda pair: -pair.last_answered_ns):
        if taken.isdisjoint(pair.ends):
            chosen.add(id(pair))
            taken |= pair.ends
    return chosen


def _record(pair: _Pair, origin_ns: int, path: MediaPath | None, *, selected: bool) -> IcePair:
    counts, tie_breakers = pair.counts, pair.tie_breakers
    nominated_s, nomination = since_s_or_none(origin_ns, pair.nominated_ns), pair.nomination
    if nominated_s is None and selected and path is not None:
        nominated_s, nomination = path.first_s, "media"
    return IcePair(
        a=address_text(pair.a),
        b=address_text(pair.b),
        encapsulation=pair.encapsulation,
        peer=pair.peer,
        checks=counts["checks"],
        checks_from_b=counts["checks_from_b"],
        answered=counts["answered"],
        answered_from_b=counts["answered_from_b"],
        requests=counts["requests"],
        first_s=since_s(origin_ns, pair.first_ns),
        last_s=since_s(origin_ns, pair.last_ns),
        first_answered_s=since_s_or_none(origin_ns, pair.first_answered_ns),
        last_answered_s=None if pair.first_answered_ns is None else since_s(origin_ns, pair.last_answered_ns),
        nominated_s=nominated_s,
        nomination=nomination,
        selected=selected,
        media_s=None if path is None else path.first_s,
        controlling=pair.controlling,
        controlling_tie_breaker_zero=tie_breakers.get(stun.ICE_CONTROLLING),
        tie_breaker_zero=all(tie_breakers.values()) if tie_breakers else None,
        priority_ends_00=pair.priority_ends_00,
        role_conflicts=pair.errors[_ROLE_CONFLICT],
        errors=by_code(pair.errors),
        consent_checks=counts["consent_checks"],
        longest_answer_gap_s=None if pair.longest_gap_ns is None else round(pair.longest_gap_ns / 1e9, 6),
        goog_pings=counts["goog_pings"],
        goog_ping_answers=counts["goog_ping_answers"],
        bare=pair.bare,
        username_shapes=tuple(pair.shapes),
        rtt_ms=pair.rtt.summary(),
    )
