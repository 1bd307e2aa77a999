"""WhatsApp's relays: allocations, pings in clear, probes, the server's clock, the end of the call."""

from collections import Counter
from typing import Final, NamedTuple

from msgspec import Struct

from callprobe.pcap.collect.recent import Recent
from callprobe.pcap.collect.round_trips import RoundTripLog, RoundTrips, median_ms, since_s, since_s_or_none
from callprobe.pcap.collect.transactions import CALL_END
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import stun

RELAY_LIMIT: Final = 256
"""Pairs of client and relay that are listed."""
SERIES_LIMIT: Final = 20_000
"""Pings in the series."""

PING: Final = 0x0801
PONG: Final = 0x0802
PROBE: Final = 0x0804
PROBE_ANSWER: Final = 0x0805

_ALLOCATE: Final = 0x0003
_ALLOCATED: Final = 0x0103
_TOKEN: Final = 0x4000
_SECOND_TOKEN: Final = 0x4001
_SERVER_TIME: Final = 0x4002
_REFLEXIVE: Final = 0x4003
_SUBSCRIPTION: Final = 0x0022
_QUESTION_OF: Final = {_ALLOCATED: _ALLOCATE, PONG: PING, PROBE_ANSWER: PROBE}
_NAMES: Final = {_ALLOCATE: "allocations", PING: "pings", PROBE: "probes"}
_HEALTH: Final = b"health"
_OK: Final = b"OK"
_OPEN_LIMIT: Final = 4096
_COPIES_LIMIT: Final = 64
_RTT_LIMIT: Final = 500
_INTERVAL_LIMIT: Final = 20_000
_SET_LIMIT: Final = 16


class Relay(Struct, frozen=True, kw_only=True):
    """What one client exchanged with one relay."""

    client: str
    relay: str
    allocations: int
    """Allocates that carry a relay token, copies included."""
    second_copies: int
    """Of these, the ones with the token in 0x4001 (2015)."""
    answered: int
    first_s: float
    """First message of any kind."""
    first_answered_s: float | None
    rtt_ms: RoundTrips
    """Of allocations, copies paired in order."""
    allocation_sizes: tuple[int, ...]
    """Bytes, ascending."""
    answer_sizes: tuple[int, ...]
    pings: int
    """0x0801."""
    ping_answers: int
    probes: int
    """0x0804."""
    probe_answers: int
    clock_offset_ms: float | None
    """The relay's clock (0x4002) minus that of the capture, by the quickest answer at half its round trip."""
    health_s: float | None
    """When ``health`` was asked (2019-20)."""
    ok_s: float | None
    """When ``OK`` came."""
    ended_s: float | None
    """0x0800."""
    subscribed_ssrcs: tuple[str, ...]
    """SSRCs in stream subscriptions (0x0022), ``0x…``."""


class RelayPings(Struct, frozen=True, kw_only=True):
    """WhatsApp relay pings 0x0801 and pongs 0x0802."""

    requests: int
    answers: int
    rtt_ms: RoundTrips
    interval_ms: float | None
    """Median time between the pings of one path that are bare (20 bytes)."""
    series: tuple[tuple[float, float], ...]
    """(s, ms): when a ping was sent, and what it took."""
    probes: int
    """0x0804."""
    probe_answers: int
    """0x0805."""
    probe_rtt_ms: RoundTrips
    ended_s: float | None
    """First 0x0800."""
    call_ends: int
    """0x0800."""
    unlisted: int
    """Pings that were counted and paired but are left out of ``series``, since there were too many."""


class _Question(NamedTuple):
    """A request that waits for its answer."""

    epoch_ns: int
    reflexive: bytes | None
    """What 0x4003 carries, which the answer gives back."""


class _Relay:
    """What one client exchanged with one relay, in the making."""

    __slots__ = (
        "allocation_sizes",
        "answer_sizes",
        "client",
        "clock_offset_ms",
        "clock_rtt_ns",
        "counts",
        "ended_ns",
        "first_answered_ns",
        "first_ns",
        "health_ns",
        "last_ping_ns",
        "ok_ns",
        "relay",
        "rtt",
        "ssrcs",
    )

    def __init__(self, client: Address, relay: Address, first_ns: int) -> None:
        self.client = client
        self.relay = relay
        self.first_ns = first_ns
        self.counts: Counter[str] = Counter()
        self.first_answered_ns: int | None = None
        self.ended_ns: int | None = None
        self.health_ns: int | None = None
        self.ok_ns: int | None = None
        self.last_ping_ns: int | None = None
        self.clock_offset_ms: float | None = None
        self.clock_rtt_ns = 0
        self.rtt = RoundTripLog(_RTT_LIMIT)
        self.allocation_sizes: set[int] = set()
        self.answer_sizes: set[int] = set()
        self.ssrcs: dict[str, None] = {}


class RelayCollector:
    """The relays of a capture."""

    def __init__(self) -> None:
        self._relays: dict[tuple[Address, Address], _Relay] = {}
        self._open: Recent[tuple[Address, Address, int, bytes], list[_Question]] = Recent(_OPEN_LIMIT)
        """Requests by path, type and transaction id: there may be several of one id."""
        self._counts: Counter[str] = Counter()
        self._ping_rtt = RoundTripLog()
        self._probe_rtt = RoundTripLog()
        self._series: list[tuple[int, int]] = []
        self._intervals_ns: list[int] = []
        self._ended_ns: int | None = None

    def message(self, datagram: UdpDatagram, message: stun.Message, values: dict[int, bytes]) -> None:
        """Take a STUN message that no other message carried."""
        kind = message.type
        if kind in _QUESTION_OF:
            self._answered(datagram, message, values)
        elif kind in {PING, PROBE, CALL_END} or (
            kind == _ALLOCATE and (_TOKEN in values or _SECOND_TOKEN in values)
        ):
            self._asked(datagram, message, values)

    def word(self, datagram: UdpDatagram) -> bool:
        """Take a datagram that may be ``health`` or its answer ``OK``; say whether it is."""
        if datagram.payload == _HEALTH:
            relay = self._relays.get((datagram.source, datagram.destination))
            if relay is not None and relay.health_ns is None:
                relay.health_ns = datagram.epoch_ns
        elif datagram.payload == _OK:
            relay = self._relays.get((datagram.destination, datagram.source))
            if relay is not None and relay.ok_ns is None:
                relay.ok_ns = datagram.epoch_ns
        else:
            return False
        return relay is not None

    def relays(self, origin_ns: int) -> list[Relay]:
        """Return the relays in order of appearance."""
        return [_record(relay, origin_ns) for relay in self._relays.values()]

    def pings(self, origin_ns: int) -> RelayPings:
        """Return pings and probes over all relays."""
        counts = self._counts
        return RelayPings(
            requests=counts["pings"],
            answers=counts["ping_answers"],
            rtt_ms=self._ping_rtt.summary(),
            interval_ms=median_ms(self._intervals_ns),
            series=tuple(
                (since_s(origin_ns, asked_ns), round(rtt_ns / 1e6, 3)) for asked_ns, rtt_ns in self._series
            ),
            probes=counts["probes"],
            probe_answers=counts["probe_answers"],
            probe_rtt_ms=self._probe_rtt.summary(),
            ended_s=since_s_or_none(origin_ns, self._ended_ns),
            call_ends=counts["call_ends"],
            unlisted=counts["ping_answers"] - len(self._series),
        )

    def _asked(self, datagram: UdpDatagram, message: stun.Message, values: dict[int, bytes]) -> None:
        kind = message.type
        self._counts["call_ends" if kind == CALL_END else _NAMES[kind]] += 1
        relay = self._relay(datagram)
        if kind == CALL_END:
            self._ended_ns = datagram.epoch_ns if self._ended_ns is None else self._ended_ns
            if relay is not None and relay.ended_ns is None:
                relay.ended_ns = datagram.epoch_ns
            return
        if relay is None:
            return
        relay.counts[_NAMES[kind]] += 1
        key = (datagram.source, datagram.destination, kind, message.transaction_id)
        waiting = self._open.get(key)
        if waiting is None:
            waiting = []
            self._open.put(key, waiting)
        if len(waiting) == _COPIES_LIMIT:
            del waiting[0]
        waiting.append(_Question(datagram.epoch_ns, values.get(_REFLEXIVE)))
        if kind == _ALLOCATE:
            _note_allocation(relay, datagram, message, values)
        elif kind == PING and not message.attributes:
            self._note_interval(relay, datagram.epoch_ns)

    def _answered(self, datagram: UdpDatagram, message: stun.Message, values: dict[int, bytes]) -> None:
        relay = self._relays.get((datagram.destination, datagram.source))
        if relay is None:
            return
        kind = _QUESTION_OF[message.type]
        waiting = self._open.get((relay.client, relay.relay, kind, message.transaction_id))
        asked_ns = _take(waiting, values.get(_REFLEXIVE))
        if asked_ns is None:
            return
        rtt_ns = datagram.epoch_ns - asked_ns
        _note_clock(relay, datagram.epoch_ns, rtt_ns, values.get(_SERVER_TIME))
        if kind == _ALLOCATE:
            relay.counts["answered"] += 1
            relay.rtt.add(rtt_ns)
            if relay.first_answered_ns is None:
                relay.first_answered_ns = datagram.epoch_ns
            if len(relay.answer_sizes) < _SET_LIMIT:
                relay.answer_sizes.add(datagram.size)
            return
        answers = "ping_answers" if kind == PING else "probe_answers"
        relay.counts[answers] += 1
        self._counts[answers] += 1
        if kind == PROBE:
            self._probe_rtt.add(rtt_ns)
            return
        self._ping_rtt.add(rtt_ns)
        if len(self._series) < SERIES_LIMIT:
            self._series.append((asked_ns, rtt_ns))

    def _note_interval(self, relay: _Relay, epoch_ns: int) -> None:
        if relay.last_ping_ns is not None and len(self._intervals_ns) < _INTERVAL_LIMIT:
            self._intervals_ns.append(epoch_ns - relay.last_ping_ns)
        relay.last_ping_ns = epoch_ns

    def _relay(self, datagram: UdpDatagram) -> _Relay | None:
        key = (datagram.source, datagram.destination)
        known = self._relays.get(key)
        if known is None and len(self._relays) < RELAY_LIMIT:
            known = self._relays[key] = _Relay(*key, datagram.epoch_ns)
        return known


def _take(waiting: list[_Question] | None, reflexive: bytes | None) -> int | None:
    """Take the request that an answer belongs to and return its time.

    It is the oldest whose reflexive payload came back. Some answers give none back; then it is the oldest.
    """
    if not waiting:
        return None
    fitting = [question for question in waiting if reflexive is None or question.reflexive == reflexive]
    if not fitting:
        return None
    waiting.remove(fitting[0])
    return fitting[0].epoch_ns


def _note_allocation(
    relay: _Relay, datagram: UdpDatagram, message: stun.Message, values: dict[int, bytes]
) -> None:
    relay.counts["second_copies"] += _TOKEN not in values
    if len(relay.allocation_sizes) < _SET_LIMIT:
        relay.allocation_sizes.add(datagram.size)
    for kind, value in message.attributes:
        # A subscription to a stream: 3, then the SSRC that its sender will use.
        if kind == _SUBSCRIPTION and len(value) >= 5 and value[0] == 3 and len(relay.ssrcs) < _SET_LIMIT:
            relay.ssrcs[f"0x{int.from_bytes(value[1:5], 'big'):08x}"] = None


def _note_clock(relay: _Relay, epoch_ns: int, rtt_ns: int, server_time: bytes | None) -> None:
    """Note the relay's clock where no quicker answer told it."""
    if server_time is None or len(server_time) != 8 or rtt_ns < 0:
        return
    if relay.clock_offset_ms is None or rtt_ns < relay.clock_rtt_ns:
        relay.clock_rtt_ns = rtt_ns
        relay.clock_offset_ms = int.from_bytes(server_time, "big") - (epoch_ns - rtt_ns / 2) / 1e6


def _record(item: _Relay, origin_ns: int) -> Relay:
    counts, offset_ms = item.counts, item.clock_offset_ms
    return Relay(
        client=address_text(item.client),
        relay=address_text(item.relay),
        allocations=counts["allocations"],
        second_copies=counts["second_copies"],
        answered=counts["answered"],
        first_s=since_s(origin_ns, item.first_ns),
        first_answered_s=since_s_or_none(origin_ns, item.first_answered_ns),
        rtt_ms=item.rtt.summary(),
        allocation_sizes=tuple(sorted(item.allocation_sizes)),
        answer_sizes=tuple(sorted(item.answer_sizes)),
        pings=counts["pings"],
        ping_answers=counts["ping_answers"],
        probes=counts["probes"],
        probe_answers=counts["probe_answers"],
        clock_offset_ms=None if offset_ms is None else round(offset_ms, 1),
        health_s=since_s_or_none(origin_ns, item.health_ns),
        ok_s=since_s_or_none(origin_ns, item.ok_ns),
        ended_s=since_s_or_none(origin_ns, item.ended_ns),
        subscribed_ssrcs=tuple(item.ssrcs),
    )
