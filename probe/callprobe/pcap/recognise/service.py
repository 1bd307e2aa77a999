"""Which service's call a capture holds, how sure that is, and why.

Every rule of ``service_rules`` whose mark was seen counts once, however often it was: a service's score is
``1 - product of (1 - weight)``, as if its marks were independent. It is a candidate with a score of
``MIN_SCORE`` and at least one mark of content; names, ports and addresses only add to it. Services go before
technologies (WebRTC, SIP). Confidence is the score, less its half for as much as the best rival scores; two
services that are nearly equal cancel each other out. A name is given only beside a sign that somebody called.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from callprobe.pcap.recognise import datagram_marks
from callprobe.pcap.recognise import service_facts as ask
from callprobe.pcap.recognise import service_marks as marks
from callprobe.pcap.recognise.service_rules import (
    CALL_SIGNS,
    GENERIC,
    NO_CALLS,
    RULES,
    CallSign,
    Rule,
    names_another,
)

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings

MIN_SCORE: Final = 0.6
MAX_CONFIDENCE: Final = 0.99
_NEARLY_EQUAL: Final = 0.9
"""A rival with this share of the best score leaves the guess open."""
_MOST_SIGNS: Final = 3
_DATA_RECORDS: Final = 20
_MOST_KINDS: Final = 4

TITLES: Final = {
    "whatsapp": "WhatsApp",
    "telegram": "Telegram",
    "signal": "Signal",
    "messenger": "Messenger",
    "meet": "Google Meet",
    "teams": "Teams",
    "zoom": "Zoom",
    "discord": "Discord",
    "viber": "Viber",
    "kakaotalk": "KakaoTalk",
    "webrtc": "WebRTC",
    "sip": "SIP",
    "geforcenow": "GeForce NOW",
    "rtsp": "RTSP",
}
"""How services are called in texts."""


class Service(Struct, frozen=True, kw_only=True):
    """Which service the call belongs to."""

    name: str | None = None
    """A key of ``TITLES`` that is not of ``NO_CALLS``; null for no call, and for one that nothing names."""
    confidence: float | None = None
    """0 to 1; null without a name."""
    evidence: tuple[str, ...] = ()
    """Plain sentences: what was seen and how often; without a name, why, and what it is instead."""
    is_call: bool | None = None
    """Null where the capture does not tell."""
    generation: str | None = None
    """Which of the service's protocols: ``libtgvoip``, ``tgcalls v1``, ``tgcalls v2``."""


class Hit(NamedTuple):
    """A rule whose mark was seen."""

    rule: Rule
    seen: int


class Sign(NamedTuple):
    """A sign of a call that was seen."""

    sign: CallSign
    seen: int


def guess(findings: "Findings") -> Service:
    """Return the service, or why there is none."""
    hits = [Hit(rule, count) for rule in RULES if (count := rule.count(findings))]
    signs = [Sign(sign, count) for sign in CALL_SIGNS if (count := sign.count(findings))]
    ranked = _ranked(hits)
    services = [(service, score) for service, score in ranked if service not in GENERIC]
    technologies = [(service, score) for service, score in ranked if service in GENERIC]
    if services:
        return _of_service(findings, services, hits, signs)
    if technologies:
        return _of_technology(findings, technologies[0], hits, signs)
    return _unnamed(findings, hits)


def scores(hits: Iterable[Hit]) -> dict[str, float]:
    """Return each service's score, see above."""
    rest: dict[str, float] = {}
    for rule, _ in hits:
        rest[rule.service] = rest.get(rule.service, 1.0) * (1 - rule.weight)
    return {service: 1 - share for service, share in rest.items()}


def _ranked(hits: list[Hit]) -> list[tuple[str, float]]:
    """Return the candidates, best first."""
    by_content = {rule.service for rule, _ in hits if not rule.weak}
    found = [item for item in scores(hits).items() if item[0] in by_content and item[1] >= MIN_SCORE]
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _of_service(
    findings: "Findings", ranked: list[tuple[str, float]], hits: list[Hit], signs: list[Sign]
) -> Service:
    (best, score), rivals = ranked[0], ranked[1:]
    evidence = _sentences(hits, best)
    if best in NO_CALLS:
        return Service(evidence=(f"No call, but {NO_CALLS[best]}.", *evidence), is_call=False)
    if not signs:
        return Service(
            evidence=(f"{TITLES[best]}, but no sign of a call.", *evidence, *_instead(findings)),
            is_call=False,
        )
    if rivals and rivals[0][1] >= score * _NEARLY_EQUAL:
        other = rivals[0][0]
        open_question = f"Marks of {TITLES[best]} and of {TITLES[other]}: calls of both, or of neither."
        return Service(evidence=(open_question, *evidence, *_sentences(hits, other)), is_call=True)
    confidence = score * (1 - (rivals[0][1] / 2 if rivals else 0))
    return Service(
        name=best,
        confidence=_rounded(confidence),
        evidence=(*evidence, *_sign_sentences(signs)),
        is_call=True,
        generation=_telegram_generation(findings) if best == "telegram" else None,
    )


def _of_technology(
    findings: "Findings", best: tuple[str, float], hits: list[Hit], signs: list[Sign]
) -> Service:
    name, score = best
    evidence = _sentences(hits, name)
    doubtful = _doubtful(findings, evidence) if name == "webrtc" else None
    if doubtful is not None:
        return doubtful
    return Service(
        name=name,
        confidence=_rounded(score),
        evidence=(*evidence, *_sign_sentences(signs)),
        is_call=True,
    )


def _doubtful(findings: "Findings", evidence: list[str]) -> Service | None:
    """Return what WebRTC is beside a call of its own: another owner's, listening alone, data alone."""
    owner = names_another(findings)
    if owner is not None:
        title = TITLES.get(owner, owner)
        doubt = f"WebRTC, and names of {title} were seen: whose call it is cannot be told."
        return Service(evidence=(doubt, *evidence), is_call=True)
    if findings.rtp and all(stream.direction == "down" for stream in findings.rtp):
        watched = "WebRTC by which media came in and none went out: somebody watched or played."
        return Service(evidence=(watched, *evidence), is_call=None)
    records = sum(handshake.application_records for handshake in findings.dtls)
    if records >= _DATA_RECORDS and not findings.rtp and not ask.rtcp_datagrams(findings):
        data = f"WebRTC without media, but with {_many(records, 'record')} of data: a data channel."
        return Service(evidence=(data, *evidence), is_call=False)
    return None


def _rounded(confidence: float) -> float:
    """Round down to whole hundredths: no guess is certain."""
    return min(math.floor(confidence * 100) / 100, MAX_CONFIDENCE)


def _sentences(hits: list[Hit], service: str) -> list[str]:
    mine = sorted((hit for hit in hits if hit.rule.service == service), key=lambda hit: -hit.rule.weight)
    ordered = [hit for hit in mine if not hit.rule.weak] + [hit for hit in mine if hit.rule.weak]
    return [hit.rule.says.format(n=hit.seen, times=_times(hit.seen)) for hit in ordered]


def _sign_sentences(signs: list[Sign]) -> list[str]:
    return [sign.says.format(n=count, s=_ending(count)) for sign, count in signs[:_MOST_SIGNS]]


def _ending(count: int) -> str:
    return "" if count == 1 else "s"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{_ending(count)}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _telegram_generation(findings: "Findings") -> str | None:
    """Tell the three protocols apart by their pings, their frames, and whether media have a header."""
    reflector = findings.clues.reflector
    frames = reflector.framed or marks.reflector_frames(findings)
    if frames or (reflector.pings and reflector.constant_queries == reflector.pings):
        return "tgcalls v2"
    if reflector.pings or reflector.tagged or reflector.headed:
        return "libtgvoip"
    if findings.dtls or findings.rtp:
        return "tgcalls v2"
    return "tgcalls v1" if _headless(findings) else None


def _headless(findings: "Findings") -> bool:
    """Say whether far more than ICE's checks travelled where they did, of a kind that nothing dissects."""
    pairs = {frozenset((pair.a, pair.b)): pair.requests for pair in findings.ice}
    return any(
        flow.packets > 2 * pairs[ends] + 20 and flow.rtp_candidates * 2 < flow.packets
        for flow in findings.flows
        if (ends := frozenset((flow.src, flow.dst))) in pairs
    )


def _unnamed(findings: "Findings", hits: list[Hit]) -> Service:
    found = _media(findings) or _path(findings)
    hints = [hit.rule.says.format(n=hit.seen, times=_times(hit.seen)) for hit in hits]
    if found is None:
        lead = _no_call(findings) or "Nothing of a call was found."
        return Service(evidence=(lead, *hints, *_instead(findings)), is_call=False)
    return Service(evidence=(found, *hints, *_instead(findings)), is_call=_is_call(findings))


def _is_call(findings: "Findings") -> bool | None:
    """Say yes where ICE found a path and media or keys for them followed; else it cannot be told."""
    path = any(pair.answered for pair in findings.ice)
    return True if path and (findings.rtp or ask.srtp_handshakes(findings)) else None


def _media(findings: "Findings") -> str | None:
    if findings.rtp:
        ways = "both directions" if ask.both_ways(findings) else "one direction"
        telephone = ask.streams(findings, lambda stream: ask.has_type(stream, *ask.STATIC_AUDIO_TYPES))
        codec = f" {telephone} of them with a codec of telephony (RFC 3551)." if telephone else ""
        streams = _many(len(findings.rtp), "stream")
        return f"RTP in {ways}, {streams}, and nothing that names a service.{codec}"
    if ask.rtcp_datagrams(findings):
        datagrams = _many(ask.rtcp_datagrams(findings), "datagram")
        return f"RTCP without its media: {datagrams}, and nothing that names a service."
    return None


def _path(findings: "Findings") -> str | None:
    sent = ask.checks(findings, lambda _: True)
    answered = sum(pair.answered for pair in findings.ice)
    if sent:
        return (
            f"{_many(sent, 'ICE check')}, {answered} answered, without media: somebody prepared a call or a "
            "data channel, and nothing names the service."
        )
    asked = findings.turn.allocate_requests + findings.turn_tcp.allocate_requests
    if asked:
        return f"{_many(asked, 'request')} for a TURN relay, and nothing of a call behind it."
    return None


def _no_call(findings: "Findings") -> str | None:
    if findings.dtls:
        pairs = _many(len(findings.dtls), "pair")
        return f"DTLS between {pairs} of addresses, without ICE and without media: no call."
    asked = findings.stun.transactions + findings.stun_tcp.transactions + findings.stun.classic.transactions
    if asked:
        return f"{_many(asked, 'STUN request')} for the own address, and nothing after them: no call."
    if findings.clues.sip is not None:
        return "SIP, but nobody was invited to a call."
    return None


def _instead(findings: "Findings") -> list[str]:
    """Return what most other datagrams are, where that is known."""
    known = [found for found in findings.clues.marks if found.kind in datagram_marks.MEANINGS]
    told = [
        f"{datagram_marks.MEANINGS[found.kind]} ({ask.in_its_flows(findings, found)})"
        for found in known[:_MOST_KINDS]
    ]
    return [f"Other traffic, in datagrams: {', '.join(told)}."] if told else []
