import ssl

import pytest

from callprobe.net.contract import NetError
from callprobe.net.http import trusting_context
from callprobe.net.tls import start_tls
from callresults.failure import Failure
from helpers.servers import Authority, asynctest

NAME = "service.test"


class MemoryServer:
    """A TLS echo server without a socket; the client's end is a ``Stream`` that never waits."""

    def __init__(self, context: ssl.SSLContext, ends_after: int | None = None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False
        self._ends_after = ends_after
        self.alerted = False

    async def send(self, data: bytes, deadline_ns: int) -> None:
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while True:
                self._tls.write(self._tls.read(4096))
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.alerted = True

    async def receive(self, max_bytes: int, deadline_ns: int) -> bytes:
        if self._ends_after is not None:
            max_bytes = min(max_bytes, self._ends_after)
            self._ends_after -= max_bytes
        data = self._outgoing.read(max_bytes) if max_bytes else b""
        if not data and self._ends_after is None:
            raise NetError(Failure.GENERIC_TIMEOUT)
        return data

    async def close(self) -> None:
        return None


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def trusting(authority):
    return trusting_context([authority.ca_file])


@asynctest
async def test_tls_runs_on_streams_without_a_socket(authority, trusting):
    tls = await start_tls(MemoryServer(authority.server_context(NAME)), trusting, NAME, 0)
    await tls.send(b"through the memory", 0)

    assert await tls.receive(7, 0) == b"through"
    assert await tls.receive(100, 0) == b" the memory"
    await tls.close()


@asynctest
async def test_long_data_crosses_in_many_records(authority, trusting):
    tls = await start_tls(MemoryServer(authority.server_context(NAME)), trusting, NAME, 0)
    sent = bytes(range(256)) * 400
    await tls.send(sent, 0)

    received = b""
    while len(received) < len(sent):
        received += await tls.receive(65_536, 0)
    assert received == sent


@pytest.mark.parametrize(
    ("host", "expired", "failure"),
    [
        ("other.test", False, Failure.SSL_INVALID_HOSTNAME),
        (NAME, True, Failure.SSL_INVALID_CERTIFICATE),
    ],
)
@asynctest
async def test_a_wrong_certificate_is_named_and_the_server_alerted(
    authority, trusting, host, expired, failure
):
    server = MemoryServer(authority.server_context(host, expired=expired))

    with pytest.raises(NetError) as caught:
        await start_tls(server, trusting, NAME, 0)

    assert caught.value.failure is failure
    assert server.alerted


@asynctest
async def test_an_unknown_authority_is_named(authority):
    with pytest.raises(NetError) as caught:
        await start_tls(MemoryServer(authority.server_context(NAME)), trusting_context(), NAME, 0)

    assert caught.value.failure is Failure.SSL_UNKNOWN_AUTHORITY


@asynctest
async def test_a_stream_that_ends_in_the_handshake_is_an_eof(authority, trusting):
    for length in (0, 1, 100, 500):
        with pytest.raises(NetError) as caught:
            await start_tls(MemoryServer(authority.server_context(NAME), length), trusting, NAME, 0)
        assert caught.value.failure is Failure.EOF


@asynctest
async def test_silence_in_the_handshake_is_the_stream_s_own_failure(trusting):
    class Silent(MemoryServer):
        async def send(self, data: bytes, deadline_ns: int) -> None:
            return None

    with pytest.raises(NetError) as caught:
        await start_tls(Silent(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)), trusting, NAME, 0)

    assert caught.value.failure is Failure.GENERIC_TIMEOUT


@asynctest
async def test_a_server_without_a_common_version_fails_the_handshake(authority, trusting):
    context = authority.server_context(NAME)
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # its key is ECDSA
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises(NetError) as caught:
        await start_tls(MemoryServer(context), trusting, NAME, 0)

    assert caught.value.failure is Failure.SSL_FAILED_HANDSHAKE


@asynctest
async def test_bytes_that_are_no_tls_fail_the_handshake(trusting):
    class Plain(MemoryServer):
        async def receive(self, max_bytes: int, deadline_ns: int) -> bytes:
            return b"HTTP/1.1 403 Forbidden\r\n\r\n"

    with pytest.raises(NetError) as caught:
        await start_tls(Plain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)), trusting, NAME, 0)

    assert caught.value.failure is Failure.SSL_FAILED_HANDSHAKE


@asynctest
async def test_an_end_without_farewell_is_the_peer_s_end(authority, trusting):
    server = MemoryServer(authority.server_context(NAME))
    tls = await start_tls(server, trusting, NAME, 0)
    server._ends_after = 0

    assert await tls.receive(10, 0) == b""
