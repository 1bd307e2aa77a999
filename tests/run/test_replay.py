"""A recorded call played through an emulated network: what is concluded, and what stands in the record."""

import asyncio
import random
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec
import pytest

from callprobe.dialect.trace import Trace, TracePacket
from callprobe.lab.virtual import VirtualNet, World
from callprobe.media.session import TraceOffer
from callprobe.pcap.replays.trace import Flow, Recorded, ReplayFileError
from callprobe.responder.limits import Limits
from callprobe.run.replay import (
    NATURES,
    Control,
    NoReplaysError,
    check_offer,
    load_replay,
    scenario_of,
    version_of,
)
from callprobe.run.runner import Runner
from callprobe.run.session import ResponderUrl
from callresults import packet_record
from callresults.addresses import find_addresses
from callresults.codec import canonical_bytes, decode
from callresults.measurement import Measurement
from helpers.recorded import KEEPALIVE, LOCAL, MAPPED, REMOTE, recorded_trace, recording, wehe_file
from helpers.worlds import (
    CLEAN,
    CLIENT,
    DROP_ALL,
    NO_STUN,
    NO_UDP,
    PORTS,
    RESPONDER,
    SECOND,
    SURROUNDINGS,
    URL,
    make_world,
    policy_text,
    rule,
    stages,
)

UP, DOWN = recording()
TRACE = recorded_trace()
LONG = Recorded("capture", Flow(LOCAL, REMOTE), *recording(media_s=20.0), 0)
STUN_KILLS = policy_text(rule("kill", 'kind = "kill"', 'packet = ["stun"]'))
RTP_DROPPED = policy_text(rule("rtp", 'kind = "drop"\nratio = 0.3', 'packet = ["rtp"]'))
RTP_UP_CUT = policy_text(rule("rtp-up", DROP_ALL, 'packet = ["rtp"]\ndirection = "up"'))
UP_CUT = policy_text(rule("stun-up", DROP_ALL, 'packet = ["stun"]\ndirection = "up"'))
NO_RANDOM = policy_text(rule("others", DROP_ALL, 'packet = ["other"]'))


def recorded(trace_up: list[TracePacket] = UP, down: list[TracePacket] = DOWN) -> Recorded:
    return Recorded("capture", Flow(LOCAL, REMOTE), trace_up, down, 1_700_000_000 * SECOND)


def replay(world: World, call: Recorded | None = None, control: Control = "both") -> list[Measurement]:
    """Replay a call in a world and return what was kept."""
    from callprobe.dialect.registry import Looks

    call = call or recorded()
    trace = Trace.of(call.up, call.down)
    looks = Looks(
        trace, NATURES[control], version=version_of(call, exact=True), capture_date=call.capture_date
    )
    runner = Runner(
        VirtualNet(world), SURROUNDINGS, random.Random(7), keep=lambda _canonical: None, looks=looks
    )
    asyncio.run(runner.run(scenario_of(trace, call), [URL]))
    return [kept.measurement for kept in runner.kept]


def verdict(measurements: list[Measurement]) -> tuple[str, str | None, str | None]:
    found = measurements[0].test_keys.verdict
    assert found is not None
    return found.verdict, found.first_failing_stage, found.mechanism


# --- what is concluded --------------------------------------------------------------------------------


@pytest.mark.parametrize("control", get_args(Control))
def test_on_a_clean_line_every_packet_arrives_both_ways_in_every_arm(control: Control) -> None:
    measurements = replay(make_world(), control=control)

    assert verdict(measurements) == ("ok", None, None)
    for measurement in measurements:
        keys = measurement.test_keys
        assert set(stages(measurement).values()) == {"ok"}
        assert (keys.metrics_up.packets_sent, keys.metrics_up.packets_received) == (len(UP), len(UP))
        assert (keys.metrics_down.packets_sent, keys.metrics_down.packets_received) == (len(DOWN), len(DOWN))
        assert keys.metrics_up.packets_duplicated == keys.metrics_up.packets_reordered == 0
        assert keys.metrics_up.mos_cq > 4


def test_a_call_whose_checks_are_dropped_is_blocked_though_its_media_pass() -> None:
    """Open loop: the recording talks on where its call would have ended."""
    measurements = replay(make_world(NO_STUN))

    assert verdict(measurements) == ("blocked", "ice_connectivity", "handshake-block")
    assert stages(measurements[0])["media_hold"] == "ok"
    for control in measurements[1:]:
        assert set(stages(control).values()) == {"ok"}


def test_a_call_that_is_killed_at_its_first_packet_is_blocked() -> None:
    measurements = replay(make_world(STUN_KILLS))

    assert verdict(measurements) == ("blocked", "ice_connectivity", "handshake-block")
    assert stages(measurements[0])["media_first_packet"] == "media_never_arrived"


def test_a_call_whose_checks_die_in_one_direction_is_blocked() -> None:
    assert verdict(replay(make_world(UP_CUT)))[:2] == ("blocked", "ice_connectivity")


def test_a_call_whose_media_are_thinned_is_degraded_beside_its_controls() -> None:
    assert verdict(replay(make_world(RTP_DROPPED), LONG)) == ("degraded", None, "random-loss")


def test_a_call_whose_media_are_dead_in_one_direction_is_blocked() -> None:
    """Its checks go on."""
    measurements = replay(make_world(RTP_UP_CUT), LONG)

    assert verdict(measurements) == ("blocked", "media_hold", "cut")
    assert measurements[0].test_keys.metrics_down.packets_lost == 0


def test_a_lossy_line_blocks_nothing() -> None:
    for seed in range(6):
        assert verdict(replay(make_world(CLEAN, seed=seed, loss_ratio=0.1)))[0] in {"ok", "insufficient"}


def test_no_udp_at_all_is_down() -> None:
    assert verdict(replay(make_world(NO_UDP)))[:2] == ("down", "udp_open")


def test_where_only_the_look_of_nothing_dies_nothing_is_concluded() -> None:
    """The echo has that look as well: the far end then keeps its half to itself."""
    measurements = replay(make_world(NO_RANDOM), control="random")

    assert {item.test_keys.void_reason for item in measurements} == {"path-not-proved"}
    assert verdict(measurements)[0] == "insufficient"


def test_the_first_packet_of_each_flow_is_the_recordings_first_and_nothing_is_added() -> None:
    """All that goes up beside the echo is the recording, as it was, turned over, and random."""
    seen: dict[tuple[str, int], list[bytes]] = {}

    class Watching(World):
        def cross(self, direction, flow, payload, size):
            if direction == "up":
                seen.setdefault(flow.client, []).append(payload)
            return super().cross(direction, flow, payload, size)

    plain = make_world()
    world = Watching(
        **{name: getattr(plain, name) for name in ("censor", "path", "utc_start", "rng")},
        client_host=CLIENT,
        responder_host=RESPONDER,
        plane=plain.plane,
        names=plain.names,
    )
    world.app = plain.app
    replay(world)

    echo, *flows = seen.values()
    payloads = [packet.payload for packet in UP]
    assert payloads in flows
    assert [bytes(255 - byte for byte in payload) for payload in payloads] in flows
    assert sorted(map(len, flows)) == [len(payloads)] * 3
    assert all([len(one) for one in flow] == [len(one) for one in payloads] for flow in flows)
    assert not {KEEPALIVE, payloads[0]} & set(echo)


# --- one direction only -------------------------------------------------------------------------------


def test_a_recording_of_one_direction_is_judged_by_that_one() -> None:
    """As Wehe's are: the far end sends nothing, and says what arrived."""
    call = LONG._replace(down=[])
    measurements = replay(make_world(), call)

    assert verdict(measurements)[0] == "ok"
    for measurement in measurements:
        keys = measurement.test_keys
        assert set(stages(measurement).values()) == {"ok"}
        assert keys.metrics_up.packets_received == len(call.up)
        assert keys.metrics_down.packets_sent == keys.responder_view.packets_sent == 0
        assert keys.metrics_down.loss_ratio is None
        assert keys.dialect_version == "1+capture.exact.up-only"
    assert verdict(replay(make_world(STUN_KILLS), call))[0] == "blocked"
    assert verdict(replay(make_world(NO_UDP), call))[0] == "down"


def test_without_the_far_ends_record_one_direction_says_nothing() -> None:
    world = make_world()
    honest = world.app

    async def forgetful(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("/record"):
            scope = {**scope, "path": "/nowhere"}
        await honest(scope, receive, send)  # type: ignore[misc]

    world.app = forgetful
    measurements = replay(world, recorded(UP, []))

    assert {item.test_keys.void_reason for item in measurements} == {"far-end-unknown"}
    assert verdict(measurements)[0] == "insufficient"


# --- what stands in the record ------------------------------------------------------------------------


def test_the_record_names_the_trace_and_the_controls_natures() -> None:
    measurements = replay(make_world())

    assert [item.test_keys.arm for item in measurements] == ["shaped", "control", "aa"]
    assert [item.test_keys.control_nature for item in measurements] == [None, "inverted", "random"]
    assert [item.test_keys.dialect for item in measurements] == [
        f"{kind}:{TRACE.digest}" for kind in ("replay", "replay-inverted", "replay-random")
    ]
    for item in measurements:
        keys = item.test_keys
        assert (keys.service, keys.scenario_id) == ("replay", f"replay/{TRACE.digest[:12]}")
        assert keys.scenario_digest == TRACE.digest
        assert (keys.dialect_version, keys.dialect_capture_date) == ("1+capture.exact", "2023-11-14")
        assert decode(canonical_bytes(item)) == item


def test_no_record_holds_an_address_of_the_recording_or_of_the_volunteer() -> None:
    for item in replay(make_world()):
        assert not find_addresses(canonical_bytes(item), [CLIENT, RESPONDER, LOCAL[0], REMOTE[0], MAPPED[0]])


def test_the_packet_record_of_a_recording_holds_no_sizes() -> None:
    """Sizes of somebody's encrypted speech can tell what was said; times are those of this run."""
    record = packet_record.decode(replay(make_world())[0].test_keys.packet_record)

    for direction in (record.up, record.down):
        assert {row.size for row in direction.rows} == {0}
    assert len(record.up.rows) == len(UP)


def test_a_far_end_without_the_trace_leaves_a_record_for_every_arm() -> None:
    world = make_world()
    assert world.plane is not None
    world.plane._traces._limits = Limits(max_traces=0)
    measurements = replay(world)

    assert [list(stages(item)) for item in measurements] == [
        ["resolve", "session_open", "udp_open", "ice_connectivity", "media_first_packet", "media_hold"]
    ] * 3
    assert {stages(item)["session_open"] for item in measurements} == {"session_refused"}
    assert verdict(measurements)[0] == "insufficient"


# --- files and offers ---------------------------------------------------------------------------------


def load(path: Path, **changes: Any) -> Any:
    wanted: dict[str, Any] = {"flow": None, "duration_s": None, "control": "both", "exact": False}
    return load_replay(path, **(wanted | changes))


def test_a_file_becomes_a_replay_with_its_cost(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    path.write_text(wehe_file(UP))
    made = load(path)

    assert (len(made.trace.up.schedule), made.trace.down.schedule) == (len(UP), ())
    assert made.changed_packets == 8
    assert made.looks.find(made.scenario.dialect).version == "1+wehe.scrubbed.up-only"
    assert made.scenario.media_duration_s == pytest.approx(made.trace.duration_s + 0.02)
    assert 3 * made.trace.up.size < made.bytes < 3 * made.trace.up.size * 1.5 + 20_000


def test_exact_bytes_are_sent_only_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    path.write_text(wehe_file(UP))

    assert load(path, exact=True).trace.up.payloads == tuple(packet.payload for packet in UP)
    assert load(path).trace.up.payloads != load(path, exact=True).trace.up.payloads
    assert load(path).trace.digest == load(path).trace.digest


def test_a_shorter_replay_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    path.write_text(wehe_file(UP))
    short = load(path, duration_s=1.0)

    assert short.trace.duration_s < 1.0
    assert short.scenario.id != load(path).scenario.id


def test_a_file_that_is_no_recording_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    path.write_bytes(b"nothing")
    for missing in (path, tmp_path / "away"):
        with pytest.raises(ReplayFileError, match=str(missing)) as caught:
            load(missing)
        assert "\n" not in str(caught.value)


class Asked:
    """A network with one web server."""

    def __init__(self, status: int, content: bytes) -> None:
        self.reply = httpx.Response(status, content=content)

    def http(self) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(lambda _request: self.reply)


def ask(status: int, content: bytes = b"") -> None:
    net: Any = Asked(status, content)
    asyncio.run(check_offer(net, ResponderUrl("http://far.example", "far.example", 80), TRACE))


def offer(**changes: Any) -> bytes:
    limits = {"max_bytes": 1_000_000, "max_packets": 1000, "max_duration_s": 60.0}
    return msgspec.json.encode(TraceOffer(**(limits | changes)))


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, offer()), (200, b"?"), (200, b"[1]"), (500, b""), (502, b"bad gateway")],
)
def test_a_far_end_that_may_play_it_is_left_to_the_run(status: int, content: bytes) -> None:
    ask(status, content)


@pytest.mark.parametrize(
    ("status", "content", "sentence"),
    [
        (404, b"", "http://far.example does not replay calls: HTTP status 404"),
        (403, b'{"error":"this responder replays no traces"}', "this responder replays no traces"),
        (200, offer(max_bytes=100), "and 100 bytes, and this call has 3.5 s"),
        (200, offer(max_packets=10), "10 packets"),
        (200, offer(max_duration_s=2.0), "replays at most 2 s"),
    ],
)
def test_a_far_end_that_will_not_play_it_is_one_sentence(status: int, content: bytes, sentence: str) -> None:
    with pytest.raises(NoReplaysError) as caught:
        ask(status, content)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_responder_of_ours_offers_it() -> None:
    world = make_world()
    asyncio.run(check_offer(VirtualNet(world), URL, TRACE))
    assert world.plane is not None
    assert {*world.plane.ports} == {*PORTS}
