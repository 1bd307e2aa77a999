"""Calls are told apart, and how each ended."""

from callprobe.pcap.collect.rtcp import Goodbye, Rtcp
from callprobe.pcap.collect.turn import TurnCounts
from callprobe.pcap.tell.calls import End, calls, opaque_media
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    blank,
    both_ways,
    findings,
    flow,
    handshake,
    path,
    reflector,
    relay,
    service,
    sip,
    stream,
    turn_server,
)

LATER = "192.168.0.2:50001"


def test_nothing_of_a_call_is_no_call() -> None:
    """Other traffic is not looked at."""
    assert calls(findings(flows=both_ways(OWN, "8.8.8.8:53"))) == ()


def test_an_end_parts_two_calls() -> None:
    """What comes after the relays were told of the end is another call, however soon."""
    found = findings(
        relays=(relay(0.0, ended_s=10.0), relay(14.0, client=LATER, ended_s=20.0)),
        rtp=(stream(RELAY, OWN, 1, 9.9), stream(RELAY, LATER, 15, 19.9)),
    )
    first, second = calls(found)

    assert [first.start_s, first.end_s, second.start_s, second.end_s] == [0.0, 10.0, 14.0, 20.0]
    assert (first.last_end, second.last_end) == (End(10.0, "relay_end"), End(20.0, "relay_end"))
    assert [len(first.rtp), len(second.rtp), len(first.relays)] == [1, 1, 1]


def test_a_long_pause_parts_two_calls() -> None:
    """A short one does not."""
    apart = findings(rtp=(stream(RELAY, OWN, 0, 10), stream(RELAY, OWN, 40, 50)))
    near = findings(rtp=(stream(RELAY, OWN, 0, 10), stream(RELAY, OWN, 20, 30)))

    assert [len(calls(apart)), len(calls(near))] == [2, 1]


def test_somebody_may_let_it_ring() -> None:
    """Between set-up and media of one port half a minute may pass; an hour may not."""
    ringing = findings(
        relays=(relay(0.0),), flows=both_ways(OWN, RELAY, 0, 50), rtp=(stream(RELAY, OWN, 30, 50),)
    )
    late = findings(
        relays=(relay(0.0),), flows=both_ways(OWN, RELAY, 0, 3650), rtp=(stream(RELAY, OWN, 3600, 3650),)
    )

    assert [len(calls(ringing)), len(calls(late))] == [1, 2]


def test_a_new_port_begins_a_new_call() -> None:
    """Pings from a port that was never used tell of a new call even after a few seconds (telegram.pcap)."""
    reflectors = blank(type(findings().reflector), reflectors=(reflector(0.0), reflector(18.0, client=LATER)))

    assert len(calls(findings(reflector=reflectors))) == 2


def test_every_way_to_end_is_known() -> None:
    """TURN, RTCP and SIP say it, too."""
    released = findings(turn=blank(TurnCounts, servers=(turn_server(0.0, allocated_s=0.1, released_s=0.4),)))
    bye = findings(
        rtp=(stream(RELAY, OWN, 0, 10),), rtcp=blank(Rtcp, byes=(Goodbye(ssrc="0x1", src=OWN, at_s=9.0),))
    )
    signalled = findings(rtp=(stream(RELAY, OWN, 0, 10),), clues=sip(invite_s=0.0, bye_s=10.2))

    ends = [call.last_end for found in (released, bye, signalled) for call in calls(found)]
    assert [end and end.kind for end in ends] == ["turn_release", "rtcp_bye", "sip_bye"]


def test_padding_that_fathoms_the_path_is_no_media() -> None:
    """It has no source of its own (SSRC 0)."""
    found = findings(rtp=(stream(RELAY, OWN, 0, 1, ssrc="0x00000000"), stream(OWN, RELAY, 0, 10)))

    assert [stream_.src for call in calls(found) for stream_ in call.rtp] == [OWN]


def test_keys_and_paths_make_a_call() -> None:
    """A call that never came to media is one, too."""
    found = findings(dtls=(handshake("unanswered"),), ice=(path(OWN, RELAY, 0.5),))

    assert [(call.start_s, call.end_s) for call in calls(found)] == [(0.0, 2.5)]


def test_media_without_headers_are_told_by_what_surrounds_them() -> None:
    """Flows to a reflector with data in them are media without their pings; name look-ups never are."""
    path_ = reflector(0.0, pings=4, answers=4, first_answered_s=0.2, tagged_up=300)
    found = findings(
        reflector=blank(type(findings().reflector), reflectors=(path_,)),
        flows=(flow(OWN, FAR, 0, 20, 304), flow(OWN, "8.8.8.8:53", 0, 20, 300)),
    )
    (media,) = opaque_media(found)

    assert (media.dst, media.packets, media.first_s) == (FAR, 300, 0.2)


def test_dense_flows_of_telegram_are_media() -> None:
    """Its second generation has no header and no reflector; thin flows are something else."""
    flows = (flow(OWN, FAR, 0, 20, 400), flow(OWN, RELAY, 0, 20, 60))
    telegram = findings(flows=flows, service=service("telegram"))
    unknown = findings(flows=flows, service=service(None))

    assert [media.dst for media in opaque_media(telegram)] == [FAR]
    assert opaque_media(unknown) == ()
