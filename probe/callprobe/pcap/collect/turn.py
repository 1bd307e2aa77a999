"""TURN (RFC 8656): allocations, permissions and channels by server, and what is relayed."""

from collections import Counter
from typing import Final

from msgspec import Struct

from callprobe.pcap.collect.round_trips import since_s, since_s_or_none
from callprobe.pcap.collect.stun_digest import by_code
from callprobe.pcap.collect.transactions import Role, Transaction
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import ms_turn, stun

SERVER_LIMIT: Final = 256
"""Pairs of client and server that are listed."""
PEER_LIMIT: Final = 64
"""Peers and channels that are listed for a server."""

SEND: Final = 0x0016
DATA: Final = 0x0017

_ALLOCATE: Final = 0x0003
_REFRESH: Final = 0x0004
_CREATE_PERMISSION: Final = 0x0008
_CHANNEL_BIND: Final = 0x0009
_METHODS: Final = {
    _ALLOCATE: "allocate",
    _REFRESH: "refresh",
    _CREATE_PERMISSION: "create_permission",
    _CHANNEL_BIND: "channel_bind",
}
_METHOD_BITS: Final = 0x3EEF
_UNAUTHORIZED: Final = 401
# WhatsApp's relays are asked by an Allocate with one of these tokens; they have a table of their own.
_RELAY_TOKENS: Final = frozenset({0x4000, 0x4001})


class TurnServer(Struct, frozen=True, kw_only=True):
    """What one client did at one TURN server."""

    client: str
    server: str
    transport: str
    """``udp`` or ``tcp``."""
    first_s: float
    allocate_requests: int
    """Transactions."""
    allocate_answered: int
    allocate_errors: dict[str, int]
    """By code."""
    challenged: bool
    """The 401 round was walked: a 401 and, after it, an Allocate with credentials."""
    allocated_s: float | None
    """First success."""
    rtt_ms: float | None
    """Of the first Allocate that was answered, from its first request."""
    realm: str | None
    software: str | None
    lifetime_s: int | None
    """Last one that was granted; the 0 that ends an allocation is none."""
    released_s: float | None
    """When a Refresh with lifetime 0 was sent."""
    permissions_granted: int
    permissions_refused: dict[str, int]
    """By code."""
    channels: dict[str, str]
    """Peer by channel number, as far as the binding was seen."""
    peers: tuple[str, ...]
    send_indications: int
    data_indications: int
    channel_data_up: int
    channel_data_down: int
    relayed_bytes_up: int
    """Payload within Send indications and channel data."""
    relayed_bytes_down: int


class TurnCounts(Struct, frozen=True, kw_only=True):
    """TURN by transaction; a WhatsApp allocation counts, since it is an Allocate."""

    allocate_requests: int
    allocate_success: int
    allocate_error: int
    create_permission_success: int
    create_permission_error: int
    channel_bind_success: int
    channel_bind_error: int
    refresh_success: int
    refresh_error: int
    send_indications: int
    data_indications: int
    channel_data: int
    """Frames."""
    servers: tuple[TurnServer, ...]
    dropped: int
    """Servers that are not listed, since there were too many."""


class _Server:
    """What one client did at one server, in the making."""

    __slots__ = (
        "allocate_answered",
        "allocate_errors",
        "allocate_requests",
        "allocated_ns",
        "challenged",
        "channels",
        "client",
        "counts",
        "first_ns",
        "lifetime_s",
        "peers",
        "permissions_refused",
        "realm",
        "released_ns",
        "rtt_ns",
        "server",
        "software",
    )

    def __init__(self, client: Address, server: Address, first_ns: int) -> None:
        self.client = client
        self.server = server
        self.first_ns = first_ns
        self.allocate_requests = self.allocate_answered = 0
        self.allocate_errors: Counter[int] = Counter()
        self.permissions_refused: Counter[int] = Counter()
        self.counts: Counter[str] = Counter()
        self.challenged = False
        self.allocated_ns: int | None = None
        self.released_ns: int | None = None
        self.rtt_ns: int | None = None
        self.lifetime_s: int | None = None
        self.realm: str | None = None
        self.software: str | None = None
        self.channels: dict[int, str] = {}
        self.peers: dict[str, None] = {}


class TurnTable:
    """The TURN of one transport."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._counts: Counter[str] = Counter()
        self._servers: dict[tuple[Address, Address], _Server] = {}

    def message(
        self,
        datagram: UdpDatagram,
        message: stun.Message,
        values: dict[int, bytes],
        role: Role,
        transaction: Transaction,
    ) -> None:
        """Take a STUN message that no other message carried."""
        method = message.type & _METHOD_BITS
        if role is Role.INDICATED:
            if message.type in {SEND, DATA}:
                self._indicated(datagram, message, values)
        elif method in _METHODS and role in {Role.ASKED, Role.ANSWERED, Role.UNASKED}:
            if role is Role.ASKED:
                self._asked(datagram, message, values)
            else:
                self._answered(datagram, transaction, method)

    def channel_data(self, datagram: UdpDatagram, carried: int) -> None:
        """Take channel data that carries so many bytes."""
        self._counts["channel_data"] += 1
        server = self._servers.get((datagram.source, datagram.destination))
        way = "up"
        if server is None:
            server = self._servers.get((datagram.destination, datagram.source))
            way = "down"
        if server is not None:
            server.counts[f"channel_data_{way}"] += 1
            server.counts[f"relayed_bytes_{way}"] += carried

    def knows(self, datagram: UdpDatagram) -> bool:
        """Say whether the two ends of a datagram are a client and its server."""
        pair = (datagram.source, datagram.destination)
        return pair in self._servers or pair[::-1] in self._servers

    def peer_of_channel(self, datagram: UdpDatagram, channel: int) -> str | None:
        """Return whom channel data comes from or goes to, where the binding was seen."""
        pair = (datagram.source, datagram.destination)
        server = self._servers.get(pair) or self._servers.get(pair[::-1])
        return None if server is None else server.channels.get(channel)

    def counts(self, origin_ns: int) -> TurnCounts:
        """Return the sums, and the servers in order of appearance."""
        counts = self._counts
        return TurnCounts(
            allocate_requests=counts["allocate_requests"],
            allocate_success=counts["allocate_success"],
            allocate_error=counts["allocate_error"],
            create_permission_success=counts["create_permission_success"],
            create_permission_error=counts["create_permission_error"],
            channel_bind_success=counts["channel_bind_success"],
            channel_bind_error=counts["channel_bind_error"],
            refresh_success=counts["refresh_success"],
            refresh_error=counts["refresh_error"],
            send_indications=counts["send_indications"],
            data_indications=counts["data_indications"],
            channel_data=counts["channel_data"],
            servers=tuple(_record(item, origin_ns, self._transport) for item in self._servers.values()),
            dropped=counts["dropped"],
        )

    def _asked(self, datagram: UdpDatagram, message: stun.Message, values: dict[int, bytes]) -> None:
        if message.type == _ALLOCATE:
            self._counts["allocate_requests"] += 1
        if not _RELAY_TOKENS.isdisjoint(values):
            return
        server = self._server(datagram.source, datagram.destination, datagram.epoch_ns)
        if server is None:
            return
        if message.type == _ALLOCATE:
            server.allocate_requests += 1
            server.challenged |= bool(server.allocate_errors[_UNAUTHORIZED]) and stun.USERNAME in values
        elif message.type == _REFRESH and values.get(stun.LIFETIME) == bytes(4):
            server.released_ns = datagram.epoch_ns
        peer = _note_peer(server, message, values)
        if message.type == _CHANNEL_BIND and peer is not None and len(server.channels) < PEER_LIMIT:
            server.channels[int.from_bytes(values.get(stun.CHANNEL_NUMBER, b"")[:2], "big")] = peer

    def _answered(self, datagram: UdpDatagram, transaction: Transaction, method: int) -> None:
        self._counts[f"{_METHODS[method]}_{'success' if transaction.succeeded else 'error'}"] += 1
        answer = transaction.answer
        server = self._servers.get((transaction.client, transaction.server))
        if server is None or answer is None:
            return
        server.realm = answer.realm or server.realm
        server.software = answer.software or server.software
        if transaction.succeeded and answer.lifetime_s:
            server.lifetime_s = answer.lifetime_s
        code = answer.error_code or 0
        if method == _ALLOCATE:
            _note_allocation(server, transaction, datagram.epoch_ns, code)
        elif method == _CREATE_PERMISSION and transaction.succeeded:
            server.counts["permissions_granted"] += 1
        elif method == _CREATE_PERMISSION and (
            code in server.permissions_refused or len(server.permissions_refused) < PEER_LIMIT
        ):
            server.permissions_refused[code] += 1

    def _indicated(self, datagram: UdpDatagram, message: stun.Message, values: dict[int, bytes]) -> None:
        send = message.type == SEND
        self._counts["send_indications" if send else "data_indications"] += 1
        pair = (datagram.source, datagram.destination)
        server = self._server(*(pair if send else pair[::-1]), datagram.epoch_ns)
        if server is None:
            return
        server.counts["send_indications" if send else "data_indications"] += 1
        server.counts["relayed_bytes_up" if send else "relayed_bytes_down"] += len(values.get(stun.DATA, b""))
        _note_peer(server, message, values)

    def _server(self, client: Address, server: Address, epoch_ns: int) -> _Server | None:
        known = self._servers.get((client, server))
        if known is None and len(self._servers) < SERVER_LIMIT:
            known = self._servers[client, server] = _Server(client, server, epoch_ns)
        elif known is None:
            self._counts["dropped"] += 1
        return known


def peer_of(message: stun.Message, values: dict[int, bytes]) -> str | None:
    """Return the peer that a message names, in RFC 8656's way or in Microsoft's, or None."""
    try:
        if values.get(ms_turn.MAGIC_COOKIE_ATTRIBUTE) == ms_turn.MAGIC_COOKIE:
            value = values.get(ms_turn.DESTINATION_ADDRESS) or values.get(ms_turn.REMOTE_ADDRESS)
            return None if value is None else address_text(stun.unpack_address(value))
        value = values.get(stun.XOR_PEER_ADDRESS)
        return None if value is None else address_text(stun.unxor_address(value, message.transaction_id))
    except stun.StunError:
        return None


def _note_peer(server: _Server, message: stun.Message, values: dict[int, bytes]) -> str | None:
    peer = peer_of(message, values)
    if peer is not None and len(server.peers) < PEER_LIMIT:
        server.peers[peer] = None
    return peer


def _note_allocation(server: _Server, transaction: Transaction, epoch_ns: int, code: int) -> None:
    server.allocate_answered += 1
    if server.rtt_ns is None:
        server.rtt_ns = transaction.rtt_ns
    if transaction.succeeded:
        server.allocated_ns = epoch_ns if server.allocated_ns is None else server.allocated_ns
    elif code in server.allocate_errors or len(server.allocate_errors) < PEER_LIMIT:
        server.allocate_errors[code] += 1


def _record(item: _Server, origin_ns: int, transport: str) -> TurnServer:
    counts = item.counts
    return TurnServer(
        client=address_text(item.client),
        server=address_text(item.server),
        transport=transport,
        first_s=since_s(origin_ns, item.first_ns),
        allocate_requests=item.allocate_requests,
        allocate_answered=item.allocate_answered,
        allocate_errors=by_code(item.allocate_errors),
        challenged=item.challenged,
        allocated_s=since_s_or_none(origin_ns, item.allocated_ns),
        rtt_ms=None if item.rtt_ns is None else round(item.rtt_ns / 1e6, 3),
        realm=item.realm,
        software=item.software,
        lifetime_s=item.lifetime_s,
        released_s=since_s_or_none(origin_ns, item.released_ns),
        permissions_granted=counts["permissions_granted"],
        permissions_refused=by_code(item.permissions_refused),
        channels={f"0x{number:04x}": peer for number, peer in item.channels.items()},
        peers=tuple(item.peers),
        send_indications=counts["send_indications"],
        data_indications=counts["data_indications"],
        channel_data_up=counts["channel_data_up"],
        channel_data_down=counts["channel_data_down"],
        relayed_bytes_up=counts["relayed_bytes_up"],
        relayed_bytes_down=counts["relayed_bytes_down"],
    )
