"""TCP connections on the sockets of the event loop."""

import asyncio
import socket

from callprobe.net.deadline import by
from callprobe.net.udp import bind_to_interface


class TcpStream:
    """A connected TCP socket (``callprobe.net.contract.Stream``)."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def send(self, data: bytes, deadline_ns: int) -> None:
        await by(deadline_ns, asyncio.get_running_loop().sock_sendall(self._sock, data))

    async def receive(self, max_bytes: int, deadline_ns: int) -> bytes:
        return await by(deadline_ns, asyncio.get_running_loop().sock_recv(self._sock, max_bytes))

    async def close(self) -> None:
        self._sock.close()


async def connect_tcp(host: str, port: int, deadline_ns: int, *, interface: str | None = None) -> TcpStream:
    """Connect to a literal address. Raises NetError."""
    return TcpStream(await by(deadline_ns, _connected(host, port, interface)))


async def _connected(host: str, port: int, interface: str | None) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        if interface is not None:
            bind_to_interface(sock, interface)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock
