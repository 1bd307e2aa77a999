import asyncio
import random
import sys

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.media.flow import Datagram
from callprobe.net.contract import NetError
from callprobe.net.guard import Guard, GuardConfigError
from callprobe.net.sockets import SocketNet
from callresults.failure import Failure
from helpers.machines import Script
from helpers.servers import asynctest

PUBLIC = "203.0.113.9"
LOCAL_ONLY = Guard.from_environ({"CALLPROBE_ONLY_LOCAL": "1"})
CONTACTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}


class ContactLog:
    """Every socket call that could send a packet, as the interpreter itself audits them."""

    def __init__(self) -> None:
        self.listening = False
        self.calls: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if self.listening and event in CONTACTS:
            self.calls.append(event)


LOG = ContactLog()


@pytest.fixture
def contacts():
    LOG.calls.clear()
    LOG.listening = True
    yield LOG.calls
    LOG.listening = False


def test_without_the_variable_everything_is_allowed():
    assert Guard.from_environ({}).allows(PUBLIC)
    assert Guard.from_environ({"CALLPROBE_ONLY_LOCAL": "0"}).allows(PUBLIC)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_allowed(address):
    assert LOCAL_ONLY.allows(address)


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "::ffff:203.0.113.9",
        "10.0.0.1",
        "0.0.0.0",
        "::",
        "fe80::1",
        "2001:db8::1",
        "localhost",
        "127.1",
        "",
    ],
)
def test_anything_else_is_refused(address):
    assert not LOCAL_ONLY.allows(address)


@given(st.ip_addresses().filter(lambda address: not address.is_loopback))
def test_no_address_outside_loopback_passes(address):
    mapped = getattr(address, "ipv4_mapped", None)
    assert LOCAL_ONLY.allows(str(address)) == (mapped is not None and mapped.is_loopback)


def test_named_networks_are_local_too():
    guard = Guard.from_environ(
        {"CALLPROBE_ONLY_LOCAL": "1", "CALLPROBE_LOCAL_NETS": "10.77.0.0/16, fd00:77::/32"}
    )

    assert guard.allows("10.77.3.4")
    assert guard.allows("fd00:77::5")
    assert not guard.allows("10.78.0.1")


def test_a_broken_network_is_one_sentence():
    with pytest.raises(GuardConfigError, match=r"^CALLPROBE_LOCAL_NETS holds '10\.77\.0\.1/16', which is no"):
        Guard.from_environ({"CALLPROBE_LOCAL_NETS": "10.77.0.1/16"})


def test_a_refusal_names_no_address():
    with pytest.raises(NetError) as caught:
        LOCAL_ONLY.check(PUBLIC)

    assert caught.value.failure is Failure.NOT_ALLOWED_BY_LOCAL_GUARD
    assert PUBLIC not in str(caught.value)


def test_localhost_needs_no_resolver():
    assert LOCAL_ONLY.known_addresses("LocalHost.") == ["127.0.0.1", "::1"]


def test_another_name_is_never_resolved():
    with pytest.raises(NetError):
        LOCAL_ONLY.known_addresses("localhost.example.org")


def test_without_the_guard_names_go_to_the_resolver():
    assert Guard().known_addresses("example.org") is None
    assert Guard().known_addresses(PUBLIC) == [PUBLIC]


@asynctest
async def test_streams_and_names_beyond_are_refused_without_a_socket_call(contacts):
    net = SocketNet(LOCAL_ONLY, random.Random(1))
    deadline_ns = net.now_ns() + 10**9

    for attempt in (
        net.open_stream(PUBLIC, 443, deadline_ns),
        net.open_stream("::ffff:203.0.113.9", 443, deadline_ns),
        net.resolve("example.org", deadline_ns),
        net.resolve(PUBLIC, deadline_ns),
    ):
        with pytest.raises(NetError) as caught:
            await attempt
        assert caught.value.failure is Failure.NOT_ALLOWED_BY_LOCAL_GUARD
    assert contacts == []


@asynctest
async def test_http_beyond_is_refused_without_a_socket_call(contacts):
    net = SocketNet(LOCAL_ONLY, random.Random(1))

    async with httpx.AsyncClient(transport=net.http()) as client:
        for url in ("http://203.0.113.9/", "https://example.org/", "http://[2001:db8::1]/"):
            with pytest.raises(httpx.ConnectError, match="refused by the local guard"):
                await client.get(url)
    assert contacts == []


@asynctest
async def test_a_datagram_beyond_is_a_local_drop_without_a_socket_call(contacts):
    machine = Script([(0, [Datagram((PUBLIC, 3478), b"x"), Datagram(("2001:db8::1", 3478), b"x")])])
    net = SocketNet(LOCAL_ONLY, random.Random(1))

    flows = await net.open_flows([machine])
    await flows.run(net.now_ns() + 10**9)
    await flows.close()

    assert machine.send_errors == 2
    assert flows.local_drops(0) == 2
    assert contacts == []


@asynctest
async def test_the_log_does_hear_contacts(contacts):
    loop = asyncio.get_running_loop()
    await loop.getaddrinfo("127.0.0.1", 1)
    with pytest.raises(NetError):
        await SocketNet(LOCAL_ONLY, random.Random(1)).open_stream("127.0.0.1", 1, 0)

    assert "socket.connect" in contacts
