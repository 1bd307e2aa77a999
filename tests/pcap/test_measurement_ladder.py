"""The ladder of a capture's call as a measurement has it."""

from callprobe.pcap.dissect import Findings
from callprobe.pcap.measurement_ladder import ladder, refuted
from callprobe.pcap.tell.calls import calls
from callresults.failure import Failure
from callresults.observation import Stage
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    both_ways,
    findings,
    flow,
    handshake,
    path,
    relay,
    service,
    stream,
    transaction,
)


def of(found: Findings, number: int = 1, *, opaque: bool = False) -> tuple[Stage, ...]:
    """Return the ladder of a call of the capture."""
    call = calls(found)[number - 1]
    down = tuple(item for item in call.rtp if item.direction == "down")
    return ladder(found, number, call, down, opaque=opaque)


def test_rungs_are_timed_from_the_start_of_the_call() -> None:
    found = findings(
        flows=both_ways(OWN, FAR, 40, 60),
        ice=(path(OWN, FAR, 40.0, first_answered_s=40.2, answered=1, last_s=41.0),),
        dtls=(handshake("finished", 40.3, finished_s=40.5),),
        rtp=(stream(OWN, FAR, 41, 60), stream(FAR, OWN, 41.5, 60)),
    )
    stages = {stage.name: stage for stage in of(found)}

    assert stages["media_first_packet"].t0 == 0.0
    assert stages["media_first_packet"].t == 1.5
    assert (stages["media_hold"].t0, stages["media_hold"].t) == (1.5, 20.0)
    assert [stage.outcome for stage in stages.values()] == ["ok"] * len(stages)


def test_media_are_what_was_received() -> None:
    """What became of what was sent, the capture does not show."""
    found = findings(flows=(flow(OWN, FAR, 0, 20),), rtp=(stream(OWN, FAR, 0, 20),))

    assert [stage.name for stage in of(found) if stage.name.startswith("media")] == []


def test_media_that_never_came_are_the_rung_that_failed() -> None:
    found = findings(
        flows=both_ways(OWN, FAR, 0, 20),
        transactions=(transaction(OWN, FAR, 0.0, 30.0),),
        rtp=(stream(OWN, FAR, 1, 20),),
    )
    failed = [stage for stage in of(found) if stage.outcome == "failed"]

    assert [(stage.name, stage.failure) for stage in failed] == [
        ("media_first_packet", Failure.MEDIA_NEVER_ARRIVED)
    ]


def test_one_that_answered_is_enough() -> None:
    found = findings(
        flows=both_ways(OWN, RELAY, 0, 20),
        relays=(relay(0.0), relay(0.1, FAR, answered=1, first_answered_s=0.2)),
    )

    assert [(stage.name, stage.outcome) for stage in of(found)] == [("relay_allocation", "ok")]


def test_a_rung_that_failed_and_kept_no_media_away_was_no_obstacle() -> None:
    found = findings(
        flows=(*both_ways(OWN, FAR, 0, 20), *both_ways(OWN, RELAY, 0, 20)),
        transactions=(transaction(OWN, RELAY, 0.0, None), transaction(OWN, RELAY, 1.0, None)),
        rtp=(stream(OWN, FAR, 1, 20), stream(FAR, OWN, 1, 20)),
    )

    assert refuted(found, 1) == ("stun_binding",)
    assert [stage.name for stage in of(found)] == ["media_first_packet", "media_hold"]


def test_a_rung_that_failed_before_silence_is_the_obstacle() -> None:
    found = findings(
        flows=(flow(OWN, RELAY, 0, 20),),
        relays=(relay(0.0),),
        service=service("whatsapp"),
    )

    assert refuted(found, 1) == ()
    assert [(stage.name, stage.failure) for stage in of(found)] == [
        ("relay_allocation", Failure.RELAY_ALLOCATION_TIMEOUT)
    ]


def test_media_of_another_medium_are_no_rung_of_this_one() -> None:
    found = findings(flows=both_ways(OWN, FAR, 0, 20), rtp=(stream(OWN, FAR, 1, 20), stream(FAR, OWN, 1, 20)))
    call = calls(found)[0]

    assert ladder(found, 1, call, (), opaque=False) == ()
    assert [stage.name for stage in ladder(found, 1, call, (), opaque=True)] == [
        "media_first_packet",
        "media_hold",
    ]
