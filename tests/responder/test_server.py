"""The responder on real loopback sockets, on the project's own loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callprobe.dialect import open_echo
from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.registry import find
from callprobe.net import clock
from callprobe.net.loop import StampedLoop
from callprobe.responder import server
from callprobe.responder.limits import Limits
from callprobe.responder.plane import ResponderPlane
from callprobe.responder.server import PortsError, UdpPorts, bind_ports
from helpers.worlds import IDENTITY, make_plane, open_session

LOOPBACK = "127.0.0.1"


def run(main: Any) -> Any:
    with asyncio.Runner(loop_factory=StampedLoop) as runner:
        return runner.run(main)


class Far:
    """A responder's ports and a client's socket."""

    def __init__(self, plane: ResponderPlane, ports: UdpPorts, first_port: int, sock: socket.socket) -> None:
        self.plane, self.ports, self.first_port, self.sock = plane, ports, first_port, sock

    async def ask(self, data: bytes) -> bytes:
        """Send ``data`` and return the first datagram that comes back."""
        self.sock.sendto(data, (LOOPBACK, self.first_port))
        return await self.hear()

    async def hear(self) -> bytes:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self.sock, 2048), 5)


@contextlib.asynccontextmanager
async def far_end(limits: Limits | None = None) -> AsyncIterator[Far]:
    listener, sockets = bind_ports(LOOPBACK, 0, 2)
    first_port = listener.getsockname()[1]
    plane = ResponderPlane(
        IDENTITY,
        base_port=first_port,
        ports=(first_port, first_port + 1),
        entropy=make_plane()._entropy,
        utc_offset_ns=clock.read_clocks().offset_ns,
        limits=limits,
    )
    ports = UdpPorts(plane, sockets)
    with listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.bind((LOOPBACK, 0))
        ports.start()
        try:
            yield Far(plane, ports, first_port, sock)
        finally:
            await ports.stop()


async def prove(far: Far, echo: FlowKeys) -> None:
    answer = await far.ask(open_echo.OPEN.requests(echo, 0)[0])
    far.sock.sendto(open_echo.proof(echo, answer), (LOOPBACK, far.first_port))


def test_udp_ports_follow_the_tcp_port() -> None:
    listener, sockets = bind_ports(LOOPBACK, 0, 3)
    with contextlib.ExitStack() as stack:
        for sock in (listener, *sockets):
            stack.enter_context(sock)
        first = listener.getsockname()[1]
        assert [sock.getsockname()[1] for sock in sockets] == [first, first + 1, first + 2]


def test_taken_port_is_one_sentence_and_frees_what_was_bound() -> None:
    listener, sockets = bind_ports(LOOPBACK, 0, 2)
    first = listener.getsockname()[1]
    for sock in (listener, sockets[0]):
        sock.close()
    with sockets[1], pytest.raises(PortsError, match=f"cannot listen on 2 ports from {LOOPBACK}:{first}"):
        bind_ports(LOOPBACK, first, 2)
    again, freed = bind_ports(LOOPBACK, first, 2)
    for sock in (again, *freed):
        sock.close()


def test_ports_beyond_the_last_are_refused() -> None:
    with pytest.raises(PortsError, match="listen on a lower port"):
        bind_ports(LOOPBACK, 65_535, 2)


def test_call_goes_through_real_sockets_with_arrival_times_of_the_kernel() -> None:
    async def main() -> None:
        async with far_end() as far:
            grant, (echo, keys) = open_session(
                far.plane, "webrtc-aiortc", now_ns=clock.now_ns(), duration_s=0.2
            )
            look = find("webrtc-aiortc")
            await prove(far, echo)
            answer = await far.ask(look.requests(keys, 0)[0])
            assert look.hear(keys, "down", answer).kind.name == "SETUP_ANSWER"
            for slot in look.schedule("voice", 0.2, 5):
                far.sock.sendto(look.media(keys, "up", slot), (LOOPBACK, far.first_port))
            heard = [look.hear(keys, "down", await far.hear()).sequence_low16 for _ in range(10)]
            assert heard == list(range(10))
            record = far.plane.record(grant.session_id)
            assert record is not None
            assert sorted(record.flows[1].received_sequence) == list(range(10))
            assert 0 <= min(record.flows[1].received_us) < max(record.flows[1].sent_us) < 5_000_000

    run(main())


def test_media_begin_when_asked_although_no_packet_arrives() -> None:
    """The path may be cut upwards only."""

    async def main() -> None:
        async with far_end() as far:
            grant, (echo, keys) = open_session(far.plane, "webrtc-aiortc", now_ns=clock.now_ns())
            look = find("webrtc-aiortc")
            await prove(far, echo)
            await far.ask(look.requests(keys, 0)[0])
            far.plane.begin_media(grant.session_id, clock.now_ns())
            assert look.hear(keys, "down", await far.hear()).sequence_low16 == 0

    run(main())


def test_strangers_and_hostile_bytes_get_no_answer_and_stop_nothing() -> None:
    async def main() -> None:
        async with far_end() as far:
            _, (echo, _) = open_session(far.plane, "telegram-v2", now_ns=clock.now_ns())
            for data in (
                b"",
                b"\0",
                bytes(1400),
                b"\x80" * 100,
                b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
            ):
                far.sock.sendto(data, (LOOPBACK, far.first_port))
            answer = await far.ask(open_echo.OPEN.requests(echo, 0)[0])
            assert len(answer) == open_echo.REQUEST_BYTES

    run(main())


def test_sessions_run_out_although_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SWEEP_S", 0.02)

    async def main() -> None:
        async with far_end(Limits(session_lifetime_s=0.05)) as far:
            grant, _ = open_session(far.plane, now_ns=clock.now_ns())
            swept, expire = asyncio.Event(), far.plane.expire

            def note(now_ns: int) -> None:
                expire(now_ns)
                if far.plane.record(grant.session_id) is None:
                    swept.set()

            monkeypatch.setattr(far.plane, "expire", note)
            await asyncio.wait_for(swept.wait(), 5)

    run(main())


def test_drawn_ports_are_the_own_ones() -> None:
    async def main() -> None:
        async with far_end() as far:
            assert {far.ports.draw_port() for _ in range(64)} == {far.first_port, far.first_port + 1}

    run(main())
