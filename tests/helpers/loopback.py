"""Small real things on loopback for tests of the relay."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from callprobe.lab.releaser import precise_loop

Address = tuple[str, int]
T = TypeVar("T")


class UdpEcho:
    """Answers every datagram with itself and remembers what came."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._socket = bound_socket()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._answer)

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._socket.getsockname()
        return host, port

    def close(self) -> None:
        """Stop answering."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _answer(self) -> None:
        data, peer = self._socket.recvfrom(4096)
        self.received.append(data)
        self._socket.sendto(data, peer)


def bound_socket() -> socket.socket:
    """Return a non-blocking UDP socket on a free loopback port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0.0)
    return sock


def drain(sock: socket.socket) -> list[bytes]:
    """Return every datagram that waits on a socket."""
    received = []
    while True:
        try:
            received.append(sock.recv(4096))
        except BlockingIOError:
            return received


async def until(condition: Callable[[], bool]) -> None:
    """Give way to the loop until a condition holds; the test's time limit is the deadline."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the relay has no event for what a test may wait for
            await asyncio.sleep(0)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop with exact timers."""
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        return runner.run(coroutine)
