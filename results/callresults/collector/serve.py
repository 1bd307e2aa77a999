"""Runs an application on a socket until it is told to stop: uvicorn without an access log."""

import asyncio
import contextlib
import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ListenError(Exception):
    """The server cannot listen as asked; the sentence says why."""


class Tls(NamedTuple):
    """Files of a certificate chain and its key, PEM."""

    certificate: Path
    key: Path


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` (``[::1]:8080`` for IPv6).

    Raises:
        ListenError: it has another form.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) <= 65535):
        raise ListenError(f"{text!r} is no HOST:PORT; 127.0.0.1:8080 is one (port 0 = any free).")
    return host, int(port)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def bind(host: str, port: int, *, tls: Tls | None) -> socket.socket:
    """Return a listening socket; without TLS only on loopback.

    Raises:
        ListenError: no such address, not free, or it would be plain HTTP beyond this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if tls is None and not _is_loopback(str(address[0])):
            raise ListenError(
                f"{host} is not loopback: give --tls-cert and --tls-key, or listen on 127.0.0.1."
            )
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}.") from error
    return listener


def _url(listener: socket.socket, tls: Tls | None) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'http' if tls is None else 'https'}://{shown}:{port}"


class _Server(uvicorn.Server):
    """Uvicorn that stops on a signal without raising it again, and says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        yield
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def server_for(
    app: Starlette, listener: socket.socket, *, tls: Tls | None, ready: Callable[[str], None]
) -> uvicorn.Server:
    """Return a server whose ``serve(sockets=[listener])`` runs until SIGINT or SIGTERM.

    It answers what is under way first. ``ready`` is called with the URL once requests are answered.

    Raises:
        ListenError: the certificate or its key cannot be used.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        ws="none",
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use the certificate or key: {error}.") from error
    url = _url(listener, tls)
    return _Server(config, lambda: ready(url))


def serve(app: Starlette, listener: socket.socket, *, tls: Tls | None, ready: Callable[[str], None]) -> None:
    """Serve ``app`` on a loop of its own until SIGINT or SIGTERM; see ``server_for``."""
    asyncio.run(server_for(app, listener, tls=tls, ready=ready).serve(sockets=[listener]))
