"""The event loop that aiortc runs on: every datagram passes a transport of ours.

aiortc and aioice open their sockets by the loop's public ``create_datagram_endpoint``; overriding it is
enough to stamp arrivals with the kernel's clock, to watch each packet below SRTP, queues and replay checks,
and to keep all of them behind the local guard. What endpoints opened by some code are like is set around it
with ``endpoint_settings``; tasks started inside inherit it.

Where the kernel gives no stamps (other systems than Linux) arrivals carry the time at which the process read
them, and ``StampedTransport.kernel_timestamps`` says so.
"""

import asyncio
import contextlib
import errno
import functools
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

from callprobe.media.flow import Address
from callprobe.net import clock, udp
from callprobe.net.contract import NetError
from callprobe.net.failures import failure_of
from callprobe.net.guard import Guard
from callprobe.net.precise import PreciseSelector
from callresults.failure import Failure

Direction = Literal["in", "out"]
ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)

DISCARD_PORT: Final = 9
READS_PER_WAKEUP: Final = 64
ANY_HOST: Final = "0.0.0.0"  # noqa: S104 - an endpoint asked for without an address, as asyncio opens it
UNROUTABLE: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("0.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "::/128", "2001:db8::/32")
)
"""Unspecified and documentation addresses (RFC 1122, 5737, 3849): placeholders, never sent to."""


class Tap(Protocol):
    """Watches the datagrams of an endpoint."""

    def on_packet(self, direction: Direction, at_ns: int, data: bytes, peer: Address) -> None:
        """Take one datagram: the kernel's arrival stamp or the time of the send call, monotonic ns."""
        ...


EndpointFactory = Callable[
    [Callable[[], asyncio.BaseProtocol]], tuple[asyncio.DatagramTransport, asyncio.BaseProtocol]
]
"""Makes an endpoint that needs no socket of its own: protocol factory in, (transport, protocol) out."""


class EndpointSettings(NamedTuple):
    """What the endpoints opened within ``endpoint_settings`` are like."""

    tap: Tap | None = None
    hosts: frozenset[str] | None = None
    """The only hosts (textual addresses) to send to and to hear; None = any that the guard allows."""
    factory: EndpointFactory | None = None
    """Replaces sockets altogether."""
    interface: str | None = None
    """The only network interface to use (Linux)."""


class _Scope(NamedTuple):
    settings: EndpointSettings
    opened: list["StampedTransport"]


_scope: ContextVar[_Scope | None] = ContextVar("endpoint_settings", default=None)


@contextlib.contextmanager
def endpoint_settings(settings: EndpointSettings) -> Iterator[list["StampedTransport"]]:
    """Apply ``settings`` to every endpoint opened inside the block, also by tasks started in it.

    Yields the list of transports opened so far; it goes on growing.
    """
    opened: list[StampedTransport] = []
    token = _scope.set(_Scope(settings, opened))
    try:
        yield opened
    finally:
        _scope.reset(token)


@functools.lru_cache(maxsize=256)
def is_placeholder(host: str) -> bool:
    """Whether ``host`` (textual address) stands for nobody."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return any(address in net for net in UNROUTABLE if net.version == address.version)


def local_address_towards(host: str) -> str:
    """Return the own address that packets to ``host`` (textual address) would carry; nothing is sent.

    Raises NetError.
    """
    Guard.from_environ(os.environ).check(host)
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((host, DISCARD_PORT))
            return str(asking.getsockname()[0])
    except OSError as error:
        raise NetError(failure_of(error)) from None


class StampedTransport(asyncio.DatagramTransport):
    """A UDP socket whose arrivals are stamped by the kernel and whose packets are shown to a tap.

    Nothing is queued: a datagram that the kernel does not take at once is a local loss, not a late packet.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol: asyncio.DatagramProtocol,
        *,
        guard: Guard,
        settings: EndpointSettings,
        remote: Address | None,
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()[:2], "peername": remote})
        self.kernel_timestamps = udp.has_kernel_timestamps(sock)
        """Whether arrivals carry the kernel's stamp."""
        self.send_errors = 0
        """Datagrams that the own machine did not take."""
        self.withheld = 0
        """Datagrams towards a placeholder, a foreign host or one that the guard refuses; never sent."""
        self._loop = loop
        self._sock = sock
        self._protocol = protocol
        self._guard = guard
        self._settings = settings
        self._remote = remote
        self._stamps = clock.StampClock(clock.read_clocks())
        self._local_drops = 0
        self._closing = False

    @property
    def local_drops(self) -> int:
        """Arrivals that the own socket buffer had no room for."""
        return self._local_drops if self._closing else udp.dropped_packets(self._sock)

    def start(self) -> None:
        """Tell the protocol and begin to read."""
        self._protocol.connection_made(self)
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send one datagram now, or count why not. Raises ValueError for an ``addr`` not the remote."""
        peer = (addr[0], addr[1]) if addr is not None else self._remote
        if peer is None or self._remote not in {None, peer}:
            raise ValueError(
                "an endpoint with a remote address sends there only, one without needs an address"
            )
        if self._closing:
            return
        if not self._permits(peer[0]):
            self.withheld += 1
            return
        sent_ns = clock.now_ns()
        try:
            udp.send_datagram(self._sock, peer, bytes(data))
        except OSError as error:
            self.send_errors += 1
            self._protocol.error_received(error)
            return
        self._show("out", sent_ns, bytes(data), peer)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Stop reading at once; the protocol learns of it in the next turn of the loop."""
        if not self._closing:
            self._local_drops = self.local_drops
            self._closing = True
            self._loop.remove_reader(self._sock.fileno())
            self._loop.call_soon(self._release)

    def abort(self) -> None:
        self.close()

    def _release(self) -> None:
        self._sock.close()
        self._protocol.connection_lost(None)

    def _permits(self, host: str) -> bool:
        hosts = self._settings.hosts
        return not is_placeholder(host) and (hosts is None or host in hosts) and self._guard.allows(host)

    def _hears(self, peer: Address) -> bool:
        hosts = self._settings.hosts
        return self._remote in {None, peer} and (hosts is None or peer[0] in hosts)

    def _on_readable(self) -> None:
        arrivals = udp.receive_batch(self._sock, READS_PER_WAKEUP)
        self._stamps.update(clock.read_clocks())
        for arrival in arrivals:
            if self._closing:
                return
            if self._hears(arrival.peer):
                self._show("in", self._arrival_ns(arrival), arrival.data, arrival.peer)
                self._protocol.datagram_received(arrival.data, arrival.peer)

    def _arrival_ns(self, arrival: udp.Arrival) -> int:
        if arrival.kernel_realtime_ns is None:
            return clock.now_ns()
        return self._stamps.monotonic_ns(arrival.kernel_realtime_ns)

    def _show(self, direction: Direction, at_ns: int, data: bytes, peer: Address) -> None:
        if self._settings.tap is not None:
            self._settings.tap.on_packet(direction, at_ns, data, peer)


class StampedLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with ``StampedTransport`` for datagrams and the local guard before every connection.

    Its timers are not rounded up to milliseconds, which is what schedules of media need.

    Use it as ``asyncio.Runner(loop_factory=StampedLoop)``.
    """

    def __init__(self) -> None:
        self._guard = Guard.from_environ(os.environ)  # first: it may refuse, and a loop must then not be open
        super().__init__(PreciseSelector())

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], ProtocolT],
        local_addr: tuple[str, int] | None = None,
        remote_addr: tuple[str, int] | None = None,
        **options: object,
    ) -> tuple[asyncio.DatagramTransport, ProtocolT]:
        """Open an endpoint as the surrounding ``endpoint_settings`` say.

        Hosts are textual addresses. Other options of asyncio's method (multicast, shared or ready-made
        sockets) are refused with ValueError: they would lead around the tap and the guard. Raises OSError and
        NetError.
        """
        if any(options.values()):
            raise ValueError(f"not supported on this loop: {', '.join(sorted(options))}")
        settings, opened = _scope.get() or _Scope(EndpointSettings(), [])
        if settings.factory is not None:
            return settings.factory(protocol_factory)  # type: ignore[return-value]
        host, port = local_addr or (local_address_towards(remote_addr[0]) if remote_addr else ANY_HOST, 0)
        protocol = protocol_factory()
        transport = StampedTransport(
            self,
            udp.open_udp_socket(host, port, interface=settings.interface),
            protocol,  # type: ignore[arg-type]
            guard=self._guard,
            settings=settings,
            remote=remote_addr,
        )
        transport.start()
        opened.append(transport)
        return transport, protocol

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect, unless the local guard refuses. Raises OSError."""
        if sock.family in {socket.AF_INET, socket.AF_INET6} and not self._guard.allows(address[0]):
            raise PermissionError(errno.EPERM, str(Failure.NOT_ALLOWED_BY_LOCAL_GUARD))
        await super().sock_connect(sock, address)
