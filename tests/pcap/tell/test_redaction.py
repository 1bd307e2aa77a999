"""A page that may be shown to others."""

import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from callprobe.pcap.analyze import Analysis, analyze
from callprobe.pcap.collect.transactions import StunCounts
from callprobe.pcap.recognise.clues import Clues, ServerName
from callprobe.pcap.tell.redaction import redacted
from callresults.addresses import textual_addresses
from helpers.findings import (
    OWN,
    RELAY,
    analysis,
    blank,
    both_ways,
    findings,
    handshake,
    hostile,
    path,
    relay,
    stream,
    turn_server,
)
from helpers.peers import shared_directory

PEER, PEER6 = "93.184.216.34:5000", "[2001:db8::9]:5000"


def addresses_in(record: Analysis) -> list[str]:
    """Return what looks like an address anywhere in a record, but for times of day."""
    return textual_addresses(msgspec.json.encode(record).decode())


def test_an_address_has_the_same_name_everywhere() -> None:
    """In fields and in sentences; ports stay, since they tell an application and nobody's home."""
    found = findings(
        flows=(*both_ways(OWN, RELAY), *both_ways(OWN, PEER), *both_ways(OWN, PEER6)),
        relays=(relay(answered=2),),
        ice=(path(OWN, PEER, selected=True, first_answered_s=0.1),),
        rtp=(stream(OWN, PEER6, 0, 9),),
    )
    shown = redacted(analysis(found))

    assert shown.endpoint == ("this device",)
    assert shown.relays[0].relay == "relay 1:3478"
    names = {shown.ice[0].b, shown.rtp[0].dst}
    assert names == {"A:5000", "B:5000"}
    assert any(shown.ice[0].b in stage.detail for stage in shown.stages)
    assert addresses_in(shown) == []


def test_files_and_private_names_are_hidden() -> None:
    """A name of a service tells an application; a name of a server may tell whose it is."""
    names = (
        ServerName(name="voip.acme.example", source="dns", owner=None, count=1, first_s=0.0),
        ServerName(name="1.0.0.127.in-addr.arpa", source="dns", owner=None, count=1, first_s=0.0),
        ServerName(name="e1.whatsapp.net", source="dns", owner="whatsapp", count=1, first_s=0.0),
    )
    found = findings(
        clues=blank(Clues, server_names=names),
        dtls=(handshake("finished", finished_s=1.0, certificate_names=("anna", "WebRTC")),),
        stun=blank(StunCounts, realms={"acme.example": 2, "other.example": 3, "telegram.org": 1}),
    )
    shown = redacted(analysis(found, file="call with anna.pcap"))

    assert shown.file == "capture"
    assert [name.name for name in shown.clues.server_names] == ["(name hidden)"] * 2 + ["e1.whatsapp.net"]
    assert shown.dtls[0].certificate_names == ("(name hidden)", "WebRTC")
    assert shown.stun.realms == {"(name hidden)": 5, "telegram.org": 1}


def test_what_is_no_address_stays() -> None:
    """Figures, times and words are as they were."""
    found = findings(flows=both_ways(OWN, RELAY), rtp=(stream(OWN, RELAY, 0, 9),))
    plain, shown = analysis(found), redacted(analysis(found))

    assert shown.first_packet_time == plain.first_packet_time
    assert [stage.outcome for stage in shown.stages] == [stage.outcome for stage in plain.stages]
    assert shown.rtp[0].seconds == plain.rtp[0].seconds


def test_hostile_names_change_no_word_of_ours() -> None:
    """A realm that is called as a stage or a state is hidden where it stands, and nowhere else."""
    found = findings(
        flows=both_ways(OWN, RELAY),
        relays=(relay(),),
        stun=blank(StunCounts, realms={"relay_allocation": 1, "failed": 1}),
    )
    shown = redacted(analysis(msgspec.structs.replace(found, endpoint=("open", "failed"))))

    assert [stage.name for stage in shown.stages] == ["relay_allocation"]
    assert [stage.outcome for stage in shown.stages] == ["failed"]
    assert shown.stun.realms == {"(name hidden)": 2}


def test_an_address_within_another_is_told_apart() -> None:
    """198.51.100.1 is not the beginning of 198.51.100.12."""
    one, other = "198.51.100.1:1", "198.51.100.12:1"
    found = findings(
        flows=(*both_ways(OWN, one), *both_ways(OWN, other)),
        turn=blank(type(findings().turn), servers=(turn_server(server=one), turn_server(server=other))),
    )
    shown = redacted(analysis(found))

    assert [server.server for server in shown.turn.servers] == ["relay 1:1", "relay 2:1"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile(Analysis))
def test_no_address_is_left_of_any_analysis(record: Analysis) -> None:
    """Whatever field it stands in, and whatever stands around it."""
    assert addresses_in(redacted(record)) == []


@pytest.mark.peer("shared")
@pytest.mark.parametrize("name", ["stun_wa_call.pcapng", "stun_google_meet.pcapng", "sngrep_aaa.pcap"])
def test_no_address_is_left_of_real_captures(name: str) -> None:
    """Of either family."""
    shown = redacted(analyze(shared_directory() / "captures" / name))

    assert addresses_in(shown) == []
    assert re.search(r"\bA:\d+|relay 1:\d+", msgspec.json.encode(shown).decode())
