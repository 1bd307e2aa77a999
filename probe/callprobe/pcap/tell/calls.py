"""Tells the calls of a capture apart: what belongs to which, and how each ended."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from callprobe.pcap.tell.time_axis import Span, merge

if TYPE_CHECKING:
    from callprobe.pcap.collect.dtls import DtlsHandshake
    from callprobe.pcap.collect.ice import IcePair
    from callprobe.pcap.collect.reflector import ReflectorPath
    from callprobe.pcap.collect.relay import Relay
    from callprobe.pcap.collect.transactions import StunTransaction
    from callprobe.pcap.collect.turn import TurnServer
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.streams.flows import FlowStats
    from callprobe.pcap.streams.rtp_streams import RtpStream

PAUSE_S: Final = 15.0
"""After so long without anything of a call, what follows is another one …"""
RINGING_S: Final = 90.0
"""… unless a flow between the same two ports goes on: somebody may have let it ring."""
MOST_CALLS: Final = 20
"""Later ones are left out: who captured so many captured no call of one's own."""
OPAQUE_PACKETS: Final = 50
OPAQUE_PACKETS_PER_S: Final = 5.0
"""At least so many packets, so dense, make a flow without readable headers media."""
FRESH_PAUSE_S: Final = 3.0
"""A shorter pause is enough before a set-up from a port that was not used until then."""
_ECHO_S: Final = 0.5
"""What comes so soon after a call was ended still belongs to it."""

_PROBING_SSRC: Final = "0x00000000"
"""libwebrtc sends padding under it to measure the path (stun_google_meet.pcapng)."""

EndKind = Literal["relay_end", "turn_release", "rtcp_bye", "dtls_close", "sip_bye"]


class End(NamedTuple):
    """How a call was ended, as far as it was said aloud."""

    at_s: float
    kind: EndKind


class Call(NamedTuple):
    """One call, or what a capture holds of it; of what lasts, all that began within it."""

    start_s: float
    end_s: float
    """Last thing of the call that was seen."""
    ends: tuple[End, ...]
    transactions: "tuple[StunTransaction, ...]"
    relays: "tuple[Relay, ...]"
    pings: tuple[tuple[float, float], ...]
    """WhatsApp's: when, and the round trip, ms."""
    reflectors: "tuple[ReflectorPath, ...]"
    turn_servers: "tuple[TurnServer, ...]"
    ice: "tuple[IcePair, ...]"
    dtls: "tuple[DtlsHandshake, ...]"
    rtp: "tuple[RtpStream, ...]"
    """Media; what carries nothing and only fathoms the path (SSRC 0) is not among it."""
    opaque: "tuple[FlowStats, ...]"
    """Flows whose media has no readable headers."""
    flows: "tuple[FlowStats, ...]"
    """All flows that were seen during the call, of it or not."""

    @property
    def last_end(self) -> End | None:
        """The last word of the call, if it was said."""
        return max(self.ends, default=None)


def calls(findings: "Findings") -> tuple[Call, ...]:
    """Return the calls in order of time; none where nothing of a call was seen."""
    opaque = opaque_media(findings)
    ends = _ends(findings)
    seen = list(_spans(findings, opaque))
    spans = _split(merge(seen, _ECHO_S), findings, ends) if seen else []
    return tuple(_call(findings, opaque, ends, span) for span in spans[:MOST_CALLS])


def opaque_media(findings: "Findings") -> "tuple[FlowStats, ...]":
    """Return the flows that carry media without readable headers, as Telegram's first two generations do.

    They are told by what surrounds them (reflectors, a checked pair, or the guess that this is Telegram) and
    by how dense they are.
    """
    readable = {(stream.src, stream.dst) for stream in findings.rtp}
    related = _related(findings)
    telegram = findings.service.name == "telegram"
    paths = {
        ends: path
        for path in findings.reflector.reflectors
        for ends in ((path.client, path.reflector), (path.reflector, path.client))
    }
    return tuple(
        _without_pings(flow, paths.get((flow.src, flow.dst)))
        for flow in findings.flows
        if (flow.src, flow.dst) not in readable
        and ((flow.src, flow.dst) in related or telegram)
        and _is_dense(flow)
    )


def _without_pings(flow: "FlowStats", path: "ReflectorPath | None") -> "FlowStats":
    """Return the media of a flow to or from a reflector: no ping, and none before a ping was answered."""
    if path is None:
        return flow
    pings = path.pings if flow.src == path.client else path.answers
    begun_s = min(max(flow.first_s, path.first_answered_s or flow.first_s), flow.last_s)
    return msgspec.structs.replace(flow, packets=max(flow.packets - pings, 1), first_s=begun_s)


def _related(findings: "Findings") -> set[tuple[str, str]]:
    pairs = [
        (path.client, path.reflector)
        for path in findings.reflector.reflectors
        if path.tagged_up + path.tagged_down + path.frames_up + path.frames_down
    ]
    pairs += [(pair.a, pair.b) for pair in findings.ice if pair.selected]
    return {*pairs, *((other, one) for one, other in pairs)}


def _is_dense(flow: "FlowStats") -> bool:
    lasted_s = max(flow.last_s - flow.first_s, 1.0)
    return flow.packets >= OPAQUE_PACKETS and flow.packets / lasted_s >= OPAQUE_PACKETS_PER_S


def _spans(findings: "Findings", opaque: "Sequence[FlowStats]") -> Iterable[Span]:
    """Yield when anything of a call was seen."""
    lasting: Iterable[RtpStream | FlowStats | IcePair | DtlsHandshake]
    lasting = (*findings.rtp, *opaque, *findings.ice, *findings.dtls)
    for item in lasting:
        yield _span(item.first_s, item.last_s)
    for asked in findings.transactions:
        yield _span(asked.first_s, asked.last_request_s, asked.answered_s)
    for relay in findings.relays:
        yield _span(relay.first_s, relay.first_answered_s)
        if relay.ended_s is not None:
            yield _span(relay.ended_s)
    for path in findings.reflector.reflectors:
        yield _span(path.first_s, path.last_s)
    for at_s, _ in findings.relay_pings.series:
        yield _span(at_s)
    for server in (*findings.turn.servers, *findings.turn_tcp.servers):
        yield _span(server.first_s, server.allocated_s)
        if server.released_s is not None:
            yield _span(server.released_s)
    yield from _signalled(findings)


def _signalled(findings: "Findings") -> Iterable[Span]:
    """Yield when SIP set a call up and ended it."""
    sip = findings.clues.sip
    if sip is not None and sip.invite_s is not None:
        yield _span(sip.invite_s, sip.ringing_s, sip.answered_s)
    if sip is not None and sip.bye_s is not None:
        yield _span(sip.bye_s)


def _span(start_s: float, *later_s: float | None) -> Span:
    return start_s, max((start_s, *(later for later in later_s if later is not None)))


def _ends(findings: "Findings") -> list[End]:
    ends = [End(relay.ended_s, "relay_end") for relay in findings.relays if relay.ended_s is not None]
    servers = (*findings.turn.servers, *findings.turn_tcp.servers)
    ends += [End(server.released_s, "turn_release") for server in servers if server.released_s is not None]
    ends += [End(bye.at_s, "rtcp_bye") for bye in findings.rtcp.byes]
    ends += [
        End(alert.at_s, "dtls_close")
        for handshake in findings.dtls
        for alert in handshake.alerts
        if alert.description == "close_notify"
    ]
    sip = findings.clues.sip
    if sip is not None and sip.bye_s is not None:
        ends.append(End(sip.bye_s, "sip_bye"))
    return sorted(ends)


def _bridges(findings: "Findings") -> list[Span]:
    """Return how long the flows lasted in which something was asked."""
    servers = (*findings.turn.servers, *findings.turn_tcp.servers)
    pairs = {frozenset((relay.client, relay.relay)) for relay in findings.relays}
    pairs |= {frozenset((path.client, path.reflector)) for path in findings.reflector.reflectors}
    pairs |= {frozenset((server.client, server.server)) for server in servers}
    pairs |= {frozenset((pair.a, pair.b)) for pair in findings.ice}
    return [
        (flow.first_s, flow.last_s)
        for flow in findings.flows
        if flow.last_s - flow.first_s > PAUSE_S and frozenset((flow.src, flow.dst)) in pairs
    ]


def _fresh_starts(findings: "Findings") -> list[float]:
    """Return when a port first asked a relay or the like for something."""
    servers = (*findings.turn.servers, *findings.turn_tcp.servers)
    asking: Iterable[Relay | ReflectorPath | TurnServer]
    asking = (*findings.relays, *findings.reflector.reflectors, *servers)
    first_s: dict[str, float] = {}
    for item in asking:
        first_s[item.client] = min(item.first_s, first_s.get(item.client, item.first_s))
    return list(first_s.values())


def _split(spans: Sequence[Span], findings: "Findings", ends: Sequence[End]) -> list[Span]:
    """Return the spans joined over pauses, but not over a long one nor over one that an end precedes."""
    bridges, starts_s = _bridges(findings), _fresh_starts(findings)
    joined = list(spans[:1])
    for earlier, later in pairwise(spans):
        if _parts(earlier, later, bridges, starts_s, ends):
            joined.append(later)
        else:
            joined[-1] = (joined[-1][0], later[1])
    return joined


def _parts(
    earlier: Span, later: Span, bridges: Sequence[Span], starts_s: Sequence[float], ends: Sequence[End]
) -> bool:
    """Say whether the pause between two spans parts two calls."""
    pause_s = later[0] - earlier[1]
    if any(earlier[1] - _ECHO_S <= end.at_s <= earlier[1] for end in ends):
        return True
    if pause_s > FRESH_PAUSE_S and any(later[0] <= start_s <= later[0] + _ECHO_S for start_s in starts_s):
        return True
    rings = pause_s <= RINGING_S and any(start <= earlier[1] and end >= later[0] for start, end in bridges)
    return pause_s > PAUSE_S and not rings


def _call(findings: "Findings", opaque: "tuple[FlowStats, ...]", ends: Sequence[End], span: Span) -> Call:
    start_s, end_s = span

    def within(at_s: float) -> bool:
        return start_s <= at_s <= end_s

    servers = (*findings.turn.servers, *findings.turn_tcp.servers)
    return Call(
        start_s=start_s,
        end_s=end_s,
        ends=tuple(end for end in ends if within(end.at_s)),
        transactions=tuple(item for item in findings.transactions if within(item.first_s)),
        relays=tuple(item for item in findings.relays if within(item.first_s)),
        pings=tuple(item for item in findings.relay_pings.series if within(item[0])),
        reflectors=tuple(item for item in findings.reflector.reflectors if within(item.first_s)),
        turn_servers=tuple(item for item in servers if within(item.first_s)),
        ice=tuple(item for item in findings.ice if within(item.first_s)),
        dtls=tuple(item for item in findings.dtls if within(item.first_s)),
        rtp=tuple(item for item in findings.rtp if within(item.first_s) and item.ssrc != _PROBING_SSRC),
        opaque=tuple(item for item in opaque if within(item.first_s)),
        flows=tuple(item for item in findings.flows if item.first_s <= end_s and item.last_s >= start_s),
    )
