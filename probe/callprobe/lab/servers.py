"""Servers of the virtual network: HTTPS with an authority of their own, and STUN."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from callprobe.media.flow import Address
from callprobe.wire.stun import StunError, binding_response, is_stun, parse

BODY: Final = b"<!doctype html><title>emulated</title>"


class Authority(NamedTuple):
    """TLS contexts of both sides."""

    client: ssl.SSLContext
    server: ssl.SSLContext


@lru_cache(maxsize=8)
def authority(names: tuple[str, ...]) -> Authority:
    """Return contexts whose server certificate is valid for ``names``.

    Ed25519, whose signatures have one size, so that a seeded history has the same segments every time.
    """
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "callprobe lab")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    client = ssl.create_default_context(cadata=pem.decode())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.num_tickets = 0
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(pem + secret)
        server.load_cert_chain(chain)
    return Authority(client, server)


class HttpsServer:
    """One accepted HTTPS connection: handshake, then one answer to one request."""

    def __init__(self, context: ssl.SSLContext, status: int) -> None:
        """Answer with ``status``."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False
        self._status = status

    def receive(self, data: bytes) -> bytes:
        """Return the server's bytes in answer to ``data``."""
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            if self._tls.read(65536):
                head = f"HTTP/1.1 {self._status} Emulated\r\nContent-Length: {len(BODY)}\r\n\r\n"
                self._tls.write(head.encode() + BODY)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return self._outgoing.read()
        return self._outgoing.read()


class StunServer:
    """Answers Binding requests (RFC 8489)."""

    def answer(self, source: Address, data: bytes) -> bytes | None:
        """Return the Binding response, or None for anything else."""
        if not is_stun(data):
            return None
        try:
            message = parse(data)
        except StunError:
            return None
        return binding_response(message.transaction_id, source)
