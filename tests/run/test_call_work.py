"""What one scenario gathers on its way."""

import random

import pytest

from callprobe.run.call_work import CallWork
from callresults.failure import Failure
from helpers.joined import joined_for
from helpers.worlds import MS, SECOND, START, call_scenario


def work(dialect: str = "whatsapp-2023", **changes) -> CallWork:
    return CallWork(call_scenario(dialect, **changes), START, SECOND, "report", "pair", 3.0)


def test_flows_asked_for_are_the_echo_and_one_per_arm_on_one_schedule() -> None:
    requests = work(arms=("shaped", "control", "aa", "webrtc")).plan_flows(random.Random(1))
    assert [request.dialect for request in requests] == [
        "open",
        "whatsapp-2023",
        "random:whatsapp-2023",
        "random:whatsapp-2023",
    ]
    assert len({request.schedule_seed for request in requests[1:]}) == 1
    assert {request.media_duration_s for request in requests[1:]} == {3.0}


def test_rungs_are_relative_to_the_measurements_start() -> None:
    gathered = work()
    gathered.rung("resolve", SECOND, SECOND + 40 * MS, None)
    gathered.rung("session_open", 2 * SECOND, 3 * SECOND, Failure.SESSION_REFUSED)
    resolve, session = gathered.before
    assert (resolve.t0, resolve.t, resolve.outcome) == (0.0, 0.04, "ok")
    assert (session.t0, session.t, session.outcome, session.failure) == (
        1.0,
        2.0,
        "failed",
        "session_refused",
    )


@pytest.mark.parametrize(
    ("dialect", "arm", "rung"),
    [
        ("whatsapp-2023", "shaped", "relay_allocation"),
        ("telegram-v2", "shaped", "relay_ping"),
        ("webrtc-aiortc", "webrtc", "dtls_handshake"),
        ("telegram-v2", "control", "media_first_packet"),
    ],
)
def test_arm_that_never_began_has_its_whole_ladder(dialect: str, arm, rung: str) -> None:
    gathered = work(dialect, arms=(arm,))
    gathered.rung("resolve", SECOND, SECOND, None)
    gathered.rung("session_open", SECOND, 2 * SECOND, Failure.SESSION_REFUSED)
    (keys,) = gathered.keys(joined_for(gathered.scenario, before=tuple(gathered.before)))
    names = [stage.name for stage in keys.stages]
    assert names[:3] == ["resolve", "session_open", "udp_open"]
    assert rung in names
    assert names[-1] == "media_hold"
    assert {(stage.outcome, stage.failure) for stage in keys.stages[2:]} == {
        ("not_reached", Failure.SESSION_REFUSED)
    }


def test_run_ended_before_anything_blames_nobody() -> None:
    gathered = work(arms=("shaped",))
    (keys,) = gathered.keys(joined_for(gathered.scenario))
    assert {stage.failure for stage in keys.stages} == {Failure.INTERRUPTED}


def test_ip_version_is_ipv4_until_something_else_is_known() -> None:
    assert work().ip_version == "ipv4"
