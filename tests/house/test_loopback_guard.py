"""The guard that keeps tests on loopback does so."""

import socket
from collections.abc import Callable, Iterator

import pytest

from helpers.loopback_guard import LeftLoopbackError, LoopbackGuard

DOCUMENTATION_V4 = ("192.0.2.1", 9)
DOCUMENTATION_V6 = ("2001:db8::1", 9)


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


@pytest.mark.parametrize(
    "escape",
    [
        lambda sock: sock.connect(DOCUMENTATION_V4),
        lambda sock: sock.connect_ex(DOCUMENTATION_V4),
        lambda sock: sock.sendto(b"x", DOCUMENTATION_V4),
        lambda sock: sock.sendto(b"x", 0, DOCUMENTATION_V4),
        lambda sock: sock.sendmsg([b"x"], [], 0, DOCUMENTATION_V4),
        lambda _: socket.getaddrinfo("example.org", 443),
    ],
    ids=["connect", "connect_ex", "sendto", "sendto-flags", "sendmsg", "lookup"],
)
def test_every_way_out_is_refused_and_remembered(
    escape: Callable[[socket.socket], object], udp: socket.socket, stays_on_loopback: LoopbackGuard
) -> None:
    """Whatever names an address beyond loopback raises, and leaves a trace that fails the test."""
    with pytest.raises(LeftLoopbackError, match="stay on loopback"):
        escape(udp)

    assert len(stays_on_loopback.escapes) == 1
    stays_on_loopback.escapes.clear()


def test_ipv6_and_mapped_addresses_are_refused(stays_on_loopback: LoopbackGuard) -> None:
    """IPv6 offers no way round the guard, nor does IPv4 dressed as IPv6."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        for address in (DOCUMENTATION_V6, ("::ffff:192.0.2.1", 9)):
            with pytest.raises(LeftLoopbackError):
                sock.connect(address)

    assert len(stays_on_loopback.escapes) == 2
    stays_on_loopback.escapes.clear()


def test_loopback_works(udp: socket.socket) -> None:
    """A datagram to oneself arrives."""
    udp.bind(("127.0.0.1", 0))

    udp.sendto(b"hello", udp.getsockname())

    assert udp.recv(16) == b"hello"


def test_numbers_and_localhost_resolve() -> None:
    """Looking up what needs no resolver is allowed, also for a public number."""
    assert socket.getaddrinfo("192.0.2.1", 443)
    assert socket.getaddrinfo("localhost", 443)
