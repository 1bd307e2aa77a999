"""When media began, how long they held, and when they died."""

from typing import Any

import pytest

from callprobe.pcap.collect.reflector import ReflectorCounts
from callprobe.pcap.collect.turn import TurnCounts
from callprobe.pcap.streams.rtp_streams import StreamSecond
from callprobe.pcap.tell.calls import calls
from callprobe.pcap.tell.media_stages import is_one_way, rungs
from callprobe.pcap.tell.rung import Rung
from callprobe.pcap.tell.sides import sides
from callresults.failure import Failure
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    blank,
    both_ways,
    findings,
    flow,
    reflector,
    relay,
    stream,
    transaction,
    turn_server,
)

HOST = ("192.168.0.2",)


def media(own: tuple[str, ...] = HOST, **changes: Any) -> list[Rung]:
    """Return the rungs of the media of one call."""
    (call,) = calls(findings(**changes))
    return list(rungs(call, sides(call, own)))


def holds(own: tuple[str, ...] = HOST, **changes: Any) -> list[tuple[Any, ...]]:
    return [
        (rung.direction, rung.outcome, rung.failure)
        for rung in media(own, **changes)
        if rung.name == "media_hold"
    ]


def test_media_of_both_ways_hold() -> None:
    """Each begins some time after the call, and holds as long as the other."""
    found = media(relays=(relay(0.0),), rtp=(stream(OWN, RELAY, 2, 30), stream(RELAY, OWN, 3, 30)))

    assert [(rung.name, rung.direction, rung.t_s, rung.outcome) for rung in found] == [
        ("media_first_packet", "up", 2, "ok"),
        ("media_hold", "up", 30, "ok"),
        ("media_first_packet", "down", 3, "ok"),
        ("media_hold", "down", 30, "ok"),
    ]


def test_media_in_that_stop_while_ours_go_on_stalled() -> None:
    """That is a death, with its time."""
    streams = (stream(OWN, RELAY, 0, 30), stream(RELAY, OWN, 0, 12.3))

    assert holds(rtp=streams) == [("up", "ok", None), ("down", "failed", Failure.MEDIA_STALLED)]
    assert "stopped 12.3 s after the call began" in media(rtp=streams)[-1].detail


def test_media_out_that_stop_say_nothing_of_the_network() -> None:
    """Who captured sent nothing more: the application's choice."""
    streams = (stream(OWN, RELAY, 0, 12), stream(RELAY, OWN, 0, 30))

    assert holds(rtp=streams) == [("up", "partial", None), ("down", "ok", None)]


def test_without_directions_nobody_failed() -> None:
    """It is told that one way stopped, without a failure."""
    streams = (stream(OWN, RELAY, 0, 30), stream(RELAY, OWN, 0, 12))

    assert ("partial", None) in [hold[1:] for hold in holds(own=(), rtp=streams)]


def test_servers_that_fall_silent_with_the_media_are_told() -> None:
    """They had answered, and then were asked in vain for long."""
    asked = [transaction(OWN, RELAY, at_s, 20.0) for at_s in (1, 5)]
    vain = [transaction(OWN, RELAY, at_s, None) for at_s in (12, 15, 18)]
    stopped = holds(rtp=(stream(RELAY, OWN, 0, 10),), transactions=(*asked, *vain))

    assert stopped == [("down", "failed", Failure.MEDIA_STALLED)]


def test_media_that_stop_before_the_end_of_the_call() -> None:
    """The call went on and nothing failed that can be named."""
    ended = holds(
        relays=(relay(0.0, ended_s=30.0),), rtp=(stream(RELAY, OWN, 0, 20), stream(OWN, RELAY, 0, 20))
    )

    assert ended == [("up", "partial", None), ("down", "partial", None)]


def test_a_silence_longer_than_a_call_bears_is_told() -> None:
    """Media that came back held in part."""
    seconds = tuple(
        StreamSecond(second=n, received=50, lost=0, jitter_ms=None) for n in (*range(5), *range(8, 20))
    )
    quiet = stream(RELAY, OWN, 0, 19.9, seconds=seconds, max_gap_ms=3100.0)

    assert holds(rtp=(quiet,)) == [("down", "partial", None)]
    assert "silent for 3.1 s from 5.0 s on" in media(rtp=(quiet,))[-1].detail


def test_media_that_never_came_are_missed() -> None:
    """Ours went out for long, the far end is there, and nothing of its media came."""
    found = media(
        flows=both_ways(OWN, RELAY),
        rtp=(stream(OWN, RELAY, 0, 20),),
        transactions=(transaction(OWN, RELAY, 0, 9.0),),
    )

    assert (found[-1].direction, found[-1].failure) == ("down", Failure.MEDIA_NEVER_ARRIVED)


@pytest.mark.parametrize(
    "changes",
    [
        {"flows": (flow(OWN, RELAY), flow(RELAY, OWN, rtp_candidates=4))},
        {
            "flows": both_ways(OWN, RELAY),
            "turn": blank(TurnCounts, servers=(turn_server(relayed_bytes_down=9),)),
        },
    ],
)
def test_few_packets_of_media_are_not_none(changes: dict[str, Any]) -> None:
    """A file from which most was cut out holds too few for a stream: nothing is missed."""
    found = media(
        rtp=(stream(OWN, RELAY, 0, 20),), transactions=(transaction(OWN, RELAY, 0, 9.0),), **changes
    )

    assert Failure.MEDIA_NEVER_ARRIVED not in [rung.failure for rung in found]


def test_silence_after_questions_is_a_finding() -> None:
    """Not one packet came in, though pings asked for some: the media failed as the pings did."""
    found = media(
        flows=both_ways(OWN, FAR)[:1],
        rtp=(stream(OWN, FAR, 4, 20),),
        reflector=blank(ReflectorCounts, reflectors=(reflector(),)),
    )

    assert found[-1].failure == Failure.MEDIA_NEVER_ARRIVED


def test_a_capture_of_one_way_misses_nothing() -> None:
    """Where nothing was asked and nothing comes back, the other way may not have been captured."""
    found = findings(flows=both_ways(OWN, RELAY)[:1], rtp=(stream(OWN, RELAY, 0, 20),))
    (call,) = calls(found)

    assert is_one_way(call, sides(call, HOST))
    assert Failure.MEDIA_NEVER_ARRIVED not in [rung.failure for rung in rungs(call, sides(call, HOST))]
