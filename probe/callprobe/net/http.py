"""The transport that httpx works on: guarded, with this project's idea of whom to trust."""

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx

from callprobe.net.contract import NetError
from callprobe.net.guard import Guard, literal_address

HTTP_PROTOCOL: Final = "http/1.1"


class CaFileError(ValueError):
    """The file of extra authorities cannot be used; the message is one sentence naming it."""


def trusting_context(ca_files: Iterable[Path] = ()) -> ssl.SSLContext:
    """Return a context that trusts the public web's authorities (certifi's list) and those in ``ca_files``.

    Not the machine's own list: an authority that a state or an employer planted there would make an
    interception look valid. Raises CaFileError.
    """
    context = httpx.create_ssl_context(trust_env=False)
    for ca_file in ca_files:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            reason = error.strerror if error.filename or error.errno else str(error)
            raise CaFileError(f"{ca_file} gives no certificates to trust (PEM): {reason}.") from None
    return context


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's transport, asking the local guard about every host first."""

    def __init__(self, guard: Guard, context: ssl.SSLContext, interface: str | None = None) -> None:
        self._guard = guard
        self._transport = httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, socket_options=_socket_options(interface)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``. Raises httpx.TransportError, ConnectError for what the guard refuses."""
        try:
            known = self._guard.known_addresses(request.url.host)
        except NetError as error:
            raise httpx.ConnectError("refused by the local guard", request=request) from error
        if known is not None and literal_address(request.url.host) is None:
            request = _to_address(request, known[0])
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _socket_options(interface: str | None) -> list[tuple[int, int, bytes]]:
    if interface is None:
        return []
    return [(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())]


def _to_address(request: httpx.Request, address: str) -> httpx.Request:
    """Return ``request`` to a literal address, so that nothing below resolves; TLS still checks the name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={"sni_hostname": request.url.host, **request.extensions},
    )
