"""Verdicts: a table of cases, laws, and the measured rate of false alarms."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callresults.failure import Failure
from callresults.nettests.call import CallKeys, Second
from callresults.observation import first_failing
from callresults.rules.pair import failed
from callresults.rules.pairs import judge
from callresults.rules.table import PAIR_RULES
from helpers.lines import ladder_of
from helpers.synthetic import (
    CALL_STAGES,
    call_keys,
    cut_after,
    gilbert_loss,
    ladder,
    no_loss,
    random_loss,
    service_keys,
)

SHAPED = call_keys()
CONTROL = call_keys(arm="control")
CUT = call_keys(up=cut_after(300), down=cut_after(300), failing="media_hold")
STALLED = call_keys(up=gilbert_loss(0.5, 60), down=gilbert_loss(0.5, 60), failing="media_hold")
NO_UDP = call_keys(arm="control", failing="udp_open")
NO_SESSION = call_keys(
    stages=ladder(("session_open", *CALL_STAGES), "session_open", Failure.SESSION_UNREACHABLE)
)
ALLOWED = call_keys(arm="control", control_nature="allow-listed")
NO_SETUP_BUT_MEDIA = ladder_of({"udp_open": False, "relay_ping": False})
NO_PING = ladder_of({"udp_open": True, "relay_ping": False})
LOST_ECHO = ladder_of({"udp_open": False, "relay_ping": True})
HALF = random_loss(0.5)
LOSSY = call_keys(arm="control", up=HALF, down=HALF)
PAUSE = (
    Second(second=8, sent_up=2, received_up=0, sent_down=3, received_down=1),
    Second(second=9, sent_up=3, received_up=0, sent_down=2, received_down=1),
)
"""Two seconds in which a look with silence suppression hardly sends."""
HALF_8_S = call_keys(up=HALF, down=HALF, duration_s=8.0)
LOST_PAUSE = call_keys(failing="media_hold", series=HALF_8_S.series + PAUSE)
CUT_ON_LOSSY_LINE = call_keys(up=cut_after(300), down=HALF, failing="media_hold")
SERVICE, NEUTRAL = service_keys(), service_keys(arm="neutral")

CASES = {
    "void target": (
        call_keys(valid=False, void_reason="late"),
        [CONTROL],
        "insufficient",
        "pair-void-1",
        None,
    ),
    "no session": (NO_SESSION, [CONTROL], "insufficient", "pair-no-session-1", None),
    "no control": (SHAPED, [], "insufficient", "pair-no-control-1", None),
    "control of another pair": (
        SHAPED,
        [call_keys(arm="control", pair_id="other")],
        "insufficient",
        "pair-no-control-1",
        None,
    ),
    "control of another kind": (SHAPED, [NEUTRAL], "insufficient", "pair-no-control-1", None),
    "void control": (
        SHAPED,
        [call_keys(arm="control", valid=False)],
        "insufficient",
        "pair-no-control-1",
        None,
    ),
    "all fail": (call_keys(failing="udp_open"), [NO_UDP, NO_UDP], "down", "pair-down-2", None),
    "handshake": (call_keys(failing="relay_ping"), [CONTROL], "blocked", "pair-blocked-2", "handshake-block"),
    "one control worked": (
        call_keys(failing="relay_ping"),
        [NO_UDP, CONTROL],
        "blocked",
        "pair-blocked-2",
        "handshake-block",
    ),
    "a stalled control worked": (
        call_keys(failing="relay_ping"),
        [call_keys(arm="control", failing="media_hold")],
        "blocked",
        "pair-blocked-2",
        "handshake-block",
    ),
    "no media": (
        call_keys(up=cut_after(0), down=cut_after(0), failing="media_first_packet"),
        [CONTROL],
        "blocked",
        "pair-blocked-2",
        "no-media",
    ),
    "one way": (
        call_keys(up=cut_after(0), failing="media_first_packet"),
        [CONTROL],
        "blocked",
        "pair-blocked-2",
        "one-directional",
    ),
    "generic": (
        call_keys(failing="relay_ping"),
        [NO_UDP, ALLOWED],
        "generic-udp",
        "pair-generic-udp-2",
        None,
    ),
    "set-up dropped, media pass": (
        call_keys(stages=NO_PING),
        [CONTROL],
        "blocked",
        "pair-blocked-2",
        "handshake-block",
    ),
    "set-up dropped, media pass, controls lose a little": (
        call_keys(stages=NO_PING, up=random_loss(0.05)),
        [call_keys(arm="control", up=random_loss(0.05))],
        "blocked",
        "pair-blocked-2",
        "handshake-block",
    ),
    "set-up lost on a lossy line": (
        call_keys(stages=NO_PING, up=HALF, down=HALF),
        [LOSSY],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "set-up and echo lost on a lossy line": (
        call_keys(stages=NO_SETUP_BUT_MEDIA, up=HALF, down=HALF),
        [LOSSY],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "no set-up, so no media, on a lossy line": (
        call_keys(failing="ice_connectivity", stages=ladder(("udp_open", "ice_connectivity"), "udp_open")),
        [LOSSY],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "lossy one way only": (
        call_keys(stages=NO_PING),
        [call_keys(arm="control", up=HALF)],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "one of two controls is lossy": (
        call_keys(stages=NO_PING),
        [CONTROL, LOSSY],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "killed on a lossy line": (
        call_keys(stages=NO_PING, up=cut_after(0), down=HALF),
        [LOSSY],
        "blocked",
        "pair-blocked-2",
        "handshake-block",
    ),
    "killed on a lossy line, no view": (
        call_keys(stages=NO_PING, down=cut_after(0), responder_view=False),
        [call_keys(arm="control", down=HALF, responder_view=False)],
        "blocked",
        "pair-blocked-2",
        "handshake-block",
    ),
    "lossy line, no view": (
        call_keys(stages=NO_PING, down=HALF, responder_view=False),
        [call_keys(arm="control", down=HALF, responder_view=False)],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "lossy line, nothing counted": (
        call_keys(stages=NO_PING, series=()),
        [call_keys(arm="control", responder_view=False, series=())],
        "insufficient",
        "pair-unknown-line-1",
        None,
    ),
    "dead before and after few packets": (
        call_keys(stages=NO_PING, up=cut_after(0), duration_s=0.3),
        [LOSSY],
        "insufficient",
        "pair-lossy-line-1",
        None,
    ),
    "a lost echo is no failure": (call_keys(stages=LOST_ECHO), [CONTROL], "ok", "pair-no-excess-1", None),
    "a control's lost set-up is one though its media flow": (
        SHAPED,
        [call_keys(arm="control", stages=ladder_of({"udp_open": False}))],
        "ok",
        "pair-only-controls-failed-2",
        None,
    ),
    "set-ups late, media flow": (
        call_keys(stages=NO_SETUP_BUT_MEDIA),
        [NO_UDP],
        "insufficient",
        "pair-media-passed-1",
        None,
    ),
    "a control's media came one way": (
        call_keys(failing="udp_open"),
        [NO_UDP, call_keys(arm="aa", down=cut_after(0), failing="media_first_packet")],
        "insufficient",
        "pair-media-passed-1",
        None,
    ),
    "a void control's media do not count": (
        call_keys(failing="udp_open"),
        [NO_UDP, call_keys(arm="aa", valid=False)],
        "down",
        "pair-down-2",
        None,
    ),
    "cut": (CUT, [CONTROL], "blocked", "pair-cut-2", "cut"),
    "stalled": (STALLED, [CONTROL], "degraded", "pair-stalled-2", "bursty-loss"),
    "a pause lost on a lossy line": (
        LOST_PAUSE,
        [LOSSY],
        "insufficient",
        "pair-stall-by-chance-1",
        None,
    ),
    "a pause lost on a clean line": (LOST_PAUSE, [CONTROL], "blocked", "pair-cut-2", "cut"),
    "cut on a lossy line": (CUT_ON_LOSSY_LINE, [LOSSY], "blocked", "pair-cut-2", "cut"),
    "all cut": (
        CUT,
        [msgspec.structs.replace(CUT, arm="control")],
        "insufficient",
        "pair-all-stalled-1",
        None,
    ),
    "target stalled, controls failed": (CUT, [NO_UDP], "insufficient", "pair-nothing-worked-2", None),
    "only controls failed": (SHAPED, [NO_UDP], "ok", "pair-only-controls-failed-2", None),
    "both clean": (SHAPED, [CONTROL], "ok", "pair-no-excess-1", None),
    "random loss": (
        call_keys(up=random_loss(0.2), down=random_loss(0.2)),
        [CONTROL],
        "degraded",
        "pair-excess-loss-1",
        "random-loss",
    ),
    "bursty loss": (
        call_keys(up=gilbert_loss(0.4, 10), down=gilbert_loss(0.4, 10)),
        [CONTROL, call_keys(arm="aa")],
        "degraded",
        "pair-excess-loss-1",
        "bursty-loss",
    ),
    "control loses more": (
        SHAPED,
        [call_keys(arm="control", up=random_loss(0.3))],
        "ok",
        "pair-no-excess-1",
        None,
    ),
    "too short": (call_keys(duration_s=3.0), [CONTROL], "insufficient", "pair-too-few-packets-1", None),
    "no series": (call_keys(series=()), [CONTROL], "insufficient", "pair-too-few-packets-1", None),
    "service answers": (SERVICE, [NEUTRAL], "ok", "pair-service-answers-1", None),
    "service blocked": (
        service_keys(failing="tcp_connect"),
        [NEUTRAL],
        "blocked",
        "pair-blocked-2",
        "tcp-block",
    ),
    "service and neutral fail": (
        service_keys(failing="resolve"),
        [service_keys(arm="neutral", failing="tcp_connect")],
        "down",
        "pair-down-2",
        None,
    ),
}


@pytest.mark.parametrize(("target", "controls", "verdict", "rule_id", "mechanism"), CASES.values(), ids=CASES)
def test_case(target, controls, verdict, rule_id, mechanism):
    found = judge(target, controls)
    assert (found.verdict, found.rule_id, found.mechanism) == (verdict, rule_id, mechanism)


def test_every_rule_has_a_case():
    assert {rule_id for *_, rule_id, _ in CASES.values()} == {rule.id for rule in PAIR_RULES}


@pytest.mark.parametrize(
    ("target", "controls", "reasons"),
    [
        (call_keys(valid=False, void_reason="late"), [CONTROL], ("void-target", "late")),
        (SHAPED, [call_keys(arm="control", valid=False)], ("no-control", "unusable-controls")),
        (SHAPED, [NO_UDP], ("controls-failed",)),
        (SHAPED, [NO_UDP, CONTROL], ("some-controls-failed",)),
        (call_keys(stages=NO_SETUP_BUT_MEDIA), [NO_UDP], ("controls-failed", "media-passed")),
        (call_keys(stages=NO_PING), [LOSSY], ("lossy-line",)),
        (
            call_keys(stages=NO_PING),
            [call_keys(arm="control", responder_view=False)],
            ("responder-view-missing",),
        ),
        (call_keys(responder_view=False), [CONTROL], ("responder-view-missing",)),
        (
            call_keys(failing="media_first_packet", responder_view=False),
            [CONTROL],
            ("responder-view-missing",),
        ),
        (service_keys(failing="tcp_connect"), [NEUTRAL], ("outage-not-excluded",)),
        (call_keys(up=random_loss(0.04), down=random_loss(0.04)), [CONTROL], ("small-excess",)),
        (call_keys(up=cut_after(900)), [CONTROL], ("too-few-packets", "excess-not-significant")),
        (call_keys(duration_s=2.0), [CONTROL], ("too-few-packets",)),
    ],
)
def test_reasons(target, controls, reasons):
    assert judge(target, controls).reasons == reasons


def test_first_failing_stage_is_the_targets():
    assert judge(call_keys(failing="relay_ping"), [NO_UDP, CONTROL]).first_failing_stage == "relay_ping"
    assert judge(SHAPED, [NO_UDP]).first_failing_stage is None


def test_scope_is_what_the_arm_can_reach():
    assert judge(SHAPED, [CONTROL]).scope == "look"
    assert judge(call_keys(arm="webrtc"), [CONTROL]).scope == "look"
    assert judge(SERVICE, [NEUTRAL]).scope == "address"


def test_a_comparison_states_its_packets_and_its_power():
    found = judge(SHAPED, [CONTROL])
    assert found.n_packets == 2 * 2 * 1000
    assert found.smallest_effect_ratio is not None
    assert 0.05 < found.smallest_effect_ratio < 0.1


def test_harm_is_found_one_way_without_the_responders_view():
    target = call_keys(down=random_loss(0.3), responder_view=False)
    found = judge(target, [CONTROL])
    assert (found.verdict, found.reasons) == ("degraded", ("responder-view-missing",))


def built(rungs: tuple[bool, ...] | None, **fields: Any) -> CallKeys:
    """An arm with media whatever its rungs say, or one of which nothing is there above its failing rung."""
    if rungs is None:
        return call_keys(**fields)
    names = ("udp_open", "relay_ping", "media_first_packet")
    return call_keys(**fields | {"failing": None, "stages": ladder_of(dict(zip(names, rungs, strict=True)))})


arms = st.builds(
    built,
    st.none() | st.tuples(st.booleans(), st.booleans(), st.booleans()),
    arm=st.just("control"),
    up=st.sampled_from([no_loss, random_loss(0.3), cut_after(60), cut_after(0)]),
    down=st.sampled_from([no_loss, cut_after(0)]),
    failing=st.sampled_from([None, "udp_open", "relay_ping", "media_first_packet", "media_hold"]),
    duration_s=st.sampled_from([2.0, 6.0]),
    responder_view=st.booleans(),
    valid=st.booleans(),
    control_nature=st.sampled_from(["random", "inverted", "allow-listed"]),
)


@settings(deadline=None)
@given(arms, st.lists(arms, max_size=3))
def test_never_down_while_a_control_worked(target, controls):
    found = judge(target, controls)
    usable = [control for control in controls if control.valid]
    if found.verdict == "down":
        assert usable
        assert failed(target)
        assert all(failed(control) for control in usable)
    if found.verdict in {"blocked", "generic-udp"}:
        assert not all(failed(control) for control in usable)
    failing = first_failing(target.stages)
    assert found.first_failing_stage == (failing.name if failing else None)


@settings(deadline=None)
@given(arms, st.lists(arms, max_size=3))
def test_never_down_while_any_media_arrived(target, controls):
    """Whatever the rungs of the ladders say, at either end, in either direction, of any usable arm."""
    seconds = [row for keys in (target, *controls) if keys.valid for row in keys.series]
    if any(row.received_up or row.received_down for row in seconds):
        assert judge(target, controls).verdict != "down"


def test_verdicts_do_not_depend_on_the_order_of_controls():
    target = call_keys(up=random_loss(0.1))
    others = [CONTROL, NO_UDP, call_keys(arm="aa", up=random_loss(0.02))]
    assert judge(target, others) == judge(target, others[::-1])


@pytest.mark.parametrize("losses", [random_loss(0.03), gilbert_loss(0.03, 5), gilbert_loss(0.1, 20)])
def test_false_alarms_among_equal_arms_stay_rare(losses):
    """At most 1.3 % of 150 seeded null pairs per pattern: one."""
    verdicts = Counter(
        judge(
            call_keys(up=losses, down=losses, duration_s=10.0, seed=seed),
            [call_keys(arm="control", up=losses, down=losses, duration_s=10.0, seed=seed)],
        ).verdict
        for seed in range(150)
    )
    assert verdicts["degraded"] + verdicts["blocked"] + verdicts["down"] <= 0.013 * 150


def test_targeted_loss_is_found():
    """15 % of bursty loss (10 packets) on top of 1 % random, 20 s: at least 27 of 30."""
    targeted, background = gilbert_loss(0.16, 10), random_loss(0.01)
    found = sum(
        judge(
            call_keys(up=targeted, down=targeted, seed=seed),
            [call_keys(arm="control", up=background, down=background, seed=seed)],
        ).verdict
        == "degraded"
        for seed in range(30)
    )
    assert found >= 27


def test_an_observed_call_has_nothing_beside_it_and_gets_no_verdict():
    """Whatever became of it: nothing ran at the same time that could tell the network from the rest."""
    for failing in (None, "relay_ping", "media_hold"):
        found = judge(call_keys(arm="observed", failing=failing), [])
        assert (found.verdict, found.mechanism) == ("insufficient", None)
