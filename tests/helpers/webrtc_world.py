"""A WebRTC call's surroundings on loopback: a shared UDP port, a WHIP application, a network that drops."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import httpx

from callprobe.media.flow import Address
from callprobe.net.loop import StampedLoop
from callprobe.rtc.answerer import CallLimits, OfferError, WhipCalls
from callprobe.rtc.caller import RtcResult, call
from callprobe.rtc.ladder import Deadlines
from callprobe.rtc.record import is_rtp

Drop = Callable[[str, bytes], bool]
"""(direction "up" or "down", datagram) -> whether the network swallows it."""
QUICK = Deadlines(
    signalling_s=2.0,
    hang_up_s=0.5,
    ice_connectivity_s=0.5,
    dtls_handshake_s=0.5,
    media_first_packet_s=0.4,
    media_silence_s=0.3,
    linger_s=0.2,
)


def is_stun(data: bytes) -> bool:
    return data[0] < 4


def is_dtls(data: bytes) -> bool:
    return 20 <= data[0] < 64


def is_media(data: bytes) -> bool:
    return is_rtp(data)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run on the project's loop, as the command line does."""

    async def started() -> Any:
        return await main()

    with asyncio.Runner(loop_factory=StampedLoop) as runner:
        return runner.run(started())


class World:
    """A responder with one UDP port, seen through a network that drops what ``drop`` says."""

    def __init__(
        self, drop: Drop = lambda _direction, _data: False, limits: CallLimits | None = None
    ) -> None:
        self.drop = drop
        self.calls = WhipCalls(self.send, time.monotonic_ns, limits)
        self.offers: list[str] = []
        self.answers: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.refuse_with: int | None = None
        self.foreign: list[bytes] = []
        self.named_port_shift = 0
        self.media_duration_s: float | None = None

    async def __aenter__(self) -> Self:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(0)
        self.sock.bind(("127.0.0.1", 0))
        self.port = int(self.sock.getsockname()[1])
        asyncio.get_running_loop().add_reader(self.sock, self.on_readable)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.calls.close()
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()

    def on_readable(self) -> None:
        data, peer = self.sock.recvfrom(2048)
        if self.drop("up", data):
            return
        if self.calls.owns(data, peer, self.port):
            self.calls.on_datagram(self.port, time.monotonic_ns(), peer, data)
        else:
            self.foreign.append(data)

    def send(self, port: int, peer: Address, data: bytes) -> None:
        assert port == self.port
        if not self.drop("down", data):
            self.sock.sendto(data, peer)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak WHIP as the responder's routes do."""
        body = (await receive())["body"]
        self.requests.append((scope["method"], scope["path"]))
        status, headers, text = await self.reply(scope, body.decode())
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    async def reply(self, scope: Any, body: str) -> tuple[int, list[tuple[bytes, bytes]], str]:
        if scope["method"] == "DELETE":
            ended = await self.calls.hang_up(scope["path"].rpartition("/")[2])
            return (200 if ended else 404), [], ""
        if self.refuse_with is not None:
            return self.refuse_with, [], ""
        self.offers.append(body)
        try:
            resource, answer = await self.calls.answer("session", body, self.port, self.media_duration_s)
        except OfferError:
            return 400, [], ""
        self.answers.append(answer)
        location = f"{scope['path']}/{resource}".encode()
        text = answer.replace(f" {self.port} typ", f" {self.port + self.named_port_shift} typ")
        return 201, [(b"content-type", b"application/sdp"), (b"location", location)], text

    async def call(self, media_duration_s: float = 0.6, **options: Any) -> RtcResult:
        """Make one call to this responder."""
        self.media_duration_s = media_duration_s
        return await call(
            "http://127.0.0.1:8080/v1/whip/session",
            options.pop("http", None) or httpx.ASGITransport(self.app),
            responder_host="127.0.0.1",
            port_shift=options.pop("port_shift", 0),
            media_duration_s=media_duration_s,
            now_ns=time.monotonic_ns,
            start_ns=options.pop("start_ns", time.monotonic_ns()),
            deadlines=options.pop("deadlines", QUICK),
            **options,
        )
