"""The ``service_reachability`` nettest: what a public endpoint of a service answers to anybody.

A ladder per protocol: ``resolve`` (left out for a literal address), then ``tcp_connect``, then for https
``tls_handshake`` and ``http_response``; or ``stun_binding``. Each rung has its own deadline, each failure is
data, and the rungs above the first failing one are ``not_reached``.
"""

import random
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final, TypeVar

import h11
import msgspec

from callprobe.media.stun_binding import StunBinding
from callprobe.net.contract import Net, NetError, Stream
from callprobe.nettest.ladder import not_reached, seconds
from callprobe.scenario.model import Target
from callprobe.wire.stun import TRANSACTION_ID_BYTES
from callresults.failure import Failure
from callresults.nettests.common import IpVersion
from callresults.observation import Stage, StageName

T = TypeVar("T")

MAX_RESPONSE_BYTES: Final = 65_536
"""Read of a response at most: more than any length after which transfers are known to be frozen."""
CHUNK_BYTES: Final = 16_384
USER_AGENT: Final = "Mozilla/5.0"
"""What nearly every client says first; it names nobody."""
HTTPS_PORT: Final = 443

_RUNGS: Final[dict[str, tuple[StageName, ...]]] = {
    "https": ("resolve", "tcp_connect", "tls_handshake", "http_response"),
    "tcp": ("resolve", "tcp_connect"),
    "stun": ("resolve", "stun_binding"),
}


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long each rung is given, seconds."""

    resolve_s: float = 5.0
    tcp_connect_s: float = 5.0
    tls_handshake_s: float = 5.0
    http_response_s: float = 5.0
    stun_binding_s: float = 4.0


class ServiceResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one target."""

    stages: tuple[Stage, ...]
    """The ladder, in order."""
    http_status: int | None
    """Status code of the response; null when none was read."""
    bytes_received: int
    """Bytes of the HTTP response (headers and body, inside TLS) or of the STUN answer."""
    ip_version: IpVersion
    """Of the address that was tried; ``ipv4`` when none was."""


async def measure(
    net: Net, target: Target, *, start_ns: int, rng: random.Random, deadlines: Deadlines | None = None
) -> ServiceResult:
    """Climb the ladder of ``target`` and return what came of it; raises nothing for what a network does.

    ``start_ns`` is the measurement's start on the clock of ``net``; ``rng`` draws the STUN transaction id.
    """
    climb = _Climb(net, target, start_ns, deadlines or Deadlines())
    try:
        if target.protocol == "stun":
            await climb.stun(rng.randbytes(TRANSACTION_ID_BYTES))
        else:
            await climb.tcp()
    except NetError as error:
        climb.leave_the_rest(error.failure)
    return climb.result()


class _Climb:
    """One climb of a ladder: the rungs so far and what they brought."""

    def __init__(self, net: Net, target: Target, start_ns: int, deadlines: Deadlines) -> None:
        self._net = net
        self._target = target
        self._start_ns = start_ns
        self._deadlines = deadlines
        self._literal = _is_literal(target.host)
        self._stages: list[Stage] = []
        self._ip_version: IpVersion = "ipv4"
        self._http = _HttpExchange(target)
        self._stun_bytes = 0

    async def tcp(self) -> None:
        """Climb the rungs of an endpoint on TCP. Raises NetError at the first failing one."""
        address = await self._resolve()
        stream = await self._rung(
            "tcp_connect",
            self._deadlines.tcp_connect_s,
            lambda deadline_ns: self._net.open_stream(address, self._target.port, deadline_ns),
        )
        self._note_rtt(self._stages[-1].t - self._stages[-1].t0)
        try:
            if self._target.protocol == "https":
                await self._https(stream)
        finally:
            await stream.close()

    async def stun(self, transaction_id: bytes) -> None:
        """Climb the rungs of a STUN server. Raises NetError at the first failing one."""
        address = await self._resolve()
        t0_ns = self._net.now_ns()
        seconds_given = self._deadlines.stun_binding_s
        deadline_ns = t0_ns + _ns(seconds_given)
        machine = StunBinding(
            (address, self._target.port), transaction_id, start_ns=t0_ns, deadline_ns=deadline_ns
        )
        failure = await self._bind(machine, deadline_ns)
        self._stun_bytes = machine.bytes_received
        self._record("stun_binding", t0_ns, seconds_given, failure, attempts=machine.attempts)
        if machine.rtt_ns is not None:
            self._note_rtt(machine.rtt_ns / 1e9)
        if failure is not None:
            raise NetError(failure)

    def leave_the_rest(self, failure: Failure) -> None:
        """Record the rungs that ``failure`` kept from being tried."""
        tried = {stage.name for stage in self._stages}
        now_s = seconds(self._net.now_ns(), self._start_ns)
        rest = [name for name in self._rungs() if name not in tried]
        self._stages += [not_reached(name, now_s, failure) for name in rest]

    def result(self) -> ServiceResult:
        """Return what came of the climb."""
        return ServiceResult(
            stages=tuple(self._stages),
            http_status=self._http.status,
            bytes_received=self._http.bytes_received + self._stun_bytes,
            ip_version=self._ip_version,
        )

    def _rungs(self) -> tuple[StageName, ...]:
        rungs = _RUNGS[self._target.protocol]
        return rungs[1:] if self._literal else rungs

    async def _resolve(self) -> str:
        """Return the address to try: the first of IPv4 if there is one, as calls mostly have."""
        host = self._target.host
        found = [host]
        if not self._literal:
            found = await self._rung(
                "resolve", self._deadlines.resolve_s, lambda deadline_ns: self._net.resolve(host, deadline_ns)
            )
        address = next((address for address in found if ":" not in address), found[0])
        self._ip_version = "ipv6" if ":" in address else "ipv4"
        return address

    async def _https(self, stream: Stream) -> None:
        name = self._target.server_name or self._target.host
        tls = await self._rung(
            "tls_handshake",
            self._deadlines.tls_handshake_s,
            lambda deadline_ns: self._net.start_tls(stream, name, deadline_ns),
        )
        try:
            await self._rung(
                "http_response",
                self._deadlines.http_response_s,
                lambda deadline_ns: self._http.run(self._net, tls, deadline_ns),
            )
        finally:
            if self._http.first_byte_s is not None:
                self._note_rtt(self._http.first_byte_s)

    async def _bind(self, machine: StunBinding, deadline_ns: int) -> Failure | None:
        try:
            flows = await self._net.open_flows([machine])
        except NetError as error:
            return error.failure
        try:
            await flows.run(deadline_ns)
        finally:
            await flows.close()
        return machine.failure

    async def _rung(
        self, name: StageName, seconds_given: float, operation: Callable[[int], Awaitable[T]]
    ) -> T:
        """Return what ``operation`` returns by its deadline, and record the rung. Raises NetError."""
        t0_ns = self._net.now_ns()
        try:
            result = await operation(t0_ns + _ns(seconds_given))
        except NetError as error:
            self._record(name, t0_ns, seconds_given, error.failure)
            raise
        self._record(name, t0_ns, seconds_given, None)
        return result

    def _record(
        self, name: StageName, t0_ns: int, seconds_given: float, failure: Failure | None, attempts: int = 1
    ) -> None:
        self._stages.append(
            Stage(
                name=name,
                t0=seconds(t0_ns, self._start_ns),
                t=seconds(self._net.now_ns(), self._start_ns),
                outcome="ok" if failure is None else "failed",
                failure=failure,
                deadline_s=seconds_given,
                attempts=attempts,
            )
        )

    def _note_rtt(self, rtt_s: float) -> None:
        """Write the round trip into the rung recorded last."""
        self._stages[-1] = msgspec.structs.replace(self._stages[-1], rtt_ms=round(rtt_s * 1e3, 3))


class _HttpExchange:
    """One GET, read to its end or to ``MAX_RESPONSE_BYTES``; a frozen transfer fails, its bytes counted."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection = h11.Connection(our_role=h11.CLIENT)
        self.status: int | None = None
        self.bytes_received = 0
        self.first_byte_s: float | None = None
        """From the request to the first byte of the response."""

    async def run(self, net: Net, stream: Stream, deadline_ns: int) -> None:
        """Ask, read and judge. Raises NetError."""
        sent_ns = net.now_ns()
        await stream.send(self._request(), deadline_ns)
        while self.bytes_received < MAX_RESPONSE_BYTES:
            room = min(CHUNK_BYTES, MAX_RESPONSE_BYTES - self.bytes_received)
            data = await stream.receive(room, deadline_ns)
            if data and self.first_byte_s is None:
                self.first_byte_s = (net.now_ns() - sent_ns) / 1e9
            self.bytes_received += len(data)
            if self._take(data):
                break
        self._judge()

    def _request(self) -> bytes:
        target = self._target
        request = h11.Request(
            method="GET",
            target=target.path,
            headers=[
                ("Host", _authority(target)),
                ("User-Agent", USER_AGENT),
                ("Accept", "*/*"),
                ("Connection", "close"),
            ],
        )
        return self._connection.send(request) + self._connection.send(h11.EndOfMessage())

    def _take(self, data: bytes) -> bool:
        """Parse what came (b"" = the peer's end); return whether the response is whole. Raises NetError."""
        try:
            self._connection.receive_data(data)
            while True:
                event = self._connection.next_event()
                if event is h11.NEED_DATA:
                    return False
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                if isinstance(event, h11.EndOfMessage):
                    return True
        except h11.RemoteProtocolError:
            raise NetError(Failure.UNKNOWN if data else Failure.EOF) from None

    def _judge(self) -> None:
        """Raise NetError unless the status is one that the service itself gives."""
        if self.status is None:
            raise NetError(Failure.UNKNOWN)
        if self._target.expected_status and self.status not in self._target.expected_status:
            raise NetError(Failure.HTTP_UNEXPECTED_STATUS)


def _authority(target: Target) -> str:
    """Return the Host header's value (RFC 9110 section 7.2)."""
    name = target.server_name or target.host
    name = f"[{name}]" if ":" in name else name
    return name if target.port == HTTPS_PORT else f"{name}:{target.port}"


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _ns(duration_s: float) -> int:
    return int(duration_s * 1e9)
