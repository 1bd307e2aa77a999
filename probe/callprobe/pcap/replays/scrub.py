"""Takes out of a call's packets what could tell whose it was, and leaves their look: types, lengths, order.

What goes: addresses and ports in STUN and reflector messages, user names, realms of private servers, tokens,
tags, integrity tags, texts of RTCP and SIP, sound that was never encrypted. What stays is what a network can
recognise an application by. Replacements depend on the order of appearance alone, never on what they replace;
so the same call gives the same bytes again, and they tell nothing.
"""

import hashlib
import re
import string
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Literal

from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.wire.demux import Protocol, classify

Kind = Literal["plain", "xor", "username", "realm", "opaque", "data", "fingerprint"]

_COOKIE: Final = b"\x21\x12\xa4\x42"
_HEADER_BYTES: Final = 20
_ATTRIBUTES: Final[dict[int, Kind]] = {
    0x0001: "plain",  # MAPPED-ADDRESS
    0x0002: "plain",  # RESPONSE-ADDRESS (RFC 3489)
    0x0004: "plain",  # SOURCE-ADDRESS (RFC 3489)
    0x0005: "plain",  # CHANGED-ADDRESS (RFC 3489)
    0x0006: "username",
    0x0008: "opaque",  # MESSAGE-INTEGRITY: made over what is replaced
    0x000B: "plain",  # REFLECTED-FROM (RFC 3489)
    0x000E: "plain",  # ALTERNATE-SERVER of the Microsoft dialect
    0x0011: "plain",  # DESTINATION-ADDRESS of the Microsoft dialect
    0x0012: "xor",  # XOR-PEER-ADDRESS
    0x0013: "data",
    0x0014: "realm",
    0x0015: "opaque",  # NONCE
    0x0016: "xor",  # XOR-RELAYED-ADDRESS
    0x001B: "opaque",  # ACCESS-TOKEN (RFC 7635)
    0x001C: "opaque",  # MESSAGE-INTEGRITY-SHA256
    0x001E: "opaque",  # USERHASH
    0x0020: "xor",  # XOR-MAPPED-ADDRESS
    0x0022: "opaque",  # RESERVATION-TOKEN; WhatsApp's stream subscriptions
    0x4000: "opaque",  # WhatsApp's relay token
    0x4001: "opaque",
    0x4033: "opaque",  # WhatsApp's routing connection
    0x8020: "xor",  # XOR-MAPPED-ADDRESS of old servers
    0x8023: "plain",  # ALTERNATE-SERVER
    0x8028: "fingerprint",
    0x802B: "plain",  # RESPONSE-ORIGIN; with WhatsApp four bytes that are no address
    0x802C: "plain",  # OTHER-ADDRESS
    0xDAB9: "opaque",  # Messenger's relays
    0xDABA: "opaque",
}
_KNOWN_REALMS: Final = frozenset(
    {b"telegram.org", b"signal.org", b"whispersystems.org", b"turner.facebook", b"viber.com", b"rtcmedia"}
)
"""Names of services, which tell an application and nobody's network."""
_RUN: Final = b"\xff" * 12
_RUN_AT: Final = 16
_TAG_BYTES: Final = 16
_SENDER_TAG_END: Final = 20
_FRAME_HEAD: Final = 24
_SELF_INFO: Final = b"\xc7\x72\x15\xc0"
_PEER_INFO: Final = b"\x1c\x37\xd9\x27"
_UNENCRYPTED_AUDIO: Final = frozenset({0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18})
"""Static payload types (RFC 3551) of codecs that are seldom sent encrypted."""
_SDES: Final = 202
_DISCOVERY_BYTES: Final = 74
_SIP: Final = re.compile(
    rb"(?:SIP/2\.0 \d{3}|(?:INVITE|ACK|BYE|CANCEL|REGISTER|OPTIONS|INFO|UPDATE|PRACK|"
    rb"SUBSCRIBE|NOTIFY|REFER|MESSAGE) sips?:)"
)
_TEXT_ADDRESSES: Final = {
    7: "0.0.0.0",  # noqa: S104 - a stand-in for a text of seven characters
    8: "10.0.0.1", 9: "192.0.2.1", 10: "192.0.2.10", 11: "192.0.2.100",
    12: "203.0.113.17", 13: "203.0.113.117", 14: "198.51.100.117", 15: "198.051.100.117",
}  # fmt: skip
"""Documentation addresses (RFC 5737) by the length of their text, as far as there are such."""
_LETTERS: Final = string.ascii_letters.encode()
_MASK: Final = bytes(
    ord("0") if byte in b"0123456789" else ord("x") if byte in _LETTERS else byte for byte in range(256)
)
_ADDRESS_BYTES: Final = {1: 4, 2: 16}
_MAX_DEPTH: Final = 3
"""Of wrappings within each other."""
_SOUND: Final = ("sound", b"")
_MAX_KNOWN: Final = 256
"""Addresses that are looked for in whatever else a packet holds."""


class Scrubber:
    """Scrubs the packets of one call; what was replaced once is replaced alike ever after."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        """Take the addresses that are known to be those of the call's ends."""
        self.changed_packets = 0
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._forms: dict[bytes, bytes] = {}
        """Known addresses in the forms that may stand anywhere, and what comes in their place."""
        self._tags: set[bytes] = set()
        for host in hosts:
            self._know(ip_address(host).packed)

    def clean_all(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Return the packets of a call scrubbed, each as long as before; never raises.

        They are gone through twice: what is first seen in a late packet may stand in an early one too.
        """
        for payload in payloads:
            self._clean(payload, 0)
        self._numbers.pop(_SOUND, None)
        cleaned = [self._clean(payload, 0) for payload in payloads]
        self.changed_packets += sum(before != after for before, after in zip(payloads, cleaned, strict=True))
        return cleaned

    def _clean(self, payload: bytes, depth: int) -> bytes:
        if _is_stun(payload):
            return self._swept(self._stun(payload, depth))
        if payload[_RUN_AT : _RUN_AT + len(_RUN)] == _RUN:
            return self._swept(self._reflector_control(payload))
        inside = unwrap(payload)[1:2] if depth < _MAX_DEPTH else []
        if inside and inside[0].encapsulation == "reflector":
            return self._tags_of(payload) + self._clean(payload[_FRAME_HEAD:], depth + 1)
        if payload[:_TAG_BYTES] in self._tags:
            return self._tag(payload[:_TAG_BYTES]) + payload[_TAG_BYTES:]
        if inside and inside[0].payload:
            head, wrapped, rest = payload.rpartition(inside[0].payload)
            return self._swept(head) + self._clean(wrapped, depth + 1) + rest
        return self._by_first_byte(payload)

    def _by_first_byte(self, payload: bytes) -> bytes:
        protocol = classify(payload)
        if protocol is Protocol.RTP and len(payload) >= 12:
            return self._rtp(payload)
        if protocol is Protocol.RTCP:
            return self._swept(self._rtcp(payload))
        if len(payload) == _DISCOVERY_BYTES and payload[:4] in {b"\x00\x01\x00\x46", b"\x00\x02\x00\x46"}:
            return self._discovery(payload)
        if _SIP.match(payload):
            return self._sip(payload)
        return self._swept(payload)

    # --- STUN -----------------------------------------------------------------------------------------

    def _stun(self, payload: bytes, depth: int) -> bytes:
        """Scrub every attribute; what follows a broken one is taken for opaque."""
        data = bytearray(payload)
        for number, at, end in _attributes(payload):
            kind = _ATTRIBUTES.get(number)
            if kind == "data" and depth < _MAX_DEPTH:
                data[at:end] = self._clean(payload[at:end], depth + 1)
            elif kind == "fingerprint" and payload[at:end] == _fingerprint(payload, at - 4):
                data[at:end] = _fingerprint(data, at - 4)
            else:
                self._attribute(data, kind, at, end)
        return bytes(data)

    def _attribute(self, data: bytearray, kind: Kind | None, at: int, end: int) -> None:
        value = bytes(data[at:end])
        if kind in {"plain", "xor"}:
            mask = bytes(2) + _COOKIE[:2] + _COOKIE + bytes(data[8:20]) if kind == "xor" else bytes(20)
            data[at:end] = self._stun_address(value, mask)
        elif kind == "username":
            data[at:end] = b":".join(self._text("username", part) for part in value.split(b":"))
        elif kind == "realm" and value not in _KNOWN_REALMS:
            data[at:end] = self._text("realm", value)
        elif kind == "opaque":
            data[at:end] = self._drawn("opaque", value)

    def _stun_address(self, value: bytes, mask: bytes) -> bytes:
        size = _ADDRESS_BYTES.get(value[1]) if len(value) >= 4 else None
        if size is None or len(value) != 4 + size:
            return value if len(value) <= 4 else self._drawn("opaque", value)
        clear = _xor(value, mask)
        port = self._port(clear[2:4])
        return value[:2] + _xor(bytes(2) + port + self._address(clear[4:]), mask)[2:]

    # --- others ---------------------------------------------------------------------------------------

    def _reflector_control(self, payload: bytes) -> bytes:
        """Scrub the tag, and the addresses of an answer (tgcalls ReflectorPort, libtgvoip)."""
        tag = payload[:_TAG_BYTES]
        self._tags.add(tag)
        data = bytearray(self._tag(tag) + payload[_TAG_BYTES:])
        kind = payload[28:32]
        if kind == _SELF_INFO and len(payload) == 64:
            mapped = payload[44:60]
            data[44:60] = (
                mapped[:12] + self._address(mapped[12:])
                if mapped[:12] == bytes(10) + b"\xff\xff"
                else self._address(mapped)
            )
            data[60:62] = self._port(payload[60:62])
        elif kind == _PEER_INFO and len(payload) == 48:
            for at in (32, 40):  # little-endian: the least byte of the address goes first
                data[at : at + 4] = self._address(payload[at : at + 4][::-1])[::-1]
                data[at + 4 : at + 6] = self._port(payload[at + 4 : at + 6])
        elif len(payload) > _RUN_AT + len(_RUN) + 12 and kind not in {
            b"\xfe\xff\xff\xff",
            b"\xff\xff\xff\xff",
        }:
            data[32:] = self._drawn("reflector", payload[32:])
        return bytes(data)

    def _tags_of(self, payload: bytes) -> bytes:
        """Return the head of a frame: the peer's tag, the sender's four bytes, the length."""
        sender = self._drawn("tag end", payload[_TAG_BYTES:_SENDER_TAG_END])
        return self._tag(payload[:_TAG_BYTES]) + sender + payload[_SENDER_TAG_END:_FRAME_HEAD]

    def _tag(self, tag: bytes) -> bytes:
        """Return a tag's stand-in: twelve bytes of the call and four of a port."""
        return self._drawn("tag", tag[:12]) + self._drawn("tag end", tag[12:])

    def _rtp(self, payload: bytes) -> bytes:
        if payload[1] & 0x7F not in _UNENCRYPTED_AUDIO:
            return payload
        head = 12 + 4 * (payload[0] & 0x0F)
        if payload[0] & 0x10:
            head += 4 + 4 * int.from_bytes(payload[head + 2 : head + 4], "big")
        return payload[:head] + self._sound(payload[head:])

    def _sound(self, sound: bytes) -> bytes:
        """Return noise; each packet has its own, as encrypted sound would."""
        number = self._numbers.get(_SOUND, 0)
        self._numbers[_SOUND] = number + 1
        return _noise("sound", number, len(sound))

    def _rtcp(self, payload: bytes) -> bytes:
        """Scrub the texts of source descriptions (RFC 3550 section 6.5) that can be read at all."""
        data, at = bytearray(payload), 0
        while at + 4 <= len(payload):
            end = at + 4 * (1 + int.from_bytes(payload[at + 2 : at + 4], "big"))
            if payload[at + 1] == _SDES:
                for start, stop in _texts(payload, at + 4, min(end, len(payload))):
                    data[start:stop] = self._text("sdes", payload[start:stop])
            at = end
        return bytes(data)

    def _discovery(self, payload: bytes) -> bytes:
        """Scrub Discord's answer: the caller's address as text, its port."""
        text = payload[8:72].rstrip(b"\x00")
        if not text:
            return payload
        stand_in = _TEXT_ADDRESSES.get(len(text), "192.0.2.1").encode().ljust(64, b"\x00")
        return payload[:8] + stand_in + self._port(payload[72:74])

    def _sip(self, payload: bytes) -> bytes:
        """Mask the values of all headers and the body; methods and names of headers stay."""
        lines = payload.split(b"\r\n")
        first = lines[0].split(b" ", 1)
        head = b" ".join([first[0], *(part.translate(_MASK) for part in first[1:])])
        if first[0] == b"SIP/2.0":
            head = lines[0][:11] + lines[0][11:].translate(_MASK)
        return b"\r\n".join([head, *map(_masked_line, lines[1:])])

    # --- stand-ins ------------------------------------------------------------------------------------

    def _swept(self, payload: bytes) -> bytes:
        """Replace known addresses wherever they stand."""
        for form, stand_in in self._forms.items():
            if form in payload:
                payload = payload.replace(form, stand_in)
        return payload

    def _know(self, packed: bytes) -> None:
        if len(self._forms) >= _MAX_KNOWN or not any(packed):
            return
        stand_in = self._address(packed, known=True)
        text = str(ip_address(packed)).encode()
        self._forms[packed] = stand_in
        self._forms[packed[::-1]] = stand_in[::-1]
        self._forms[_xor(packed, _COOKIE)] = _xor(stand_in, _COOKIE)
        self._forms[text] = _text_address(text)

    def _address(self, packed: bytes, *, known: bool = False) -> bytes:
        """Return a documentation address (RFC 5737, RFC 3849) in the place of this one."""
        number = self._number("address", packed)
        if not known and packed not in self._forms:
            self._know(packed)
        if len(packed) == 4:
            return IPv4Address((192 << 24) | (2 << 8) | (1 + number % 254)).packed
        return IPv6Address((0x20010DB8 << 96) | (1 + number)).packed

    def _port(self, port: bytes) -> bytes:
        return struct.pack(">H", 49_152 + self._number("port", port) % 16_384)

    def _text(self, label: str, text: bytes) -> bytes:
        """Return text of the same length in which letters are letters and digits digits."""
        noise = _noise(label, self._number(label, text), len(text))
        return bytes(map(_alike, text, noise))

    def _drawn(self, label: str, value: bytes) -> bytes:
        return _noise(label, self._number(label, value), len(value))

    def _number(self, label: str, value: bytes) -> int:
        """Return which of its kind a value is, in order of appearance."""
        return self._numbers.setdefault((label, value), len(self._numbers))


def _noise(label: str, number: int, size: int) -> bytes:
    return hashlib.shake_128(f"{label} {number}".encode()).digest(size)


def _alike(byte: int, noise: int) -> int:
    for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if chr(byte) in alphabet:
            return ord(alphabet[noise % len(alphabet)])
    return byte


def _xor(value: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ key for byte, key in zip(value, mask, strict=False)) + value[len(mask) :]


def _text_address(text: bytes) -> bytes:
    if b":" in text:
        return b"2001:db8::1".ljust(len(text), b"0")[: len(text)]
    return _TEXT_ADDRESSES[len(text)].encode()


def _is_stun(payload: bytes) -> bool:
    """Say whether this is STUN by its cookie, or classic STUN (RFC 3489) by its lengths."""
    if len(payload) < _HEADER_BYTES or payload[0] >= 0x40:
        return False
    if payload[4:8] == _COOKIE:
        return True
    length = int.from_bytes(payload[2:4], "big")
    end = max((end for _, _, end in _attributes(payload)), default=0)
    return payload[0] < 2 and length == len(payload) - _HEADER_BYTES and len(payload) - end < 4


def _attributes(payload: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (type, start, end) of each attribute's value, padded or not; the rest after a broken one is 0."""
    padded = int.from_bytes(payload[2:4], "big") % 4 == 0
    at = _HEADER_BYTES
    while at + 4 <= len(payload):
        kind, size = struct.unpack_from(">HH", payload, at)
        end = at + 4 + size
        if end > len(payload):
            yield 0x4000, at + 4, len(payload)
            return
        yield kind, at + 4, end
        at = end + (-size % 4 if padded else 0)


def _fingerprint(data: bytes | bytearray, start: int) -> bytes:
    """Return FINGERPRINT (RFC 8489 section 14.7) of what stands before its attribute."""
    return struct.pack(">I", zlib.crc32(bytes(data[:start])) ^ 0x5354554E)


def _texts(payload: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the readable texts of a source description's items stand."""
    at += 4  # the first chunk's SSRC
    while at + 2 <= end and payload[at]:
        stop = at + 2 + payload[at + 1]
        if stop > end:
            return
        if payload[at + 2 : stop].isascii() and payload[at + 2 : stop].decode().isprintable():
            yield at + 2, stop
        at = stop


def _masked_line(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    if not colon or not name.replace(b"-", b"").isalpha():
        return line[:2] + line[2:].translate(_MASK)
    return name + colon + value.translate(_MASK)
