"""TLS over any stream: the same code on a socket and on the lab's in-memory streams.

OpenSSL works on memory buffers here (``ssl.MemoryBIO``); this module only carries its bytes.
"""

import contextlib
import ssl
from collections.abc import Callable
from typing import Final, TypeVar

from callprobe.net.contract import NetError, Stream
from callprobe.net.failures import failure_of
from callresults.failure import Failure

T = TypeVar("T")

RECORD_BYTES: Final = 16_384 + 256
"""About the longest TLS record (RFC 8446 section 5.2)."""


class TlsStream:
    """A stream inside TLS (``callprobe.net.contract.Stream``)."""

    def __init__(self, stream: Stream, context: ssl.SSLContext, server_name: str) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    async def handshake(self, deadline_ns: int) -> None:
        """Do the handshake. Raises NetError."""
        await self._drive(self._tls.do_handshake, deadline_ns)

    async def send(self, data: bytes, deadline_ns: int) -> None:
        await self._drive(lambda: self._tls.write(data), deadline_ns)

    async def receive(self, max_bytes: int, deadline_ns: int) -> bytes:
        try:
            return await self._drive(lambda: self._tls.read(max_bytes), deadline_ns)
        except NetError as error:
            # Many a server ends without close_notify; HTTP's own framing tells a cut from an end.
            if error.failure is Failure.EOF:
                return b""
            raise

    async def close(self) -> None:
        await self._stream.close()

    async def _drive(self, operation: Callable[[], T], deadline_ns: int) -> T:
        """Call ``operation`` until OpenSSL wants no more bytes from the peer."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                await self._flush(deadline_ns)
                await self._fill(deadline_ns)
            except ssl.SSLError as error:
                with contextlib.suppress(NetError):  # the alert that tells the peer why
                    await self._flush(deadline_ns)
                raise NetError(failure_of(error)) from None
            else:
                await self._flush(deadline_ns)
                return result

    async def _flush(self, deadline_ns: int) -> None:
        if self._outgoing.pending:
            await self._stream.send(self._outgoing.read(), deadline_ns)

    async def _fill(self, deadline_ns: int) -> None:
        data = await self._stream.receive(RECORD_BYTES, deadline_ns)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


async def start_tls(stream: Stream, context: ssl.SSLContext, server_name: str, deadline_ns: int) -> TlsStream:
    """Return ``stream`` inside TLS, the handshake done and the certificate verified as ``context`` says.

    Raises NetError; ``stream`` stays the caller's to close.
    """
    tls = TlsStream(stream, context, server_name)
    await tls.handshake(deadline_ns)
    return tls
