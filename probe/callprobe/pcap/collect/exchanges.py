"""Requests and answers that a capture shows in clear: STUN and TURN, ICE, relays, reflectors.

One collector takes every payload and hands it to whom it concerns. Nothing is decrypted, and nothing that
could let anybody in (user names, tokens, peer tags) gets into a result.
"""

from collections.abc import Iterable
from typing import Final

from callprobe.pcap.collect import classic_stun
from callprobe.pcap.collect.encapsulation import channel_payload, is_direct, is_known
from callprobe.pcap.collect.ice import IceCollector, IcePair, MediaPath
from callprobe.pcap.collect.reflector import ReflectorCollector, ReflectorCounts
from callprobe.pcap.collect.relay import Relay, RelayCollector, RelayPings
from callprobe.pcap.collect.round_trips import RoundTrips
from callprobe.pcap.collect.stun_digest import first_values
from callprobe.pcap.collect.transactions import StunCounts, StunTransaction, TransactionTable
from callprobe.pcap.collect.turn import TurnCounts, TurnTable, peer_of
from callprobe.pcap.packets import UdpDatagram
from callprobe.wire import stun

__all__ = [
    "ExchangeCollector",
    "IcePair",
    "MediaPath",
    "ReflectorCounts",
    "Relay",
    "RelayPings",
    "RoundTrips",
    "StunCounts",
    "StunTransaction",
    "TurnCounts",
]

_COOKIE: Final = stun.MAGIC_COOKIE.to_bytes(4, "big")
_WORD_SIZES: Final = frozenset({2, 6})


class _Plane:
    """What is kept apart by transport."""

    def __init__(self, transport: str) -> None:
        self.table = TransactionTable(transport)
        self.turn = TurnTable(transport)


class ExchangeCollector:
    """Collects the exchanges of a capture."""

    def __init__(self) -> None:
        self._udp = _Plane("udp")
        self._tcp = _Plane("tcp")
        self._ice = IceCollector()
        self._relays = RelayCollector()
        self._reflectors = ReflectorCollector()

    def add(
        self,
        datagram: UdpDatagram,
        inner_payload: bytes | None = None,
        encapsulation: str = "plain",
        transport: str = "udp",
    ) -> bool:
        """Take a payload as ``encapsulation.unwrap`` gives it out; say whether it is an exchange's.

        For ``transport`` "tcp" the datagram stands for a whole message of the stream.
        """
        payload = datagram.payload if inner_payload is None else inner_payload
        plane = self._udp if transport == "udp" else self._tcp
        if payload[4:8] == _COOKIE and payload[0] < 0x40 and len(payload) >= stun.HEADER_BYTES:
            self._stun(plane, datagram, payload, encapsulation)
            return True
        if not is_direct(encapsulation):
            return False
        if transport == "udp" and self._reflectors.add(datagram):
            return True
        return self._other(plane, datagram, payload)

    def stun(self, origin_ns: int) -> StunCounts:
        """STUN over UDP, the dialects' included."""
        return self._udp.table.counts(origin_ns)

    def stun_tcp(self, origin_ns: int) -> StunCounts:
        """STUN over TCP."""
        return self._tcp.table.counts(origin_ns)

    def turn(self, origin_ns: int) -> TurnCounts:
        """TURN over UDP."""
        return self._udp.turn.counts(origin_ns)

    def turn_tcp(self, origin_ns: int) -> TurnCounts:
        """TURN over TCP."""
        return self._tcp.turn.counts(origin_ns)

    def transactions(self, origin_ns: int) -> tuple[StunTransaction, ...]:
        """All transactions in order of their first requests, those within other messages included."""
        listed = self._udp.table.listed(origin_ns) + self._tcp.table.listed(origin_ns)
        return tuple(sorted(listed, key=lambda item: item.first_s))

    def ice(self, origin_ns: int, media: Iterable[MediaPath] = ()) -> tuple[IcePair, ...]:
        """Pairs in order of their first checks; ``media`` says which flows carry any."""
        return tuple(self._ice.pairs(origin_ns, media))

    def relays(self, origin_ns: int) -> tuple[Relay, ...]:
        """WhatsApp's relays in order of appearance."""
        return tuple(self._relays.relays(origin_ns))

    def relay_pings(self, origin_ns: int) -> RelayPings:
        """Pings of WhatsApp's relays."""
        return self._relays.pings(origin_ns)

    def reflector(self, origin_ns: int) -> ReflectorCounts:
        """Telegram's reflectors."""
        return self._reflectors.counts(origin_ns)

    def _stun(self, plane: _Plane, datagram: UdpDatagram, payload: bytes, encapsulation: str) -> None:
        message = stun.read_loosely(payload)
        values = first_values(message)
        role, transaction = plane.table.add(datagram, payload, message, values, encapsulation)
        direct = is_direct(encapsulation)
        if direct:
            plane.turn.message(datagram, message, values, role, transaction)
            if plane is self._udp:
                self._relays.message(datagram, message, values)
        peer = None if direct else _peer(plane, datagram)
        self._ice.message(datagram, values, role, transaction, peer)

    def _other(self, plane: _Plane, datagram: UdpDatagram, payload: bytes) -> bool:
        """Take channel data, a word of a relay's, or a message of RFC 3489."""
        if len(payload) in _WORD_SIZES:
            return self._relays.word(datagram)
        first = payload[0] if payload else 0xFF
        if 0x40 <= first < 0x80:
            carried = channel_payload(payload)
            if carried is None or not (is_known(carried) or plane.turn.knows(datagram)):
                return False
            plane.turn.channel_data(datagram, len(carried))
            return True
        if (
            first < 2
            and len(payload) >= stun.HEADER_BYTES
            and (first << 8 | payload[1]) in classic_stun.TYPES
        ):
            try:
                message = stun.read_classic(payload)
            except stun.StunError:
                return False
            plane.table.add_classic(datagram, message)
            return True
        return False


def _peer(plane: _Plane, datagram: UdpDatagram) -> str | None:
    """Return who sits behind the TURN server that a datagram goes to or comes from."""
    outer = datagram.payload
    if 0x40 <= outer[0] < 0x80:
        return plane.turn.peer_of_channel(datagram, int.from_bytes(outer[:2], "big"))
    read = stun.read_loosely if outer[4:8] == _COOKIE else stun.read_classic
    try:
        message = read(outer)
    except stun.StunError:
        return None
    return peer_of(message, first_values(message))
