"""The call nettest in virtual time: real dialects, a real responder, an emulated line."""

import asyncio
import random
from itertools import accumulate

import pytest

from callprobe.dialect.contract import Slot
from callprobe.dialect.registry import find
from callprobe.lab.virtual import VirtualNet, World
from callprobe.media.session import SessionRecord, down_seed
from callprobe.media.udp_open import UdpOpen
from callprobe.nettest import call
from callprobe.nettest.call import ArmPlan, CallOutcome
from callresults.failure import Failure
from helpers.worlds import (
    DROP_ALL,
    MS,
    NO_STUN,
    NO_UDP,
    PORTS,
    RESPONDER,
    SECOND,
    make_world,
    open_session,
    policy_text,
    rule,
)

LOOKS = ("telegram-v2", "random:telegram-v2")
ARMS = {"telegram-v2": "shaped", "whatsapp-2023": "shaped", "webrtc-aiortc": "shaped"}
CUT_UP = policy_text(rule("cut-up", DROP_ALL, 'direction = "up"\npacket = ["rtp"]'))


def play(
    world: World, looks: tuple[str, ...] = LOOKS, duration_s: float = 3.0, *, begin: bool = True
) -> tuple[CallOutcome, SessionRecord]:
    """Run one flow per look and return what both ends saw."""
    plane = world.plane
    assert plane is not None
    grant, (echo, *keys) = open_session(plane, *looks, duration_s=duration_s)
    plans = [
        ArmPlan(
            arm=ARMS.get(name, "control"),  # type: ignore[arg-type]
            dialect=find(name),
            flow_id=number + 1,
            keys=key,
            peer=(RESPONDER, PORTS[1]),
            responder_port=PORTS[1],
            schedule=find(name).schedule("voice", duration_s, 5),
            schedule_down=find(name).schedule("voice", duration_s, down_seed(5)),
        )
        for number, (name, key) in enumerate(zip(looks, keys, strict=True))
    ]

    async def begin_media() -> None:
        if begin:
            plane.begin_media(grant.session_id, world.now_ns + 100 * MS)

    outcome = call.prepare(plans, UdpOpen(echo, (RESPONDER, PORTS[0]), start_ns=0), origin_ns=0)
    asyncio.run(call.run(VirtualNet(world), outcome, rng=random.Random(1), begin_media=begin_media))
    record = plane.record(grant.session_id)
    assert record is not None
    return outcome, record


def ladder(outcome: CallOutcome, record: SessionRecord | None, arm: int = 0) -> dict[str, str]:
    stages = call.stages_of_arm(outcome, outcome.arms[arm], record)
    return {stage.name: str(stage.failure or stage.outcome) for stage in stages}


@pytest.mark.parametrize("name", ["telegram-v2", "whatsapp-2023", "webrtc-aiortc", "random:webrtc-aiortc"])
def test_clean_path_carries_every_packet_of_both_directions(name: str) -> None:
    outcome, record = play(make_world(), (name,))
    assert set(ladder(outcome, record).values()) == {"ok"}
    view = record.flows[1]
    arm = outcome.arms[0]
    assert sorted(view.received_sequence) == [slot.sequence for slot in arm.plan.schedule]
    assert [sequence for sequence, _ in arm.log.arrived] == list(view.sent_sequence)
    assert len(view.sent_sequence) == len(arm.plan.schedule_down)


def test_arms_share_one_grid_each_in_a_place_of_its_own() -> None:
    outcome, _ = play(make_world(), ("telegram-v2", "random:telegram-v2", "random:telegram-v2"))
    starts = sorted(arm.media_from_ns or 0 for arm in outcome.arms)
    assert [start - starts[0] for start in starts] == [0, call.GRID_NS // 3, 2 * call.GRID_NS // 3]


def test_both_directions_run_at_the_same_time_though_one_arm_cannot_be_set_up() -> None:
    """The far end's media must not run ahead while another arm waits for its deadline."""
    blocked = policy_text(rule("ping", DROP_ALL, 'classified = ["reflector-ping"]'))
    outcome, record = play(make_world(blocked))
    assert ladder(outcome, record, 0)["relay_ping"] == Failure.REFLECTOR_TIMEOUT
    assert set(ladder(outcome, record, 1).values()) == {"ok"}
    control = outcome.arms[1]
    assert control.media_from_ns is not None
    assert control.media_from_ns > 4 * SECOND
    assert min(at for _, at in control.log.arrived) >= control.media_from_ns - 100 * MS


def test_rung_after_a_failed_one_is_tried_all_the_same() -> None:
    """A set-up may be blocked while media would pass."""
    ping_only = policy_text(rule("ping", DROP_ALL, 'packet = ["reflector-ping"]'))
    outcome, record = play(make_world(ping_only))
    rungs = ladder(outcome, record)
    assert rungs["relay_ping"] == Failure.REFLECTOR_TIMEOUT
    assert rungs["media_first_packet"] == "ok"


def test_without_udp_every_rung_says_so_at_its_own_deadline() -> None:
    outcome, record = play(make_world(NO_UDP))
    assert ladder(outcome, record) == {
        "udp_open": Failure.UDP_ECHO_TIMEOUT,
        "relay_ping": Failure.REFLECTOR_TIMEOUT,
        "media_first_packet": Failure.MEDIA_NEVER_ARRIVED,
        "media_hold": Failure.MEDIA_NEVER_ARRIVED,
    }
    for stage in call.stages_of_arm(outcome, outcome.arms[0], record)[:2]:
        assert stage.t - stage.t0 == stage.deadline_s == 4.0


def test_dropped_stun_touches_whatsapps_set_up_and_not_its_control() -> None:
    outcome, record = play(make_world(NO_STUN), ("whatsapp-2023", "random:whatsapp-2023"))
    assert ladder(outcome, record)["relay_allocation"] == Failure.RELAY_ALLOCATION_TIMEOUT
    assert set(ladder(outcome, record, 1).values()) == {"ok"}


def test_path_cut_upwards_only_still_shows_the_direction_that_lives() -> None:
    """Media up die once the flow is set up; media down are sent because the probe asked for them."""
    outcome, record = play(make_world(CUT_UP), ("webrtc-aiortc", "random:webrtc-aiortc"))
    arm = outcome.arms[0]
    rungs = ladder(outcome, record)
    assert (rungs["ice_connectivity"], rungs["media_first_packet"]) == ("ok", Failure.MEDIA_NEVER_ARRIVED)
    up, down = call.metrics_of_arm(arm, record.flows[1], call.options_for("voice", arm.plan.schedule))
    assert up is not None
    assert down is not None
    assert (up.loss_ratio, down.loss_ratio) == (1.0, 0.0)


def test_call_that_dies_in_the_middle_did_not_hold() -> None:
    later = policy_text() + "\n[[phases]]\nat_s = 2.0\n" + rule("kill", DROP_ALL)
    outcome, record = play(make_world(later), duration_s=5.0)
    rungs = ladder(outcome, record)
    assert rungs["media_first_packet"] == "ok"
    assert rungs["media_hold"] == Failure.MEDIA_STALLED


def test_metrics_tell_the_direction_of_the_loss() -> None:
    lossy = policy_text(
        rule("up", 'kind = "drop"\nratio = 0.3', 'direction = "up"\nclassified = ["reflector"]')
    )
    outcome, record = play(make_world(lossy), duration_s=20.0)
    arm = outcome.arms[0]
    options = call.options_for("voice", arm.plan.schedule)
    up, down = call.metrics_of_arm(arm, call.view_of(record, 1), options)
    assert up is not None
    assert down is not None
    assert up.loss_ratio is not None
    assert 0.2 < up.loss_ratio < 0.4
    assert down.loss_ratio == 0.0
    assert up.packets_received == len(set(record.flows[1].received_sequence))


def test_without_the_far_ends_record_no_direction_has_metrics() -> None:
    outcome, _ = play(make_world())
    assert call.metrics_of_arm(outcome.arms[0], None, call.options_for("voice", ())) == (None, None)
    assert set(ladder(outcome, None).values()) == {"ok"}


def test_options_follow_the_medium() -> None:
    voice = call.options_for("voice", find("whatsapp-2023").schedule("voice", 5, 1))
    video = call.options_for("video", find("whatsapp-2023").schedule("video", 5, 1))
    assert (voice.ptime_ms, voice.playout_ms) == (60.0, 60.0)
    assert (video.ptime_ms, video.playout_ms, video.codec) == (None, 120.0, None)


@pytest.mark.parametrize(
    ("gaps_ms", "ptime_ms"),
    [
        ((20.3, 19.6, 20.1, 0.2, 40.0), 20.0),
        ((61.0, 58.0, 420.0, 60.0), 60.0),
        ((0.1, 900.0), 20.0),
        ((), 20.0),
    ],
)
def test_of_a_recorded_call_the_commonest_gap_is_the_packet_time(gaps_ms, ptime_ms: float) -> None:
    """Its smallest gap is the jitter of its day."""
    times = [0.0, *accumulate(gaps_ms)]
    schedule = tuple(Slot(n, round(at * MS), 50, 0, marker=False) for n, at in enumerate(times))

    assert call.options_for("voice", schedule, recorded=True).ptime_ms == ptime_ms


def test_lateness_is_summed_up_by_quantiles() -> None:
    assert call.quantile_ms([], 0.5) is None
    assert call.quantile_ms([MS * n for n in range(100)], 0.99) == 99.0


def test_what_was_measured_survives_an_interruption() -> None:
    world = make_world()

    class Impatient(VirtualNet):
        """A network whose user gives up after two seconds."""

        async def open_flows(self, machines):
            group = await super().open_flows(machines)
            whole = group.run

            async def run(until_ns: int) -> None:
                if world.now_ns > 2 * SECOND:
                    raise asyncio.CancelledError
                await whole(until_ns)

            group.run = run
            return group

    plane = world.plane
    assert plane is not None
    _, (echo, key) = open_session(plane, "telegram-v2", duration_s=10.0)
    schedule = find("telegram-v2").schedule("voice", 10.0, 5)
    plan = ArmPlan(
        arm="shaped",
        dialect=find("telegram-v2"),
        flow_id=1,
        keys=key,
        peer=(RESPONDER, PORTS[1]),
        responder_port=PORTS[1],
        schedule=schedule,
        schedule_down=schedule,
    )

    async def begin_media() -> None:
        pass

    outcome = call.prepare([plan], UdpOpen(echo, (RESPONDER, PORTS[0]), start_ns=0), origin_ns=0)
    running = call.run(Impatient(world), outcome, rng=random.Random(1), begin_media=begin_media)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(running)
    assert outcome.arms[0].interrupted
    assert len(outcome.arms[0].log.sent) > 10
    rungs = ladder(outcome, None)
    assert (rungs["relay_ping"], rungs["media_hold"]) == ("ok", Failure.INTERRUPTED)
