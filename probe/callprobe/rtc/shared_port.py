"""One call's endpoint on a UDP port that it shares with other calls and flows.

aioice believes that it has a socket of its own. In truth the responder's UDP plane hands over what belongs to
the call and sends what this transport lets pass. Nothing leaves towards a source that has not sent a check
with valid MESSAGE-INTEGRITY, and until such a source has proved that it receives what is sent to it (by
answering a check: its 96-bit transaction id cannot be guessed), it is sent no more bytes and packets than it
sent. The answer to its own check waits for that proof, so that the credit of the check pays for ours.
"""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aioice import stun

from callprobe.media.flow import Address
from callprobe.rtc.record import PacketLog
from callprobe.rtc.sdp import ANY_HOST

Send = Callable[[int, Address, bytes], None]
"""Sends (port, peer, data) from one of the responder's ports."""
MAX_SOURCES: Final = 4
"""Addresses that one call may come from, a changed NAT mapping included."""
MAX_HELD: Final = 4
BINDING_REQUEST: Final = b"\x00\x01"
BINDING_SUCCESS: Final = b"\x01\x01"
MAGIC_COOKIE: Final = b"\x21\x12\xa4\x42"


@dataclass
class _Source:
    proved: bool = False
    credit_bytes: int = 0
    credit_packets: int = 0
    challenges: set[bytes] = field(default_factory=set)
    """Transaction ids of the checks sent to it."""
    held: list[bytes] = field(default_factory=list)
    """Answers that wait for the proof."""


class SharedPortTransport(asyncio.DatagramTransport):
    """What aioice takes for its socket."""

    def __init__(
        self,
        port: int,
        protocol: asyncio.DatagramProtocol,
        log: PacketLog,
        send: Send,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__({"sockname": (ANY_HOST, port)})
        self._port = port
        self._protocol = protocol
        self._log = log
        self._send = send
        self._now_ns = now_ns
        self._sources: dict[Address, _Source] = {}
        self._closing = False

    def admit(self, peer: Address) -> bool:
        """Take ``peer``, whose check was authenticated, as a source; False when there are too many."""
        if peer not in self._sources and len(self._sources) >= MAX_SOURCES:
            return False
        self._sources.setdefault(peer, _Source())
        return True

    def deliver(self, kernel_ns: int, peer: Address, data: bytes) -> None:
        """Hand aioice a datagram of an admitted source; STUN must have been authenticated or be an answer."""
        source = self._sources.get(peer)
        if source is None or self._closing:
            return
        source.credit_bytes += len(data)
        source.credit_packets += 1
        self._log.on_packet("in", kernel_ns, data, peer)
        if data[:2] == BINDING_SUCCESS and data[8:20] in source.challenges:
            self._prove(peer, source)
        self._protocol.datagram_received(data, peer)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send to an admitted source, within its credit; all else, the placeholder first, is dropped."""
        peer = (addr[0], addr[1])
        source = self._sources.get(peer)
        if source is None or self._closing:
            return
        packet = bytes(data)
        if source.proved:
            self._emit(peer, packet)
        elif packet[:2] == BINDING_SUCCESS:
            source.held = [*source.held, packet][-MAX_HELD:]
        elif len(packet) <= source.credit_bytes and source.credit_packets > 0:
            source.credit_bytes -= len(packet)
            source.credit_packets -= 1
            source.challenges.add(packet[8:20])
            self._emit(peer, packet)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Drop everything from now on; the protocol learns of it in the next turn of the loop."""
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def _prove(self, peer: Address, source: _Source) -> None:
        source.proved = True
        held, source.held = source.held, []
        for packet in held:
            self._emit(peer, packet)

    def _emit(self, peer: Address, packet: bytes) -> None:
        self._log.on_packet("out", self._now_ns(), packet, peer)
        self._send(self._port, peer, packet)


def is_stun(data: bytes) -> bool:
    """Whether a datagram of a call is STUN (RFC 7983: first byte 0..3)."""
    return bool(data) and data[0] < 4


def parse_stun(data: bytes) -> stun.Message | None:
    """Return the STUN message, or None for anything that is not a well-formed one."""
    if len(data) < 20 or data[4:8] != MAGIC_COOKIE:
        return None
    try:
        return stun.parse_message(data)
    except (ValueError, struct.error, IndexError, KeyError):
        return None


def local_fragment(data: bytes) -> str | None:
    """Return the local ufrag that a Binding request is meant for (RFC 8445 7.2.2), or None."""
    message = parse_stun(data) if data[:2] == BINDING_REQUEST else None
    username = message.attributes.get("USERNAME") if message is not None else None
    return username.partition(":")[0] if isinstance(username, str) else None
