"""The rungs of a call's media: when each side began, how long it held, and when it died."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from callprobe.pcap.tell.endpoint import host_of
from callprobe.pcap.tell.rung import Outcome, Rung
from callprobe.pcap.tell.wording import count, length, say
from callresults.failure import Failure

if TYPE_CHECKING:
    from callprobe.pcap.tell.calls import Call
    from callprobe.pcap.tell.sides import Side, Silence

STALL_S: Final = 2.0
"""So long a silence is more than a call bears."""
STALL_SHARE: Final = 0.4
"""Of a short call, this share of it."""
NEVER_S: Final = 5.0
"""Media must go out for so long before it is told that none came in."""


def rungs(call: "Call", sides: "Sequence[Side]") -> Iterator[Rung]:
    """Yield ``media_first_packet`` and ``media_hold`` of each side, and the failure of one never heard."""
    for side in sides:
        yield Rung(
            "media_first_packet",
            call.start_s,
            side.first_s,
            "ok",
            say("media-begins", way=way(side), after=length(side.first_s - call.start_s)),
            direction=side.direction,
        )
        yield _hold(call, side, sides)
    yield from _never(call, sides)


def way(side: "Side") -> str:
    """Return the words for a side's direction."""
    if side.direction is None:
        return say("way-ends", src=side.src, dst=side.dst)
    return say("way-up" if side.direction == "up" else "way-down")


def paused_text(call: "Call", side: "Side", silence: "Silence") -> str:
    """Return what is told of media that fell silent and came back."""
    return say(
        "media-paused",
        way=way(side),
        length=length(side.lasted_s),
        silence=length(silence.length_s),
        after=length(max(silence.start_s - call.start_s, 0.0)),
    )


def other_side(side: "Side", sides: "Sequence[Side]") -> "Side | None":
    """Return the side that goes the other way, if there is one."""
    for other in sides:
        opposite = {side.direction, other.direction} == {"up", "down"}
        if opposite or (side.direction is None and (other.src, other.dst) == (side.dst, side.src)):
            return other
    return None


def is_one_way(call: "Call", sides: "Sequence[Side]") -> bool:
    """Say whether media went out and the capture holds no packet at all from those it went to."""
    sent = [side for side in sides if side.direction == "up"]
    if not sent or any(side.direction == "down" for side in sides):
        return False
    theirs = {host_of(flow.src) for flow in call.flows}
    return not any(side.dst in theirs for side in sent)


def _asked(call: "Call") -> bool:
    """Say whether anything was asked that wants an answer: then silence is a finding."""
    return bool(call.transactions or call.relays or call.reflectors or call.ice or call.dtls)


def _never(call: "Call", sides: "Sequence[Side]") -> Iterator[Rung]:
    sent = next((side for side in sides if side.direction == "up"), None)
    received = any(side.direction == "down" for side in sides)
    if sent is None or received or sent.lasted_s < NEVER_S or _something_came(call, sent):
        return
    if is_one_way(call, sides) and not _asked(call):
        return
    yield Rung(
        "media_first_packet",
        call.start_s,
        call.end_s,
        "failed",
        say("media-never", length=length(sent.lasted_s), packets=count(sent.packets, "packet")),
        Failure.MEDIA_NEVER_ARRIVED,
        "down",
    )


def _something_came(call: "Call", sent: "Side") -> bool:
    """Say whether packets came in that may have been media, though too few to make a stream."""
    relayed = sum(server.relayed_bytes_down for server in call.turn_servers)
    framed = sum(path.frames_down + path.tagged_down for path in call.reflectors)
    plain = sum(flow.rtp_candidates for flow in call.flows if host_of(flow.dst) == sent.src)
    return bool(relayed + framed + plain)


def _hold(call: "Call", side: "Side", sides: "Sequence[Side]") -> Rung:
    bearable_s = min(STALL_S, STALL_SHARE * (call.end_s - call.start_s))
    other = other_side(side, sides)
    others_s = other.last_s - side.last_s if other is not None else 0.0
    asked_s = _unanswered_s(call, side.last_s)
    after = length(side.last_s - call.start_s)
    if others_s > bearable_s and side.direction == "up":
        detail = say("media-ceased", after=after, length=length(others_s))
        return _held(side, "partial", detail)
    if others_s > bearable_s:
        rest = say("rest-ours" if side.direction else "rest-others", length=length(others_s))
        return _stopped(side, after, rest)
    if asked_s > bearable_s and side.direction != "up":
        return _stopped(side, after, say("rest-asked", length=length(asked_s)))
    left_s = (call.last_end.at_s if call.last_end else call.end_s) - side.last_s
    if left_s > bearable_s:
        return _held(side, "partial", say("media-early", way=way(side), after=after, left=length(left_s)))
    if side.silence is not None and side.silence.length_s > STALL_S:
        return _held(side, "partial", paused_text(call, side, side.silence))
    return _held(side, "ok", say("media-holds", way=way(side), length=length(side.lasted_s)))


def _held(side: "Side", outcome: Outcome, detail: str) -> Rung:
    return Rung("media_hold", side.first_s, side.last_s, outcome, detail, direction=side.direction)


def _stopped(side: "Side", after: str, rest: str) -> Rung:
    detail = say("media-stopped", way=way(side), after=after, rest=rest)
    if side.direction is None:
        # Who captured is not known, so neither is whether the network or the sender fell silent.
        return _held(side, "partial", detail)
    return Rung(
        "media_hold", side.first_s, side.last_s, "failed", detail, Failure.MEDIA_STALLED, side.direction
    )


def _unanswered_s(call: "Call", since_s: float) -> float:
    """Return for how long after ``since_s`` servers that had answered before were asked in vain."""
    answering = {
        (item.client, item.server)
        for item in call.transactions
        if item.answered_s is not None and item.answered_s <= since_s
    }
    later = [
        item
        for item in call.transactions
        if item.first_s > since_s and (item.client, item.server) in answering
    ]
    if not later or any(item.answered_s is not None for item in later):
        return 0.0
    return max(item.last_request_s for item in later) - since_s
