"""What a datagram is by its content, where STUN, DTLS and RTP dissection has nothing to say.

Ports lie (Telegram's reflector on port 521 looks like RIPng to whoever trusts them), so a port never decides
alone: it only says which content to look for. Layouts are those of the protocols' specifications or of the
public captures named; what comes from other dissectors' sources alone stands in the weak group of the guess.
"""

from collections.abc import Callable
from typing import Final

from callprobe.pcap.recognise import server_names, sip_messages

Recogniser = Callable[[bytes], str | None]

_COOKIE: Final = b"\x21\x12\xa4\x42"
_QUIC_VERSIONS: Final = frozenset({b"\x00\x00\x00\x01", b"\x6b\x33\x43\xcf"})  # RFC 9000, RFC 9369
_QUIC_DRAFT: Final = b"\xff\x00\x00"
_MAX_CONNECTION_ID: Final = 20
_DHCP_COOKIE_AT: Final = 236
_UUID_DASHES: Final = (8, 13, 18, 23)


def mark_of(data: bytes, source_port: int, destination_port: int) -> str | None:
    """Return what the datagram is, one of ``MEANINGS``, or None; quick where the answer is None."""
    if not data:
        return None
    for recognise in _BY_FIRST_BYTE[data[0]]:
        kind = recognise(data)
        if kind is not None:
            return kind
    by_port = _BY_PORT.get(destination_port) or _BY_PORT.get(source_port)
    return by_port(data) if by_port else None


def _magic(kind: str, *beginnings: bytes) -> Recogniser:
    return lambda data: kind if data.startswith(beginnings) else None


def _quic(data: bytes) -> str | None:
    """Long header (RFC 9000 section 17.2) of a known version, or one of Google's with a Q or T."""
    version = data[1:5]
    known = version in _QUIC_VERSIONS or version[:3] == _QUIC_DRAFT
    if known and len(data) > 6 and data[5] <= _MAX_CONNECTION_ID:
        return "quic"
    return "gquic" if _is_google_version(version) else None


def _gquic(data: bytes) -> str | None:
    """Google's QUIC before version 46: flags, connection id of 8 bytes, version."""
    return "gquic" if data[0] & 1 and _is_google_version(data[9:13]) else None


def _is_google_version(version: bytes) -> bool:
    return len(version) == 4 and version[:1] in {b"Q", b"T"} and version[1:].isdigit()


def _wireguard(data: bytes) -> str | None:
    """Message types 1 to 4 with their reserved zeros and sizes (whitepaper section 5.4)."""
    if data[1:4] != b"\0\0\0":
        return None
    size = len(data)
    if size == {1: 148, 2: 92, 3: 64}.get(data[0]):
        return "wireguard"
    transport = data[0] == 4 and size >= 32 and size % 16 == 0 and data[4:8] != b"\0\0\0\0"
    return "wireguard" if transport and data[13:16] == b"\0\0\0" else None


def _stun_forms(data: bytes) -> str | None:
    """Zoom's binding request has no cookie and attribute 0x0101 that counts (zoom_p2p.pcapng frame 8)."""
    if data[1:2] == b"\x01" and data[20:24] == b"\x01\x01\x00\x14" and data[4:8] != _COOKIE:
        return "zoom-stun" if data[24:34] == b"1234567890" else None
    return None


def _edge_relay(data: bytes) -> str | None:
    """The user name with which Messenger checks its edge relays says so in letters."""
    return "messenger-edge" if data[4:8] == _COOKIE and b"EDGERAY" in data[20:96] else None


def _discord(data: bytes) -> str | None:
    """IP discovery: type, length 70, SSRC, 64 bytes of address, port (Discord developer documentation)."""
    if len(data) != 74:
        return None
    if data[:4] == b"\x00\x01\x00\x46":
        return "discord-discovery-request"
    return "discord-discovery-answer" if data[:4] == b"\x00\x02\x00\x46" else None


def _teams_uuid(data: bytes) -> str | None:
    """One byte 3 and a textual UUID (teams_full.pcap frame 2480)."""
    return "teams-uuid" if len(data) == 37 and _is_uuid(data[1:]) else None


def _zoom_peer(data: bytes) -> str | None:
    """Head of a peer-to-peer probe: 1f02, address as text, UUID as text (zoom_p2p.pcapng frame 63)."""
    at = 28 + int.from_bytes(data[24:28], "big")
    found = data[1:2] == b"\x02" and at < 100 and data[at : at + 4] == b"\x00\x00\x00\x24"
    return "zoom-peer" if found and _is_uuid(data[at + 4 : at + 40]) else None


def _zoom_media(data: bytes) -> str | None:
    """Media header with RTP and its one-byte extension inside (cabernet_zoom_test.pcap frames 1 and 2)."""
    at = {13: 27, 15: 19, 16: 24}[data[0]]
    return "zoom-media" if data[at : at + 1] == b"\x90" and data[at + 12 : at + 14] == b"\xbe\xde" else None


def _is_uuid(text: bytes) -> bool:
    dashes = all(text[at : at + 1] == b"-" for at in _UUID_DASHES)
    return dashes and len(text) == 36 and text.replace(b"-", b"").isalnum()


def _microsoft_turn(data: bytes) -> str | None:
    """Multiplexed TURN (MS-TURN section 2.2.3): FF10, the size of the rest."""
    return "ms-turn" if data[1:2] == b"\x10" and int.from_bytes(data[2:4], "big") == len(data) - 4 else None


def _text(data: bytes) -> str | None:
    """SIP and SSDP begin with a word in capitals."""
    if b"SIP/2.0" in data[:600]:
        return "sip" if sip_messages.parse(data) else None
    beginnings = (b"M-SEARCH * HTTP/1.1", b"NOTIFY * HTTP/1.1", b"HTTP/1.1 200 OK")
    return "ssdp" if data.startswith(beginnings) else None


def _health(data: bytes) -> str | None:
    return "whatsapp-health" if data == b"health" else None


def _health_answer(data: bytes) -> str | None:
    return "whatsapp-ok" if data == b"OK" else None


def _bittorrent(data: bytes) -> str | None:
    """DHT messages are bencoded dictionaries of an answer, a query or an error (BEP 5)."""
    found = data[:4] in {b"d1:a", b"d1:r", b"d1:e", b"d2:i"} and b"1:y1:" in data[-40:]
    return "bittorrent-dht" if found else None


def _steam(data: bytes) -> str | None:
    if data[:4] != b"\xff\xff\xff\xff":
        return None
    if data[4:8] == b"\x21\x4c\x5f\xa0":
        return "steam-discovery"
    return "game-query" if data[4:5] in {b"T", b"U", b"V", b"i", b"I", b"A", b"D", b"E"} else None


def _mumble(data: bytes) -> str | None:
    """Ping of a Mumble client: four zero bytes and an identifier (Mumble protocol, UDP ping packet)."""
    return "mumble-ping" if len(data) == 12 and data[:4] == b"\0\0\0\0" and any(data[4:]) else None


def _face_time(data: bytes) -> str | None:
    return "facetime" if data[:4] == b"\xde\xad\xbe\xef" else None


def _dns(data: bytes) -> str | None:
    return None if server_names.dns_question(data) is None else "dns"


def _local_names(data: bytes) -> str | None:
    return None if server_names.dns_question(data) is None else "local-names"


def _net_bios(data: bytes) -> str | None:
    return "netbios" if len(data) > 40 and (data[0] in {0x10, 0x11} or any(data[4:12])) else None


def _dhcp(data: bytes) -> str | None:
    cookie = data[_DHCP_COOKIE_AT : _DHCP_COOKIE_AT + 4]
    return "dhcp" if data[0] in {1, 2} and cookie == b"\x63\x82\x53\x63" else None


def _dhcp6(data: bytes) -> str | None:
    return "dhcp" if 1 <= data[0] <= 36 and len(data) > 7 else None


def _ntp(data: bytes) -> str | None:
    return "ntp" if len(data) >= 48 and 1 <= data[0] >> 3 & 7 <= 4 and data[0] & 7 else None


def _zoom_server(data: bytes) -> str | None:
    """Frame of a Zoom server: registration 1 and 2, time 3, data and media 5 (cabernet_zoom_test.pcap)."""
    shapes = (
        (data[0] in {1, 2} and data[1:2] == b"\0" and len(data) >= 40),
        (data[0] in {3, 4} and data[1:3] == b"\0\0" and len(data) == 14),
        (data[0] == 5 and len(data) > 24 and data[1:2] == b"\0"),
        (data[0] in {5, 7} and len(data) > 24 and data[8:9] in _ZOOM_INNER),
    )
    return "zoom-server" if any(shapes) else None


def _whatsapp_end(data: bytes) -> str | None:
    """Message 0x0800 tells a relay that the call is over (stun_wa_call.pcapng frame 409)."""
    return "whatsapp-call-end" if data[1:2] == b"\0" and data[4:8] == _COOKIE else None


def _viber(data: bytes) -> str | None:
    """Shapes after nDPI's viber.c; seen in no capture here, and weak."""
    shapes = ((12, b"\x03\x00"), (20, b"\x09\x00"))
    return "viber-shape" if (len(data), data[2:4]) in shapes else None


_ZOOM_INNER: Final = {bytes([kind]) for kind in (13, 15, 16, 21, 30, 33, 34, 35)}

_FIRST: Final[dict[int, tuple[Recogniser, ...]]] = {
    0x00: (_edge_relay, _stun_forms, _discord, _mumble),
    0x01: (_wireguard,),
    0x02: (_wireguard,),
    0x03: (_wireguard, _teams_uuid),
    0x04: (_wireguard,),
    0x08: (_whatsapp_end,),
    0x0D: (_zoom_media, _gquic),
    0x0F: (_zoom_media,),
    0x10: (_zoom_media,),
    0x13: (_magic("discord-keepalive", b"\x13\x37\xca\xfe"),),
    0x1F: (_zoom_peer,),
    ord("S"): (_magic("spotify", b"SpotUdp0"), _text),
    ord("T"): (_magic("tailscale", b"TS\xf0\x9f\x92\xac"),),
    ord("d"): (_bittorrent,),
    ord("h"): (_health,),
    ord("{"): (_magic("dropbox", b'{"version"', b'{"host_int"'),),
    0xDE: (_face_time,),
    0xFF: (_microsoft_turn, _steam, _quic),
}
_CAPITALS: Final = range(ord("A"), ord("Z") + 1)


def _recognisers(first: int) -> tuple[Recogniser, ...]:
    known = _FIRST.get(first, ())
    if first in _CAPITALS and _text not in known:
        known = (*known, _text)
    if first == ord("O"):
        known = (*known, _health_answer)
    if first == ord("V"):
        known = (*known, _magic("steam", b"VS01"))
    if first >= 0xC0 and _quic not in known:
        known = (*known, _quic)
    if first < 0x40 and first & 0x09 == 0x09 and _gquic not in known:
        known = (*known, _gquic)
    return known


_BY_FIRST_BYTE: Final = tuple(map(_recognisers, range(256)))

_BY_PORT: Final[dict[int, Recogniser]] = {
    53: _dns,
    5353: _local_names,
    5355: _local_names,
    137: _net_bios,
    138: _net_bios,
    67: _dhcp,
    68: _dhcp,
    546: _dhcp6,
    547: _dhcp6,
    123: _ntp,
    **dict.fromkeys((4244, 5242, 5243, 7985, 7987), _viber),
    **dict.fromkeys(range(8801, 8811), _zoom_server),
}

MEANINGS: Final = {
    "bittorrent-dht": "BitTorrent",
    "dhcp": "address configuration (DHCP)",
    "discord-discovery-answer": "answers to Discord's IP discovery",
    "discord-discovery-request": "Discord's IP discovery",
    "discord-keepalive": "Discord's keepalives",
    "dns": "name look-ups (DNS)",
    "dropbox": "Dropbox's discovery in the local network",
    "facetime": "FaceTime's keepalives",
    "game-query": "queries of game servers",
    "gquic": "Google's QUIC",
    "local-names": "names in the local network (mDNS, LLMNR)",
    "messenger-edge": "checks of Messenger's edge relays",
    "ms-turn": "Microsoft's TURN frames",
    "mumble-ping": "Mumble's pings",
    "netbios": "NetBIOS",
    "ntp": "time (NTP)",
    "quic": "QUIC",
    "sip": "SIP",
    "spotify": "Spotify's discovery in the local network",
    "ssdp": "discovery in the local network (SSDP)",
    "steam": "Steam",
    "steam-discovery": "Steam's discovery in the local network",
    "tailscale": "Tailscale's path discovery",
    "teams-uuid": "Teams' session identifiers",
    "viber-shape": "datagrams shaped like Viber's",
    "whatsapp-call-end": "ends of WhatsApp calls",
    "whatsapp-health": "WhatsApp's question for the health of a relay",
    "whatsapp-ok": "a relay's OK to it",
    "wireguard": "WireGuard",
    "zoom-media": "Zoom's media between peers",
    "zoom-peer": "Zoom's probes between peers",
    "zoom-server": "frames of a Zoom server",
    "zoom-stun": "Zoom's STUN",
}
"""Every mark, in words."""
