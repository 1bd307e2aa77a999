"""Which conversation of a capture is the call: the one with most packets that are media by their bytes.

RTP in any wrapping counts, by streams whose sequence numbers go up; so do the packets of relays and of peers
that were found by STUN, where media show nothing of themselves. Where there are none, a call that came to
nothing is the conversation with most packets that set one up. Other UDP is not taken for a call.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from callprobe.dialect.opening import FEWEST, kind_of
from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.pcap.packets import Address, UdpDatagram

LONGEST_PAUSE_NS: Final = 30_000_000_000
"""Between two packets of one call; what comes later is another call between the same ports."""
MAX_CONVERSATIONS: Final = 65_536
FEWEST_OPAQUE: Final = 50
"""Packets of a conversation without RTP that make it a call, if something else says so too."""
_PRIVATE: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
                     "fc00::/7", "fe80::/10"))
)  # fmt: skip
"""RFC 1918, 6598, 3927, 4193 and 4291."""
_FEWEST_STEPS: Final = 10
_MAX_SSRCS: Final = 64
_MAX_PEERS: Final = 64
_LONGEST_STEP: Final = 100
_RUN: Final = b"\xff" * 12
_COOKIE: Final = b"\x21\x12\xa4\x42"
_USERNAME: Final = b"\x00\x06\x00"
_FEWEST_STUN: Final = 2

Pair = tuple[Address, Address]
"""The lesser address first."""


class Call(NamedTuple):
    """A conversation, and when the call in it took place."""

    local: Address
    """The capturing end."""
    remote: Address
    first_ns: int
    last_ns: int


class Conversations:
    """Takes the datagrams of a capture and tells which are a call's. Bounded in memory."""

    def __init__(self) -> None:
        self.left_out = 0
        """Datagrams of conversations beyond ``MAX_CONVERSATIONS``."""
        self._talks: dict[Pair, _Talk] = {}
        self._peers: dict[str, set[str]] = {}

    def add(self, datagram: UdpDatagram) -> None:
        """Take a datagram."""
        pair = pair_of(datagram.source, datagram.destination)
        talk = self._talks.get(pair)
        if talk is None:
            if len(self._talks) >= MAX_CONVERSATIONS:
                self.left_out += 1
                return
            talk = self._talks[pair] = _Talk(datagram)
            self._meet(datagram.source[0], datagram.destination[0])
            self._meet(datagram.destination[0], datagram.source[0])
        talk.add(datagram)

    def call(self) -> Call | None:
        """Return the call with most media packets, or None when nothing here is one."""
        pair, talk = max(self._talks.items(), key=lambda item: item[1].weight, default=(None, None))
        if pair is None or talk is None or talk.weight == (0, 0):
            return None
        return self._call(pair, talk)

    def between(self, local: Address, remote: Address) -> Call | None:
        """Return what passed between two ends, whatever it is; None when nothing did."""
        talk = self._talks.get(pair_of(local, remote))
        return None if talk is None else Call(local, remote, *talk.busiest)

    def _call(self, pair: Pair, talk: "_Talk") -> Call:
        local, remote = pair if self._is_local(*pair, talk) else pair[::-1]
        return Call(local, remote, *talk.busiest)

    def _is_local(self, one: Address, other: Address, talk: "_Talk") -> bool:
        """Say whether ``one`` captured: by private address, by how many it talks to, by who began."""
        private = [_is_private(host) for host, _ in (one, other)]
        if private[0] != private[1]:
            return private[0]
        met = [len(self._peers.get(host, ())) for host, _ in (one, other)]
        if met[0] != met[1]:
            return met[0] > met[1]
        return talk.first_source == one

    def _meet(self, host: str, peer: str) -> None:
        peers = self._peers.setdefault(host, set())
        if len(peers) < _MAX_PEERS:
            peers.add(peer)


class _Talk:
    """What is known of one conversation."""

    def __init__(self, first: UdpDatagram) -> None:
        self.first_source = first.source
        self._packets = 0
        self._stun = 0
        self._relay = 0
        self._opening = 0
        self._streams: dict[tuple[Address, bytes], _Stream] = {}
        self._spells = _Spells(first.epoch_ns)

    @property
    def weight(self) -> tuple[int, int]:
        """How many packets are media, by what they show, and how many set up a call; few are none."""
        streams = sum(stream.packets for stream in self._streams.values() if stream.is_media)
        opaque = self._packets >= FEWEST_OPAQUE and (self._relay or self._stun >= _FEWEST_STUN)
        return streams or (self._packets if opaque else 0), self._opening if self._opening >= FEWEST else 0

    @property
    def busiest(self) -> tuple[int, int]:
        """When the longest spell without a long pause began and ended."""
        return self._spells.busiest

    def add(self, datagram: UdpDatagram) -> None:
        payload = datagram.payload
        self._packets += 1
        self._spells.add(datagram.epoch_ns)
        self._stun += payload[4:8] == _COOKIE
        self._relay += payload[16:28] == _RUN
        self._opening += _opens_a_call(payload)
        innermost = unwrap(payload)[-1].payload
        if _is_rtp(innermost):
            self._note(datagram.source, innermost)

    def _note(self, source: Address, packet: bytes) -> None:
        key = (source, packet[8:12])
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) < _MAX_SSRCS:
                self._streams[key] = _Stream(int.from_bytes(packet[2:4], "big"))
        else:
            stream.add(int.from_bytes(packet[2:4], "big"))


class _Stream:
    """One SSRC: how many packets, how many of them a small step after the one before."""

    def __init__(self, sequence: int) -> None:
        self.packets = 1
        self._steps = 0
        self._last = sequence

    @property
    def is_media(self) -> bool:
        return self._steps >= _FEWEST_STEPS and 2 * self._steps >= self.packets

    def add(self, sequence: int) -> None:
        self.packets += 1
        self._steps += 0 < (sequence - self._last) & 0xFFFF < _LONGEST_STEP
        self._last = sequence


class _Spells:
    """The spells of a conversation that long pauses part from each other; only the busiest is kept."""

    def __init__(self, at_ns: int) -> None:
        self._first_ns = self._last_ns = at_ns
        self._packets = 0
        self._best = (0, at_ns, at_ns)

    @property
    def busiest(self) -> tuple[int, int]:
        return max(self._best, (self._packets, self._first_ns, self._last_ns))[1:]

    def add(self, at_ns: int) -> None:
        if abs(at_ns - self._last_ns) > LONGEST_PAUSE_NS:
            self._best = max(self._best, (self._packets, self._first_ns, self._last_ns))
            self._packets, self._first_ns, self._last_ns = 0, at_ns, at_ns
        self._packets += 1
        self._first_ns, self._last_ns = min(self._first_ns, at_ns), max(self._last_ns, at_ns)


def pair_of(one: Address, other: Address) -> Pair:
    """Return two ends in an order that does not depend on the direction."""
    return (one, other) if one <= other else (other, one)


def conversations_of(datagrams: Iterable[UdpDatagram]) -> Conversations:
    """Return the conversations that ``datagrams`` are of."""
    found = Conversations()
    for datagram in datagrams:
        found.add(datagram)
    return found


def _opens_a_call(payload: bytes) -> bool:
    """Say whether a packet is one of a call's set-up; STUN that finds out an address is anybody's."""
    kind = kind_of(payload)
    if kind == "ice_connectivity":
        return _USERNAME in payload[20:]
    return kind in {"relay_allocation", "relay_ping", "turn_allocation"}


def _is_private(host: str) -> bool:
    """Say whether an address is one that hosts behind a NAT or on a link have."""
    address = ip_address(host)
    return any(address in net for net in _PRIVATE if net.version == address.version)


def _is_rtp(packet: bytes) -> bool:
    return len(packet) >= 12 and 128 <= packet[0] <= 191 and not 192 <= packet[1] <= 223
