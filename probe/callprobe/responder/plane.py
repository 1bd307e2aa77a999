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
from callprobe.dialect.registry import UnknownDialectError, find
from callprobe.media.answerer import Answerer
from callprobe.media.flow import Address
from callprobe.media.session import (
    FlowGrant,
    FlowRequest,
    SessionGrant,
    SessionRecord,
    SessionRequest,
    down_seed,
)
from callprobe.responder.limits import Account, Limits
from callprobe.responder.networks import NetworkTable

OPEN: Final = "open"
GRID_NS: Final = 20_000_000


class RefusedError(Exception):
    """The responder does not grant this; the text is one sentence for the asker."""


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
    is_open_echo: bool = False
    nonce: bytes = b""
    queued_ns: int | None = None
    """The one deadline that stands in the queue for this flow; older entries are stale."""


@dataclass
class _Session:
    session_id: str
    start_ns: int
    end_ns: int
    flows: list[_Flow] = field(default_factory=list)
    idents: list[bytes] = field(default_factory=list)
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
        grants = [self._grant(session, wanted) for wanted in request.flows]
        self._sessions[session.session_id] = session
        return SessionGrant(
            session_id=session.session_id,
            responder_id=self._identity.responder_id,
            responder_network=self._identity.network,
            responder_kind=self._identity.kind,
            base_port=self._base_port,
            ports=self.ports,
            max_media_duration_s=self.limits.max_media_duration_s,
            flows=tuple(grants),
        )

    def record(self, session_id: str) -> SessionRecord | None:
        """Return what was seen of a session so far, or None when there is none of that name."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        source = next((flow.source for flow in session.flows if flow.source is not None), None)
        network = self._networks.find(source[0] if source else None)
        return SessionRecord(
            session_id=session_id,
            kernel_timestamps=self._kernel_timestamps,
            network_asn=network.asn,
            network_cc=network.country,
            network_name=network.name,
            ip_version="ipv6" if source and ":" in source[0] else "ipv4",
            flows=tuple(flow.answerer.view() for flow in session.flows),
        )

    def begin_media(self, session_id: str, at_ns: int) -> bool:
        """Begin the far end's media of every bound flow at ``at_ns``, all on one grid; False = no such session."""
        session = self._sessions.get(session_id)
        if session is None:
            return False
        bound = [flow for flow in session.flows if flow.source is not None and flow.answerer.schedule]
        for place, flow in enumerate(bound):
            flow.answerer.begin_media(at_ns + place * GRID_NS // len(bound))
            self._queue(flow)
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
        for ident in session.idents:
            self._by_ident.pop(ident, None)
        for flow in session.flows:
            if flow.source is not None:
                self._by_source.pop((flow.port, flow.source), None)
        return True

    def expire(self, now_ns: int) -> None:
        """Forget sessions whose lifetime is over."""
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
            for sequence, data in flow.answerer.on_time(now_ns):
                allowed = self._allowed(flow, (data,))
                if allowed:
                    flow.answerer.sent(sequence, now_ns)
                    out += allowed
            self._queue(flow)
        return out

    def on_datagram(
        self, port: int, now_ns: int, kernel_ns: int, source: Address, data: bytes
    ) -> list[Outgoing]:
        """Take one arrival at ``port``; what belongs to no session is dropped without an answer."""
        flow = self._by_source.get((port, source))
        if flow is None:
            flow = self._bind(port, source, data)
            if flow is None:
                return []
        flow.account.received(len(data))
        if flow.is_open_echo:
            return self._open_echo(flow, data)
        utc_ms = (now_ns + self._utc_offset_ns) // 1_000_000
        had_deadline = flow.answerer.next_deadline()
        answers = flow.answerer.on_datagram(now_ns, kernel_ns, source, utc_ms, data)
        out = self._allowed(flow, answers)
        if out:
            flow.answerer.answered(len(out))
        if flow.answerer.next_deadline() != had_deadline:
            self._queue(flow)
        return out

    # --- inner ----------------------------------------------------------------------------------------

    def _check(self, request: SessionRequest) -> None:
        limits = self.limits
        if len(self._sessions) >= limits.max_sessions:
            raise RefusedError("the responder is busy: too many sessions; try again in a few minutes")
        if len(request.flows) > limits.max_flows:
            raise RefusedError(f"too many flows: at most {limits.max_flows} in one session")
        durations = [wanted.media_duration_s for wanted in request.flows]
        if not all(
            0 <= duration_s <= limits.max_media_duration_s
            for duration_s in [*durations, request.whip_media_duration_s or 0.0]
        ):
            raise RefusedError(f"media_duration_s must be within 0 and {limits.max_media_duration_s:g}")
        for wanted in request.flows:
            try:
                find(wanted.dialect)
            except UnknownDialectError as error:
                raise RefusedError(str(error)) from error

    def _grant(self, session: _Session, wanted: FlowRequest) -> FlowGrant:
        dialect = find(wanted.dialect)
        keys = FlowKeys(self._entropy(32))
        schedule = (
            ()
            if wanted.dialect == OPEN
            else dialect.schedule(wanted.medium, wanted.media_duration_s, down_seed(wanted.schedule_seed))
        )
        if len(schedule) > self.limits.max_schedule_packets:
            raise RefusedError(f"too many packets: at most {self.limits.max_schedule_packets} per flow")
        answerer = Answerer(len(session.flows), dialect, keys, schedule, start_ns=session.start_ns)
        flow = _Flow(answerer, session, is_open_echo=wanted.dialect == OPEN)
        session.flows.append(flow)
        for ident in dialect.idents(keys):
            self._by_ident[ident] = flow
            session.idents.append(ident)
        self._looks[dialect.name] = dialect
        return FlowGrant(flow_id=flow.answerer.flow_id, key=keys.key)

    def _bind(self, port: int, source: Address, data: bytes) -> _Flow | None:
        for dialect in self._looks.values():
            ident = dialect.ident_of(data)
            flow = self._by_ident.get(ident) if ident is not None else None
            if flow is not None and flow.answerer.dialect is dialect:
                self._rebind(flow, port, source)
                return flow
        return None

    def _rebind(self, flow: _Flow, port: int, source: Address) -> None:
        """Bind a flow to the source of its newest first packet: a NAT may have changed the mapping."""
        if flow.source is not None:
            self._by_source.pop((flow.port, flow.source), None)
            flow.account = Account()
        flow.source, flow.port = source, port
        self._by_source[port, source] = flow

    def _open_echo(self, flow: _Flow, data: bytes) -> list[Outgoing]:
        source = flow.source
        if source is None:
            return []
        if flow.nonce and open_echo.is_proof(flow.answerer.keys, flow.nonce, data):
            flow.session.proved_hosts.add(source[0])
            return []
        if open_echo.OPEN.ident_of(data) is None:
            return []
        flow.nonce = flow.nonce or self._entropy(open_echo.NONCE_BYTES)
        return self._allowed(flow, [open_echo.answer(flow.answerer.keys, flow.nonce, data)])

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
