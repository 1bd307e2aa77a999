"""DTLS 1.0 to 1.3 as far as it is in clear: records and fragments of handshake messages (RFC 6347, 9147)."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

DTLS_1_0: Final = 0xFEFF
DTLS_1_2: Final = 0xFEFD
DTLS_1_3: Final = 0xFEFC
OLD_OPENSSL: Final = 0x0100
"""What OpenSSL wrote for DTLS 1.0 before 0.9.8f; some VPNs still do."""
VERSIONS: Final = {
    OLD_OPENSSL: "DTLS 1.0 (old OpenSSL)",
    DTLS_1_0: "DTLS 1.0",
    DTLS_1_2: "DTLS 1.2",
    DTLS_1_3: "DTLS 1.3",
}

RECORD_HEADER_BYTES: Final = 13
FRAGMENT_HEADER_BYTES: Final = 12
MOST_RECORD_BYTES: Final = (1 << 14) + 2048
"""Ciphertext of one record (RFC 6347 section 4.1)."""

_HEADER: Final = struct.Struct(">BHHHIH")


class DtlsError(ValueError):
    """The bytes are no DTLS; one sentence says why."""


class ContentType(IntEnum):
    """What a record carries (RFC 6347 section 4.1, RFC 9146, RFC 9147)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24
    WITH_CONNECTION_ID = 25
    ACK = 26


class HandshakeType(IntEnum):
    """Messages of a handshake that are sent in clear, and the one that ends it (RFC 5246 section 7.4)."""

    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    HELLO_VERIFY_REQUEST = 3
    NEW_SESSION_TICKET = 4
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20


class Record(NamedTuple):
    """A record as it stands."""

    content_type: ContentType | None
    """None where the header does not tell: an encrypted record of DTLS 1.3 (RFC 9147 section 4)."""
    version: int | None
    """As written; None in the short header of DTLS 1.3."""
    epoch: int
    """16 bits, of which the short header shows the lower two."""
    sequence: int | None
    """48 bits; None in the short header, where it is encrypted."""
    fragment: bytes
    """What is there of the body."""
    size: int
    """Bytes that the body claims."""


class Fragment(NamedTuple):
    """A handshake message or part of one (RFC 6347 section 4.2.2)."""

    kind: int
    """HandshakeType, or another number."""
    size: int
    """Bytes of the whole message."""
    message_seq: int
    offset: int
    """Of this part within the message."""
    body: bytes
    """What is there of this part."""
    part_size: int
    """Bytes that this part claims."""

    @property
    def whole(self) -> bool:
        """Whether nothing of the message is missing."""
        return self.offset == 0 and len(self.body) == self.size


def records(data: bytes, *, cut: bool = False) -> Iterator[Record]:
    """Yield the records of a datagram as far as they are whole. Raises DtlsError at the first fault.

    Of a datagram that the capture cut, the last record may be short. How long a connection id is (RFC 9146),
    the record does not tell: what has one is taken to fill the datagram.
    """
    at = 0
    while at < len(data):
        if data[at] >> 5 == 1:
            record, at = _short_record(data, at, cut=cut)
        else:
            record, at = _long_record(data, at, cut=cut)
        yield record


def fragments(record: Record) -> Iterator[Fragment]:
    """Yield the handshake messages, or parts, in a record in clear. Raises DtlsError at the first fault."""
    data = record.fragment
    cut = len(data) < record.size
    at = 0
    while at < len(data):
        if at + FRAGMENT_HEADER_BYTES > len(data):
            raise DtlsError(f"the handshake message at byte {at} is too short for its header")
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        sequence = int.from_bytes(data[at + 4 : at + 6], "big")
        offset = int.from_bytes(data[at + 6 : at + 9], "big")
        part = int.from_bytes(data[at + 9 : at + 12], "big")
        end = at + FRAGMENT_HEADER_BYTES + part
        if offset + part > size:
            raise DtlsError(f"the part at byte {at} lies outside its handshake message of {size} bytes")
        if end > len(data) and not cut:
            raise DtlsError(f"the handshake message at byte {at} runs over the end of its record")
        yield Fragment(data[at], size, sequence, offset, data[at + FRAGMENT_HEADER_BYTES : end], part)
        at = end


def build_fragment(fragment: Fragment) -> bytes:
    """Return the bytes of a handshake message or part; fields must fit their widths."""
    return b"".join(
        (
            bytes([fragment.kind]),
            fragment.size.to_bytes(3, "big"),
            fragment.message_seq.to_bytes(2, "big"),
            fragment.offset.to_bytes(3, "big"),
            fragment.part_size.to_bytes(3, "big"),
            fragment.body,
        )
    )


def build_record(
    content_type: int, body: bytes, *, version: int = DTLS_1_2, epoch: int = 0, sequence: int = 0
) -> bytes:
    """Return a record with the header of DTLS up to 1.2; fields must fit their widths."""
    header = _HEADER.pack(content_type, version, epoch, sequence >> 32, sequence & 0xFFFFFFFF, len(body))
    return header + body


def _long_record(data: bytes, at: int, *, cut: bool) -> tuple[Record, int]:
    if at + RECORD_HEADER_BYTES > len(data):
        raise DtlsError(f"the record at byte {at} is too short for its header")
    kind, version, epoch, high, low, size = _HEADER.unpack_from(data, at)
    if version not in VERSIONS or not 20 <= kind <= 26:
        raise DtlsError(f"type {kind} and version 0x{version:04x} at byte {at} are not those of a record")
    start = at + RECORD_HEADER_BYTES
    if kind == ContentType.WITH_CONNECTION_ID:
        size = len(data) - start
    end = start + size
    if size > MOST_RECORD_BYTES or (end > len(data) and not cut):
        raise DtlsError(f"the record at byte {at} does not have the {size} bytes that it claims")
    return Record(ContentType(kind), version, epoch, high << 32 | low, data[start:end], size), end


def _short_record(data: bytes, at: int, *, cut: bool) -> tuple[Record, int]:
    first = data[at]
    has_id, wide, has_length = first & 0x10, first & 0x08, first & 0x04
    start = at + 1 + (2 if wide else 1)
    size = len(data) - start
    if has_length and not has_id:
        size = int.from_bytes(data[start : start + 2], "big")
        start += 2
    # the encrypted sequence number is sampled from 16 bytes of ciphertext (RFC 9147 section 4.2.3)
    if start > len(data) or size < 16 or size > MOST_RECORD_BYTES or (start + size > len(data) and not cut):
        raise DtlsError(f"the short record at byte {at} does not have the bytes that it claims")
    return Record(None, None, first & 3, None, data[start : start + size], size), start + size
