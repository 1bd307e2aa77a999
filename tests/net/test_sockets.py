import random
import socket
import threading
from datetime import UTC

import pytest

from callprobe.net.contract import Net, NetError
from callprobe.net.guard import Guard
from callprobe.net.sockets import SocketNet
from callresults.failure import Failure
from helpers.servers import Authority, answering, asynctest, tcp_server

SECOND = 10**9


def net_with(resolver) -> SocketNet:
    return SocketNet(Guard(), random.Random(1), resolver=resolver)


def found(*addresses: str):
    return lambda *_args, **_kwargs: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses
    ]


@asynctest
async def test_the_clocks_are_the_machine_s_and_a_sleep_is_never_short():
    net: Net = SocketNet(Guard(only_local=True), random.Random(1))
    until_ns = net.now_ns() + 2_000_000

    await net.sleep_until(until_ns)

    assert net.now_ns() >= until_ns
    assert net.utc_now().tzinfo is UTC
    assert not net.virtual


@asynctest
async def test_addresses_come_once_each_in_the_resolver_s_order():
    net = net_with(found("192.0.2.2", "192.0.2.1", "192.0.2.2"))

    assert await net.resolve("service.test", net.now_ns() + SECOND) == ["192.0.2.2", "192.0.2.1"]


@asynctest
async def test_what_the_resolver_says_is_named():
    def unknown(*_args: object, **_kwargs: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for resolver, failure in ((unknown, Failure.DNS_NXDOMAIN), (found(), Failure.DNS_NO_ANSWER)):
        net = net_with(resolver)
        with pytest.raises(NetError) as caught:
            await net.resolve("service.test", net.now_ns() + SECOND)
        assert caught.value.failure is failure


@asynctest
async def test_a_starved_resolver_is_left_behind_at_the_deadline():
    released = threading.Event()
    net = net_with(lambda *_args, **_kwargs: released.wait(10) and [])

    with pytest.raises(NetError) as caught:
        await net.resolve("service.test", net.now_ns() + SECOND // 50)
    released.set()

    assert caught.value.failure is Failure.GENERIC_TIMEOUT


@asynctest
async def test_tls_runs_on_the_net_s_own_streams(tmp_path):
    authority = Authority(tmp_path)
    net = SocketNet(Guard(only_local=True), random.Random(1), ca_files=[authority.ca_file])
    deadline_ns = net.now_ns() + 5 * SECOND
    async with tcp_server(answering(b"answer"), authority.server_context("service.test")) as port:
        stream = await net.open_stream("127.0.0.1", port, deadline_ns)
        tls = await net.start_tls(stream, "service.test", deadline_ns)
        await tls.send(b"\r\n\r\n", deadline_ns)

        assert await tls.receive(100, deadline_ns) == b"answer"
        assert await tls.receive(100, deadline_ns) == b""
        await tls.close()


@asynctest
async def test_the_own_address_is_the_one_towards_the_far_end_or_unknown():
    net = SocketNet(Guard(only_local=True), random.Random(1))

    assert net.own_address("127.0.0.1") == "127.0.0.1"
    assert net.own_address("no address") is None
