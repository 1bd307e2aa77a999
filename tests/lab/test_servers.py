"""Servers of the virtual network."""

import ssl

import pytest

from callprobe.lab.servers import BODY, HttpsServer, StunServer, authority
from callprobe.wire import stun

TRANSACTION = bytes(range(12))


def exchange(status: int, name: str) -> tuple[bytes, ssl.SSLObject]:
    """Do one HTTPS request in memory; return the answer's bytes and the client's end."""
    contexts = authority(("a.lab", "b.lab"))
    server = HttpsServer(contexts.server, status)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = contexts.client.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            incoming.write(server.receive(outgoing.read()))
    client.write(b"GET / HTTP/1.1\r\n\r\n")
    incoming.write(server.receive(outgoing.read()))
    return client.read(65_536), client


def test_request_is_answered_with_the_status_over_tls() -> None:
    answer, client = exchange(204, "b.lab")
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert answer.endswith(BODY)
    assert client.version() == "TLSv1.3"


def test_certificate_is_good_for_its_names_only() -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        exchange(200, "c.lab")


def test_what_is_no_tls_gets_an_alert_and_no_exception() -> None:
    assert HttpsServer(authority(("a.lab",)).server, 200).receive(b"GET / HTTP/1.1\r\n\r\n")[:1] in {
        b"",
        b"\x15",
    }


def test_binding_request_is_answered_with_its_mapped_address() -> None:
    answer = StunServer().answer(("203.0.113.7", 4711), stun.binding_request(TRANSACTION))
    assert answer == stun.binding_response(TRANSACTION, ("203.0.113.7", 4711))


def test_hostile_bytes_are_not_answered() -> None:
    request = stun.binding_request(TRANSACTION, [(6, b"x")])
    spoilt = request[:20] + b"\x00\x06\xff\xff" + request[24:]
    for data in (b"", b"hello", request[:-1], spoilt):
        assert StunServer().answer(("203.0.113.7", 4711), data) is None
