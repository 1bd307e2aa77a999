"""The responder's edge: its UDP ports on the event loop, its timers, and the WebRTC peer beside the plane."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from callprobe.media.flow import Address
from callprobe.net import clock
from callprobe.net.udp import open_udp_socket, receive_batch, send_datagram
from callprobe.responder.plane import Outgoing, ResponderPlane
from callprobe.rtc.answerer import WhipCalls

RCVBUF_BYTES: Final = 4 << 20
BATCH: Final = 64
SEARCHES: Final = 32
SWEEP_S: Final = 30.0
"""How often sessions whose lifetime is over are looked for."""
HIGHEST_PORT: Final = 65535


class PortsError(Exception):
    """The ports cannot be had; one sentence."""


def bind_ports(host: str, first: int, count: int) -> tuple[socket.socket, list[socket.socket]]:
    """Return the listening TCP socket and ``count`` UDP sockets on consecutive ports from the same one.

    ``first`` 0 = any free run. Raises PortsError.
    """
    if first and first + count - 1 > HIGHEST_PORT:
        raise PortsError(f"{count} ports from {first} run over {HIGHEST_PORT}: listen on a lower port")
    reason = "no free run of ports was found"
    for _ in range(1 if first else SEARCHES):
        with contextlib.ExitStack() as undo:
            try:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                listener = undo.enter_context(socket.create_server((host, first), family=family, backlog=128))
                base = listener.getsockname()[1]
                udp = [
                    undo.enter_context(open_udp_socket(host, base + index, rcvbuf=RCVBUF_BYTES))
                    for index in range(count)
                ]
            except (OSError, OverflowError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                continue
            undo.pop_all()
            return listener, udp
    raise PortsError(f"cannot listen on {count} ports from {host}:{first}: {reason}")


class UdpPorts:
    """Feeds the plane and the WebRTC peer from real sockets; a failing send never stops the service."""

    def __init__(self, plane: ResponderPlane, sockets: Sequence[socket.socket]) -> None:
        """Take bound sockets; ``start`` begins to read them."""
        self._plane = plane
        self._sockets: dict[int, socket.socket] = {int(sock.getsockname()[1]): sock for sock in sockets}
        self._stamps = clock.StampClock(clock.read_clocks())
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns: int | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.calls = WhipCalls(self._send, clock.now_ns)
        plane.wake = self._set_timer

    def start(self) -> None:
        """Read all ports on the running loop."""
        loop = asyncio.get_running_loop()
        for port, sock in self._sockets.items():
            loop.add_reader(sock, self._read, port, sock)
        self._sweep()

    async def stop(self) -> None:
        """Stop reading and end all calls."""
        loop = asyncio.get_running_loop()
        for sock in self._sockets.values():
            loop.remove_reader(sock)
            sock.close()
        for timer in (self._timer, self._sweeper):
            if timer is not None:
                timer.cancel()
        await self.calls.close()

    def draw_port(self) -> int:
        """Return one of the UDP ports at random."""
        return secrets.choice(list(self._sockets))

    def _read(self, port: int, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            arrivals = receive_batch(sock, BATCH)
            self._stamps.update(clock.read_clocks())
            for arrival in arrivals:
                now_ns = clock.now_ns()
                stamp = arrival.kernel_realtime_ns
                kernel_ns = now_ns if stamp is None else self._stamps.monotonic_ns(stamp)
                self._take(port, now_ns, kernel_ns, arrival.peer, arrival.data)
        self._set_timer()

    def _take(self, port: int, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> None:
        if self.calls.owns(data, peer, port):
            self.calls.on_datagram(port, kernel_ns, peer, data)
        else:
            self._send_all(self._plane.on_datagram(port, now_ns, kernel_ns, peer, data))

    def _sweep(self) -> None:
        self._plane.expire(clock.now_ns())
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _tick(self) -> None:
        self._timer_ns = None
        self._send_all(self._plane.on_time(clock.now_ns()))
        self._set_timer()

    def _set_timer(self) -> None:
        due = self._plane.next_deadline()
        if due is None or (self._timer_ns is not None and self._timer_ns <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = due
        delay_s = max(due - clock.now_ns(), 0) / 1e9
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _send_all(self, outgoing: Sequence[Outgoing]) -> None:
        for port, peer, data in outgoing:
            self._send(port, peer, data)

    def _send(self, port: int, peer: Address, data: bytes) -> None:
        with contextlib.suppress(OSError):
            send_datagram(self._sockets[port], peer, data)
