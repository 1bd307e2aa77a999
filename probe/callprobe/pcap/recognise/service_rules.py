"""The rules of the service guess: what marks which service, and how much it weighs.

A weight is our judgement, from layouts and captures, of the share of captures with that mark in which the
service is that one.
"""

from collections.abc import Callable
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from callprobe.pcap.recognise import service_facts as ask
from callprobe.pcap.recognise import service_marks as marks

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings

Count = Callable[["Findings"], int]


class Rule(Struct, frozen=True, kw_only=True):
    """One mark of one service."""

    id: str
    service: str
    weight: float
    """0 to 1, see above."""
    count: Count
    """How often the mark was seen; 0 where it was not."""
    says: str
    """A plain sentence; ``{times}`` is how often."""
    weak: bool = False
    """Names, ports, addresses: they add to what content says, and decide nothing."""


class CallSign(Struct, frozen=True, kw_only=True):
    """Something that only happens when somebody calls."""

    id: str
    count: Count
    says: str
    """A plain sentence; ``{n}`` is how many, ``{s}`` the ending for it."""


_TELEGRAM_NETWORKS: Final = (
    ip_network("91.108.0.0/16"),
    ip_network("149.154.160.0/20"),
    ip_network("2001:67c:4e8::/48"),
)
_GOOGLE_CALL_NETWORKS: Final = (
    ip_network("74.125.250.0/24"),
    ip_network("142.250.82.0/24"),
    ip_network("2001:4860:4864::/48"),
)
_TEAMS_NETWORKS: Final = (ip_network("52.112.0.0/14"),)
_ZOOM_NETWORKS: Final = (
    ip_network("144.195.0.0/16"),
    ip_network("170.114.0.0/16"),
    ip_network("206.247.0.0/16"),
)
_DISCORD_NETWORKS: Final = (ip_network("66.22.192.0/18"),)

_NOT_PLAIN_WEBRTC: Final = frozenset({"whatsapp", "telegram", "signal", "viber", "kakaotalk"})
"""Whose native calls are no plain WebRTC: that their names are looked up says nothing against it."""


RULES: Final = (
    Rule(
        id="whatsapp-types",
        service="whatsapp",
        weight=0.97,
        count=lambda findings: ask.types(findings, *marks.WHATSAPP_TYPES),
        says="STUN types that only WhatsApp uses (0x0800 to 0x0805): {times}.",
    ),
    Rule(
        id="whatsapp-token",
        service="whatsapp",
        weight=0.95,
        count=lambda findings: ask.attributes(findings, "0x4000", "0x4001"),
        says="WhatsApp's relay token (attribute 0x4000 or 0x4001): {times}.",
    ),
    Rule(
        id="whatsapp-clock",
        service="whatsapp",
        weight=0.8,
        count=lambda findings: ask.attributes(findings, "0x4002", "0x4003", "0x4004", "0x4007"),
        says="Attributes of WhatsApp's relays (0x4002 to 0x4007): {times}.",
    ),
    Rule(
        id="whatsapp-health",
        service="whatsapp",
        weight=0.6,
        count=lambda findings: min(ask.mark(findings, "whatsapp-health"), ask.mark(findings, "whatsapp-ok")),
        says="A relay was asked for its health in plain letters and said OK: {times}.",
    ),
    Rule(
        id="whatsapp-extension",
        service="whatsapp",
        weight=0.85,
        count=lambda findings: ask.streams(findings, lambda stream: ask.has_profile(stream, "0xdebe")),
        says="RTP streams with WhatsApp's header extension (profile 0xDEBE): {n}.",
    ),
    Rule(
        id="whatsapp-voice",
        service="whatsapp",
        weight=0.5,
        count=marks.whatsapp_media,
        says="RTP streams with WhatsApp's voice (payload type 120, 16 kHz): {n}.",
    ),
    Rule(
        id="whatsapp-bare-checks",
        service="whatsapp",
        weight=0.4,
        count=lambda findings: ask.checks(findings, lambda pair: pair.bare),
        says="Checks between peers with nothing but their integrity, as WhatsApp's: {times}.",
    ),
    Rule(
        id="whatsapp-names",
        service="whatsapp",
        weight=0.1,
        count=lambda findings: ask.named(findings, "whatsapp") + ask.mark(findings, "whatsapp-chat"),
        says="WhatsApp's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="telegram-pings",
        service="telegram",
        weight=0.97,
        count=lambda findings: findings.reflector.pings + findings.reflector.answers,
        says="Pings of Telegram's reflectors and their answers (a tag, then twelve FF): {times}.",
    ),
    Rule(
        id="telegram-data",
        service="telegram",
        weight=0.9,
        count=marks.reflector_data,
        says="Datagrams behind a tag that was pinged before: {times}.",
    ),
    Rule(
        id="telegram-frames",
        service="telegram",
        weight=0.85,
        count=marks.reflector_frames,
        says="STUN and RTP within frames of a reflector (two tags and a length): {times}.",
    ),
    Rule(
        id="telegram-heads",
        service="telegram",
        weight=0.7,
        count=lambda findings: findings.clues.reflector.headed,
        says="Datagrams at ports 500 to 600 with one tag for the flow and sizes in steps of 16: {times}.",
    ),
    Rule(
        id="telegram-realm",
        service="telegram",
        weight=0.97,
        count=lambda findings: ask.realms(findings, "telegram.org"),
        says="TURN realm telegram.org: {times}.",
    ),
    Rule(
        id="telegram-checks",
        service="telegram",
        weight=0.9,
        count=marks.telegram_checks,
        says="ICE checks with Telegram's tie-breaker of zero and priority ending in 00: {times}.",
    ),
    Rule(
        id="telegram-networks",
        service="telegram",
        weight=0.2,
        count=lambda findings: ask.flows_at(findings, _TELEGRAM_NETWORKS),
        says="Flows to addresses of Telegram: {n}.",
        weak=True,
    ),
    Rule(
        id="telegram-names",
        service="telegram",
        weight=0.1,
        count=lambda findings: ask.named(findings, "telegram"),
        says="Telegram's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="signal-realm",
        service="signal",
        weight=0.97,
        count=lambda findings: ask.realms(findings, "signal.org", "whispersystems.org"),
        says="TURN realm signal.org: {times}.",
    ),
    Rule(
        id="signal-voice",
        service="signal",
        weight=0.55,
        count=marks.signal_voice,
        says="RTP streams with Signal's voice of constant size (payload type 102, 140 bytes), no DTLS: {n}.",
    ),
    Rule(
        id="signal-nomination",
        service="signal",
        weight=0.5,
        count=marks.ring_rtc,
        says="Nominations as RingRTC makes them (attribute 0xC001), no DTLS: {times}.",
    ),
    Rule(
        id="signal-group",
        service="signal",
        weight=0.6,
        count=marks.signal_echo,
        says="Checks that a server at port 10000 gave back with all attributes, no DTLS: {times}.",
    ),
    Rule(
        id="signal-names",
        service="signal",
        weight=0.15,
        count=lambda findings: ask.named(findings, "signal"),
        says="Signal's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="messenger-realm",
        service="messenger",
        weight=0.97,
        count=lambda findings: ask.realms_with(findings, "facebook"),
        says="TURN realm of Facebook: {times}.",
    ),
    Rule(
        id="messenger-edge-name",
        service="messenger",
        weight=0.9,
        count=lambda findings: ask.mark(findings, "messenger-edge"),
        says="User names that begin with EDGERAY, Messenger's edge relays: {times}.",
    ),
    Rule(
        id="messenger-edge-attributes",
        service="messenger",
        weight=0.9,
        count=lambda findings: ask.attributes(findings, "0xdab9", "0xdaba"),
        says="Attributes of Messenger's edge relays (0xDAB9, 0xDABA): {times}.",
    ),
    Rule(
        id="messenger-port",
        service="messenger",
        weight=0.2,
        count=lambda findings: ask.flow_packets_at_port(findings, marks.MESSENGER_RELAY_PORT),
        says="Datagrams to or from port 40003, where Messenger's relays are: {n}.",
        weak=True,
    ),
    Rule(
        id="meet-certificate",
        service="meet",
        weight=0.9,
        count=marks.hangouts,
        says="Every DTLS handshake was with Google's media server, which calls itself hangouts: {times}.",
    ),
    Rule(
        id="meet-port",
        service="meet",
        weight=0.2,
        count=lambda findings: ask.flow_packets_at_port(findings, *marks.GOOGLE_MEDIA_PORTS),
        says="Datagrams to or from ports 19302 to 19309, where Google's servers are: {n}.",
        weak=True,
    ),
    Rule(
        id="meet-networks",
        service="meet",
        weight=0.2,
        count=lambda findings: ask.flows_at(findings, _GOOGLE_CALL_NETWORKS),
        says="Flows to addresses of Google's media servers: {n}.",
        weak=True,
    ),
    Rule(
        id="meet-names",
        service="meet",
        weight=0.15,
        count=lambda findings: ask.named(findings, "meet"),
        says="Meet's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="teams-attributes",
        service="teams",
        weight=0.9,
        count=marks.microsoft,
        says="STUN attributes of Microsoft's (0x8006 to 0x8095), several of them: {times}.",
    ),
    Rule(
        id="teams-frames",
        service="teams",
        weight=0.6,
        count=lambda findings: ask.mark(findings, "ms-turn"),
        says="Microsoft's TURN frames (FF10 and a length that fits): {times}.",
    ),
    Rule(
        id="teams-identifiers",
        service="teams",
        weight=0.5,
        count=lambda findings: ask.mark(findings, "teams-uuid"),
        says="Teams' session identifiers (37 bytes): {times}.",
    ),
    Rule(
        id="teams-networks",
        service="teams",
        weight=0.2,
        count=lambda findings: ask.flows_at(findings, _TEAMS_NETWORKS),
        says="Flows to addresses of Teams: {n}.",
        weak=True,
    ),
    Rule(
        id="teams-names",
        service="teams",
        weight=0.15,
        count=lambda findings: ask.named(findings, "teams"),
        says="Teams' or Skype's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="zoom-stun",
        service="zoom",
        weight=0.9,
        count=lambda findings: ask.mark(findings, "zoom-stun"),
        says="Zoom's STUN (no cookie, attribute 0x0101 that counts 1234567890…): {times}.",
    ),
    Rule(
        id="zoom-peer",
        service="zoom",
        weight=0.95,
        count=lambda findings: ask.mark(findings, "zoom-peer"),
        says="Zoom's probes between peers (1F02, an address and a UUID as text): {times}.",
    ),
    Rule(
        id="zoom-media",
        service="zoom",
        weight=0.85,
        count=marks.zoom_media,
        says="RTP behind Zoom's media header: {times}.",
    ),
    Rule(
        id="zoom-server",
        service="zoom",
        weight=0.8,
        count=marks.zoom_server,
        says="Frames of a Zoom server (ports 8801 to 8810): {times}.",
    ),
    Rule(
        id="zoom-certificate",
        service="zoom",
        weight=0.95,
        count=lambda findings: ask.certified(findings.dtls, "zoom.us", "zoom.com"),
        says="DTLS handshakes with a server of zoom.us: {times}.",
    ),
    Rule(
        id="zoom-user-names",
        service="zoom",
        weight=0.5,
        count=lambda findings: ask.usernames(findings, "36:36"),
        says="User names in ICE that are two UUIDs, as Zoom's: {times}.",
    ),
    Rule(
        id="zoom-networks",
        service="zoom",
        weight=0.2,
        count=lambda findings: ask.flows_at(findings, _ZOOM_NETWORKS),
        says="Flows to addresses of Zoom: {n}.",
        weak=True,
    ),
    Rule(
        id="zoom-names",
        service="zoom",
        weight=0.15,
        count=lambda findings: ask.named(findings, "zoom"),
        says="Zoom's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="discord-discovery",
        service="discord",
        weight=0.95,
        count=lambda findings: ask.mark(findings, "discord-discovery-request", "discord-discovery-answer"),
        says="Discord's IP discovery (74 bytes): {times}.",
    ),
    Rule(
        id="discord-keepalive",
        service="discord",
        weight=0.9,
        count=lambda findings: ask.mark(findings, "discord-keepalive"),
        says="Discord's keepalives (1337CAFE): {times}.",
    ),
    Rule(
        id="discord-networks",
        service="discord",
        weight=0.2,
        count=lambda findings: ask.flows_at(findings, _DISCORD_NETWORKS),
        says="Flows to addresses of Discord: {n}.",
        weak=True,
    ),
    Rule(
        id="discord-names",
        service="discord",
        weight=0.15,
        count=lambda findings: ask.named(findings, "discord"),
        says="Discord's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="viber-realm",
        service="viber",
        weight=0.97,
        count=lambda findings: ask.realms(findings, "viber.com"),
        says="TURN realm viber.com: {times}.",
    ),
    Rule(
        id="viber-shapes",
        service="viber",
        weight=0.55,
        count=marks.viber_shapes,
        says="Datagrams of Viber's shapes at Viber's ports: {times}.",
    ),
    Rule(
        id="viber-names",
        service="viber",
        weight=0.2,
        count=lambda findings: ask.named(findings, "viber"),
        says="Viber's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="kakaotalk-voice",
        service="kakaotalk",
        weight=0.55,
        count=marks.kakao_media,
        says="RTP streams with KakaoTalk's voice (payload type 108, 16 kHz, 60 ms, no extension): {n}.",
    ),
    Rule(
        id="kakaotalk-names",
        service="kakaotalk",
        weight=0.3,
        count=lambda findings: ask.named(findings, "kakaotalk"),
        says="KakaoTalk's servers were looked up or spoken to: {times}.",
        weak=True,
    ),
    Rule(
        id="game-stream-certificate",
        service="geforcenow",
        weight=0.95,
        count=lambda findings: ask.certified(findings.dtls, "nvidia"),
        says="DTLS handshakes with a server that calls itself NVIDIA GameStream: {times}.",
    ),
    Rule(
        id="game-stream-names",
        service="geforcenow",
        weight=0.6,
        count=lambda findings: ask.named(findings, "geforcenow"),
        says="Servers of GeForce NOW were looked up or spoken to: {times}.",
    ),
    Rule(
        id="media-session-control",
        service="rtsp",
        weight=0.9,
        count=lambda findings: ask.mark(findings, "rtsp"),
        says="RTSP, by which a player asks a server or a camera for its stream: {times}.",
    ),
    Rule(
        id="webrtc-keys",
        service="webrtc",
        weight=0.8,
        count=marks.webrtc_keys,
        says="DTLS handshakes for SRTP keys on a path that ICE or TURN opened: {times}.",
    ),
    Rule(
        id="webrtc-certificate",
        service="webrtc",
        weight=0.4,
        count=lambda findings: ask.certified(ask.srtp_handshakes(findings), "webrtc"),
        says="Certificates that browsers make for WebRTC: {times}.",
    ),
    Rule(
        id="webrtc-extension",
        service="webrtc",
        weight=0.3,
        count=marks.webrtc_extensions,
        says="RTP streams with one-byte header extensions (profile 0xBEDE): {n}.",
        weak=True,
    ),
    Rule(
        id="webrtc-google",
        service="webrtc",
        weight=0.3,
        count=marks.google_among_others,
        says=(
            "Handshakes with Google's media server (hangouts), but other calls beside them, and one name "
            "must fit all: {times}."
        ),
        weak=True,
    ),
    Rule(
        id="sip-invite",
        service="sip",
        weight=0.95,
        count=marks.sip_calls,
        says="SIP INVITE: {times}.",
    ),
    Rule(
        id="sip-media",
        service="sip",
        weight=0.8,
        count=marks.sip_media,
        says="RTP streams at an address that SIP agreed on: {n}.",
    ),
)
"""Every rule, by service. Ids are published in the documentation: they are added to, never renamed."""

GENERIC: Final = frozenset({"webrtc", "sip"})
"""Technology rather than service: named only where no service is."""

NO_CALLS: Final = {
    "geforcenow": "a game streamed by GeForce NOW",
    "rtsp": "a stream that a player asked for by RTSP",
}
"""What looks like a call in parts and is none."""


CALL_SIGNS: Final = (
    CallSign(
        id="relay-allocations",
        count=lambda findings: ask.attributes(findings, "0x4000", "0x4001"),
        says="{n} message{s} with a relay token: WhatsApp asks for a relay when it calls.",
    ),
    CallSign(
        id="relay-pings",
        count=lambda findings: ask.types(findings, *marks.WHATSAPP_TYPES),
        says="{n} message{s} between a caller and its relay.",
    ),
    CallSign(
        id="reflector-pings",
        count=lambda findings: findings.reflector.pings,
        says="{n} reflector ping{s}: Telegram pings its reflectors when it calls.",
    ),
    CallSign(
        id="reflector-data",
        count=lambda findings: marks.reflector_data(findings) + findings.clues.reflector.headed,
        says="{n} datagram{s} through a reflector.",
    ),
    CallSign(
        id="media",
        count=lambda findings: len(findings.rtp),
        says="{n} RTP stream{s}.",
    ),
    CallSign(
        id="media-reports",
        count=lambda findings: ask.rtcp_datagrams(findings) if ask.rtcp_datagrams(findings) >= 5 else 0,
        says="{n} datagram{s} of RTCP.",
    ),
    CallSign(
        id="zoom-meeting",
        count=lambda findings: ask.mark(findings, "zoom-media", "zoom-peer", "zoom-server"),
        says="{n} datagram{s} of a Zoom meeting.",
    ),
    CallSign(
        id="discovery",
        count=lambda findings: ask.mark(findings, "discord-discovery-request"),
        says="{n} question{s} of a voice client for its own address.",
    ),
    CallSign(
        id="allocations",
        count=lambda findings: findings.turn.allocate_requests + findings.turn_tcp.allocate_requests,
        says="{n} request{s} for a TURN relay.",
    ),
    CallSign(
        id="checks",
        count=lambda findings: ask.checks(findings, lambda _: True),
        says="{n} ICE check{s}.",
    ),
    CallSign(
        id="keys",
        count=lambda findings: len(ask.srtp_handshakes(findings)),
        says="{n} DTLS handshake{s} for media keys.",
    ),
    CallSign(id="invitations", count=marks.sip_calls, says="{n} SIP invitation{s}."),
)
"""A guess names a service only beside one of these."""


def names_another(findings: "Findings") -> str | None:
    """Return the owner of a server name whose call would look like plain WebRTC, if there is one."""
    owners = sorted({name.owner for name in findings.clues.server_names if name.owner is not None})
    return next((owner for owner in owners if owner not in _NOT_PLAIN_WEBRTC), None)
