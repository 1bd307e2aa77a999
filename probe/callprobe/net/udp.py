"""UDP sockets as this project wants them: non-blocking, stamped by the kernel, own drops counted.

Shared by the probe's flows and the responder's loop. Sockets stay unconnected, so that an ICMP error about
one peer is never raised on them; a socket bound to ``::`` also speaks IPv4, and peers are then named by their
plain IPv4 address in both directions.
"""

import contextlib
import socket
import struct
import sys
from typing import Final, NamedTuple

from callprobe.media.flow import Address

MAX_DATAGRAM_BYTES: Final = 4096
"""Longer datagrams are cut; no dialect comes near (a small buffer makes recvmsg three times cheaper)."""
FLOW_RCVBUF_BYTES: Final = 1 << 20
"""Asked of SO_RCVBUF for one flow; the kernel grants at most net.core.rmem_max."""
ANY_HOSTS: Final = ("::", "0.0.0.0")  # noqa: S104 - a flow's own port, on whatever address the route gives
"""Both families on one socket; where the kernel has no IPv6, IPv4 alone."""

# Linux, include/uapi/asm-generic/socket.h; the socket module names none of these.
_SO_TIMESTAMPNS: Final = 35
_SO_RXQ_OVFL: Final = 40
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("@9I")
_MEMINFO_DROPS: Final = 8
_TIMESPEC: Final = struct.Struct("@ll")
_DROPS: Final = struct.Struct("@I")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_DROPS.size)
_MAPPED: Final = "::ffff:"


class Arrival(NamedTuple):
    """One datagram taken from a socket."""

    data: bytes
    peer: Address
    kernel_realtime_ns: int | None
    """Arrival by the kernel's CLOCK_REALTIME (SO_TIMESTAMPNS), None where the system gives none."""
    drops: int
    """Datagrams that the socket had dropped when this one was queued (SO_RXQ_OVFL), since it was opened."""


def open_udp_socket(
    host: str, port: int, *, rcvbuf: int = FLOW_RCVBUF_BYTES, interface: str | None = None
) -> socket.socket:
    """Return a non-blocking UDP socket bound to a literal address; port 0 = a random free one.

    Raises OSError; ValueError when ``host`` is no address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        _configure(sock, rcvbuf)
        if interface is not None:
            bind_to_interface(sock, interface)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def open_flow_socket(*, rcvbuf: int = FLOW_RCVBUF_BYTES, interface: str | None = None) -> socket.socket:
    """Return a socket on a random port that reaches peers of either family. Raises OSError."""
    both, ipv4 = ANY_HOSTS
    with contextlib.suppress(OSError):
        return open_udp_socket(both, 0, rcvbuf=rcvbuf, interface=interface)
    return open_udp_socket(ipv4, 0, rcvbuf=rcvbuf, interface=interface)


def bind_to_interface(sock: socket.socket, interface: str) -> None:
    """Make ``sock`` use one interface only (SO_BINDTODEVICE, Linux). Raises OSError."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())


def has_kernel_timestamps(sock: socket.socket) -> bool:
    """Return whether the kernel stamps what arrives on ``sock``."""
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS))
    except OSError:
        return False


def dropped_packets(sock: socket.socket) -> int:
    """Return how many datagrams ``sock`` has dropped (SO_MEMINFO): also those after the last one received."""
    try:
        memory = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(memory)[_MEMINFO_DROPS])
    except (OSError, struct.error):
        return 0


def send_datagram(sock: socket.socket, peer: Address, data: bytes) -> None:
    """Send one datagram. Raises OSError when the own machine cannot."""
    host, port = peer
    if sock.family == socket.AF_INET6 and ":" not in host:
        host = _MAPPED + host
    sock.sendto(data, (host, port))


def receive_batch(sock: socket.socket, limit: int) -> list[Arrival]:
    """Return at most ``limit`` datagrams that are waiting, in order of arrival; never raises OSError."""
    arrivals = []
    for _ in range(limit):
        try:
            data, ancillary, _flags, source = sock.recvmsg(MAX_DATAGRAM_BYTES, _ANCILLARY_BYTES)
        except BlockingIOError:
            break
        except OSError:  # a queued error of an earlier send is thus read and gone; the socket lives on
            continue
        arrivals.append(_arrival(data, ancillary, source))
    return arrivals


def _configure(sock: socket.socket, rcvbuf: int) -> None:
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if sys.platform == "linux":
        for option in (_SO_TIMESTAMPNS, _SO_RXQ_OVFL):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, 1)


def _arrival(data: bytes, ancillary: list[tuple[int, int, bytes]], source: tuple[str, int]) -> Arrival:
    kernel_ns, drops = None, 0
    for _level, kind, value in ancillary:
        if kind == _SO_TIMESTAMPNS and len(value) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            kernel_ns = seconds * 1_000_000_000 + nanoseconds
        elif kind == _SO_RXQ_OVFL and len(value) == _DROPS.size:
            (drops,) = _DROPS.unpack(value)
    return Arrival(data, (source[0].removeprefix(_MAPPED), source[1]), kernel_ns, drops)
