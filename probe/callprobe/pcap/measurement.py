"""Measurements from a capture: one for each call and medium that it shows, redacted by construction.

A capture is nobody's arm: nothing ran beside the call, so there is no verdict, and no vote. What it can say
is said in the places where a probe says it: rungs, what arrived, what was lost by the sequence numbers. Only
numbers and names of closed lists are taken over from the capture.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from callprobe.pcap.collect.encapsulation import WRAPPINGS
from callprobe.pcap.donation import FAR_END, SCENARIO, Donor, Observed, given
from callprobe.pcap.measurement_ladder import ladder, refuted
from callprobe.pcap.measurement_metrics import down_metrics, series, up_metrics, whole
from callprobe.pcap.recognise.service import TITLES
from callprobe.pcap.tell.calls import PAUSE_S, Call, calls
from callprobe.pcap.tell.endpoint import host_of
from callprobe.pcap.tell.media_stages import is_one_way
from callprobe.pcap.tell.sides import sides
from callresults.measurement import Measurement
from callresults.nettests.call import CallKeys
from callresults.nettests.capture import CaptureCall, Generation
from callresults.nettests.common import IpVersion

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.recognise.distance import Distance
    from callprobe.pcap.streams.rtp_streams import RtpStream

LOOK: Final = "capture"
UNKNOWN_SERVICE: Final = "unknown"
VOID_TRUNCATED: Final = "capture-truncated"
"""The file breaks while the call went on: how it ended is not in it."""
VOID_SIDE_UNKNOWN: Final = "capture-side-unknown"
"""Which end captured cannot be told: there is neither up nor down."""
VOID_ONE_WAY: Final = "capture-one-way"
"""Only what one end sent is in the capture: silence of the other proves nothing."""
_SECOND_NS: Final = 1_000_000_000
_EARLIEST_NS: Final = 946_684_800 * _SECOND_NS
"""The year 2000, UTC."""
_LATEST_NS: Final = 4_102_444_800 * _SECOND_NS
"""The year 2100."""
_WRAPPINGS: Final = WRAPPINGS | {"plain", "rfc4571", "turn-tcp"}
_OF_NO_NETWORK: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "::1/128",
        "2001:db8::/32",
    )
)
"""Loopback and the addresses of documents (RFC 5737, RFC 3849): between them are calls of a laboratory."""

_Medium = Literal["voice", "video"]


class _Part(NamedTuple):
    """One medium of one call."""

    number: int
    """Of the call, from 1."""
    call: Call
    medium: _Medium
    up: "tuple[RtpStream, ...]"
    down: "tuple[RtpStream, ...]"


def measurements(
    findings: "Findings", donor: Donor, *, distance: "Distance | None" = None
) -> list[Measurement]:
    """Return the measurements; none where there is no call, or the capture's clock tells no year of ours.

    Args:
        findings: what the capture showed.
        donor: who gives it.
        distance: how near it comes to our looks, where that was computed.
    """
    if findings.origin_ns is None or findings.service.is_call is False:
        return []
    observed = []
    for part in _parts(findings):
        start_ns = findings.origin_ns + round(part.call.start_s * _SECOND_NS)
        if _EARLIEST_NS <= start_ns < _LATEST_NS:
            observed.append(_observed(findings, part, donor, distance, start_ns))
    return given([one for one in observed if _says_anything(one.keys)], donor, "capture")


def _parts(findings: "Findings") -> Iterator[_Part]:
    """Yield each call's media apart; a call of which no media are seen is one of voice."""
    for number, call in enumerate(calls(findings), start=1):
        media = call.rtp or call.opaque
        if not media and findings.service.is_call is not True:
            continue
        video = tuple(stream for stream in call.rtp if stream.kind == "video")
        voice = tuple(stream for stream in call.rtp if stream.kind != "video")
        if voice or call.opaque or not video:
            yield _part(number, call, "voice", voice)
        if video:
            yield _part(number, call, "video", video)


def _part(number: int, call: Call, medium: _Medium, streams: "tuple[RtpStream, ...]") -> _Part:
    up = tuple(stream for stream in streams if stream.direction == "up")
    down = tuple(stream for stream in streams if stream.direction == "down")
    return _Part(number, call, medium, up, down)


def _observed(
    findings: "Findings", part: _Part, donor: Donor, distance: "Distance | None", start_ns: int
) -> Observed:
    call = part.call
    hosts = _hosts(call)
    void_reason = _void_reason(findings, call)
    return Observed(
        start=datetime.fromtimestamp(start_ns // _SECOND_NS, UTC),
        runtime_s=call.end_s - call.start_s,
        emulated=bool(hosts) and all(map(_is_of_no_network, hosts)),
        keys=CallKeys(
            scenario_id=SCENARIO,
            scenario_digest="",
            service=findings.service.name if findings.service.name in TITLES else UNKNOWN_SERVICE,
            medium=part.medium,
            arm="observed",
            pair_id="",
            session_id=None,
            probe_id=donor.probe_id,
            access_type=donor.access_type,
            ip_version=_ip_version(part, hosts),
            stages=ladder(findings, part.number, call, part.down, opaque=_opaque_packets(part) > 0),
            valid=void_reason is None,
            void_reason=void_reason,
            dialect=LOOK,
            dialect_version="",
            dialect_capture_date=None,
            responder_id=FAR_END,
            media_duration_s=_media_s(part),
            metrics_up=up_metrics(findings, part.up),
            metrics_down=down_metrics(part.down),
            series=series(part.up, part.down),
            capture=_capture(findings, part, distance),
        ),
    )


def _capture(findings: "Findings", part: _Part, distance: "Distance | None") -> CaptureCall:
    service, end = findings.service, part.call.last_end
    return CaptureCall(
        service_confidence=service.confidence,
        generation=next((name for name in get_args(Generation) if name == service.generation), None),
        nearest_look=distance.dialect if distance else None,
        nearest_look_version=distance.version if distance else None,
        nearest_look_matching_ratio=distance.matching_ratio if distance else None,
        refuted_stages=refuted(findings, part.number),
        encapsulations=tuple(sorted({_wrapping(stream) for stream in (*part.up, *part.down)})),
        streams_up=len(part.up),
        streams_down=len(part.down),
        opaque_packets=_opaque_packets(part),
        ended_by=end.kind if end else None,
    )


def _says_anything(keys: CallKeys) -> bool:
    return bool(keys.stages) or keys.metrics_up is not None or keys.metrics_down is not None


def _wrapping(stream: "RtpStream") -> str:
    parts = stream.encapsulation.split("+")
    return stream.encapsulation if _WRAPPINGS.issuperset(parts) else "other"


def _opaque_packets(part: _Part) -> int:
    """Return the packets of media without readable headers; which medium they carry is not known."""
    return whole(sum(flow.packets for flow in part.call.opaque)) if part.medium == "voice" else 0


def _void_reason(findings: "Findings", call: Call) -> str | None:
    if not findings.endpoint:
        return VOID_SIDE_UNKNOWN
    if findings.truncated_at_offset is not None and findings.duration_s - call.end_s < PAUSE_S:
        return VOID_TRUNCATED
    return VOID_ONE_WAY if is_one_way(call, sides(call, findings.endpoint)) else None


def _media_s(part: _Part) -> float:
    """Return how long media were seen, received ones before sent ones."""
    spans = [(item.first_s, item.last_s) for item in part.down or part.up]
    spans = spans or [(item.first_s, item.last_s) for item in part.call.opaque]
    if not spans:
        return 0.0
    return round(max(last_s for _, last_s in spans) - min(first_s for first_s, _ in spans), 3)


def _hosts(call: Call) -> list[str]:
    """Return the hosts of a call, its media's first."""
    ends = [end for stream in call.rtp for end in (stream.src, stream.dst)]
    ends += [end for flow in call.opaque for end in (flow.src, flow.dst)]
    ends += [end for asked in call.transactions for end in (asked.client, asked.server)]
    ends += [end for pair in call.ice for end in (pair.a, pair.b)]
    ends += [end for handshake in call.dtls for end in (handshake.a, handshake.b)]
    ends += [end for relay in call.relays for end in (relay.client, relay.relay)]
    ends += [end for path in call.reflectors for end in (path.client, path.reflector)]
    return list(dict.fromkeys(map(host_of, ends)))


def _ip_version(part: _Part, hosts: Sequence[str]) -> IpVersion:
    streams = sorted((*part.up, *part.down), key=lambda stream: -stream.packets)
    first = host_of(streams[0].dst) if streams else next(iter(hosts), "")
    return "ipv6" if ":" in first else "ipv4"


def _is_of_no_network(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in _OF_NO_NETWORK)
