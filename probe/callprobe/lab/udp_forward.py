"""UDP through the gate: one listening socket per port, one upstream socket per client's five-tuple."""

import asyncio
import socket
from typing import Final

from callprobe.censor.core import Address, FlowTuple
from callprobe.lab.gate import Gate, Packet
from callprobe.net.clock import now_ns, read_clocks
from callprobe.net.guard import literal_address
from callprobe.net.udp import dropped_packets, open_udp_socket, receive_batch, send_datagram

BATCH: Final = 64
IDLE_S: Final = 600.0
"""An upstream socket unused for so long is closed, s."""
MAX_FLOWS: Final = 4096
"""More clients at once are not served: their first packets are the relay's own drops."""
RCVBUF_BYTES: Final = 4 << 20


class UdpForward:
    """Forwards the datagrams of one port to its twin at the target."""

    def __init__(self, gate: Gate, listening: socket.socket, target: Address) -> None:
        self._gate = gate
        self._listening = listening
        self._target = target
        self._flows: dict[Address, _Upstream] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listening.fileno(), self._from_clients)
        self._sweeper = self._loop.call_later(IDLE_S / 10, self._sweep)

    def close(self) -> None:
        """Stop forwarding and close every socket."""
        self._sweeper.cancel()
        self._loop.remove_reader(self._listening.fileno())
        for upstream in self._flows.values():
            upstream.close()
        self._gate.truth.socket_drops += dropped_packets(self._listening)
        self._listening.close()

    def _from_clients(self) -> None:
        arrivals = receive_batch(self._listening, BATCH)
        self._gate.stamps.update(read_clocks())
        for arrival in arrivals:
            upstream = self._upstream(arrival.peer)
            if upstream is None:
                self._gate.truth.socket_drops += 1
            else:
                upstream.up(arrival.data, self._gate.arrival_ns(arrival.kernel_realtime_ns))

    def _upstream(self, client: Address) -> "_Upstream | None":
        if client not in self._flows:
            if len(self._flows) >= MAX_FLOWS:
                return None
            self._flows[client] = _Upstream(self._gate, self._listening, client, self._target)
        return self._flows[client]

    def _sweep(self) -> None:
        idle_since_ns = now_ns() - round(IDLE_S * 1e9)
        for client, upstream in list(self._flows.items()):
            if upstream.last_ns < idle_since_ns:
                upstream.close()
                del self._flows[client]
        self._sweeper = self._loop.call_later(IDLE_S / 10, self._sweep)


class _Upstream:
    """The relay's own leg of one five-tuple."""

    def __init__(self, gate: Gate, listening: socket.socket, client: Address, target: Address) -> None:
        self.last_ns = now_ns()
        self._gate = gate
        self._listening = listening
        self._client = client
        self._target = target
        self._flow = FlowTuple("udp", client, target)
        self._socket = open_udp_socket(own_host(target[0]), 0, rcvbuf=RCVBUF_BYTES)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._from_target)

    def up(self, data: bytes, arrival_ns: int) -> None:
        """Offer a client's datagram to the gate."""
        self.last_ns = arrival_ns
        packet = Packet(arrival_ns, "up", self._flow, data)
        self._gate.judge(packet, lambda: _sent(self._socket, self._target, data))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._gate.truth.socket_drops += dropped_packets(self._socket)
        self._socket.close()

    def _from_target(self) -> None:
        arrivals = receive_batch(self._socket, BATCH)
        self._gate.stamps.update(read_clocks())
        for arrival in arrivals:
            if arrival.peer == self._target:
                self._down(arrival.data, self._gate.arrival_ns(arrival.kernel_realtime_ns))

    def _down(self, data: bytes, arrival_ns: int) -> None:
        self.last_ns = arrival_ns
        packet = Packet(arrival_ns, "down", self._flow, data)
        self._gate.judge(packet, lambda: _sent(self._listening, self._client, data))


def own_host(target_host: str) -> str:
    """Return the address to send from: the loopback towards the loopback, else what the route gives."""
    address = literal_address(target_host)
    if address is None or address.is_loopback:
        return "::1" if ":" in target_host else "127.0.0.1"
    return "::" if ":" in target_host else "0.0.0.0"  # noqa: S104 - a client's socket, on any route


def _sent(sock: socket.socket, peer: Address, data: bytes) -> bool:
    try:
        send_datagram(sock, peer, data)
    except OSError:
        return False
    return True
