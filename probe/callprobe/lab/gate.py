"""Where a front-end's packets meet the censor: one clock, one decision, one row of truth, one capture."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from callprobe.censor.classes import classify
from callprobe.censor.core import Address, Censor, FlowTuple, Way
from callprobe.censor.truth import TruthLog
from callprobe.lab.releaser import Releaser
from callprobe.net.clock import StampClock, now_ns, read_clocks

IPV4_UDP_BYTES = 28
IPV6_UDP_BYTES = 48
IPV4_TCP_BYTES = 40
IPV6_TCP_BYTES = 60


class Capture(Protocol):
    """Takes datagrams as they would be seen on a wire."""

    def write(self, epoch_ns: int, source: Address, destination: Address, payload: bytes) -> None:
        """Take one datagram at a time given in nanoseconds since 1970."""
        ...


class Packet(NamedTuple):
    """A datagram or segment on its way through."""

    arrival_ns: int
    """Monotonic ns."""
    way: Way
    flow: FlowTuple
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes of the IP packet."""
        ipv6 = ":" in self.flow.server[0]
        if self.flow.protocol == "udp":
            return len(self.payload) + (IPV6_UDP_BYTES if ipv6 else IPV4_UDP_BYTES)
        return len(self.payload) + (IPV6_TCP_BYTES if ipv6 else IPV4_TCP_BYTES)


class Gate:
    """Judges packets, logs them, and lets them go when they are due.

    The log and the captures are in nanoseconds since 1970 on a clock that never steps: the monotonic one plus
    the difference found at the start.
    """

    def __init__(
        self,
        censor: Callable[[int], Censor],
        truth: TruthLog,
        *,
        released: Capture | None = None,
        arrived: Capture | None = None,
    ) -> None:
        """Take a factory that makes the censor for the start of the run (ns since 1970)."""
        reading = read_clocks()
        self.offset_ns = reading.offset_ns
        self.stamps = StampClock(reading)
        self.truth = truth
        self.releaser = Releaser()
        self._censor = censor(reading.realtime_ns)
        self._released = released
        self._arrived = arrived

    def arrival_ns(self, kernel_realtime_ns: int | None) -> int:
        """Return when a datagram arrived, monotonic ns; call ``stamps.update`` before each batch."""
        return now_ns() if kernel_realtime_ns is None else self.stamps.monotonic_ns(kernel_realtime_ns)

    def judge(self, packet: Packet, send: Callable[[], bool]) -> bool:
        """Decide about a packet and call ``send`` for every copy when it is due; return whether it passed.

        ``send`` answers whether the own machine took the copy.
        """
        when_ns = packet.arrival_ns + self.offset_ns
        way, flow, payload = packet.way, packet.flow, packet.payload
        decision = self._censor.decide(when_ns, way, flow, payload, packet.size)
        known = classify(payload) if flow.protocol == "udp" else None
        number = self.truth.record(when_ns, way, flow, packet.size, decision, packet_class=known)
        self._capture(self._arrived, when_ns, packet)
        for due_ns in decision.release_ns:
            self._let_go(number, due_ns, packet, send)
        return bool(decision.release_ns)

    def _let_go(self, number: int, due_ns: int, packet: Packet, send: Callable[[], bool]) -> None:
        def release(at_ns: int) -> None:
            if not send():
                self.truth.socket_drops += 1
                return
            released_ns = at_ns + self.offset_ns
            self.truth.released(number, due_ns, released_ns)
            self._capture(self._released, released_ns, packet)

        self.releaser.at(due_ns - self.offset_ns, release)

    @staticmethod
    def _capture(capture: Capture | None, epoch_ns: int, packet: Packet) -> None:
        if capture is None or packet.flow.protocol != "udp":
            return
        client, server = packet.flow.client, packet.flow.server
        source, destination = (client, server) if packet.way == "up" else (server, client)
        capture.write(epoch_ns, source, destination, packet.payload)
