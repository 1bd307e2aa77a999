"""The loop under aiortc: stamps, taps, and nothing sent where it must not go."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from callprobe.net.contract import NetError
from callprobe.net.loop import (
    EndpointSettings,
    StampedLoop,
    StampedTransport,
    endpoint_settings,
    is_placeholder,
    local_address_towards,
)
from callresults.failure import Failure

Packet = tuple[str, int, bytes, tuple[str, int]]


class Listener(asyncio.DatagramProtocol):
    """Keeps what arrives, and lets a test wait for it."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.lost = asyncio.Event()
        self.errors: list[Exception] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.arrived.put_nowait((data, addr))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)


class Notes:
    def __init__(self) -> None:
        self.packets: list[Packet] = []

    def on_packet(self, direction: str, at_ns: int, data: bytes, peer: tuple[str, int]) -> None:
        self.packets.append((direction, at_ns, data, peer))


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def started() -> Any:
        return await main()

    with asyncio.Runner(loop_factory=StampedLoop) as runner:
        return runner.run(started())


async def endpoint(host: str = "127.0.0.1", **options: Any) -> tuple[StampedTransport, Listener]:
    options = options or {"local_addr": (host, 0)}
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Listener, **options)
    return transport, protocol  # type: ignore[return-value]


async def close(*ends: tuple[StampedTransport, Listener]) -> None:
    for transport, protocol in ends:
        transport.close()
        await protocol.lost.wait()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_arrivals_carry_the_time_at_which_the_kernel_had_them_not_when_they_were_read(host: str) -> None:
    """The loop is kept busy between arrival and reading: the stamp does not move.

    Linux switches stamping on for the whole machine a moment after the first socket asked for it, and gives
    packets before that the time of reading; hence the attempts.
    """
    notes = Notes()

    async def attempt(near: tuple[StampedTransport, Listener], far: tuple[StampedTransport, Listener]) -> int:
        notes.packets.clear()
        near[0].sendto(b"hello", far[0].get_extra_info("sockname"))
        busy_until = time.monotonic_ns() + 20_000_000
        while time.monotonic_ns() < busy_until:
            pass
        assert (await far[1].arrived.get())[0] == b"hello"
        (out, sent_ns, _, to), (into, arrival_ns, data, _) = notes.packets
        assert (out, into, data, to[0]) == ("out", "in", b"hello", host)
        return arrival_ns - sent_ns

    async def main() -> int:
        with endpoint_settings(EndpointSettings(tap=notes)) as opened:
            near, far = await endpoint(host), await endpoint(host)
        assert opened == [near[0], far[0]]
        assert near[0].kernel_timestamps
        delays_ns = [await attempt(near, far) for _ in range(10)]
        await close(near, far)
        return min(delays_ns)

    assert -200_000 < run(main) < 10_000_000


def test_an_endpoint_with_a_remote_address_hears_and_tells_that_one_only() -> None:
    """This is how aioice talks to a TURN server."""

    async def main() -> None:
        server, stranger = await endpoint(), await endpoint()
        client = await endpoint(remote_addr=server[0].get_extra_info("sockname"))
        client[0].sendto(b"allocate")
        _, source = await server[1].arrived.get()
        stranger[0].sendto(b"forged", source)
        server[0].sendto(b"granted", source)
        assert (await client[1].arrived.get())[0] == b"granted"
        assert client[1].arrived.empty()
        assert client[0].get_extra_info("peername") == server[0].get_extra_info("sockname")
        with pytest.raises(ValueError, match="remote address"):
            client[0].sendto(b"x", stranger[0].get_extra_info("sockname"))
        await close(server, stranger, client)

    run(main)


def test_only_the_hosts_named_are_told_and_heard() -> None:
    async def main() -> None:
        with endpoint_settings(EndpointSettings(hosts=frozenset({"127.0.0.1"}))):
            end = await endpoint()
        friend, stranger = await endpoint(), await endpoint("127.0.0.2")
        here = end[0].get_extra_info("sockname")
        stranger[0].sendto(b"from elsewhere", here)
        friend[0].sendto(b"from the responder", here)
        assert (await end[1].arrived.get())[0] == b"from the responder"
        end[0].sendto(b"leak", stranger[0].get_extra_info("sockname"))
        assert end[0].withheld == 1
        await close(end, friend, stranger)

    run(main)


@pytest.mark.parametrize("peer", [("192.0.2.1", 9), ("0.0.0.0", 9), ("8.8.8.8", 53)])
def test_placeholders_and_what_the_guard_refuses_are_withheld_in_silence(peer: tuple[str, int]) -> None:
    notes = Notes()

    async def main() -> None:
        with endpoint_settings(EndpointSettings(tap=notes)):
            end = await endpoint()
        end[0].sendto(b"x", peer)
        assert (end[0].withheld, end[1].errors) == (1, [])
        await close(end)

    run(main)
    assert notes.packets == []


def test_a_datagram_that_the_own_machine_refuses_is_counted_and_not_shown() -> None:
    notes = Notes()

    async def main() -> None:
        with endpoint_settings(EndpointSettings(tap=notes)):
            end = await endpoint()
        end[0].sendto(bytes(70_000), ("127.0.0.1", 9))
        assert end[0].send_errors == len(end[1].errors) == 1
        await close(end)
        assert end[0].local_drops == 0
        end[0].sendto(b"after closing", ("127.0.0.1", 9))
        end[0].abort()
        assert end[0].is_closing()

    run(main)
    assert notes.packets == []


def test_a_factory_replaces_the_socket() -> None:
    """The responder lends its shared port this way."""
    made: list[Any] = []

    def factory(protocol_factory: Callable[[], asyncio.BaseProtocol]) -> Any:
        made.append((asyncio.DatagramTransport(), protocol_factory()))
        return made[-1]

    async def main() -> None:
        with endpoint_settings(EndpointSettings(factory=factory)):
            assert await endpoint() == made[0]
        outside = await endpoint()
        assert isinstance(outside[0], StampedTransport)
        await close(outside)

    run(main)


def test_settings_reach_tasks_started_inside_and_nobody_else() -> None:
    notes = Notes()

    async def main() -> None:
        with endpoint_settings(EndpointSettings(tap=notes)) as opened:
            (inside,) = await asyncio.gather(endpoint())
        outside = await endpoint()
        assert opened == [inside[0]]
        outside[0].sendto(b"x", ("127.0.0.1", 9))
        await close(inside, outside)

    run(main)
    assert notes.packets == []


def test_options_that_lead_around_the_guard_are_refused() -> None:
    async def main() -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
            pytest.raises(ValueError, match="sock"),
        ):
            await endpoint(sock=sock)
        with pytest.raises(ValueError, match="allow_broadcast"):
            await endpoint(local_addr=("127.0.0.1", 0), allow_broadcast=True)

    run(main)


def test_the_guard_stands_before_remote_addresses_and_connections_too() -> None:
    async def main() -> None:
        with pytest.raises(NetError) as raised:
            await endpoint(remote_addr=("192.0.2.1", 3478))
        assert raised.value.failure == Failure.NOT_ALLOWED_BY_LOCAL_GUARD
        with pytest.raises(PermissionError):
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, "192.0.2.1", 80)

    run(main)


def test_the_own_address_towards_loopback_is_loopback() -> None:
    assert local_address_towards("127.0.0.9") == "127.0.0.1"
    assert local_address_towards("::1") == "::1"
    with pytest.raises(NetError):
        local_address_towards("192.0.2.1")


def test_documentation_and_unspecified_addresses_are_placeholders() -> None:
    assert all(
        map(is_placeholder, ["192.0.2.1", "198.51.100.1", "203.0.113.255", "0.0.0.0", "::", "2001:db8::1"])
    )
    assert not any(map(is_placeholder, ["127.0.0.1", "::1", "fe80::1%eth0", "192.0.3.1", "10.0.0.1"]))
