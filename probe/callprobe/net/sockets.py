"""The real network: ``callprobe.net.contract.Net`` on the sockets of a running asyncio event loop."""

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from callprobe.media.flow import FlowMachine
from callprobe.net import clock, http
from callprobe.net.contract import NetError, Stream
from callprobe.net.deadline import by
from callprobe.net.flows import SocketFlowGroup
from callprobe.net.guard import Guard
from callprobe.net.loop import local_address_towards
from callprobe.net.streams import TcpStream, connect_tcp
from callprobe.net.tls import TlsStream, start_tls
from callprobe.net.udp import FLOW_RCVBUF_BYTES
from callresults.failure import Failure

Resolver = Callable[..., list[tuple[Any, ...]]]
"""``socket.getaddrinfo``, or what stands in for it."""


class SocketNet:
    """Clocks, names, streams and flows of the machine that the probe runs on."""

    def __init__(
        self,
        guard: Guard,
        order: random.Random,
        *,
        ca_files: Sequence[Path] = (),
        interface: str | None = None,
        rcvbuf: int = FLOW_RCVBUF_BYTES,
        resolver: Resolver = socket.getaddrinfo,
    ) -> None:
        """Take what the network is to be.

        ``order`` draws who goes first among datagrams due at the same time; ``ca_files`` hold authorities
        to trust beside the public ones; ``interface`` is the only one to use (Linux). Raises
        ``callprobe.net.http.CaFileError``.
        """
        self._guard = guard
        self._order = order
        self._interface = interface
        self._rcvbuf = rcvbuf
        self._resolver = resolver
        self._http_context = http.trusting_context(ca_files)
        self._tls_context = http.trusting_context(ca_files)
        self._tls_context.set_alpn_protocols([http.HTTP_PROTOCOL])

    @property
    def virtual(self) -> bool:
        return False

    def now_ns(self) -> int:
        return clock.now_ns()

    def utc_now(self) -> datetime:
        return clock.utc_now()

    async def sleep_until(self, when_ns: int) -> None:
        while (rest_ns := when_ns - clock.now_ns()) > 0:  # noqa: ASYNC110 - its timers may be a tick early
            await asyncio.sleep(rest_ns / 1e9)

    def own_address(self, host: str) -> str | None:
        try:
            return local_address_towards(host)
        except NetError:
            return None

    async def resolve(self, host: str, deadline_ns: int) -> list[str]:
        known = self._guard.known_addresses(host)
        if known is not None:
            return known
        found = await by(deadline_ns, _in_daemon_thread(lambda: _addresses(self._resolver, host)))
        if not found:
            raise NetError(Failure.DNS_NO_ANSWER)
        return found

    async def open_stream(self, host: str, port: int, deadline_ns: int) -> TcpStream:
        self._guard.check(host)
        return await connect_tcp(host, port, deadline_ns, interface=self._interface)

    async def start_tls(self, stream: Stream, server_name: str, deadline_ns: int) -> TlsStream:
        return await start_tls(stream, self._tls_context, server_name, deadline_ns)

    async def open_flows(self, machines: Sequence[FlowMachine]) -> SocketFlowGroup:
        return SocketFlowGroup.open(
            machines, guard=self._guard, order=self._order, rcvbuf=self._rcvbuf, interface=self._interface
        )

    def http(self) -> http.GuardedTransport:
        return http.GuardedTransport(self._guard, self._http_context, self._interface)


def _addresses(resolver: Resolver, host: str) -> list[str]:
    """Return the distinct addresses of ``host``, only of families that this machine has."""
    found = resolver(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _in_daemon_thread(call: Callable[[], list[str]]) -> asyncio.Future[list[str]]:
    """Return the future result of a blocking call.

    Not an executor: its threads are waited for at exit, and a resolver that is being starved blocks for
    half a minute.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def settle(result: list[str] | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result or [])
        else:
            future.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except Exception as raised:  # noqa: BLE001 - carried to the waiting coroutine
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="resolve", daemon=True).start()
    return future
