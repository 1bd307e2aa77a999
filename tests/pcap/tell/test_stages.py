"""The ladder of a call as a capture shows it."""

import pytest
from hypothesis import HealthCheck, given, settings

from callprobe.pcap.analyze import analyze
from callprobe.pcap.dissect import Findings
from callprobe.pcap.tell.endpoint import capturing_endpoint
from callprobe.pcap.tell.stages import stages
from helpers.findings import FAR, OWN, RELAY, both_ways, findings, handshake, hostile, path, relay, stream
from helpers.peers import shared_directory


def test_rungs_stand_in_the_order_of_the_ladder() -> None:
    """Set-up, keys, first packets, media; call after call."""
    found = findings(
        flows=(*both_ways(OWN, RELAY, 0, 20), *both_ways(OWN, FAR, 60, 80)),
        relays=(relay(0.0, ended_s=20.0),),
        dtls=(handshake("finished", 0.5, finished_s=0.6),),
        ice=(path(OWN, RELAY, 0.1, first_answered_s=0.2),),
        rtp=(stream(OWN, RELAY, 1, 19.9), stream(RELAY, OWN, 1, 19.9), stream(OWN, FAR, 60, 80)),
    )

    assert [(stage.call, stage.name, stage.direction) for stage in found.stages] == [
        (1, "relay_allocation", None),
        (1, "ice_connectivity", None),
        (1, "dtls_handshake", None),
        (1, "media_first_packet", "up"),
        (1, "media_first_packet", "down"),
        (1, "media_hold", "up"),
        (1, "media_hold", "down"),
        (2, "media_first_packet", "up"),
        (2, "media_first_packet", "down"),
        (2, "media_hold", "up"),
    ]
    assert all(stage.t_s >= stage.t0_s for stage in found.stages)
    assert all((stage.failure is None) or stage.outcome == "failed" for stage in found.stages)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile(Findings))
def test_any_findings_have_stages(found: Findings) -> None:
    """Whatever was found, however absurd."""
    assert all(stage.detail for stage in stages(found))
    assert len(capturing_endpoint(found)) <= 4


@pytest.mark.peer("shared")
def test_two_calls_of_whatsapp() -> None:
    """The capture of 2023 holds two: both asked five relays, and the first held both ways."""
    found = analyze(shared_directory() / "captures" / "stun_wa_call.pcapng")
    told = [(stage.call, stage.name, stage.direction, stage.outcome) for stage in found.stages]

    assert (1, "relay_allocation", None, "ok") in told
    assert (2, "relay_allocation", None, "ok") in told
    assert (1, "media_hold", "up", "ok") in told
    assert (1, "media_hold", "down", "ok") in told
    assert (2, "ice_connectivity", None, "ok") in told
    assert {stage.call for stage in found.stages} == {1, 2}


@pytest.mark.peer("shared")
def test_reflectors_of_a_telegram_call_answer() -> None:
    """48 pings of two calls, six reflectors each, all answered; media without readable headers held."""
    found = analyze(shared_directory() / "captures" / "telegram.pcap")
    pings = [stage for stage in found.stages if stage.name == "relay_ping"]

    assert [(stage.call, stage.outcome) for stage in pings] == [(1, "ok"), (2, "ok")]
    assert all("24 of 24 answered" in stage.detail for stage in pings)
    assert [stage.outcome for stage in found.stages if stage.name == "media_hold"] == ["ok"] * 4


@pytest.mark.peer("shared")
def test_silent_media_of_a_real_call_are_told() -> None:
    """KakaoTalk's call fell silent for 2.8 s on its way in."""
    found = analyze(shared_directory() / "captures" / "KakaoTalk_talk.pcap")
    held = {stage.direction: stage for stage in found.stages if stage.name == "media_hold"}

    assert (held["up"].outcome, held["down"].outcome) == ("ok", "partial")
    assert "silent for 2.8 s" in held["down"].detail
