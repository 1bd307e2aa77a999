"""Runs flow machines on UDP sockets: absolute deadlines, kernel stamps, own drops and lateness on record."""

import asyncio
import random
import socket
import time
from collections.abc import Sequence
from typing import Final

from callprobe.media.flow import Datagram, FlowMachine
from callprobe.net.clock import StampClock, now_ns, read_clocks
from callprobe.net.contract import NetError
from callprobe.net.failures import failure_of
from callprobe.net.guard import Guard
from callprobe.net.udp import (
    FLOW_RCVBUF_BYTES,
    Arrival,
    dropped_packets,
    has_kernel_timestamps,
    open_flow_socket,
    receive_batch,
    send_datagram,
)

BATCH_PACKETS: Final = 256
"""Datagrams taken from one socket before the others have their turn."""
DOZE_UNTIL_NS: Final = 1_300_000
"""How long before a deadline the event loop hands over: its timer (epoll) counts in whole milliseconds."""
SPIN_NS: Final = 150_000
"""How long before a deadline the thread stops sleeping and spins: the system's timer slack and wake-up."""


class SocketFlow:
    """One machine on its socket, and what the own machine did to it."""

    def __init__(self, machine: FlowMachine, sock: socket.socket, guard: Guard) -> None:
        self.machine = machine
        self.sock = sock
        self.guard = guard
        self.deadline_ns = machine.next_deadline()
        self.kernel_timestamps = has_kernel_timestamps(sock)
        self.lateness_ns: list[int] = []
        self.clock = StampClock(read_clocks())
        self._send_errors = 0
        self._drops = 0

    @property
    def local_drops(self) -> int:
        """Datagrams dropped by the socket's own buffer, and sends that failed."""
        if self.sock.fileno() >= 0:
            self._drops = max(self._drops, dropped_packets(self.sock))
        return self._drops + self._send_errors

    def send_due(self) -> None:
        """Let the machine send what is due, noting how late each datagram leaves."""
        deadline_ns = self.deadline_ns
        for datagram in self.machine.on_time(now_ns()):
            if deadline_ns is not None:
                self.lateness_ns.append(now_ns() - deadline_ns)
            self._send(datagram)
        self.deadline_ns = self.machine.next_deadline()

    def take_arrivals(self) -> None:
        """Hand what is waiting on the socket to the machine, and send its replies."""
        arrivals = receive_batch(self.sock, BATCH_PACKETS)
        if arrivals:
            self.clock.update(read_clocks())
        for arrival in arrivals:
            self._take(arrival)
        self.deadline_ns = self.machine.next_deadline()

    def close(self) -> None:
        """Close the socket; what it dropped stays known."""
        self._drops = self.local_drops - self._send_errors
        self.sock.close()

    def _take(self, arrival: Arrival) -> None:
        self._drops = max(self._drops, arrival.drops)
        if self.machine.finished:
            return
        taken_ns = kernel_ns = now_ns()
        if arrival.kernel_realtime_ns is None:
            self.kernel_timestamps = False
        else:
            kernel_ns = self.clock.monotonic_ns(arrival.kernel_realtime_ns)
        for reply in self.machine.on_datagram(taken_ns, kernel_ns, arrival.peer, arrival.data):
            self._send(reply)

    def _send(self, datagram: Datagram) -> None:
        try:
            self.guard.check(datagram.peer[0])
            send_datagram(self.sock, datagram.peer, datagram.data)
        except (OSError, NetError):
            self._send_errors += 1
            self.machine.on_send_error(now_ns(), datagram)


class SocketFlowGroup:
    """Flows on the event loop (``callprobe.net.contract.FlowGroup``).

    Arrivals are taken from ``open`` to ``close``; what machines schedule is sent while ``run`` is awaited.
    """

    def __init__(self, flows: Sequence[SocketFlow], order: random.Random) -> None:
        self._flows = tuple(flows)
        self._order = order
        self._news = asyncio.Event()
        self._bug: Exception | None = None
        self._loop = asyncio.get_running_loop()
        for flow in self._flows:
            self._loop.add_reader(flow.sock, self._on_readable, flow)

    @classmethod
    def open(
        cls,
        machines: Sequence[FlowMachine],
        *,
        guard: Guard,
        order: random.Random,
        rcvbuf: int = FLOW_RCVBUF_BYTES,
        interface: str | None = None,
    ) -> "SocketFlowGroup":
        """Open a fresh socket on a random port for each machine. Raises NetError.

        ``order`` draws who goes first among datagrams due at the same time.
        """
        flows: list[SocketFlow] = []
        try:
            for machine in machines:
                sock = open_flow_socket(rcvbuf=rcvbuf, interface=interface)
                flows.append(SocketFlow(machine, sock, guard))
        except OSError as error:
            for flow in flows:
                flow.close()
            raise NetError(failure_of(error)) from None
        return cls(flows, order)

    @property
    def kernel_timestamps(self) -> bool:
        return all(flow.kernel_timestamps for flow in self._flows)

    @property
    def clock_steps(self) -> int:
        """Steps of the wall clock that the arrivals gave away: the most that one flow saw."""
        return max((flow.clock.steps for flow in self._flows), default=0)

    def local_drops(self, index: int) -> int:
        return self._flows[index].local_drops

    def send_lateness_ns(self, index: int) -> list[int]:
        return list(self._flows[index].lateness_ns)

    async def run(self, until_ns: int) -> None:
        for flow in self._flows:  # between two runs the machines' owner may have given them new times
            flow.deadline_ns = flow.machine.next_deadline()
        while self._unfinished() and now_ns() < until_ns:
            next_ns = self._next_ns(until_ns)
            if next_ns - now_ns() > DOZE_UNTIL_NS:
                await self._doze(next_ns - DOZE_UNTIL_NS)
            else:
                await asyncio.sleep(0)  # the other tasks' and the arrivals' turn
                sleep_precisely(self._next_ns(until_ns))
                self._send_due()
            self._raise_bug()
        for flow in self._flows:
            flow.take_arrivals()

    async def close(self) -> None:
        for flow in self._flows:
            self._loop.remove_reader(flow.sock)
            flow.close()
        self._raise_bug()

    def _unfinished(self) -> list[SocketFlow]:
        return [flow for flow in self._flows if not flow.machine.finished]

    def _next_ns(self, until_ns: int) -> int:
        deadlines = [flow.deadline_ns for flow in self._unfinished() if flow.deadline_ns is not None]
        return min([until_ns, *deadlines])

    async def _doze(self, until_ns: int) -> None:
        """Wait on the event loop, until ``until_ns`` or until something arrived."""
        self._news.clear()
        timer = self._loop.call_later((until_ns - now_ns()) / 1e9, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    def _send_due(self) -> None:
        reached_ns = now_ns()
        due = [
            (flow.deadline_ns, self._order.random(), flow)
            for flow in self._unfinished()
            if flow.deadline_ns is not None and flow.deadline_ns <= reached_ns
        ]
        for _deadline_ns, _lot, flow in sorted(due, key=lambda entry: entry[:2]):
            flow.send_due()

    def _on_readable(self, flow: SocketFlow) -> None:
        try:
            flow.take_arrivals()
        except Exception as error:  # noqa: BLE001 - the event loop would only log it; ``run`` raises it
            self._bug = error
        self._news.set()

    def _raise_bug(self) -> None:
        if self._bug is not None:
            bug, self._bug = self._bug, None
            raise bug


def sleep_precisely(until_ns: int) -> None:
    """Block the thread until ``until_ns``: asleep first, spinning for the last ``SPIN_NS``."""
    rest_ns = until_ns - now_ns() - SPIN_NS
    if rest_ns > 0:
        time.sleep(rest_ns / 1e9)
    while now_ns() < until_ns:
        pass
