"""An in-memory network on a virtual clock: probe and responder run on it unchanged.

One client host, one censor on its path, any number of servers. Nothing leaves the process and nothing waits:
the clock jumps from event to event. UDP goes through the censor packet by packet; a TCP segment that is lost
is retransmitted after 1, 2, 4 … seconds, as a kernel would.
"""

import heapq
import random
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

import httpx

from callprobe.censor.core import Censor, FlowTuple, Way
from callprobe.media.flow import Address, FlowMachine
from callprobe.net.contract import NetError, Stream
from callprobe.net.tls import start_tls
from callprobe.responder.plane import Outgoing, ResponderPlane
from callresults.failure import Failure

UDP_OVERHEAD: Final = 28
TCP_OVERHEAD: Final = 40
SEGMENT_BYTES: Final = 1400
TCP_RETRIES: Final = 5
FIRST_EPHEMERAL_PORT: Final = 32768


class Path(NamedTuple):
    """An innocent line between the client and everything else, the same for all flows."""

    delay_ns: int
    """One way."""
    jitter_ns: int
    """Half-width of a uniform extra delay; packets of one direction keep their order."""
    loss_ratio: float


class TcpService(Protocol):
    """One accepted connection at a virtual server: bytes in, bytes out."""

    def receive(self, data: bytes) -> bytes:
        """Return the reply to ``data``, possibly empty."""
        ...


class UdpService(Protocol):
    """A virtual server that answers single datagrams."""

    def answer(self, source: Address, data: bytes) -> bytes | None:
        """Return the answer, or None for silence."""
        ...


@dataclass
class World:
    """Everything beyond the client: clock, censor, line, servers."""

    censor: Censor
    path: Path
    utc_start: datetime
    rng: random.Random
    client_host: str
    responder_host: str | None = None
    plane: ResponderPlane | None = None
    app: Callable[..., Coroutine[None, None, None]] | None = None
    """The responder's ASGI application."""
    names: dict[str, str] = field(default_factory=dict)
    """Host names and their addresses."""
    tcp: dict[Address, Callable[[], TcpService]] = field(default_factory=dict)
    udp: dict[Address, UdpService] = field(default_factory=dict)
    authority: ssl.SSLContext | None = None
    """Client context that trusts the virtual servers' authority."""
    now_ns: int = 0
    packets: int = 0
    """Packets that entered the path, both directions."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Packets that the censor dropped, by rule."""
    _last_arrival_ns: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    def cross(self, direction: Way, flow: FlowTuple, payload: bytes, size: int) -> tuple[int, ...]:
        """Return the arrival times of a packet that enters the path now; empty = lost."""
        self.packets += 1
        decision = self.censor.decide(self.now_ns, direction, flow, payload, size)
        if not decision.release_ns:
            if decision.rule_id is not None:
                self.dropped[decision.rule_id] += 1
            return ()
        draw = self.rng.random
        delay_ns, jitter_ns, loss_ratio = self.path
        if draw() < loss_ratio:
            return ()
        arrivals = []
        for release_ns in decision.release_ns:
            arrival_ns = release_ns + delay_ns + int(draw() * jitter_ns)
            if release_ns == self.now_ns:  # the line keeps the order of what the censor did not hold
                arrival_ns = max(arrival_ns, self._last_arrival_ns[direction])
                self._last_arrival_ns[direction] = arrival_ns
            arrivals.append(arrival_ns)
        return tuple(arrivals)


class VirtualNet:
    """``callprobe.net.contract.Net`` on a ``World``."""

    virtual = True

    def __init__(self, world: World) -> None:
        """Stand at the client's end of ``world``."""
        self._world = world
        self._next_port = FIRST_EPHEMERAL_PORT + world.rng.randrange(20_000)

    def now_ns(self) -> int:
        return self._world.now_ns

    def utc_now(self) -> datetime:
        return self._world.utc_start + timedelta(microseconds=self._world.now_ns // 1000)

    async def sleep_until(self, when_ns: int) -> None:
        self._world.now_ns = max(self._world.now_ns, when_ns)

    def own_address(self, host: str) -> str | None:
        """Return None: the client's address here is nobody's."""
        del host
        return None

    async def resolve(self, host: str, deadline_ns: int) -> list[str]:
        del deadline_ns
        self._world.now_ns += 2 * self._world.path.delay_ns
        address = self._world.names.get(host)
        if address is None:
            raise NetError(Failure.DNS_NXDOMAIN)
        return [address]

    async def open_stream(self, host: str, port: int, deadline_ns: int) -> Stream:
        flow = FlowTuple("tcp", (self._world.client_host, self._port()), (host, port))
        stream = VirtualStream(self._world, flow)
        await stream.connect(deadline_ns)
        return stream

    async def start_tls(self, stream: Stream, server_name: str, deadline_ns: int) -> Stream:
        context = self._world.authority or ssl.create_default_context()
        return await start_tls(stream, context, server_name, deadline_ns)

    async def open_flows(self, machines: Sequence[FlowMachine]) -> "VirtualFlows":
        sources = [(self._world.client_host, self._port()) for _ in machines]
        return VirtualFlows(self._world, machines, sources)

    def http(self) -> httpx.AsyncBaseTransport:
        if self._world.app is None:
            raise NetError(Failure.SESSION_UNREACHABLE)
        return httpx.ASGITransport(app=self._world.app)

    def _port(self) -> int:
        self._next_port += 1 + self._world.rng.randrange(3)
        return self._next_port


_TO_CLIENT: Final = 0
_TO_SERVER: Final = 1
_FLOW_TIMER: Final = 2
_PLANE_TIMER: Final = 3


class VirtualFlows:
    """``FlowGroup``: one event queue for all machines, the responder's plane and the packets between."""

    kernel_timestamps = True

    def __init__(self, world: World, machines: Sequence[FlowMachine], sources: list[Address]) -> None:
        """Put ``machines`` on the path, each with its own source address."""
        self._world = world
        self._machines = machines
        self._sources = sources
        self._index = {source: index for index, source in enumerate(sources)}
        self._events: list[tuple[int, int, int, int, Address, bytes]] = []
        self._order = 0
        self._timer: list[int | None] = [None] * len(machines)
        self._plane_timer: int | None = None
        self._tuples: dict[tuple[int, Address], FlowTuple] = {}

    def local_drops(self, index: int) -> int:
        """Nothing is ever dropped locally in memory."""
        del index
        return 0

    def send_lateness_ns(self, index: int) -> list[int]:
        """Virtual sends are never late."""
        del index
        return []

    async def run(self, until_ns: int) -> None:
        for index in range(len(self._machines)):
            self._arm(index)
        self._arm_plane()
        world, events, machines = self._world, self._events, self._machines
        while events and events[0][0] <= until_ns:
            due, _, kind, index, peer, data = heapq.heappop(events)
            world.now_ns = max(world.now_ns, due)
            if kind == _TO_CLIENT:
                self._to_client(index, peer, data)
            elif kind == _TO_SERVER:
                self._to_server(index, peer, data)
            elif kind == _FLOW_TIMER:
                self._flow_timer(index, due)
            else:
                self._on_plane_timer(due)
            if machines[index].finished and all(machine.finished for machine in machines):
                return
        world.now_ns = max(world.now_ns, until_ns)

    async def close(self) -> None:
        self._events.clear()

    def _push(self, due: int, kind: int, index: int, peer: Address, data: bytes) -> None:
        self._order += 1
        heapq.heappush(self._events, (due, self._order, kind, index, peer, data))

    def _arm(self, index: int) -> None:
        due = self._machines[index].next_deadline()
        if due is not None and due != self._timer[index]:
            self._timer[index] = due
            self._push(due, _FLOW_TIMER, index, ("", 0), b"")

    def _arm_plane(self) -> None:
        plane = self._world.plane
        due = plane.next_deadline() if plane else None
        if due is not None and due != self._plane_timer:
            self._plane_timer = due
            self._push(due, _PLANE_TIMER, 0, ("", 0), b"")

    def _flow_timer(self, index: int, due: int) -> None:
        if due != self._timer[index]:
            return
        self._timer[index] = None
        for datagram in self._machines[index].on_time(self._world.now_ns):
            self._up(index, datagram.peer, datagram.data)
        self._arm(index)

    def _on_plane_timer(self, due: int) -> None:
        if due != self._plane_timer or self._world.plane is None:
            return
        self._plane_timer = None
        self._down(self._world.plane.on_time(self._world.now_ns))
        self._arm_plane()

    def _tuple(self, index: int, peer: Address) -> FlowTuple:
        flow = self._tuples.get((index, peer))
        if flow is None:
            flow = self._tuples[index, peer] = FlowTuple("udp", self._sources[index], peer)
        return flow

    def _up(self, index: int, peer: Address, data: bytes) -> None:
        flow = self._tuple(index, peer)
        for arrival in self._world.cross("up", flow, data, len(data) + UDP_OVERHEAD):
            self._push(arrival, _TO_SERVER, index, peer, data)

    def _down(self, outgoing: Sequence[Outgoing]) -> None:
        host = self._world.responder_host or ""
        for port, peer, data in outgoing:
            index = self._index.get(peer)
            if index is not None:
                self._back(index, (host, port), data)

    def _back(self, index: int, server: Address, data: bytes) -> None:
        flow = self._tuple(index, server)
        for arrival in self._world.cross("down", flow, data, len(data) + UDP_OVERHEAD):
            self._push(arrival, _TO_CLIENT, index, server, data)

    def _to_server(self, index: int, peer: Address, data: bytes) -> None:
        world = self._world
        if world.plane is not None and peer[0] == world.responder_host:
            now = world.now_ns
            self._down(world.plane.on_datagram(peer[1], now, now, self._sources[index], data))
            self._arm_plane()
            return
        service = world.udp.get(peer)
        answer = service.answer(self._sources[index], data) if service else None
        if answer is not None:
            self._back(index, peer, answer)

    def _to_client(self, index: int, peer: Address, data: bytes) -> None:
        now = self._world.now_ns
        for datagram in self._machines[index].on_datagram(now, now, peer, data):
            self._up(index, datagram.peer, datagram.data)
        self._arm(index)


class VirtualStream:
    """A TCP connection over the virtual path."""

    def __init__(self, world: World, flow: FlowTuple) -> None:
        """Prepare a connection of ``flow``; nothing is sent before ``connect``."""
        self._world = world
        self._flow = flow
        self._service: TcpService | None = None
        self._inbox: list[tuple[int, bytes]] = []

    async def connect(self, deadline_ns: int) -> None:
        """Do the three-way handshake. Raises NetError."""
        there = self._deliver("up", b"", deadline_ns)
        factory = self._world.tcp.get(self._flow.server)
        self._world.now_ns = self._deliver("down", b"", deadline_ns, start_ns=there)
        if factory is None:
            raise NetError(Failure.CONNECTION_REFUSED)
        self._service = factory()

    async def send(self, data: bytes, deadline_ns: int) -> None:
        if self._service is None:
            raise NetError(Failure.CONNECTION_RESET)
        arrived = self._stalled_or(lambda: self._deliver_all("up", data, deadline_ns, self._world.now_ns))
        if arrived is None:
            return
        reply = self._service.receive(data)
        if not reply:
            return
        back = self._stalled_or(lambda: self._deliver_all("down", reply, deadline_ns, arrived))
        if back is not None:
            self._inbox.append((back, reply))

    async def receive(self, max_bytes: int, deadline_ns: int) -> bytes:
        if not self._inbox or self._inbox[0][0] > deadline_ns:
            self._world.now_ns = max(self._world.now_ns, deadline_ns)
            raise NetError(Failure.GENERIC_TIMEOUT)
        due, data = self._inbox.pop(0)
        self._world.now_ns = max(self._world.now_ns, due)
        if len(data) > max_bytes:
            self._inbox.insert(0, (due, data[max_bytes:]))
        return data[:max_bytes]

    async def close(self) -> None:
        self._service = None

    @staticmethod
    def _stalled_or(deliver: Callable[[], int]) -> int | None:
        try:
            return deliver()
        except NetError:
            return None  # a stalled segment shows when the reader's deadline passes, as on a real host

    def _deliver_all(self, direction: Way, data: bytes, deadline_ns: int, start_ns: int) -> int:
        pieces = [data[at : at + SEGMENT_BYTES] for at in range(0, len(data), SEGMENT_BYTES)] or [b""]
        return max(self._deliver(direction, piece, deadline_ns, start_ns=start_ns) for piece in pieces)

    def _deliver(
        self, direction: Way, payload: bytes, deadline_ns: int, *, start_ns: int | None = None
    ) -> int:
        """Return when the segment arrives, retransmissions included. Raises NetError when it does not."""
        world = self._world
        kept = world.now_ns
        at = kept if start_ns is None else start_ns
        try:
            for attempt in range(TCP_RETRIES):
                world.now_ns = at
                arrivals = world.cross(direction, self._flow, payload, len(payload) + TCP_OVERHEAD)
                if arrivals and arrivals[0] <= deadline_ns:
                    return arrivals[0]
                at += (1 << attempt) * 1_000_000_000
                if at > deadline_ns:
                    break
        finally:
            world.now_ns = kept
        if payload == b"":
            world.now_ns = max(kept, deadline_ns)
        raise NetError(Failure.GENERIC_TIMEOUT)


def utc(text: str) -> datetime:
    """Return an aware UTC time of ``YYYY-mm-ddTHH:MM`` text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
