"""Whole runs: whatever the network or the far end does, every arm ends with a record."""

import asyncio
import random
from ipaddress import ip_address

import httpx
import pytest

from callprobe.lab.virtual import VirtualNet, World
from callprobe.net.contract import NetError
from callprobe.responder.plane import Identity
from callprobe.run.events import Phase
from callprobe.run.runner import Runner
from callresults.addresses import find_addresses
from callresults.codec import canonical_bytes, decode, measurement_id
from callresults.failure import Failure
from callresults.measurement import Measurement
from callresults.nettests.call import CallKeys
from helpers.worlds import (
    CLIENT,
    DROP_ALL,
    NO_STUN,
    NO_UDP,
    RESPONDER,
    SECOND,
    SURROUNDINGS,
    URL,
    call_scenario,
    make_world,
    policy_text,
    rule,
    run_in,
    stages,
)

ARMS = ["shaped", "control", "aa"]
PING_DIES = policy_text(rule("kill", 'kind = "kill"', 'packet = ["reflector-ping"]'))


def arms(measurements: list[Measurement]) -> list[str]:
    return [measurement.test_keys.arm for measurement in measurements]


def verdict(measurements: list[Measurement]) -> str:
    (keys,) = [item.test_keys for item in measurements if item.test_keys.verdict is not None]
    assert keys.verdict is not None
    return keys.verdict.verdict


class Gone(httpx.AsyncBaseTransport):
    """Passes requests to the app until the far end is killed."""

    def __init__(self, world: World, dies_at_ns: int) -> None:
        self.world, self.dies_at_ns = world, dies_at_ns
        self.inner = httpx.ASGITransport(world.app)  # type: ignore[arg-type]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.world.now_ns >= self.dies_at_ns:
            raise httpx.ConnectError("refused")
        return await self.inner.handle_async_request(request)


class DyingFarEnd(VirtualNet):
    """A network in which the far end is killed at a given time."""

    def __init__(self, world: World, dies_at_ns: int) -> None:
        super().__init__(world)
        self.world, self.dies_at_ns = world, dies_at_ns

    def http(self) -> httpx.AsyncBaseTransport:
        return Gone(self.world, self.dies_at_ns)

    async def open_flows(self, machines):
        group = await super().open_flows(machines)
        whole = group.run

        async def run(until_ns: int) -> None:
            if self.world.now_ns >= self.dies_at_ns:
                self.world.plane = None
            await whole(until_ns)

        group.run = run
        return group


@pytest.mark.parametrize("dialect", ["telegram-v2", "whatsapp-2023", "webrtc-aiortc"])
@pytest.mark.parametrize("medium", ["voice", "video"])
def test_clean_path_is_ok_with_every_rung_and_both_directions(dialect: str, medium: str) -> None:
    measurements = run_in(make_world(), call_scenario(dialect, medium=medium))
    assert arms(measurements) == ARMS
    for measurement in measurements:
        keys = measurement.test_keys
        assert set(stages(measurement).values()) == {"ok"}
        assert keys.metrics_up.loss_ratio == keys.metrics_down.loss_ratio == 0.0
        assert keys.responder_view.packets_received == keys.metrics_up.packets_sent
        assert keys.valid
        assert (keys.metrics_up.mos_cq is None) == (medium == "video")
    assert verdict(measurements) == "ok"


def test_record_is_canonical_emulated_and_joined() -> None:
    runner_records = run_in(make_world(), call_scenario())
    first = runner_records[0]
    assert first.annotations.emulated
    assert first.annotations.history == "a test"
    assert first.measurement_start_time == "2025-08-11 09:30:00"
    assert (first.probe_cc, first.probe_asn) == ("RU", "AS64496")
    assert first.test_keys.probe_id == "probe of AS64496-RU"
    assert len({item.report_id for item in runner_records}) == 1
    assert len({item.test_keys.pair_id for item in runner_records}) == 1
    assert [item.test_keys.control_nature for item in runner_records] == [None, "random", "random"]
    for item in runner_records:
        assert decode(canonical_bytes(item)) == item


def test_no_record_holds_an_address_of_the_volunteer() -> None:
    for item in run_in(make_world(), call_scenario()):
        assert not find_addresses(canonical_bytes(item), [CLIENT, RESPONDER])


class Known(VirtualNet):
    """A network that tells the probe its own address."""

    def own_address(self, host: str) -> str | None:
        del host
        return CLIENT


def test_a_far_end_cannot_write_the_volunteers_address_into_the_record() -> None:
    """Its name is free text; in hexadecimal an address looks like nothing, but the probe knows its own."""
    spelt = ip_address(CLIENT).packed.hex()
    told = []
    for kind in (VirtualNet, Known):
        world = make_world()
        assert world.plane is not None
        world.plane._identity = Identity(f"far end {spelt}", "AS64511", "lab")
        told += {item.test_keys.responder_id for item in run_in(world, call_scenario(), net=kind(world))}

    assert told == [f"far end {spelt}", "withheld"]


def test_a_path_that_was_never_proved_voids_what_passed_on_it() -> None:
    """The responder holds its media back from a host that gave no proof: that is not the network's loss."""
    only_echo_dies = policy_text(rule("echo", DROP_ALL, 'packet = ["other"]'))

    (shaped,) = run_in(make_world(only_echo_dies), call_scenario(arms=("shaped",)))

    assert stages(shaped)["relay_ping"] == "ok"
    assert shaped.test_keys.void_reason == "path-not-proved"


def test_a_slow_line_loses_nothing() -> None:
    """Packets that take a second and a half still arrive within the waiting time, in both directions."""
    world = make_world()
    world.path = world.path._replace(delay_ns=1500 * SECOND // 1000)

    for item in run_in(world, call_scenario()):
        assert isinstance(item.test_keys, CallKeys)
        assert item.test_keys.metrics_up is not None
        assert item.test_keys.metrics_down is not None
        assert item.test_keys.metrics_up.packets_lost == item.test_keys.metrics_down.packets_lost == 0


def test_blocked_look_is_blocked_beside_a_control_that_works() -> None:
    measurements = run_in(make_world(PING_DIES), call_scenario())
    assert stages(measurements[0])["relay_ping"] == Failure.REFLECTOR_TIMEOUT
    assert set(stages(measurements[1]).values()) == {"ok"}
    assert verdict(measurements) == "blocked"


def test_all_udp_dropped_from_the_start_is_down_with_a_record_for_every_arm() -> None:
    measurements = run_in(make_world(NO_UDP), call_scenario())
    assert arms(measurements) == ARMS
    assert {stages(item)["udp_open"] for item in measurements} == {Failure.UDP_ECHO_TIMEOUT}
    assert {stages(item)["session_open"] for item in measurements} == {"ok"}
    assert verdict(measurements) == "down"


@pytest.mark.parametrize("dialect", ["whatsapp-2023", "webrtc-aiortc", "telegram-v2"])
def test_dropped_stun_is_never_called_down(dialect: str) -> None:
    measurements = run_in(make_world(NO_STUN), call_scenario(dialect))
    assert arms(measurements) == ARMS
    assert verdict(measurements) == ("ok" if dialect == "telegram-v2" else "blocked")
    assert set(stages(measurements[1]).values()) == {"ok"}


def test_far_end_that_is_away_leaves_a_record_for_every_arm_naming_the_session() -> None:
    world = make_world()
    measurements = run_in(world, call_scenario(), net=DyingFarEnd(world, 0))
    assert arms(measurements) == ARMS
    for item in measurements:
        rungs = stages(item)
        assert rungs["resolve"] == "ok"
        assert {rungs[name] for name in rungs if name != "resolve"} == {Failure.SESSION_UNREACHABLE}
        assert item.test_keys.session_id is None
    assert list(stages(measurements[0])) == [
        "resolve", "session_open", "udp_open", "relay_ping", "media_first_packet", "media_hold",
    ]  # fmt: skip
    assert [item.test_keys.control_nature for item in measurements] == [None, "random", "random"]
    assert verdict(measurements) == "insufficient"


def test_name_that_does_not_resolve_leaves_a_record_for_every_arm() -> None:
    world = make_world()
    world.names.clear()
    measurements = run_in(world, call_scenario(arms=("webrtc", "control")))
    assert arms(measurements) == ["webrtc", "control"]
    assert stages(measurements[0]) == dict.fromkeys(
        ("resolve", "session_open", "udp_open", "ice_connectivity", "dtls_handshake",
         "media_first_packet", "media_hold"), Failure.DNS_NXDOMAIN,
    )  # fmt: skip


def test_far_end_killed_in_the_middle_leaves_records_without_its_view() -> None:
    world = make_world()
    measurements = run_in(world, call_scenario(), net=DyingFarEnd(world, 3 * SECOND), media_duration_s=20.0)
    assert arms(measurements) == ARMS
    for item in measurements:
        keys = item.test_keys
        assert keys.responder_view is None
        assert keys.metrics_up is None
        assert keys.metrics_down is None
        assert stages(item)["media_hold"] == Failure.MEDIA_STALLED
        assert sum(second.received_down for second in keys.series) > 0
        assert {second.received_up for second in keys.series} == {None}
        assert keys.valid


def test_machine_without_sockets_is_a_void_record_and_a_notice() -> None:
    class NoSockets(VirtualNet):
        async def open_flows(self, machines):
            raise NetError(Failure.LOCAL_SEND_ERROR)

    world = make_world()
    measurements = run_in(world, call_scenario(), net=NoSockets(world))
    assert arms(measurements) == ARMS
    assert {item.test_keys.void_reason for item in measurements} == {"local-error"}
    assert stages(measurements[0])["udp_open"] == Failure.LOCAL_SEND_ERROR
    assert verdict(measurements) == "insufficient"


class Watcher:
    """Cancels the run in a phase, as Ctrl-C does."""

    def __init__(self, phase: str) -> None:
        self.wanted = phase
        self.seen: list[str] = []

    def phase(self, phase: Phase) -> None:
        self.seen.append(phase.name)
        if phase.name == self.wanted:
            raise asyncio.CancelledError

    def notice(self, sentence: str) -> None:
        raise AssertionError(sentence)


@pytest.mark.parametrize("phase", ["session", "udp_open", "set-up", "media"])
def test_interruption_in_any_phase_keeps_a_void_record_for_every_arm(phase: str) -> None:
    world, kept, closed = make_world(), list[bytes](), list[str]()
    runner = Runner(
        VirtualNet(world), SURROUNDINGS, random.Random(7), keep=kept.append, listener=Watcher(phase)
    )
    plane = world.plane
    assert plane is not None
    close = plane.close_session
    plane.close_session = lambda name: bool(closed.append(name)) or close(name)  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(runner.run(call_scenario(), [URL]))
    measurements = [decode(data) for data in kept]
    assert arms(measurements) == ARMS
    assert {item.test_keys.void_reason for item in measurements} == {"interrupted"}
    assert verdict(measurements) == "insufficient"
    assert Failure.MEDIA_STALLED not in {value for item in measurements for value in stages(item).values()}
    assert len(closed) == (phase != "session")


def test_records_are_kept_under_the_name_of_their_bytes_and_phases_are_told_in_order() -> None:
    world, kept = make_world(), list[bytes]()
    watcher = Watcher("never")
    runner = Runner(VirtualNet(world), SURROUNDINGS, random.Random(7), keep=kept.append, listener=watcher)
    asyncio.run(runner.run(call_scenario(), [URL]))
    assert [item.measurement_id for item in runner.kept] == [measurement_id(data) for data in kept]
    assert list(dict.fromkeys(watcher.seen)) == ["session", "udp_open", "set-up", "media", "done"]


def test_session_is_closed_afterwards() -> None:
    world = make_world()
    run_in(world, call_scenario())
    assert world.plane is not None
    assert not world.plane._sessions


@pytest.mark.parametrize("spoilt", [b"{}", b'{"session_id":"x","kernel_timestamps":true,"flows":[{}]}'])
def test_record_that_makes_no_sense_counts_as_none(spoilt: bytes) -> None:
    world = make_world()
    honest = world.app

    async def lying(scope, receive, send) -> None:
        if not scope["path"].endswith("/record"):
            await honest(scope, receive, send)  # type: ignore[misc]
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": spoilt})

    world.app = lying
    for item in run_in(world, call_scenario()):
        assert item.test_keys.responder_view is None
        assert stages(item)["media_hold"] == "ok"


def test_duration_asked_for_replaces_the_scenarios() -> None:
    for item in run_in(make_world(), call_scenario(), media_duration_s=1.5, keep_packet_records=False):
        assert item.test_keys.media_duration_s == 1.5
        assert item.test_keys.packet_record is None
        assert len(item.test_keys.series) == 2
