"""Marks of services that take more than one question to the findings."""

from typing import TYPE_CHECKING, Final

from callprobe.pcap.recognise import service_facts as ask

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings

WHATSAPP_TYPES: Final = ("0x0800", "0x0801", "0x0802", "0x0803", "0x0804", "0x0805")
_MICROSOFT_ATTRIBUTES: Final = (
    "0x24df",
    "0x3802",
    "0x8006",
    "0x8008",
    "0x8033",
    "0x8036",
    "0x8037",
    "0x8054",
    "0x8055",
    "0x8070",
    "0x8095",
)
GOOGLE_MEDIA_PORTS: Final = (19302, 19303, 19304, 19305, 19306, 19307, 19308, 19309)
MESSENGER_RELAY_PORT: Final = 40003
_SIGNAL_GROUP_PORT: Final = 10000


def whatsapp_media(findings: "Findings") -> int:
    """Streams of WhatsApp's voice: packets of 20, 60, 120, 160 or 420 ms at 16 kHz."""
    return ask.streams(
        findings,
        lambda stream: ask.has_type(stream, 120) and ask.steps(stream, 16_000, 320, 960, 1920, 2560, 6720),
    )


def telegram_checks(findings: "Findings") -> int:
    """Checks of tgcalls, which never sets a tie-breaker and whose component is 0."""
    return ask.checks(findings, lambda pair: bool(pair.tie_breaker_zero and pair.priority_ends_00))


def signal_voice(findings: "Findings") -> int:
    """Constant bit rate: nearly all packets of payload type 102 have 140 bytes, and no DTLS gave the keys."""
    if findings.dtls:
        return 0
    return ask.streams(findings, lambda stream: ask.has_type(stream, 102) and stream.size_mode == 140)


def signal_echo(findings: "Findings") -> int:
    """The server for group calls gives back every attribute of a check."""
    if findings.dtls:
        return 0
    return sum(
        asked.kind == "0x0001"
        and ask.port_of(asked.server) == _SIGNAL_GROUP_PORT
        and "0x0006" in asked.attributes
        and set(asked.attributes) <= set(asked.answer_attributes)
        for asked in findings.transactions
    )


def ring_rtc(findings: "Findings") -> int:
    """Nominations by a counter instead of USE-CANDIDATE."""
    return 0 if findings.dtls else ask.attributes(findings, "0xc001")


def hangouts(findings: "Findings") -> int:
    """A name must fit all calls of the capture: one handshake without that certificate, and it is no mark."""
    handshakes = ask.srtp_handshakes(findings)
    certified = ask.certified(handshakes, "hangouts")
    elsewhere = findings.turn_tcp.allocate_success or certified < len(handshakes)
    return 0 if elsewhere else certified


def google_among_others(findings: "Findings") -> int:
    """Handshakes with Google's media server where they are not all there is."""
    return 0 if hangouts(findings) else ask.certified(ask.srtp_handshakes(findings), "hangouts")


def microsoft(findings: "Findings") -> int:
    """Attributes of Microsoft's extensions, where there are at least two kinds."""
    if ask.different_attributes(findings, *_MICROSOFT_ATTRIBUTES) < 2:
        return 0
    return ask.attributes(findings, *_MICROSOFT_ATTRIBUTES)


def zoom_server(findings: "Findings") -> int:
    """Frames at a Zoom server's ports; a few may be chance."""
    count = ask.mark(findings, "zoom-server")
    return count if count >= 10 else 0


def zoom_media(findings: "Findings") -> int:
    """Media behind Zoom's own header; a few may be chance."""
    count = ask.mark(findings, "zoom-media")
    return count if count >= 5 else 0


def viber_shapes(findings: "Findings") -> int:
    """Datagrams of Viber's shapes; one may be chance."""
    count = ask.mark(findings, "viber-shape")
    return count if count >= 2 else 0


def kakao_media(findings: "Findings") -> int:
    """Streams of KakaoTalk's voice: 60 ms at 16 kHz, straight in UDP."""
    return ask.streams(
        findings,
        lambda stream: (
            ask.has_type(stream, 108)
            and ask.steps(stream, 16_000, 960)
            and not stream.extension_profiles
            and stream.encapsulation == "plain"
        ),
    )


def webrtc_keys(findings: "Findings") -> int:
    """Handshakes for SRTP keys where ICE checks went before (RFC 8827 section 6.5)."""
    checked = {frozenset((pair.a, pair.b)) for pair in findings.ice if pair.answered}
    relayed = bool(ask.turn_sessions(findings))
    return sum(
        relayed or frozenset((handshake.a, handshake.b)) in checked
        for handshake in ask.srtp_handshakes(findings)
    )


def webrtc_extensions(findings: "Findings") -> int:
    """Streams with one-byte header extensions (RFC 8285)."""
    return ask.streams(findings, lambda stream: ask.has_profile(stream, "0xbede"))


def sip_calls(findings: "Findings") -> int:
    """Invitations by SIP."""
    return 0 if findings.clues.sip is None else findings.clues.sip.requests.get("INVITE", 0)


def sip_media(findings: "Findings") -> int:
    """Streams to or from where SDP wanted them."""
    if findings.clues.sip is None:
        return 0
    wanted = set(findings.clues.sip.media)
    return sum(bool({stream.src, stream.dst} & wanted) for stream in findings.rtp)


def reflector_frames(findings: "Findings") -> int:
    """STUN and RTP within frames of a reflector, whoever pinged it."""
    checks = findings.stun.encapsulations.get("reflector", 0)
    return checks + sum(stream.packets for stream in findings.rtp if stream.encapsulation == "reflector")


def reflector_data(findings: "Findings") -> int:
    """Data through Telegram's reflectors, of both generations that use them."""
    return findings.clues.reflector.tagged + findings.clues.reflector.framed
