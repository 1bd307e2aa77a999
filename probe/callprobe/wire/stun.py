"""STUN messages (RFC 8489): hostile bytes in, records out, and back.

Attributes stay (type, value) pairs, so that what nobody registered survives a round trip. Class and method
are not derived from the type: the relay dialects of the wild use types for which the RFC's class bits do not
hold.
"""

import hashlib
import hmac
import struct
import zlib
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

MAGIC_COOKIE: Final = 0x2112A442
HEADER_BYTES: Final = 20
TRANSACTION_ID_BYTES: Final = 12

BINDING_REQUEST: Final = 0x0001
BINDING_RESPONSE: Final = 0x0101

MAPPED_ADDRESS: Final = 0x0001
USERNAME: Final = 0x0006
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
CHANNEL_NUMBER: Final = 0x000C
LIFETIME: Final = 0x000D
XOR_PEER_ADDRESS: Final = 0x0012
DATA: Final = 0x0013
REALM: Final = 0x0014
XOR_RELAYED_ADDRESS: Final = 0x0016
MESSAGE_INTEGRITY_SHA256: Final = 0x001C
XOR_MAPPED_ADDRESS: Final = 0x0020
PRIORITY: Final = 0x0024
USE_CANDIDATE: Final = 0x0025
SOFTWARE: Final = 0x8022
FINGERPRINT: Final = 0x8028
ICE_CONTROLLED: Final = 0x8029
ICE_CONTROLLING: Final = 0x802A

_HEADER: Final = struct.Struct(">HHI12s")
_ATTRIBUTE: Final = struct.Struct(">HH")
_COOKIE_BYTES: Final = MAGIC_COOKIE.to_bytes(4, "big")
_FINGERPRINT_XOR: Final = 0x5354554E  # "STUN", RFC 8489 section 14.7
_FAMILY_BYTES: Final = {1: 4, 2: 16}


class StunError(ValueError):
    """The bytes are not the STUN they were taken for; one sentence says why."""


class Message(NamedTuple):
    """A STUN message without its length, which follows from the attributes."""

    type: int
    """All 16 bits of the type; the two top ones are zero."""
    transaction_id: bytes
    """12 bytes."""
    attributes: tuple[tuple[int, bytes], ...] = ()
    """(type, value) in order of appearance, unknown and repeated ones included."""

    def first(self, attribute: int) -> bytes | None:
        """Return the value of the first attribute of that type, or None."""
        return next((value for kind, value in self.attributes if kind == attribute), None)


def is_stun(data: bytes) -> bool:
    """Say whether the header is STUN's: zero top bits, magic cookie, a length that fits exactly."""
    return (
        len(data) >= HEADER_BYTES
        and data[0] < 0x40
        and data[4:8] == _COOKIE_BYTES
        and int.from_bytes(data[2:4], "big") == len(data) - HEADER_BYTES
    )


def parse(data: bytes, *, padded: bool = True) -> Message:
    """Return the message in ``data``, which must hold nothing else.

    ``padded=False`` reads attributes that follow each other without padding, as WhatsApp's did until 2020.
    Raises StunError. RFC 8489 sections 5 and 14.
    """
    _check_header(data, padded=padded)
    message_type, _, _, transaction_id = _HEADER.unpack_from(data)
    attributes = tuple((kind, value) for kind, _, value in _walk(data, padded=padded))
    return Message(message_type, transaction_id, attributes)


def read_loosely(data: bytes) -> Message:
    """Return what can be read of a message as it lies in a capture.

    Attributes may follow each other without padding, as WhatsApp's did until 2020 and MS-TURN's do; the
    datagram may go on after the message (WhatsApp's padded pings) or end within it (a cut capture).
    Raises StunError where the header is not STUN's.
    """
    if len(data) < HEADER_BYTES or data[0] >= 0x40 or data[4:8] != _COOKIE_BYTES:
        raise StunError("these bytes have no STUN header")
    end = min(len(data), HEADER_BYTES + (data[2] << 8 | data[3]))
    attributes, _ = _read_attributes(data, end)
    return Message(data[0] << 8 | data[1], data[8:HEADER_BYTES], tuple(attributes))


def read_classic(data: bytes) -> Message:
    """Return a message of RFC 3489, which has no cookie and a transaction id of 16 bytes.

    Its length and its attributes have to fit exactly. Raises StunError.
    """
    if len(data) < HEADER_BYTES or data[0] >= 0x40:
        raise StunError("these bytes have no STUN header")
    if (data[2] << 8 | data[3]) != len(data) - HEADER_BYTES or data[4:8] == _COOKIE_BYTES:
        raise StunError("length or transaction id are not those of RFC 3489")
    attributes, whole = _read_attributes(data, len(data))
    if not whole:
        raise StunError("the attributes do not fill the message")
    return Message(data[0] << 8 | data[1], data[4:HEADER_BYTES], tuple(attributes))


def build(message: Message) -> bytes:
    """Return the bytes of ``message``, attributes zero-padded. Raises StunError where it does not fit."""
    if len(message.transaction_id) != TRANSACTION_ID_BYTES:
        raise StunError("a STUN transaction id has 12 bytes")
    if not 0 <= message.type < 0x4000:
        raise StunError(f"a STUN type has 14 bits, not {message.type:#x}")
    body = b"".join(_attribute(kind, value) for kind, value in message.attributes)
    return _header(message.type, len(body), message.transaction_id) + body


def add_integrity(data: bytes, key: bytes) -> bytes:
    """Return ``data`` with MESSAGE-INTEGRITY (HMAC-SHA1, RFC 8489 section 14.5) appended."""
    tag = hmac.digest(key, _with_length(data, len(data) + 24), "sha1")
    return _append(data, MESSAGE_INTEGRITY, tag)


def add_integrity_sha256(data: bytes, key: bytes) -> bytes:
    """Return ``data`` with an untruncated MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.6) appended."""
    tag = hmac.digest(key, _with_length(data, len(data) + 36), "sha256")
    return _append(data, MESSAGE_INTEGRITY_SHA256, tag)


def add_fingerprint(data: bytes) -> bytes:
    """Return ``data`` with FINGERPRINT (CRC-32, RFC 8489 section 14.7) appended."""
    crc = zlib.crc32(_with_length(data, len(data) + 8)) ^ _FINGERPRINT_XOR
    return _append(data, FINGERPRINT, crc.to_bytes(4, "big"))


def verify_integrity(data: bytes, key: bytes) -> bool:
    """Say whether every integrity attribute in ``data`` holds under ``key``; False when there is none.

    Raises StunError where ``parse`` would.
    """
    _check_header(data, padded=True)
    checks = [
        _integrity_holds(data, kind, start, value, key)
        for kind, start, value in _walk(data, padded=True)
        if kind in {MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256}
    ]
    return bool(checks) and all(checks)


def verify_fingerprint(data: bytes) -> bool:
    """Say whether ``data`` ends in a FINGERPRINT that holds. Raises StunError where ``parse`` would."""
    _check_header(data, padded=True)
    last = max(_walk(data, padded=True), key=lambda item: item[1], default=None)
    if last is None or last[0] != FINGERPRINT or len(last[2]) != 4:
        return False
    crc = zlib.crc32(data[: last[1]]) ^ _FINGERPRINT_XOR
    return hmac.compare_digest(crc.to_bytes(4, "big"), last[2])


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """Return the key of the long-term mechanism: MD5, RFC 8489 section 9.2.2. No text is prepared here."""
    secret = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(secret, usedforsecurity=False).digest()


def pack_address(address: tuple[str, int]) -> bytes:
    """Return (textual IP, port) as an attribute value in the clear (RFC 8489 section 14.1).

    An IPv4-mapped IPv6 address becomes the IPv4 address it means.
    """
    host, port = address
    ip = ip_address(host)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return struct.pack(">BBH", 0, 1 if ip.version == 4 else 2, port) + ip.packed


def unpack_address(value: bytes) -> tuple[str, int]:
    """Return (textual IP, port) of an attribute value in the clear. Raises StunError."""
    size = _FAMILY_BYTES.get(value[1]) if len(value) >= 4 else None
    if size is None or len(value) != 4 + size:
        raise StunError("a STUN address is neither 4 nor 16 bytes of its family")
    return str(ip_address(value[4:])), int.from_bytes(value[2:4], "big")


def xor_address(address: tuple[str, int], transaction_id: bytes) -> bytes:
    """Return (textual IP, port) as the value of an XOR-…-ADDRESS attribute (RFC 8489 section 14.2)."""
    return _xored(pack_address(address), transaction_id)


def unxor_address(value: bytes, transaction_id: bytes) -> tuple[str, int]:
    """Return (textual IP, port) of an XOR-…-ADDRESS value. Raises StunError."""
    return unpack_address(_xored(value, transaction_id))


def pack_error(code: int, reason: str) -> bytes:
    """Return the value of ERROR-CODE for ``code`` 300-699 (RFC 8489 section 14.8)."""
    return struct.pack(">HBB", 0, code // 100, code % 100) + reason.encode()


def unpack_error(value: bytes) -> tuple[int, str]:
    """Return (code, reason) of an ERROR-CODE value. Raises StunError."""
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise StunError("a STUN error code is not within 300 and 699")
    return (value[2] & 7) * 100 + value[3], value[4:].decode(errors="replace")


def binding_request(transaction_id: bytes, attributes: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """Return a Binding request; 20 bytes without attributes."""
    return build(Message(BINDING_REQUEST, transaction_id, tuple(attributes)))


def binding_response(transaction_id: bytes, mapped: tuple[str, int]) -> bytes:
    """Return a Binding success response that tells the caller its ``mapped`` (textual IP, port)."""
    value = xor_address(mapped, transaction_id)
    return build(Message(BINDING_RESPONSE, transaction_id, ((XOR_MAPPED_ADDRESS, value),)))


def _check_header(data: bytes, *, padded: bool) -> None:
    if len(data) < HEADER_BYTES:
        raise StunError(f"{len(data)} bytes are too short for a STUN header")
    if data[0] >= 0x40:
        raise StunError("the two top bits of a STUN message are zero")
    if data[4:8] != _COOKIE_BYTES:
        raise StunError("the STUN magic cookie is missing")
    length = int.from_bytes(data[2:4], "big")
    if length != len(data) - HEADER_BYTES:
        raise StunError(
            f"STUN length {length} does not match {len(data) - HEADER_BYTES} bytes after the header"
        )
    if padded and length % 4:
        raise StunError(f"STUN length {length} is not a multiple of 4")


def _walk(data: bytes, *, padded: bool) -> Iterator[tuple[int, int, bytes]]:
    """Yield (type, offset of the attribute, value) of a message whose header is checked."""
    at = HEADER_BYTES
    while at < len(data):
        if at + 4 > len(data):
            raise StunError(f"a STUN attribute header at byte {at} is cut off")
        kind, size = _ATTRIBUTE.unpack_from(data, at)
        end = at + 4 + size
        following = end + (-size % 4 if padded else 0)
        if following > len(data):
            raise StunError(f"the STUN attribute {kind:#06x} at byte {at} runs over the end")
        yield kind, at, data[at + 4 : end]
        at = following


def _read_attributes(data: bytes, end: int) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the attributes before ``end``, and whether they fill the message, padded or else unpadded."""
    padded, at = _attributes_until(data, end, 3)
    # The last padding may be missing: its bytes are nobody's.
    if at == end or (end < at < end + 4 and end == len(data)):
        return padded, True
    unpadded, at = _attributes_until(data, end, 0)
    return (unpadded, True) if at == end else (padded, False)


def _attributes_until(data: bytes, end: int, padding: int) -> tuple[list[tuple[int, bytes]], int]:
    """Return the attributes that end before ``end``, and where the one after them would begin."""
    attributes = []
    at = HEADER_BYTES
    while at + 4 <= end:
        value = at + 4
        following = value + (data[at + 2] << 8 | data[at + 3])
        if following > end:
            break
        attributes.append((data[at] << 8 | data[at + 1], data[value:following]))
        at = following + padding & ~padding
    return attributes, at


def _integrity_holds(data: bytes, kind: int, start: int, value: bytes, key: bytes) -> bool:
    """Check one integrity attribute; the SHA-256 one may be truncated to 16 bytes or more."""
    covered = _with_length(data[:start], start + 4 + len(value))
    if kind == MESSAGE_INTEGRITY:
        return hmac.compare_digest(hmac.digest(key, covered, "sha1"), value)
    if not 16 <= len(value) <= 32 or len(value) % 4:
        return False
    return hmac.compare_digest(hmac.digest(key, covered, "sha256")[: len(value)], value)


def _header(message_type: int, length: int, transaction_id: bytes) -> bytes:
    if length > 0xFFFF:
        raise StunError(f"{length} bytes of attributes do not fit into a STUN message")
    return _HEADER.pack(message_type, length, MAGIC_COOKIE, transaction_id)


def _attribute(kind: int, value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise StunError(f"{len(value)} bytes do not fit into a STUN attribute")
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _append(data: bytes, kind: int, value: bytes) -> bytes:
    attribute = _attribute(kind, value)
    return _with_length(data, len(data) + len(attribute)) + attribute


def _with_length(data: bytes, total: int) -> bytes:
    """Return ``data`` with the header's length as if the message had ``total`` bytes."""
    return data[:2] + (total - HEADER_BYTES).to_bytes(2, "big") + data[4:]


def _xored(value: bytes, transaction_id: bytes) -> bytes:
    """XOR the port with the cookie's top half, the address with cookie and transaction id."""
    mask = bytes(2) + _COOKIE_BYTES[:2] + _COOKIE_BYTES + transaction_id
    return bytes(byte ^ key for byte, key in zip(value, mask, strict=False)) + value[len(mask) :]
