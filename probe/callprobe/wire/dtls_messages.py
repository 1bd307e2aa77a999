"""The DTLS handshake messages in clear, and hashes of how a ClientHello looks (RFC 6347, 5764, 8446)."""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from callprobe.wire.dtls import DtlsError

SERVER_NAME: Final = 0
SUPPORTED_GROUPS: Final = 10
POINT_FORMATS: Final = 11
USE_SRTP: Final = 14
ALPN: Final = 16
SUPPORTED_VERSIONS: Final = 43
COOKIE: Final = 44

_RETRY_RANDOM: Final = hashlib.sha256(b"HelloRetryRequest").digest()


class Extension(NamedTuple):
    """An extension of a hello as it stands (RFC 8446 section 4.2)."""

    kind: int
    data: bytes


class ClientHello(NamedTuple):
    """RFC 6347 section 4.2.1. What lies in extensions raises DtlsError, when read, if it is malformed."""

    version: int
    """As written; the versions offered by a client of DTLS 1.3 stand in an extension."""
    random: bytes
    """32 bytes."""
    session_id: bytes
    cookie: bytes
    ciphers: tuple[int, ...]
    """In the client's order."""
    compressions: bytes
    extensions: tuple[Extension, ...]
    """In the order of the message."""

    @property
    def versions(self) -> tuple[int, ...]:
        """Offered versions: those of the extension, else the one as written."""
        data = _find(self.extensions, SUPPORTED_VERSIONS)
        return (self.version,) if data is None else _numbers(_only_vector(data, 1), 2)

    @property
    def groups(self) -> tuple[int, ...]:
        """Named groups (RFC 8422 section 5.1.1)."""
        data = _find(self.extensions, SUPPORTED_GROUPS)
        return () if data is None else _numbers(_only_vector(data, 2), 2)

    @property
    def point_formats(self) -> tuple[int, ...]:
        """EC point formats (RFC 8422 section 5.1.2)."""
        data = _find(self.extensions, POINT_FORMATS)
        return () if data is None else tuple(_only_vector(data, 1))

    @property
    def srtp_profiles(self) -> tuple[int, ...]:
        """Offered SRTP protection profiles (RFC 5764 section 4.1.1)."""
        return _srtp_profiles(self.extensions)

    @property
    def protocols(self) -> tuple[bytes, ...]:
        """ALPN protocol names (RFC 7301)."""
        data = _find(self.extensions, ALPN)
        return () if data is None else tuple(_vectors(_only_vector(data, 2), 1))

    @property
    def server_name(self) -> str | None:
        """The host name asked for (RFC 6066 section 3)."""
        data = _find(self.extensions, SERVER_NAME)
        return None if data is None else _host_name(_only_vector(data, 2))


class ServerHello(NamedTuple):
    """RFC 6347 section 4.2.1. What lies in extensions raises DtlsError, when read, if it is malformed."""

    legacy_version: int
    """As written."""
    random: bytes
    """32 bytes."""
    session_id: bytes
    cipher: int
    compression: int
    extensions: tuple[Extension, ...]

    @property
    def is_retry_request(self) -> bool:
        """Whether this asks for another ClientHello (RFC 8446 section 4.1.3)."""
        return self.random == _RETRY_RANDOM

    @property
    def version(self) -> int:
        """The version chosen: that of the extension, else the one as written."""
        data = _find(self.extensions, SUPPORTED_VERSIONS)
        if data is None:
            return self.legacy_version
        reader = _Reader(data)
        version = reader.number(2)
        reader.end()
        return version

    @property
    def srtp_profile(self) -> int | None:
        """The SRTP protection profile chosen; DTLS 1.3 encrypts it."""
        profiles = _srtp_profiles(self.extensions)
        return profiles[0] if profiles else None


class HelloVerifyRequest(NamedTuple):
    """RFC 6347 section 4.2.1."""

    version: int
    cookie: bytes


class Alert(NamedTuple):
    """An alert in clear (RFC 8446 section 6)."""

    level: int
    """1 warning, 2 fatal."""
    description: int


def parse_client_hello(body: bytes) -> ClientHello:
    """Return the ClientHello whose message body is given. Raises DtlsError."""
    reader = _Reader(body)
    version, random, session_id, cookie = (
        reader.number(2),
        reader.take(32),
        reader.vector(1),
        reader.vector(1),
    )
    ciphers, compressions = _numbers(reader.vector(2), 2), reader.vector(1)
    return ClientHello(version, random, session_id, cookie, ciphers, compressions, _extensions(reader))


def parse_server_hello(body: bytes) -> ServerHello:
    """Return the ServerHello or HelloRetryRequest whose message body is given. Raises DtlsError."""
    reader = _Reader(body)
    version, random, session_id = reader.number(2), reader.take(32), reader.vector(1)
    cipher, compression = reader.number(2), reader.number(1)
    return ServerHello(version, random, session_id, cipher, compression, _extensions(reader))


def parse_hello_verify_request(body: bytes) -> HelloVerifyRequest:
    """Return the HelloVerifyRequest whose message body is given. Raises DtlsError."""
    reader = _Reader(body)
    request = HelloVerifyRequest(reader.number(2), reader.vector(1))
    reader.end()
    return request


def parse_certificates(body: bytes) -> tuple[bytes, ...]:
    """Return the certificates of a Certificate message in DER (RFC 5246 section 7.4.2). Raises DtlsError."""
    return tuple(_vectors(_only_vector(body, 3), 3))


def parse_alert(body: bytes) -> Alert:
    """Return the alert in the body of a record in clear. Raises DtlsError."""
    if len(body) != 2:
        raise DtlsError(f"{len(body)} bytes are no alert")
    return Alert(body[0], body[1])


def build_client_hello(hello: ClientHello) -> bytes:
    """Return the message body of ``hello``; fields must fit their lengths."""
    return b"".join(
        (
            hello.version.to_bytes(2, "big"),
            hello.random,
            _length_and(hello.session_id, 1),
            _length_and(hello.cookie, 1),
            _length_and(b"".join(cipher.to_bytes(2, "big") for cipher in hello.ciphers), 2),
            _length_and(hello.compressions, 1),
            _length_and(
                b"".join(
                    item.kind.to_bytes(2, "big") + _length_and(item.data, 2) for item in hello.extensions
                ),
                2,
            ),
        )
    )


def fingerprint(hello: ClientHello) -> str:
    """Return a hash of how a ClientHello looks: the first 16 hex digits of SHA-256. Raises DtlsError.

    Hashed is this ASCII text: version as written, cipher suites, extension types, groups, and SRTP profiles,
    each list in the order of the message, numbers in decimal, joined by ``-`` within a list and by ``,``
    between lists. Reserved values (GREASE, RFC 8701) are left out; so is the cookie extension, so that both
    ClientHellos of a handshake look the same. An absent extension gives an empty list. Nothing secret or
    random goes in. It is no JA4, whose variants are licensed.
    """
    kinds = [item.kind for item in hello.extensions if item.kind != COOKIE]
    text = _listed(hello.version, hello.ciphers, kinds, hello.groups, hello.srtp_profiles)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def ja3(hello: ClientHello) -> str:
    """Return the JA3 hash: MD5 of version, ciphers, extensions, groups, point formats. Raises DtlsError."""
    kinds = [item.kind for item in hello.extensions]
    text = _listed(hello.version, hello.ciphers, kinds, hello.groups, hello.point_formats)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def is_grease(value: int) -> bool:
    """Say whether a 16-bit value is reserved so that peers ignore it (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


class _Reader:
    """Takes fields off the front. Everything raises DtlsError when there is not enough."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise DtlsError(f"the field at byte {self._at} runs over the end of its message")
        start, self._at = self._at, end
        return self._data[start:end]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        """Take a length of ``width`` bytes and as many bytes as it says."""
        return self.take(self.number(width))

    @property
    def at_end(self) -> bool:
        return self._at == len(self._data)

    def end(self) -> None:
        if not self.at_end:
            raise DtlsError(f"{len(self._data) - self._at} bytes follow the last field")


def _extensions(reader: _Reader) -> tuple[Extension, ...]:
    """Return the extensions, with which a hello ends; those of old have none."""
    if reader.at_end:
        return ()
    inner = _Reader(reader.vector(2))
    reader.end()
    found = []
    while not inner.at_end:
        found.append(Extension(inner.number(2), inner.vector(2)))
    return tuple(found)


def _find(extensions: tuple[Extension, ...], kind: int) -> bytes | None:
    return next((item.data for item in extensions if item.kind == kind), None)


def _only_vector(data: bytes, width: int) -> bytes:
    reader = _Reader(data)
    inner = reader.vector(width)
    reader.end()
    return inner


def _vectors(data: bytes, width: int) -> Iterator[bytes]:
    reader = _Reader(data)
    while not reader.at_end:
        yield reader.vector(width)


def _numbers(data: bytes, width: int) -> tuple[int, ...]:
    if len(data) % width:
        raise DtlsError(f"{len(data)} bytes are no list of numbers of {width} bytes")
    return tuple(int.from_bytes(data[at : at + width], "big") for at in range(0, len(data), width))


def _srtp_profiles(extensions: tuple[Extension, ...]) -> tuple[int, ...]:
    data = _find(extensions, USE_SRTP)
    if data is None:
        return ()
    reader = _Reader(data)
    profiles = _numbers(reader.vector(2), 2)
    reader.vector(1)  # the master key identifier
    reader.end()
    return profiles


def _host_name(names: bytes) -> str | None:
    reader = _Reader(names)
    while not reader.at_end:
        kind, name = reader.number(1), reader.vector(2)
        if kind == 0:
            return name.decode("ascii", "backslashreplace")
    return None


def _listed(version: int, *lists: tuple[int, ...] | list[int]) -> str:
    shown = ("-".join(str(value) for value in values if not is_grease(value)) for values in lists)
    return ",".join((str(version), *shown))


def _length_and(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data
