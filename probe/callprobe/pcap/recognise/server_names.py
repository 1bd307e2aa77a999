"""Whose servers a capture names: DNS questions, TLS server names and certificates; weak evidence, all of it.

A phone that looks up a name of WhatsApp has WhatsApp installed; that it calls anybody is another matter.
"""

import re
from typing import Final

_OWNERS: Final = {
    "whatsapp.net": "whatsapp",
    "whatsapp.com": "whatsapp",
    "telegram.org": "telegram",
    "telegram.me": "telegram",
    "t.me": "telegram",
    "signal.org": "signal",
    "whispersystems.org": "signal",
    "messenger.com": "messenger",
    "meet.google.com": "meet",
    "hangouts.google.com": "meet",
    "teams.microsoft.com": "teams",
    "teams.live.com": "teams",
    "skype.com": "teams",
    "zoom.us": "zoom",
    "zoom.com": "zoom",
    "discord.com": "discord",
    "discord.gg": "discord",
    "discord.media": "discord",
    "discordapp.com": "discord",
    "viber.com": "viber",
    "kakao.com": "kakaotalk",
    "nvidiagrid.net": "geforcenow",
    "geforcenow.com": "geforcenow",
    "xboxlive.com": "xbox",
    "steampowered.com": "steam",
    "anydesk.com": "anydesk",
    "teamviewer.com": "teamviewer",
    "agora.io": "agora",
    "feishu.cn": "feishu",
    "larksuite.com": "feishu",
    "snapchat.com": "snapchat",
    "facetime.apple.com": "facetime",
    "webex.com": "webex",
    "line.me": "line",
}
"""Owner by domain; more than the guess can name, since whose traffic it is *instead* is worth saying."""

_CERTIFIED: Final = re.compile(
    rb"(?i)(?<![\w.-])(?:[\w*-]+\.)*(?:" + b"|".join(re.escape(name.encode()) for name in _OWNERS) + rb")"
)
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_CERTIFICATE_TYPES: Final = frozenset(
    {2, 11}
)  # ServerHello, which a Certificate follows, or the latter alone
_SERVER_NAME: Final = 0
_RECORD_BYTES: Final = 5
_HELLO_FIXED_BYTES: Final = 6 + 32  # type, length and version; random
_NAME_BYTES: Final = 255
_NAME: Final = re.compile(rb"[\w*-]{1,63}(?:\.[\w-]{1,63}){0,126}\.?")
_MAX_LABELS: Final = 127
_DNS_HEADER_BYTES: Final = 12
_OPCODES: Final = frozenset({0, 2, 4, 5})
_MAX_QUESTIONS: Final = 64


def owner_of(name: str) -> str | None:
    """Return whose domain ``name`` lies in, or None."""
    labels = name.lower().rstrip(".").split(".")
    return next((_OWNERS[end] for end in map(".".join, _ends(labels)) if end in _OWNERS), None)


def _ends(labels: list[str]) -> list[list[str]]:
    return [labels[at:] for at in range(max(0, len(labels) - 4), len(labels))]


def dns_question(data: bytes) -> str | None:
    """Return the first name a DNS message asks for (RFC 1035 section 4.1), "" for none, None for no DNS."""
    if len(data) < _DNS_HEADER_BYTES or (data[2] >> 3 & 15) not in _OPCODES:
        return None
    questions = int.from_bytes(data[4:6], "big")
    if questions > _MAX_QUESTIONS or not any(data[4:12]):
        return None
    return _labels(data) if questions else ""


def _labels(data: bytes) -> str | None:
    at = _DNS_HEADER_BYTES
    labels: list[str] = []
    while at < len(data) and data[at] and len(labels) < _MAX_LABELS:
        size = data[at]
        if size > 63 or at + size >= len(data):
            return None
        labels.append(data[at + 1 : at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    return ".".join(labels)[:_NAME_BYTES] if at < len(data) else None


def client_hello_name(data: bytes) -> str | None:
    """Return the server name of a TLS ClientHello (RFC 6066 section 3) that begins this segment, or None."""
    if not _is_handshake(data) or data[_RECORD_BYTES] != _CLIENT_HELLO:
        return None
    at = _RECORD_BYTES + _HELLO_FIXED_BYTES
    for size_bytes in (1, 2, 1):  # session id, cipher suites, compression methods
        at += size_bytes + int.from_bytes(data[at : at + size_bytes], "big")
    return _server_name(data, at + 2)


def _server_name(data: bytes, at: int) -> str | None:
    while at + 4 <= len(data):
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _SERVER_NAME:
            name = data[at + 9 : at + 9 + int.from_bytes(data[at + 7 : at + 9], "big")][:_NAME_BYTES]
            return name.decode("ascii") if _NAME.fullmatch(name) else None
        at += 4 + size
    return None


def certified_names(data: bytes) -> list[str]:
    """Return the names of known owners in the server's half of a TLS handshake that begins this segment."""
    if not _is_handshake(data) or data[_RECORD_BYTES] not in _CERTIFICATE_TYPES:
        return []
    return sorted({match.group().decode("ascii", "replace").lower() for match in _CERTIFIED.finditer(data)})


def _is_handshake(data: bytes) -> bool:
    return len(data) > _RECORD_BYTES and data[0] == _HANDSHAKE and data[1] == 3 and data[2] <= 4
