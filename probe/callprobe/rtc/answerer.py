"""The far end of WebRTC calls: answers WHIP offers on the responder's shared UDP ports.

Offered candidates are ignored; a call goes to the source of its first authenticated check. Several calls
share a port, told apart by the ICE user name fragment first and by the source afterwards.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiortc import RTCPeerConnection, RTCSessionDescription

from callprobe.media.flow import Address
from callprobe.media.session import FlowView
from callprobe.net.loop import EndpointSettings, endpoint_settings
from callprobe.rtc import sdp
from callprobe.rtc.opus import OpusTrack, packets_in
from callprobe.rtc.peer import close_peer, new_peer
from callprobe.rtc.record import PacketLog
from callprobe.rtc.seams import decode_nothing, host_addresses
from callprobe.rtc.shared_port import Send, SharedPortTransport, is_stun, local_fragment, parse_stun


class OfferError(ValueError):
    """An offer that cannot be answered; one sentence that names no address."""


class CallLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Ceilings of the WebRTC far end."""

    max_calls: int = 64
    max_media_duration_s: float = 180.0
    setup_s: float = 30.0
    """A call that brought no media this long after its answer ends."""
    silence_s: float = 10.0
    """A call ends when no media arrived for this long."""
    records_kept: int = 64
    """Records of ended calls kept for collection, oldest forgotten first."""


@dataclass(eq=False)
class _Call:
    resource_id: str
    session_id: str
    port: int
    start_ns: int
    end_ns: int
    connection: RTCPeerConnection
    log: PacketLog
    transport: SharedPortTransport | None = None
    fragment: str = ""
    password: bytes = b""
    sources: set[Address] = field(default_factory=set)
    watch: asyncio.Task[None] | None = None


class WhipCalls:
    """All WebRTC calls of one responder; its UDP plane calls ``owns`` and ``on_datagram``."""

    def __init__(self, send: Send, now_ns: Callable[[], int], limits: CallLimits | None = None) -> None:
        """Make a far end that sends with ``send(port, peer, data)``; run it on a ``StampedLoop``."""
        self._send = send
        self._now_ns = now_ns
        self._limits = limits or CallLimits()
        self._calls: dict[str, _Call] = {}
        self._by_fragment: dict[tuple[int, str], _Call] = {}
        self._by_source: dict[tuple[int, Address], _Call] = {}
        self._records: OrderedDict[str, FlowView] = OrderedDict()

    # --- signalling -----------------------------------------------------------------------------------

    async def answer(
        self, session_id: str, sdp_offer: str, port: int, media_duration_s: float | None = None
    ) -> tuple[str, str]:
        """Answer an offer on ``port``; return (resource id, SDP answer that names the port and no host).

        Media are sent for ``media_duration_s``, at most and by default for the limit's time: when both ends
        know it, no packet counts as lost because one had already left. A session has one call: a second
        offer ends the first. Raises OfferError.
        """
        offer = sdp.with_candidate(_checked(sdp_offer), *sdp.PLACEHOLDER)
        await self._make_room(session_id)
        call = self._new_call(session_id, port, media_duration_s)
        try:
            answer = await self._negotiate(call, offer)
        except BaseException:
            await self._end(call)
            raise
        call.watch = asyncio.create_task(self._watch(call))
        return call.resource_id, answer

    async def hang_up(self, resource_id: str) -> bool:
        """End a call; False when there is none of that name."""
        call = self._calls.get(resource_id)
        if call is not None:
            await self._end(call)
        return call is not None

    async def close(self) -> None:
        """End all calls."""
        for call in list(self._calls.values()):
            await self._end(call)

    # --- records --------------------------------------------------------------------------------------

    def view(self, session_id: str) -> FlowView | None:
        """Return what was seen of a session's latest call so far (times from its answer), or None."""
        live = next((call for call in self._calls.values() if call.session_id == session_id), None)
        return self._records.get(session_id) if live is None else live.log.view(live.start_ns)

    def record_json(self, session_id: str) -> bytes | None:
        """Return ``view`` as JSON, or None when the session has had no call."""
        view = self.view(session_id)
        return None if view is None else msgspec.json.encode(view)

    def forget(self, session_id: str) -> None:
        """Drop the record of a session's ended call."""
        self._records.pop(session_id, None)

    # --- datagrams ------------------------------------------------------------------------------------

    def owns(self, data: bytes, peer: Address, port: int) -> bool:
        """Whether a datagram that arrived on ``port`` belongs to a call, or claims to open one."""
        return (port, peer) in self._by_source or (port, local_fragment(data)) in self._by_fragment

    def on_datagram(self, port: int, kernel_ns: int, peer: Address, data: bytes) -> None:
        """Take one datagram stamped by the kernel (monotonic ns); what cannot be authenticated is dropped."""
        call = self._by_source.get((port, peer))
        if is_stun(data):
            call = self._authenticated(call, port, peer, data)
        if call is not None and call.transport is not None:
            call.transport.deliver(kernel_ns, peer, data)

    # --- inner ----------------------------------------------------------------------------------------

    def _authenticated(self, call: _Call | None, port: int, peer: Address, data: bytes) -> _Call | None:
        """Return the call of a STUN message: an answer to ours, or a check with the call's password."""
        fragment = local_fragment(data)
        if fragment is None:
            return call if parse_stun(data) is not None and data[0] == 1 else None
        meant = self._by_fragment.get((port, fragment))
        message = parse_stun(data)
        if meant is None or message is None or not message.check_message_integrity(meant.password):
            return None
        if call not in {None, meant} or meant.transport is None or not meant.transport.admit(peer):
            return None
        meant.sources.add(peer)
        self._by_source[port, peer] = meant
        return meant

    async def _make_room(self, session_id: str) -> None:
        for call in [call for call in self._calls.values() if call.session_id == session_id]:
            await self._end(call)
        if len(self._calls) >= self._limits.max_calls:
            raise OfferError("the responder is busy: too many calls; try again in a few minutes")

    def _new_call(self, session_id: str, port: int, media_duration_s: float | None) -> _Call:
        ceiling_s = self._limits.max_media_duration_s
        duration_s = ceiling_s if media_duration_s is None else min(media_duration_s, ceiling_s)
        now_ns = self._now_ns()
        call = _Call(
            resource_id=secrets.token_hex(16),
            session_id=session_id,
            port=port,
            start_ns=now_ns,
            end_ns=now_ns + int((duration_s + self._limits.setup_s) * 1e9),
            connection=new_peer(OpusTrack(duration_s, self._now_ns)),
            log=PacketLog(max_packets=2 * packets_in(duration_s) + 500),
        )
        self._calls[call.resource_id] = call
        return call

    async def _negotiate(self, call: _Call, offer: str) -> str:
        def endpoint(
            protocol_factory: Callable[[], asyncio.BaseProtocol],
        ) -> tuple[asyncio.DatagramTransport, asyncio.BaseProtocol]:
            protocol: Any = protocol_factory()
            call.transport = SharedPortTransport(call.port, protocol, call.log, self._send, self._now_ns)
            protocol.connection_made(call.transport)
            return call.transport, protocol

        connection = call.connection
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            with endpoint_settings(EndpointSettings(factory=endpoint)), host_addresses(sdp.ANY_HOST):
                await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:
            # aiortc's parser raises anything at all on hostile text.
            raise OfferError("the offer is not one that WebRTC audio can answer") from error
        decode_nothing(connection)
        self._register(call)
        return sdp.with_candidate(connection.localDescription.sdp, sdp.ANY_HOST, call.port)

    def _register(self, call: _Call) -> None:
        ice = call.connection.getTransceivers()[
            0
        ].receiver.transport.transport.iceGatherer.getLocalParameters()
        call.fragment, call.password = str(ice.usernameFragment), str(ice.password).encode()
        if (call.port, call.fragment) in self._by_fragment:
            raise OfferError("the call's name is taken by chance; try again")
        self._by_fragment[call.port, call.fragment] = call

    async def _watch(self, call: _Call) -> None:
        while (rest_ns := self._deadline_ns(call) - self._now_ns()) > 0:  # noqa: ASYNC110 - it moves
            await asyncio.sleep(rest_ns / 1e9)
        await self._end(call)

    def _deadline_ns(self, call: _Call) -> int:
        if not call.log.received:
            return min(call.end_ns, call.start_ns + int(self._limits.setup_s * 1e9))
        return min(call.end_ns, call.log.received[-1].at_ns + int(self._limits.silence_s * 1e9))

    async def _end(self, call: _Call) -> None:
        if self._calls.pop(call.resource_id, None) is None:
            return
        if call.watch is not None and call.watch is not asyncio.current_task():
            call.watch.cancel()
        await close_peer(call.connection)
        if self._by_fragment.get((call.port, call.fragment)) is call:
            del self._by_fragment[call.port, call.fragment]
        for peer in call.sources:
            self._by_source.pop((call.port, peer), None)
        self._records[call.session_id] = call.log.view(call.start_ns)
        while len(self._records) > self._limits.records_kept:
            self._records.popitem(last=False)


def _checked(offer: str) -> str:
    try:
        return sdp.without_addresses(offer)
    except sdp.SdpError as error:
        raise OfferError(str(error)) from error
