"""The user-space relay: N consecutive ports of TCP and UDP, one to one, both directions through one censor.

Needs no root and no kernel feature. Port i of the relay is port i of the target, because a client computes
the target's other ports from the URL it was given. The censor sees the target's address as the server, so a
policy with ports or prefixes means the same here as in the other front-ends.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from callprobe.censor.core import Address, Censor
from callprobe.censor.policy import Policy
from callprobe.censor.truth import Row, TruthLog
from callprobe.lab.gate import Capture, Gate
from callprobe.lab.tcp_forward import TcpForward
from callprobe.lab.udp_forward import RCVBUF_BYTES, UdpForward
from callprobe.net.contract import NetError
from callprobe.net.guard import Guard
from callprobe.net.udp import open_udp_socket

SEARCHES: Final = 200
"""How many times a run of free ports is looked for."""
HIGHEST_PORT: Final = 65535


class RelayError(Exception):
    """The relay cannot start; the message is one sentence."""


class Relay:
    """A relay; also an async context manager."""

    def __init__(
        self,
        policy: Policy,
        *,
        to: Address,
        listen: Address = ("127.0.0.1", 0),
        ports: int = 1,
        seed: int | None = None,
        guard: Guard | None = None,
        sink: Callable[[Row], None] | None = None,
        keep: bool = True,
        released: Capture | None = None,
        arrived: Capture | None = None,
    ) -> None:
        """Take what to relay.

        ``to`` and ``listen`` are literal addresses with the first port of ``ports`` (listening on 0: any free
        run); ``seed`` replaces the policy's; ``guard`` says what may be contacted (default: this machine);
        ``sink`` and ``keep`` are those of the truth log; ``released`` and ``arrived`` capture the datagrams
        behind and before the censor.
        """
        self._policy = policy
        self._to = to
        self._listen = listen
        self._ports = ports
        self._seed = seed
        self._guard = guard or Guard(only_local=True)
        self._captures = (released, arrived)
        self._gate: Gate | None = None
        self._udp: list[UdpForward] = []
        self._tcp: list[TcpForward] = []
        self._servers: list[asyncio.Server] = []
        self._base_port = 0
        self.truth = TruthLog(sink, keep=keep)

    @property
    def url(self) -> str:
        """``http://host:port`` of the first port."""
        host = self._listen[0]
        return f"http://[{host}]:{self._base_port}" if ":" in host else f"http://{host}:{self._base_port}"

    @property
    def port(self) -> int:
        """The first port."""
        return self._base_port

    async def start(self) -> None:
        """Bind the ports and begin; the policy's time starts here. Raises RelayError."""
        self._check()
        released, arrived = self._captures
        pairs = _bind(self._listen, self._ports)
        self._base_port = pairs[0][0].getsockname()[1]
        self._gate = Gate(self._censor, self.truth, released=released, arrived=arrived)
        for index, (tcp, udp) in enumerate(pairs):
            target = (self._to[0], self._to[1] + index)
            self._udp.append(UdpForward(self._gate, udp, target))
            forward = TcpForward(self._gate, target)
            self._tcp.append(forward)
            self._servers.append(await asyncio.start_server(forward.serve, sock=tcp))

    async def stop(self) -> None:
        """End every flow, give up what is still held, and close the log."""
        for server in self._servers:
            server.close()
        for tcp in self._tcp:
            await tcp.close()
        for udp in self._udp:
            udp.close()
        if self._gate is not None:
            self._gate.releaser.close()
            self._gate = None
            self.truth.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _censor(self, start_ns: int) -> Censor:
        return Censor(self._policy, seed=self._seed, start_ns=start_ns)

    def _check(self) -> None:
        for what, (host, port) in (("listen", self._listen), ("to", self._to)):
            try:
                self._guard.check(host)
            except NetError:
                raise RelayError(
                    f"--{what}: {host} is not on this machine, and only that is allowed"
                ) from None
            if port + self._ports - 1 > HIGHEST_PORT:
                raise RelayError(f"--{what}: {self._ports} ports from {port} run over {HIGHEST_PORT}")


def _bind(listen: Address, ports: int) -> list[tuple[socket.socket, socket.socket]]:
    """Return a TCP and a UDP socket for each of the consecutive ports. Raises RelayError."""
    host, first = listen
    reason = "no free run of ports was found"
    for _ in range(1 if first else SEARCHES):
        with contextlib.ExitStack() as undo:
            try:
                pairs = _bind_run(host, first, ports, undo)
            except (OSError, OverflowError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                continue
            undo.pop_all()
            return pairs
    raise RelayError(f"--listen: {ports} ports from {host}:{first} cannot be bound: {reason}")


def _bind_run(
    host: str, first: int, ports: int, undo: contextlib.ExitStack
) -> list[tuple[socket.socket, socket.socket]]:
    pairs: list[tuple[socket.socket, socket.socket]] = []
    for index in range(ports):
        port = first + index if first or not index else pairs[0][0].getsockname()[1] + index
        tcp = undo.enter_context(socket.create_server((host, port), family=_family(host), backlog=128))
        udp = undo.enter_context(open_udp_socket(host, tcp.getsockname()[1], rcvbuf=RCVBUF_BYTES))
        pairs.append((tcp, udp))
    return pairs


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
