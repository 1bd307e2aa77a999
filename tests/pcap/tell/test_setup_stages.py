"""The rungs of a call's set-up."""

from typing import Any

import pytest

from callprobe.pcap.collect.dtls import DtlsAlert
from callprobe.pcap.collect.relay import RelayPings
from callprobe.pcap.collect.round_trips import RoundTrips
from callprobe.pcap.collect.turn import TurnCounts
from callprobe.pcap.tell.calls import calls
from callprobe.pcap.tell.rung import Rung
from callprobe.pcap.tell.setup_stages import rungs
from callresults.failure import Failure
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    blank,
    findings,
    handshake,
    path,
    reflector,
    relay,
    sip,
    stream,
    transaction,
    turn_server,
)

RTT = RoundTrips(n=2, min=6.0, median=16.5, p95=27.0, max=27.0)


def setup(**changes: Any) -> list[Rung]:
    """Return the rungs of the only call."""
    found = findings(**changes)
    (call,) = calls(found)
    return list(rungs(found, call))


def only(**changes: Any) -> Rung:
    (rung,) = setup(**changes)
    return rung


def reflectors(*paths: Any) -> Any:
    return blank(type(findings().reflector), reflectors=paths)


def test_relays_that_answer_are_counted() -> None:
    """One silent relay of three is a part; the round trips are told."""
    answered: dict[str, Any] = {"answered": 2, "first_answered_s": 0.008, "rtt_ms": RTT}
    found = only(relays=(relay(**answered), relay(0.001, FAR, **answered), relay(0.002, "192.0.2.9:3478")))

    assert (found.name, found.outcome, found.t_s) == ("relay_allocation", "partial", 0.008)
    assert found.detail == "2 of 3 relays answered an allocation, after 6.0 to 27 ms"


def test_relays_that_are_silent_fail_the_allocation() -> None:
    """None answered: that has a name, and the last question has a time."""
    found = only(
        relays=(relay(), relay(server=FAR)), transactions=(transaction(OWN, FAR, 4.0, None, kind="0x0003"),)
    )

    assert (found.failure, found.t_s) == (Failure.RELAY_ALLOCATION_TIMEOUT, 4.0)
    assert found.detail == "2 relays asked 4 times for an allocation, never answered"


def test_unanswered_reflector_pings_are_told_with_their_rhythm() -> None:
    """The sentence of a Telegram call that dies at its relay."""
    found = only(reflector=reflectors(reflector(), reflector(server=RELAY)))

    assert (found.name, found.failure) == ("relay_ping", Failure.REFLECTOR_TIMEOUT)
    assert found.detail == "40-byte reflector pings every 0.5 s to 2 reflectors: 42 sent, never answered"


def test_answered_reflector_pings_have_round_trips() -> None:
    """The first answer is when the rung was reached."""
    found = only(reflector=reflectors(reflector(pings=4, answers=4, first_answered_s=0.03, rtt_ms=RTT)))

    assert (found.outcome, found.t_s) == ("ok", 0.03)
    assert found.detail.endswith("to 1 reflector: 4 of 4 answered, after 6.0 to 27 ms")


@pytest.mark.parametrize(("answers", "outcome"), [(9, "ok"), (0, "failed")])
def test_relay_pings_of_whatsapp_are_told(answers: int, outcome: str) -> None:
    """Every three seconds, answered or not."""
    pings = blank(RelayPings, interval_ms=3000.0, series=((1.0, 6.0), (4.0, 7.0)) if answers else ())
    found = setup(relays=(relay(pings=9, ping_answers=answers, answered=1),), relay_pings=pings)

    assert (found[1].name, found[1].outcome) == ("relay_ping", outcome)
    assert "every 3.0 s" in found[1].detail


def test_relay_pings_that_died_are_told_with_their_time() -> None:
    """Two and more in vain after the last answer; a single one may have come too late for the capture."""
    died = [
        transaction(OWN, RELAY, at_s, rtt, kind="0x0801") for at_s, rtt in ((0, 5.0), (3, 5.0), (6, None))
    ]
    relays = (relay(pings=4, ping_answers=2, answered=1),)
    last = setup(relays=relays, transactions=tuple(died))[1]
    more = setup(relays=relays, transactions=(*died, transaction(OWN, RELAY, 9, None, kind="0x0801")))[1]

    assert (last.outcome, more.outcome, last.t0_s) == ("partial", "partial", 0)
    assert "none of those" not in last.detail
    assert more.detail.endswith("2 of 4 answered, none of those sent later than 3.0 s after the call began")


def test_stun_servers_are_apart_from_paths() -> None:
    """A check of a path asks for no address of one's own."""
    asked = (transaction(OWN, RELAY, 0, 12.0), transaction(OWN, FAR, 0, None), transaction(OWN, FAR, 1, 9.0))
    found = setup(transactions=asked, ice=(path(OWN, FAR, first_answered_s=1.0, rtt_ms=RTT),))

    assert [rung.name for rung in found] == ["stun_binding", "ice_connectivity"]
    assert found[0].detail == "own address asked of 1 STUN server: 1 of 1 request answered, after 12 ms"


def test_silent_stun_servers_fail() -> None:
    """Copies of a request count as asked."""
    found = only(transactions=(transaction(OWN, RELAY, 0, None, requests=7, last_request_s=9.0),))

    assert (found.failure, found.t_s) == (Failure.STUN_TIMEOUT, 9.0)
    assert found.detail == "own address asked of 1 STUN server 7 times, never answered"


@pytest.mark.parametrize(
    ("server", "failure", "says"),
    [
        (
            turn_server(allocated_s=0.03, rtt_ms=15.0, permissions_granted=2),
            None,
            "2 permissions, 0 channels",
        ),
        (turn_server(), Failure.TURN_TIMEOUT, "never answered"),
        (turn_server(allocate_errors={"401": 1}), Failure.TURN_UNAUTHORIZED, "error 401"),
        (
            turn_server(
                allocate_errors={"401": 1}, challenged=True, allocate_requests=2, allocate_answered=1
            ),
            Failure.TURN_TIMEOUT,
            "wanted credentials (401), got them, and did not answer again",
        ),
        (turn_server(allocate_errors={"486": 1}), Failure.STUN_ERROR_RESPONSE, "error 486"),
    ],
)
def test_turn_servers_are_asked_for_an_address(server: Any, failure: Failure | None, says: str) -> None:
    """They give one, are silent, or refuse."""
    found = only(turn=blank(TurnCounts, servers=(server,)))

    assert (found.name, found.failure) == ("turn_allocation", failure)
    assert says in found.detail


def test_relays_of_whatsapp_are_no_turn_servers() -> None:
    """Their allocation is told once."""
    found = setup(relays=(relay(),), turn=blank(TurnCounts, servers=(turn_server(),)))

    assert [rung.name for rung in found] == ["relay_allocation"]


def test_the_chosen_path_is_named_from_the_own_end() -> None:
    """Whoever checked first."""
    chosen = path(FAR, OWN, selected=True, first_answered_s=0.2, rtt_ms=RTT)
    found = only(ice=(chosen, path(OWN, RELAY)), flows=(), rtp=(), endpoint=())

    assert found.detail.startswith("1 of 2 paths answered a check")
    assert found.detail.endswith(f"the call took {FAR} – {OWN}")


def test_silent_paths_fail_unless_a_relay_carries_the_call() -> None:
    """A direct path that is missing is normal with WhatsApp."""
    assert only(ice=(path(OWN, FAR),)).failure == Failure.ICE_FAILED
    relayed = setup(ice=(path(OWN, FAR),), relays=(relay(answered=2, rtt_ms=RTT),))
    assert [(rung.name, rung.outcome) for rung in relayed][1] == ("ice_connectivity", "partial")


@pytest.mark.parametrize(
    ("state", "changes", "failure", "says"),
    [
        ("finished", {"finished_s": 0.05, "version": "DTLS 1.2"}, None, "DTLS 1.2 keys agreed in 50 ms"),
        (
            "unanswered",
            {"client_hello_retransmissions": 2},
            Failure.DTLS_TIMEOUT,
            "DTLS: ClientHello sent 3 times, never answered",
        ),
        ("answered", {}, Failure.DTLS_TIMEOUT, "DTLS: ClientHello answered, but the keys were never agreed"),
        ("answered", {"application_records": 9}, None, "encrypted data followed"),
        (
            "refused",
            {"alerts": (DtlsAlert(at_s=0, sender=RELAY, level="fatal", description="handshake_failure"),)},
            Failure.DTLS_ALERT_RECEIVED,
            "DTLS refused: handshake_failure",
        ),
    ],
)
def test_handshakes_are_told(state: str, changes: dict[str, Any], failure: Failure | None, says: str) -> None:
    """Agreed, silent, stuck, refused, or seen in part."""
    found = only(dtls=(handshake(state, **changes),))

    assert (found.name, found.failure) == ("dtls_handshake", failure)
    assert says in found.detail


def test_a_handshake_before_the_capture_is_no_rung() -> None:
    """Nothing of it was seen."""
    assert setup(dtls=(handshake("joined", client_hello_s=None),)) == []


@pytest.mark.parametrize(
    ("changes", "outcome", "failure", "says"),
    [
        ({"answered_s": 8.5, "ringing_s": 0.1}, "ok", None, ", ringing after 0.1 s, answered after 8.5 s"),
        ({"answers": {"486": 1}}, "failed", Failure.SESSION_REFUSED, ", refused"),
        ({"answers": {"100": 1}}, "partial", None, ", not answered in the capture"),
        ({}, "failed", Failure.SESSION_UNREACHABLE, ", not answered in the capture"),
    ],
)
def test_invitations_are_told(
    changes: dict[str, Any], outcome: str, failure: Failure | None, says: str
) -> None:
    """Answered, refused, or silent; an answer that asks for a password refuses nothing."""
    found = only(clues=sip(invite_s=0.0, **changes), rtp=())

    assert (found.name, found.outcome, found.failure) == ("session_open", outcome, failure)
    assert found.detail == f"call invited by SIP{says}"


def test_media_alone_have_no_setup() -> None:
    """What is not in the capture is left out."""
    assert setup(rtp=(stream(RELAY, OWN, 0, 10),)) == []
