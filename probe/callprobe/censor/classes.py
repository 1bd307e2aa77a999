"""What the emulated censor takes a datagram for.

Written from captures and from the rules of nDPI (``stun.c``, ``telegram.c`` of 2024-10-21), on purpose
without a constant or a line in common with ``callprobe.dialect`` and ``callprobe.wire``: a censor that shared
them would recognise the probe by construction, and the loop would be closed on itself. Frames are those of
the public captures named beside each constant. Nothing is decoded: like a middlebox in a hurry, it looks at
fixed places and gives one answer.
"""

from typing import Final

# stun_wa_call.pcapng frame 1, bytes 4-7; nDPI asks for it too, classic STUN apart.
_COOKIE: Final = b"\x21\x12\xa4\x42"
# stun_wa_call.pcapng frames 47 (0801), 48 (0802), 409 (0800); nDPI: these three are a WhatsApp call outright.
_WHATSAPP_TYPES: Final = frozenset({b"\x08\x00", b"\x08\x01", b"\x08\x02"})
# stun_wa_call.pcapng frame 1: Allocate (0003) whose first attribute, at byte 20, is the relay token 4000.
_ALLOCATE: Final = b"\x00\x03"
_RELAY_TOKEN: Final = b"\x40\x00"
# ndpid_heads_telegram_voice.pcap frame 8, telegram.pcap frame 170: 40 bytes, 12 x FF from byte 16, then FE.
_PING_SIZE: Final = 40
_RUN_SIZE: Final = 12
_RUN: Final = b"\xff" * _RUN_SIZE
# stun_dtls_rtp.pcapng frames 3 (FEFF) and 4 (FEFD), bytes 1-2; content types 20-25 as in RFC 9443.
_DTLS_VERSIONS: Final = frozenset({b"\xfe\xff", b"\xfe\xfd"})
# RFC 9000 section 17.2 and the rule of March 2022 (net4people/bbs #108): long header, version 1 in bytes 1-4.
_QUIC_VERSION_1: Final = b"\x00\x00\x00\x01"

CLASSES: Final = (
    "stun",
    "stun-request",
    "whatsapp-call",
    "whatsapp-allocate",
    "reflector-ping",
    "reflector",
    "dtls",
    "rtp",
    "quic",
    "other",
)
"""Every class, as a policy may name it."""

_NARROWER: Final = {
    "stun": ("stun-request", "whatsapp-call", "whatsapp-allocate"),
    # The class bits of 0800-0802 are those of a request, also where the message is in truth an answer.
    "stun-request": ("whatsapp-call", "whatsapp-allocate"),
    "reflector": ("reflector-ping",),
}


def covered_by(packet_class: str) -> frozenset[str]:
    """Return the class and its special cases: a rule on *stun* also means *whatsapp-call*."""
    return frozenset((packet_class, *_NARROWER.get(packet_class, ())))


def classify(payload: bytes) -> str:
    """Return the narrowest of ``CLASSES`` for a UDP payload of any content and length."""
    if payload[4:8] == _COOKIE:
        return _stun(payload)
    if payload[16:28] == _RUN and len(payload) == _PING_SIZE:
        return "reflector-ping"
    if _RUN in payload and _has_reflector_run(payload):
        return "reflector"
    first = payload[0] if payload else 0
    if 20 <= first <= 25 and payload[1:3] in _DTLS_VERSIONS:
        return "dtls"
    if first >= 0xC0 and payload[1:5] == _QUIC_VERSION_1:
        return "quic"
    return "rtp" if 128 <= first <= 191 and len(payload) >= 12 else "other"


def _stun(payload: bytes) -> str:
    """Apply nDPI's test: the length field says exactly what follows the 20-byte header."""
    if len(payload) < 20 or len(payload) != 20 + int.from_bytes(payload[2:4], "big"):
        return "other"
    kind = payload[:2]
    if kind in _WHATSAPP_TYPES:
        return "whatsapp-call"
    if kind == _ALLOCATE and payload[20:22] == _RELAY_TOKEN:
        return "whatsapp-allocate"
    return "stun-request" if int.from_bytes(kind, "big") & 0x0110 == 0 else "stun"


def _has_reflector_run(payload: bytes) -> bool:
    """Apply nDPI's test: at least 40 bytes, and the first run of FF is exactly 12 long."""
    start = payload.find(b"\xff")
    end = start + _RUN_SIZE
    return len(payload) >= _PING_SIZE and payload[start:end] == _RUN and payload[end : end + 1] != b"\xff"
