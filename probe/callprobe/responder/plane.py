"""The responder's media plane: sessions, who may be answered, and which flow a datagram belongs to.

Pure: time, entropy and datagrams come in, datagrams go out. The same object stands behind real sockets and in
the lab's virtual network. Addresses are kept in memory while a session lives, and nowhere else.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from callprobe.dialect import open_echo
from callprobe.dialect.contract import Dialect, FlowKeys
from callprobe.dialect.registry import UnknownDialectError, find, split_replay
from callprobe.dialect.replay_look import for_flow
from callprobe.dialect.trace import Trace
from callprobe.media.answerer import Answerer
from callprobe.media.flow import Address
from callprobe.media.session import (
    FlowGrant,
    FlowRequest,
    SessionGrant,
    SessionRecord,
    SessionRequest,
    TraceOffer,
    schedules_of,
)
from callprobe.responder.limits import Account, BusyError, Limits, RefusedError
from callprobe.responder.networks import NetworkTable
from callprobe.responder.replays import Replays, is_replay
from callprobe.responder.traces import TraceShelf

OPEN: Final = "open"
GRID_NS: Final = 20_000_000
MAX_MOVES: Final = 8
"""How often a flow that has proved nothing may change its source address."""


class Identity(NamedTuple):
    """What a responder says of itself; names, never an address."""

    responder_id: str
    network: str
    kind: str


class Outgoing(NamedTuple):
    """One datagram to send from one of the responder's ports."""

    port: int
    peer: Address
    data: bytes


@dataclass
class _Flow:
    answerer: Answerer
    session: "_Session"
    account: Account = field(default_factory=Account)
    source: Address | None = None
    port: int = 0
    moves: int = 0
    is_open_echo: bool = False
    nonce: bytes = b""
    own_port: int | None = None
    """Where a replay is known by its packets; None for flows that carry a token."""
    queued_ns: int | None = None
    """The one deadline that stands in the queue for this flow; older entries are stale."""


@dataclass
class _Session:
    session_id: str
    start_ns: int
    end_ns: int
    flows: list[_Flow] = field(default_factory=list)
    proved_hosts: set[str] = field(default_factory=set)
    whip_media_duration_s: float | None = None


class ResponderPlane:
    """All sessions of one responder."""

    def __init__(
        self,
        identity: Identity,
        *,
        base_port: int | None,
        ports: tuple[int, ...],
        entropy: Callable[[int], bytes],
        utc_offset_ns: int,
        limits: Limits | None = None,
        networks: NetworkTable | None = None,
        kernel_timestamps: bool = True,
    ) -> None:
        """Make an empty plane.

        ``utc_offset_ns`` added to the driver's monotonic clock gives UTC; ``entropy(n)`` returns n
        unpredictable bytes (seeded in the lab).
        """
        self.limits = limits or Limits()
        self.ports = ports
        self.wake: Callable[[], None] = lambda: None
        """Told when the next deadline may have become earlier without a call of the driver's."""
        self._identity = identity
        self._base_port = base_port
        self._entropy = entropy
        self._utc_offset_ns = utc_offset_ns
        self._networks = networks or NetworkTable(())
        self._kernel_timestamps = kernel_timestamps
        self._sessions: dict[str, _Session] = {}
        self._by_ident: dict[bytes, _Flow] = {}
        self._by_source: dict[tuple[int, Address], _Flow] = {}
        self._looks: dict[str, Dialect] = {}
        self._traces = TraceShelf(self.limits)
        self._replays: Replays[_Flow] = Replays(ports, self.limits.max_replayed_packets)
        self._due: list[tuple[int, int, _Flow]] = []
        self._order = 0

    # --- sessions -------------------------------------------------------------------------------------

    def open_session(self, request: SessionRequest, now_ns: int) -> SessionGrant:
        """Grant a session. Raises RefusedError."""
        self.expire(now_ns)
        self._check(request)
        session = _Session(
            session_id=self._entropy(16).hex(),
            start_ns=now_ns,
            end_ns=now_ns + int(self.limits.session_lifetime_s * 1e9),
            whip_media_duration_s=request.whip_media_duration_s,
        )
        session.flows = self._make_flows(session, request.flows)
        try:
            for flow in session.flows:
                self._register(flow)
        except RefusedError:
            self._forget(session.flows)
            raise
        self._sessions[session.session_id] = session
        return SessionGrant(
            session_id=session.session_id,
            responder_id=self._identity.responder_id,
            responder_network=self._identity.network,
            responder_kind=self._identity.kind,
            base_port=self._base_port,
            ports=self.ports,
            max_media_duration_s=self.limits.max_media_duration_s,
            flows=tuple(
                FlowGrant(flow_id=flow.answerer.flow_id, key=flow.answerer.keys.key, port=flow.own_port)
                for flow in session.flows
            ),
        )

    def record(self, session_id: str) -> SessionRecord | None:
        """Return what was seen of a session so far, or None when there is none of that name."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        source = _source_of(session)
        network = self._networks.find(source[0] if source else None)
        return SessionRecord(
            session_id=session_id,
            kernel_timestamps=self._kernel_timestamps,
            network_asn=network.asn,
            network_cc=network.country,
            network_name=network.name,
            ip_version="ipv6" if source and ":" in source[0] else "ipv4",
            proved=bool(session.proved_hosts),
            flows=tuple(flow.answerer.view() for flow in session.flows),
        )

    def begin_media(self, session_id: str, at_ns: int) -> bool:
        """Begin the media of every bound flow at ``at_ns``, all on one grid; False = no such session."""
        session = self._sessions.get(session_id)
        if session is None:
            return False
        bound = [flow for flow in session.flows if flow.source is not None and flow.answerer.schedule]
        for place, flow in enumerate(bound):
            flow.answerer.begin_media(at_ns + place * GRID_NS // len(bound))
            self._queue(flow)
        self.wake()
        return True

    def whip_media_duration_s(self, session_id: str) -> float | None:
        """Return how long the WebRTC call of a session may last; None when it asked for none."""
        session = self._sessions.get(session_id)
        return None if session is None else session.whip_media_duration_s

    def close_session(self, session_id: str) -> bool:
        """Forget a session; False when there is none of that name."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return False
        self._forget(session.flows)
        return True

    def trace_offer(self) -> TraceOffer | None:
        """Return what traces are taken, None when none are."""
        return self._traces.offer

    def has_trace(self, digest: str, now_ns: int) -> bool:
        """Say whether a trace is here, and keep it for another lifetime if so."""
        self.expire(now_ns)
        return self._traces.find(digest, now_ns) is not None

    def lay_trace(self, trace: Trace, now_ns: int) -> None:
        """Keep a trace for the sessions that replay it. Raises RefusedError."""
        self.expire(now_ns)
        self._traces.lay(trace, now_ns, in_use=self._replays.digests())

    def expire(self, now_ns: int) -> None:
        """Forget sessions and traces whose lifetime is over."""
        self._traces.expire(now_ns)
        for session_id in [name for name, session in self._sessions.items() if now_ns >= session.end_ns]:
            self.close_session(session_id)

    # --- datagrams ------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """Return when a flow's next media packet is due, or None."""
        return self._due[0][0] if self._due else None

    def on_time(self, now_ns: int) -> list[Outgoing]:
        """Return the media that are due in any session."""
        out: list[Outgoing] = []
        while self._due and self._due[0][0] <= now_ns:
            due_ns, _, flow = heapq.heappop(self._due)
            if due_ns != flow.queued_ns or flow.session.session_id not in self._sessions:
                continue
            flow.queued_ns = None
            out += self._media(flow, now_ns)
            self._queue(flow)
        return out

    def on_datagram(
        self, port: int, now_ns: int, kernel_ns: int, source: Address, data: bytes
    ) -> list[Outgoing]:
        """Take one arrival at ``port``; what belongs to no session is dropped without an answer."""
        flow = self._by_source.get((port, source))
        if flow is not None:
            out = self._take(flow, now_ns, kernel_ns, data)
            if out is not None:
                return out
        other = self._flow_of(data) or self._replays.flow_of(port, data)
        if other is None or other is flow or not _may_move(other, source[0]):
            return []
        self._bind(other, port, source)
        return self._take(other, now_ns, kernel_ns, data) or []

    # --- inner ----------------------------------------------------------------------------------------

    def _check(self, request: SessionRequest) -> None:
        limits = self.limits
        if len(self._sessions) >= limits.max_sessions:
            raise BusyError("the responder is busy: too many sessions; try again in a few minutes")
        if len(request.flows) > limits.max_flows:
            raise RefusedError(f"too many flows: at most {limits.max_flows} in one session")
        durations = [wanted.media_duration_s for wanted in request.flows]
        if not all(
            0 <= duration_s <= limits.max_media_duration_s
            for duration_s in [*durations, request.whip_media_duration_s or 0.0]
        ):
            raise RefusedError(f"media_duration_s must be within 0 and {limits.max_media_duration_s:g}")
        for wanted in request.flows:
            self._find(wanted.dialect)

    def _find(self, name: str) -> Dialect:
        """Return a registered look, or one made of a trace that is here. Raises RefusedError."""
        replay = split_replay(name)
        if replay is not None:
            return self._traces.look(*replay)
        try:
            return find(name)
        except UnknownDialectError as error:
            raise RefusedError(str(error)) from error

    def _make_flows(self, session: _Session, wanted: tuple[FlowRequest, ...]) -> list[_Flow]:
        flows, packets = [], 0
        for number, request in enumerate(wanted):
            flows.append(self._make_flow(session, number, request))
            packets += len(flows[-1].answerer.schedule)
            if packets > self.limits.max_session_packets:
                raise RefusedError(
                    f"too many packets: at most {self.limits.max_session_packets} in one session"
                )
        return flows

    def _make_flow(self, session: _Session, number: int, wanted: FlowRequest) -> _Flow:
        keys = FlowKeys(self._entropy(32))
        dialect = for_flow(self._find(wanted.dialect), keys, hears="up")
        up, down = schedules_of(dialect, wanted)
        if max(len(up), len(down)) > self.limits.max_schedule_packets:
            raise RefusedError(f"too many packets: at most {self.limits.max_schedule_packets} per flow")
        answerer = Answerer(number, dialect, keys, down, schedule_up=up, start_ns=session.start_ns)
        return _Flow(answerer, session, is_open_echo=wanted.dialect == OPEN)

    def _register(self, flow: _Flow) -> None:
        """Make a flow known by what its packets carry. Raises BusyError."""
        if is_replay(flow):
            flow.own_port = self._replays.place(flow)
            return
        dialect = flow.answerer.dialect
        self._looks[dialect.name] = dialect
        for ident in dialect.idents(flow.answerer.keys):
            self._by_ident[ident] = flow

    def _forget(self, flows: Iterable[_Flow]) -> None:
        for flow in flows:
            for ident in flow.answerer.dialect.idents(flow.answerer.keys):
                if self._by_ident.get(ident) is flow:
                    del self._by_ident[ident]
            self._replays.remove(flow)
            self._unbind(flow)

    def _take(self, flow: _Flow, now_ns: int, kernel_ns: int, data: bytes) -> list[Outgoing] | None:
        """Let a bound flow have an arrival from its source; None when it is not the flow's."""
        if flow.is_open_echo:
            return self._open_echo(flow, data)
        answerer, source = flow.answerer, flow.source
        assert source is not None
        had_deadline = answerer.next_deadline()
        utc_ms = (now_ns + self._utc_offset_ns) // 1_000_000
        answers = answerer.on_datagram(now_ns, kernel_ns, source, utc_ms, data)
        if answers is None:
            return None
        flow.account.received(len(data))
        if had_deadline is None:
            self._queue(flow)
        if not answers:
            return []
        out = self._allowed(flow, answers)
        answerer.answered(len(out))
        return out

    def _flow_of(self, data: bytes) -> _Flow | None:
        """Return the flow that a datagram names, whatever source it comes from."""
        for dialect in self._looks.values():
            ident = dialect.ident_of(data)
            flow = self._by_ident.get(ident) if ident is not None else None
            if flow is not None and flow.answerer.dialect is dialect:
                return flow
        return None

    def _bind(self, flow: _Flow, port: int, source: Address) -> None:
        """Give a flow a new source, which has proved nothing: account and nonce begin anew."""
        previous = self._by_source.get((port, source))
        if previous is not None:
            self._unbind(previous)
        self._unbind(flow)
        flow.account = Account()
        flow.nonce = b""
        flow.moves += 1
        flow.source, flow.port = source, port
        self._by_source[port, source] = flow

    def _unbind(self, flow: _Flow) -> None:
        if flow.source is not None:
            self._by_source.pop((flow.port, flow.source), None)
            flow.source = None

    def _open_echo(self, flow: _Flow, data: bytes) -> list[Outgoing] | None:
        source, keys = flow.source, flow.answerer.keys
        assert source is not None
        if flow.nonce and open_echo.is_proof(keys, flow.nonce, data):
            flow.account.received(len(data))
            flow.session.proved_hosts.add(source[0])
            return []
        if open_echo.OPEN.ident_of(data) not in open_echo.OPEN.idents(keys):
            return None
        flow.account.received(len(data))
        flow.nonce = flow.nonce or self._entropy(open_echo.NONCE_BYTES)
        return self._allowed(flow, [open_echo.answer(keys, flow.nonce, data)])

    def _media(self, flow: _Flow, now_ns: int) -> list[Outgoing]:
        """Return those of a flow's due media that may leave; only they are recorded as sent.

        The bytes of a replay are whatever its asker chose, so no host that is not proved gets any.
        """
        due = flow.answerer.on_time(now_ns)
        source, port = flow.source, flow.port
        if source is None:
            return []
        proved = source[0] in flow.session.proved_hosts
        out: list[Outgoing] = []
        if is_replay(flow) and not proved:
            return out
        for sequence, data in due:
            if flow.account.try_send(len(data), proved=proved):
                flow.answerer.sent(sequence, now_ns)
                out.append(Outgoing(port, source, data))
        return out

    def _allowed(self, flow: _Flow, datagrams: Iterable[bytes]) -> list[Outgoing]:
        source = flow.source
        if source is None:
            return []
        proved = source[0] in flow.session.proved_hosts
        return [
            Outgoing(flow.port, source, data)
            for data in datagrams
            if flow.account.try_send(len(data), proved=proved)
        ]

    def _queue(self, flow: _Flow) -> None:
        due = flow.answerer.next_deadline()
        if due is not None and due != flow.queued_ns:
            flow.queued_ns = due
            self._order += 1
            heapq.heappush(self._due, (due, self._order, flow))


def _may_move(flow: _Flow, host: str) -> bool:
    """Say whether a flow may follow its newest packet to another source: a NAT may have changed the mapping.

    Who replays a first packet that it saw must not draw a flow away from a host that is proved.
    """
    if flow.source is not None and flow.source[0] in flow.session.proved_hosts:
        return host in flow.session.proved_hosts
    return flow.moves <= MAX_MOVES


def _source_of(session: _Session) -> Address | None:
    """Return the source of a session's flows, a proved one where there is one."""
    sources = [flow.source for flow in session.flows if flow.source is not None]
    return next(
        (source for source in sources if source[0] in session.proved_hosts), next(iter(sources), None)
    )
