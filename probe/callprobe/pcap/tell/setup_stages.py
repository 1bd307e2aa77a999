"""The rungs of a call's set-up: signalling, relays, own address, paths, keys."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from callprobe.pcap.tell.calls import RINGING_S
from callprobe.pcap.tell.endpoint import direction_of
from callprobe.pcap.tell.rung import Outcome, Rung, outcome_of
from callprobe.pcap.tell.wording import count, length, milliseconds, round_trip_text, say, span_of
from callresults.failure import Failure

if TYPE_CHECKING:
    from callprobe.pcap.collect.dtls import DtlsHandshake
    from callprobe.pcap.collect.ice import IcePair
    from callprobe.pcap.collect.transactions import StunTransaction
    from callprobe.pcap.collect.turn import TurnServer
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.recognise.clues import SipDialogs
    from callprobe.pcap.tell.calls import Call

MOST_HANDSHAKES: Final = 4
"""Of each call; those that failed go first."""
_BINDING: Final = "0x0001"
_PING_BYTES: Final = 40
_RELAY_PING: Final = "0x0801"
_SEVERAL: Final = 2
_CHALLENGE: Final = "401"
"""TURN's first answer to everybody: give credentials (RFC 8656 section 7.2)."""
_REFUSED: Final = "456"
"""First figures of SIP's final answers that refuse (RFC 3261 section 21)."""


def rungs(findings: "Findings", call: "Call") -> Iterator[Rung]:
    """Yield the rungs of which the capture shows something."""
    yield from _session(findings.clues.sip, call)
    yield from _allocation(call)
    yield from _reflector_pings(call)
    yield from _relay_pings(findings, call)
    yield from _own_address(call)
    yield from _turn(call)
    yield from _paths(call, findings.endpoint)
    yield from _keys(call)


def _session(sip: "SipDialogs | None", call: "Call") -> Iterator[Rung]:
    if sip is None or sip.invite_s is None or not call.start_s <= sip.invite_s <= call.end_s:
        return
    refused = any(status[:1] in _REFUSED and status not in {"401", "407"} for status in sip.answers)
    outcome, failure = _session_outcome(sip, refused=refused)
    ringing = answer = ""
    if sip.ringing_s is not None and sip.ringing_s - sip.invite_s <= RINGING_S:
        ringing = say("session-ringing", wait=length(max(sip.ringing_s - sip.invite_s, 0.0)))
    if sip.answered_s is not None:
        answer = say("session-answered", wait=length(max(sip.answered_s - sip.invite_s, 0.0)))
    else:
        answer = say("session-refused" if refused else "session-unanswered")
    yield Rung(
        "session_open",
        sip.invite_s,
        sip.answered_s if sip.answered_s is not None else sip.ringing_s or sip.invite_s,
        outcome,
        say("session", ringing=ringing, answer=answer),
        failure,
    )


def _session_outcome(sip: "SipDialogs", *, refused: bool) -> tuple[Outcome, Failure | None]:
    if sip.answered_s is not None:
        return "ok", None
    if refused:
        return "failed", Failure.SESSION_REFUSED
    return ("partial", None) if sip.answers else ("failed", Failure.SESSION_UNREACHABLE)


def _allocation(call: "Call") -> Iterator[Rung]:
    """WhatsApp asks several relays at once; one that is silent is normal, all of them are not."""
    asked = [relay for relay in call.relays if relay.allocations]
    if not asked:
        return
    relays = {relay.relay for relay in asked}
    answering = [relay for relay in asked if relay.answered]
    answered = {relay.relay for relay in answering}
    first_s = min(relay.first_s for relay in asked)
    relay_count = count(len(relays), "relay")
    if not answered:
        requests = count(sum(relay.allocations for relay in asked), "time")
        yield Rung(
            "relay_allocation",
            first_s,
            _last_request_s(call, relays, first_s),
            "failed",
            say("not-allocated", relays=relay_count, requests=requests),
            Failure.RELAY_ALLOCATION_TIMEOUT,
        )
        return
    rtt = [bound for relay in answering for bound in span_of(relay.rtt_ms)]
    yield Rung(
        "relay_allocation",
        first_s,
        min(
            (relay.first_answered_s for relay in answering if relay.first_answered_s is not None),
            default=first_s,
        ),
        outcome_of(len(answered), len(relays)),
        say("allocated", answered=len(answered), relays=relay_count, rtt=round_trip_text(rtt)),
    )


def _last_request_s(call: "Call", servers: Iterable[str], first_s: float) -> float:
    asked = set(servers)
    return max((item.last_request_s for item in call.transactions if item.server in asked), default=first_s)


def _reflector_pings(call: "Call") -> Iterator[Rung]:
    paths = [path for path in call.reflectors if path.pings]
    if not paths:
        return
    pings, answers = sum(path.pings for path in paths), sum(path.answers for path in paths)
    intervals = [path.interval_ms for path in paths if path.interval_ms is not None]
    said = {
        "size": _PING_BYTES,
        "every": _every(statistics.median(intervals) if intervals else None),
        "reflectors": count(len({path.reflector for path in paths}), "reflector"),
        "pings": pings,
    }
    first_s = min(path.first_s for path in paths)
    if not answers:
        last_s = max(path.last_s for path in paths)
        detail = say("reflector-silent", **said)
        yield Rung("relay_ping", first_s, last_s, "failed", detail, Failure.REFLECTOR_TIMEOUT)
        return
    rtt = [bound for path in paths for bound in span_of(path.rtt_ms)]
    answered_s = [path.first_answered_s for path in paths if path.first_answered_s is not None]
    yield Rung(
        "relay_ping",
        first_s,
        min(answered_s, default=first_s),
        _ping_outcome(answers, pings, [path.answers for path in paths]),
        say("reflector", answered=answers, rtt=round_trip_text(rtt), **said),
    )


def _relay_pings(findings: "Findings", call: "Call") -> Iterator[Rung]:
    """WhatsApp pings its relay all the time."""
    paths = [relay for relay in call.relays if relay.pings]
    if not paths:
        return
    pings, answers = sum(relay.pings for relay in paths), sum(relay.ping_answers for relay in paths)
    said = {"every": _every(findings.relay_pings.interval_ms), "pings": pings}
    sent = sorted(
        (item for item in call.transactions if item.kind == _RELAY_PING), key=lambda item: item.first_s
    )
    first_s = min(
        (*(item.first_s for item in sent), *(at_s for at_s, _ in call.pings)),
        default=min(relay.first_s for relay in paths),
    )
    if not answers:
        detail = say("relay-pings-silent", **said)
        yield Rung("relay_ping", first_s, call.end_s, "failed", detail, Failure.GENERIC_TIMEOUT)
        return
    rtt = [ms for _, ms in call.pings]
    yield Rung(
        "relay_ping",
        first_s,
        first_s + (rtt[0] / 1000 if rtt else 0.0),
        _ping_outcome(answers, pings, [relay.ping_answers for relay in paths]),
        say(
            "relay-pings", answered=answers, rtt=round_trip_text(rtt), since=_silent_since(call, sent), **said
        ),
    )


def _ping_outcome(answers: int, pings: int, by_path: Sequence[int]) -> Outcome:
    """Return what became of pings; the last of each path may have been sent too late to be answered."""
    if not all(by_path) or pings - answers > len(by_path):
        return outcome_of(answers, pings + 1)
    return "ok"


def _silent_since(call: "Call", sent: "Sequence[StunTransaction]") -> str:
    """Return since when pings are not answered any more, if there are several such ones."""
    answered_s = max((item.first_s for item in sent if item.answered_s is not None), default=None)
    if answered_s is None or sum(item.first_s > answered_s for item in sent) < _SEVERAL:
        return ""
    return say("silent-since", after=length(max(answered_s - call.start_s, 0.0)))


def _every(interval_ms: float | None) -> str:
    return "" if interval_ms is None else say("every", interval=length(interval_ms / 1000))


def _own_address(call: "Call") -> Iterator[Rung]:
    """Binding requests that are no checks of a path."""
    checked = {frozenset((pair.a, pair.b)) for pair in call.ice}
    asked = [
        item
        for item in call.transactions
        if item.kind == _BINDING and frozenset((item.client, item.server)) not in checked
    ]
    if not asked:
        return
    answered = [item for item in asked if item.answered_s is not None]
    good = [item for item in answered if item.error_code is None]
    servers = count(len({item.server for item in asked}), "server")
    first_s = min(item.first_s for item in asked)
    if not answered:
        last_s = max(item.last_request_s for item in asked)
        requests = count(sum(item.requests for item in asked), "time")
        detail = say("stun-silent", servers=servers, requests=requests)
        yield Rung("stun_binding", first_s, last_s, "failed", detail, Failure.STUN_TIMEOUT)
        return
    rtt = [item.rtt_ms for item in answered if item.rtt_ms is not None]
    yield Rung(
        "stun_binding",
        first_s,
        min(item.answered_s for item in answered if item.answered_s is not None),
        outcome_of(len(good), len(asked)),
        say(
            "stun",
            servers=servers,
            answered=len(answered),
            requests=count(len(asked), "request"),
            rtt=round_trip_text(rtt),
        ),
        None if good else Failure.STUN_ERROR_RESPONSE,
    )


def _turn(call: "Call") -> Iterator[Rung]:
    relays = {(relay.client, relay.relay) for relay in call.relays if relay.allocations}
    asked = [
        server
        for server in call.turn_servers
        if server.allocate_requests and (server.client, server.server) not in relays
    ]
    if not asked:
        return
    allocated = [server for server in asked if server.allocated_s is not None]
    first_s = min(server.first_s for server in asked)
    servers = count(len({server.server for server in asked}), "turn")
    if not allocated:
        yield _turn_failed(call, asked, servers, first_s)
        return
    rtt = [server.rtt_ms for server in allocated if server.rtt_ms is not None]
    yield Rung(
        "turn_allocation",
        first_s,
        min(server.allocated_s for server in allocated if server.allocated_s is not None),
        outcome_of(len({item.server for item in allocated}), len({item.server for item in asked})),
        say(
            "turn",
            allocated=len({server.server for server in allocated}),
            servers=servers,
            rtt=round_trip_text(rtt),
            more=_turn_more(allocated),
        ),
    )


def _turn_more(allocated: "Sequence[TurnServer]") -> str:
    permissions = sum(server.permissions_granted for server in allocated)
    channels = sum(len(server.channels) for server in allocated)
    if not permissions and not channels:
        return ""
    return say("turn-more", permissions=count(permissions, "permission"), channels=count(channels, "channel"))


def _turn_failed(call: "Call", asked: "Sequence[TurnServer]", servers: str, first_s: float) -> Rung:
    last_s = _last_request_s(call, (server.server for server in asked), first_s)
    errors = sorted({code for server in asked for code in server.allocate_errors})
    unheard = any(
        server.challenged and server.allocate_requests > server.allocate_answered for server in asked
    )
    if errors == [_CHALLENGE] and unheard:
        detail = say("turn-unheard", servers=servers, errors=_CHALLENGE)
        return Rung("turn_allocation", first_s, last_s, "failed", detail, Failure.TURN_TIMEOUT)
    if not errors:
        requests = count(sum(server.allocate_requests for server in asked), "time")
        detail = say("turn-silent", servers=servers, requests=requests)
        return Rung("turn_allocation", first_s, last_s, "failed", detail, Failure.TURN_TIMEOUT)
    failure = Failure.TURN_UNAUTHORIZED if errors == [_CHALLENGE] else Failure.STUN_ERROR_RESPONSE
    detail = say("turn-refused", servers=servers, errors=", ".join(errors))
    return Rung("turn_allocation", first_s, last_s, "failed", detail, failure)


def _paths(call: "Call", endpoints: Sequence[str]) -> Iterator[Rung]:
    if not call.ice:
        return
    answered = [pair for pair in call.ice if pair.first_answered_s is not None]
    first_s = min(pair.first_s for pair in call.ice)
    pairs = count(len(call.ice), "pair")
    if not answered:
        requests = count(sum(pair.requests for pair in call.ice), "request")
        detail = say("ice-silent", pairs=pairs, requests=requests)
        last_s = max(pair.last_s for pair in call.ice)
        if any(relay.answered for relay in call.relays):
            # WhatsApp's relay carries the call when no direct path does: nothing failed yet.
            yield Rung("ice_connectivity", first_s, last_s, "partial", detail)
        else:
            yield Rung("ice_connectivity", first_s, last_s, "failed", detail, Failure.ICE_FAILED)
        return
    rtt = [bound for pair in answered for bound in span_of(pair.rtt_ms)]
    yield Rung(
        "ice_connectivity",
        first_s,
        min(pair.first_answered_s for pair in answered if pair.first_answered_s is not None),
        "ok",
        say(
            "ice",
            answered=len(answered),
            pairs=pairs,
            rtt=round_trip_text(rtt),
            chosen=_chosen(call.ice, endpoints),
        ),
    )


def _chosen(pairs: "Sequence[IcePair]", endpoints: Sequence[str]) -> str:
    selected = [pair for pair in pairs if pair.selected]
    if not selected:
        return ""
    busiest = max(selected, key=lambda pair: (pair.media_s is not None, pair.checks))
    if direction_of(busiest.a, busiest.b, endpoints) == "down":
        return say("ice-chosen", a=busiest.b, b=busiest.a)
    return say("ice-chosen", a=busiest.a, b=busiest.peer or busiest.b)


def _keys(call: "Call") -> Iterator[Rung]:
    seen = [handshake for handshake in call.dtls if handshake.state != "joined"]
    failed_first = sorted(seen, key=lambda handshake: handshake.state == "finished")
    for handshake in failed_first[:MOST_HANDSHAKES]:
        yield _handshake(handshake)


def _handshake(handshake: "DtlsHandshake") -> Rung:
    first_s = handshake.first_s if handshake.client_hello_s is None else handshake.client_hello_s
    last_s = handshake.last_s if handshake.finished_s is None else handshake.finished_s
    times = count(handshake.client_hello_retransmissions + 1, "time")
    if handshake.state == "finished":
        detail = say(
            "dtls",
            version=handshake.version or "DTLS",
            took=milliseconds(1000 * max(last_s - first_s, 0.0)),
            again=say("dtls-again", times=times) if handshake.client_hello_retransmissions else "",
        )
        return Rung("dtls_handshake", first_s, last_s, "ok", detail)
    if handshake.state == "refused":
        alert = handshake.alerts[0].description if handshake.alerts else "?"
        detail = say("dtls-refused", alert=alert)
        return Rung("dtls_handshake", first_s, last_s, "failed", detail, Failure.DTLS_ALERT_RECEIVED)
    if handshake.state == "unanswered":
        detail = say("dtls-unanswered", times=times)
        return Rung("dtls_handshake", first_s, last_s, "failed", detail, Failure.DTLS_TIMEOUT)
    if handshake.application_records + handshake.hidden_records:
        return Rung("dtls_handshake", first_s, last_s, "partial", say("dtls-hidden"))
    return Rung("dtls_handshake", first_s, last_s, "failed", say("dtls-unfinished"), Failure.DTLS_TIMEOUT)
