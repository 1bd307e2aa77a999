"""The probe's end of a WebRTC call: aiortc, signalled by WHIP, each rung with a deadline of its own.

Failure is data: whatever the network or the responder does, ``call`` returns every rung of the ladder. Media
run for their whole time even when none arrive, so that the other direction is measured. aiortc's statistics
are not used: the record is what passed the socket.
"""

import asyncio
from collections.abc import Callable
from typing import Literal, NamedTuple

import httpx
from aiortc import RTCSessionDescription

from callprobe.media.flow import Address
from callprobe.net.contract import NetError
from callprobe.net.loop import (
    Direction,
    EndpointSettings,
    StampedLoop,
    StampedTransport,
    Tap,
    endpoint_settings,
    local_address_towards,
)
from callprobe.rtc import sdp, whip
from callprobe.rtc.ladder import Deadlines, Ladder, judge_media
from callprobe.rtc.opus import OpusTrack
from callprobe.rtc.peer import close_peer, new_peer
from callprobe.rtc.record import PacketLog, RtpRecord
from callprobe.rtc.seams import decode_nothing, host_addresses
from callresults.failure import Failure
from callresults.observation import Stage

DRAIN_S = 0.2
"""After the farewell: what the responder sent before it heard of it still arrives."""


class RtcResult(NamedTuple):
    """One call as the probe saw it."""

    signalling: Stage
    """The WHIP exchange, named ``session_open``."""
    stages: tuple[Stage, ...]
    """ice_connectivity, dtls_handshake, media_first_packet, media_hold; always all four."""
    sent: tuple[RtpRecord, ...]
    received: tuple[RtpRecord, ...]
    """In order of arrival, duplicates included; sequences count as the sender's."""
    due_ns: tuple[int, ...]
    """When each packet of ``sent`` was due on the 20 ms grid (same order, may be one longer)."""
    kernel_timestamps: bool
    local_drops: int
    send_errors: int
    hung_up: bool
    """Whether the responder confirmed the end of the call."""


async def call(
    whip_url: str,
    http: httpx.AsyncBaseTransport,
    *,
    responder_host: str,
    port_shift: int,
    media_duration_s: float,
    now_ns: Callable[[], int],
    start_ns: int,
    deadlines: Deadlines | None = None,
    tap: Tap | None = None,
    interface: str | None = None,
) -> RtcResult:
    """Make one call on the running ``StampedLoop`` and return what came of it.

    ``responder_host`` (textual address) is the only host that is sent anything; ``port_shift`` is added to
    the port that the answer names; ``now_ns`` is the monotonic clock, ``start_ns`` the measurement's start on
    it. ``http`` is borrowed, not closed. ``tap`` sees every datagram.
    """
    if not isinstance(asyncio.get_running_loop(), StampedLoop):
        raise TypeError("a WebRTC call needs a StampedLoop, else no packet of it is recorded")
    plan = _Plan(
        whip_url=whip_url,
        responder_host=responder_host,
        port_shift=port_shift,
        media_duration_s=media_duration_s,
        deadlines=deadlines or Deadlines(),
        start_ns=start_ns,
        interface=interface,
    )
    attempt = _Call(plan, http, now_ns, tap)
    try:
        return await attempt.run()
    finally:
        await close_peer(attempt.connection)


class _Tee:
    """Two taps as one."""

    def __init__(self, *taps: Tap | None) -> None:
        self._taps = [tap for tap in taps if tap is not None]

    def on_packet(self, direction: Direction, at_ns: int, data: bytes, peer: Address) -> None:
        for tap in self._taps:
            tap.on_packet(direction, at_ns, data, peer)


Milestone = tuple[int, Literal["up", "failed"]]


class _Plan(NamedTuple):
    whip_url: str
    responder_host: str
    port_shift: int
    media_duration_s: float
    deadlines: Deadlines
    start_ns: int
    interface: str | None


class _Call:
    """One attempt, phase by phase."""

    def __init__(
        self, plan: _Plan, http: httpx.AsyncBaseTransport, now_ns: Callable[[], int], tap: Tap | None
    ) -> None:
        loop = asyncio.get_running_loop()
        self._plan = plan
        self._deadlines = plan.deadlines
        self._now_ns = now_ns
        self._track = OpusTrack(plan.media_duration_s, now_ns)
        self.connection = new_peer(self._track)
        self._log = PacketLog()
        self._tap = _Tee(self._log, tap)
        self._client = httpx.AsyncClient(transport=http, trust_env=False)
        self._ice: asyncio.Future[Milestone] = loop.create_future()
        self._dtls: asyncio.Future[Milestone] = loop.create_future()
        self._resource_url: str | None = None
        self._opened: list[StampedTransport] = []

    async def run(self) -> RtcResult:
        """Signal, climb, hang up."""
        ladder = Ladder(self._plan.start_ns)
        begin_ns = self._now_ns()
        failure = None
        hung_up = False
        try:
            try:
                answer = await self._signal()
            except NetError as error:
                failure = error.failure
            signalling = ladder.climb(
                "session_open", begin_ns, self._now_ns(), failure, deadline_s=self._deadlines.signalling_s
            )
            if failure is None:
                await self._climb(ladder, answer)
        finally:
            hung_up = await self._hang_up()
        return self._result(signalling, ladder, hung_up=hung_up)

    async def _signal(self) -> str:
        """Open the socket, exchange descriptions. Raises NetError."""
        host = self._plan.responder_host
        local = local_address_towards(host)
        offer = await self.connection.createOffer()
        settings = EndpointSettings(tap=self._tap, hosts=frozenset({host}), interface=self._plan.interface)
        with endpoint_settings(settings) as self._opened, host_addresses(local):
            await self.connection.setLocalDescription(offer)
        decode_nothing(self.connection)
        answer = await whip.post_offer(
            self._client, self._plan.whip_url, sdp.without_addresses(offer.sdp), self._deadlines.signalling_s
        )
        self._resource_url = answer.resource_url
        try:
            return sdp.answer_for_caller(answer.sdp, host, self._plan.port_shift)
        except sdp.SdpError:
            raise NetError(Failure.SESSION_REFUSED) from None

    async def _climb(self, ladder: Ladder, answer: str) -> None:
        deadlines = self._deadlines
        self._listen()
        begin_ns = self._now_ns()
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception:  # noqa: BLE001 - aiortc's parser raises anything on hostile text
            ladder.climb(
                "ice_connectivity", begin_ns, self._now_ns(), Failure.SESSION_REFUSED, deadline_s=0.0
            )
            return
        ice_ns, failure = await self._reached(self._ice, deadlines.ice_connectivity_s, Failure.ICE_FAILED)
        ladder.climb(
            "ice_connectivity",
            begin_ns,
            ice_ns,
            failure and self._ice_failure(failure),
            deadline_s=deadlines.ice_connectivity_s,
            attempts=self._log.stun["out"],
        )
        if failure is not None:
            return
        dtls_ns, failure = await self._reached(self._dtls, deadlines.dtls_handshake_s, Failure.DTLS_TIMEOUT)
        failure = Failure.DTLS_ALERT_RECEIVED if failure and self._log.alert_received else failure
        ladder.climb("dtls_handshake", ice_ns, dtls_ns, failure, deadline_s=deadlines.dtls_handshake_s)
        if failure is None:
            await self._media(ladder, dtls_ns)

    async def _media(self, ladder: Ladder, begin_ns: int) -> None:
        end_ns = begin_ns + int(self._plan.media_duration_s * 1e9)
        await self._sleep_until(end_ns + int(self._deadlines.linger_s * 1e9))
        arrivals_ns = sorted(packet.at_ns for packet in self._log.received)
        judge_media(ladder, [at for at in arrivals_ns if at <= end_ns], begin_ns, end_ns, self._deadlines)

    def _listen(self) -> None:
        def on_ice() -> None:
            state = self.connection.iceConnectionState
            if state in {"completed", "failed"}:
                self._settle(self._ice, up=state == "completed")

        def on_connection() -> None:
            state = self.connection.connectionState
            if state in {"connected", "failed", "closed"}:
                self._settle(self._dtls, up=state == "connected")

        self.connection.on("iceconnectionstatechange", on_ice)
        self.connection.on("connectionstatechange", on_connection)

    def _settle(self, milestone: asyncio.Future[Milestone], *, up: bool) -> None:
        if not milestone.done():
            milestone.set_result((self._now_ns(), "up" if up else "failed"))

    async def _reached(
        self, milestone: asyncio.Future[Milestone], deadline_s: float, timeout_failure: Failure
    ) -> tuple[int, Failure | None]:
        """Wait for a milestone; return when it came, or the time of giving up and why."""
        done, _ = await asyncio.wait({milestone}, timeout=deadline_s)
        if not done:
            return self._now_ns(), timeout_failure
        at_ns, outcome = milestone.result()
        if outcome == "up":
            return at_ns, None
        return at_ns, Failure.ICE_FAILED if milestone is self._ice else Failure.SSL_FAILED_HANDSHAKE

    def _ice_failure(self, failure: Failure) -> Failure:
        return failure if self._log.stun["in"] else Failure.STUN_TIMEOUT

    async def _sleep_until(self, when_ns: int) -> None:
        await asyncio.sleep(max(0, when_ns - self._now_ns()) / 1e9)

    async def _hang_up(self) -> bool:
        if self._resource_url is None:
            return False
        hung_up = await whip.hang_up(self._client, self._resource_url, self._deadlines.hang_up_s)
        if self._log.received:
            await asyncio.sleep(DRAIN_S)
        return hung_up

    def _result(self, signalling: Stage, ladder: Ladder, *, hung_up: bool) -> RtcResult:
        return RtcResult(
            signalling=signalling,
            stages=ladder.complete(self._now_ns()),
            sent=tuple(self._log.sent),
            received=tuple(self._log.received),
            due_ns=tuple(self._track.due_ns),
            kernel_timestamps=bool(self._opened)
            and all(transport.kernel_timestamps for transport in self._opened),
            local_drops=sum(transport.local_drops for transport in self._opened),
            send_errors=sum(transport.send_errors for transport in self._opened),
            hung_up=hung_up,
        )
