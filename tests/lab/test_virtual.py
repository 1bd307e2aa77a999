"""The in-memory network: clock, line, censor, TCP with retransmission; nothing waits and nothing leaves."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from callprobe.censor.core import FlowTuple
from callprobe.lab.servers import HttpsServer, StunServer, authority
from callprobe.lab.virtual import VirtualNet, VirtualStream, World, utc
from callprobe.media.flow import Address, Datagram
from callprobe.net.contract import NetError
from callprobe.wire import stun
from callresults.failure import Failure
from helpers.worlds import (
    CLEAN,
    CLIENT,
    DROP_ALL,
    MS,
    NO_UDP,
    RESPONDER,
    SECOND,
    START,
    call_scenario,
    make_world,
    policy_text,
    rule,
    run_in,
)

SERVER = ("198.51.100.80", 443)
FLOW = FlowTuple("udp", (CLIENT, 40_000), SERVER)
NO_TCP = policy_text(rule("no-tcp", DROP_ALL, 'protocol = "tcp"'))
HALF_TCP = policy_text(rule("half", 'kind = "drop"\nratio = 0.5', 'protocol = "tcp"'))
LATER = policy_text() + "\n[[phases]]\nat_s = 1.0\n" + rule("late", DROP_ALL, 'protocol = "tcp"')


class Echo:
    """A TCP service that says everything twice."""

    def receive(self, data: bytes) -> bytes:
        return data * 2


class Pinger:
    """A flow machine that sends numbered datagrams at given times and notes what comes."""

    def __init__(self, peer: Address, times: list[int], until_ns: int = 10 * SECOND) -> None:
        self.peer, self.times, self.until_ns = peer, times, until_ns
        self.heard: list[tuple[int, bytes]] = []
        self.over = False

    @property
    def finished(self) -> bool:
        return self.over

    def next_deadline(self) -> int | None:
        return None if self.over else min([*self.times, self.until_ns])

    def on_time(self, now_ns: int) -> list[Datagram]:
        due = [at for at in self.times if at <= now_ns]
        self.times = [at for at in self.times if at > now_ns]
        self.over = now_ns >= self.until_ns
        return [Datagram(self.peer, stun.binding_request(at.to_bytes(12, "big"))) for at in due]

    def on_datagram(self, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> list[Datagram]:
        self.heard.append((now_ns, data[8:20]))
        return []

    def on_send_error(self, now_ns: int, datagram: Datagram) -> None:
        raise AssertionError


def done(main: Awaitable[Any]) -> Any:
    async def run() -> Any:
        return await main

    return asyncio.run(run())


def connect(world: World, deadline_s: float = 10.0) -> Any:
    return done(VirtualNet(world).open_stream(*SERVER, int(deadline_s * SECOND)))


def tcp_world(policy: str = CLEAN, *, loss_ratio: float = 0.0) -> World:
    world = make_world(policy, loss_ratio=loss_ratio)
    world.tcp[SERVER] = Echo
    return world


# --- clock, names, line -------------------------------------------------------------------------------


def test_time_passes_only_when_somebody_waits() -> None:
    world = make_world()
    net = VirtualNet(world)
    done(net.sleep_until(90 * SECOND))
    done(net.sleep_until(SECOND))
    assert net.now_ns() == 90 * SECOND
    assert net.utc_now() == START + timedelta(seconds=90)
    assert utc("2025-08-11T09:33") == START.replace(second=0)
    assert net.virtual


def test_known_names_resolve_after_a_round_trip_and_others_do_not_exist() -> None:
    world = make_world()
    assert done(VirtualNet(world).resolve("responder.lab", SECOND)) == [RESPONDER]
    assert world.now_ns == 40 * MS
    with pytest.raises(NetError) as caught:
        done(VirtualNet(world).resolve("nowhere.lab", SECOND))
    assert caught.value.failure == Failure.DNS_NXDOMAIN


def test_world_without_a_web_says_so() -> None:
    world = make_world()
    world.app = None
    with pytest.raises(NetError) as caught:
        VirtualNet(world).http()
    assert caught.value.failure == Failure.SESSION_UNREACHABLE


def test_line_delays_within_its_jitter_and_keeps_the_order() -> None:
    world = make_world()
    arrivals = []
    for at in range(0, 20 * MS, MS // 10):
        world.now_ns = at
        (arrival,) = world.cross("up", FLOW, b"x", 29)
        assert 20 * MS <= arrival - at <= 22 * MS
        arrivals.append(arrival)
    assert arrivals == sorted(arrivals)


def test_innocent_loss_is_the_lines_and_not_in_the_censors_count() -> None:
    world = make_world(loss_ratio=0.2)
    lost = sum(world.cross("up", FLOW, b"x", 29) == () for _ in range(2000))
    assert 330 < lost < 470
    assert not world.dropped
    assert world.packets == 2000


def test_censors_drops_are_counted_by_rule() -> None:
    world = make_world(NO_UDP)
    assert world.cross("down", FLOW, b"x", 29) == ()
    assert world.dropped == {"no-udp": 1}


def test_packet_that_the_censor_held_does_not_hold_those_behind_it() -> None:
    delay = 'kind = "delay"\ndelay_ms = 500'
    world = make_world(policy_text(rule("hold", delay, 'packet = ["stun"]')))
    (held,) = world.cross("up", FLOW, stun.binding_request(bytes(12)), 48)
    (free,) = world.cross("up", FLOW, b"x", 29)
    assert held > 500 * MS > free


# --- UDP ----------------------------------------------------------------------------------------------


def test_datagrams_reach_a_server_and_its_answers_come_back_in_time() -> None:
    world = make_world()
    world.udp[SERVER] = StunServer()
    pinger = Pinger(SERVER, [0, 100 * MS])

    async def main() -> None:
        group = await VirtualNet(world).open_flows([pinger])
        await group.run(10 * SECOND)
        await group.close()
        assert (group.kernel_timestamps, group.local_drops(0), group.send_lateness_ns(0)) == (True, 0, [])

    done(main())
    assert [number for _, number in pinger.heard] == [at.to_bytes(12, "big") for at in (0, 100 * MS)]
    assert all(
        40 * MS <= at - sent <= 44 * MS for (at, _), sent in zip(pinger.heard, (0, 100 * MS), strict=True)
    )


def test_run_stops_at_its_time_and_goes_on_where_it_stopped() -> None:
    world = make_world()
    world.udp[SERVER] = StunServer()
    pinger = Pinger(SERVER, [0])

    async def main() -> None:
        group = await VirtualNet(world).open_flows([pinger])
        await group.run(30 * MS)
        assert (world.now_ns, pinger.heard) == (30 * MS, [])
        await group.run(SECOND)
        assert (world.now_ns, len(pinger.heard)) == (SECOND, 1)
        await group.run(60 * SECOND)
        assert world.now_ns == 10 * SECOND

    done(main())


def test_server_that_is_not_there_is_silent() -> None:
    world = make_world()
    pinger = Pinger(("192.0.2.1", 9), [0])
    done(_run_group(world, pinger))
    assert pinger.heard == []
    assert world.packets == 1


async def _run_group(world: World, machine: Pinger) -> None:
    group = await VirtualNet(world).open_flows([machine])
    await group.run(10 * SECOND)


# --- TCP ----------------------------------------------------------------------------------------------


def test_connection_takes_a_round_trip_and_answers_another() -> None:
    world = tcp_world()
    stream = connect(world)
    assert 40 * MS <= world.now_ns <= 44 * MS

    async def talk() -> bytes:
        await stream.send(b"hello", SECOND)
        return await stream.receive(100, SECOND)

    assert done(talk()) == b"hellohello"
    assert 80 * MS <= world.now_ns <= 88 * MS


def test_answer_is_handed_out_in_the_pieces_asked_for() -> None:
    stream = connect(tcp_world())

    async def talk() -> list[bytes]:
        await stream.send(b"abc", SECOND)
        return [await stream.receive(4, SECOND), await stream.receive(4, SECOND)]

    assert done(talk()) == [b"abca", b"bc"]


def test_nobody_listening_refuses_after_a_round_trip() -> None:
    world = make_world()
    with pytest.raises(NetError) as caught:
        connect(world)
    assert caught.value.failure == Failure.CONNECTION_REFUSED
    assert world.now_ns >= 40 * MS


def test_dropped_connection_is_tried_until_the_deadline() -> None:
    """SYN at 0, 1, 3 and 7 seconds, as a kernel does."""
    world = tcp_world(NO_TCP)
    with pytest.raises(NetError) as caught:
        connect(world, 10.0)
    assert caught.value.failure == Failure.GENERIC_TIMEOUT
    assert world.now_ns == 10 * SECOND
    assert world.packets == 4


def test_lost_segments_come_later_and_not_never() -> None:
    world = tcp_world(HALF_TCP)
    stream = connect(world, 60.0)

    async def talk() -> bytes:
        await stream.send(bytes(3000), 100 * SECOND)
        return await stream.receive(10_000, 100 * SECOND)

    assert len(done(talk())) == 6000
    assert world.now_ns >= SECOND
    assert world.dropped["half"] > 0


def test_connection_cut_in_the_middle_shows_at_the_readers_deadline() -> None:
    world = tcp_world(LATER)
    stream = connect(world)
    done(VirtualNet(world).sleep_until(2 * SECOND))

    async def talk() -> None:
        await stream.send(b"hello", 5 * SECOND)
        await stream.receive(100, 6 * SECOND)

    with pytest.raises(NetError) as caught:
        done(talk())
    assert caught.value.failure == Failure.GENERIC_TIMEOUT
    assert world.now_ns == 6 * SECOND


def test_closed_and_unopened_streams_are_reset() -> None:
    stream = connect(tcp_world())
    done(stream.close())
    fresh = VirtualStream(tcp_world(), FlowTuple("tcp", (CLIENT, 1), SERVER))
    for broken in (stream, fresh):
        with pytest.raises(NetError) as caught:
            done(broken.send(b"x", SECOND))
        assert caught.value.failure == Failure.CONNECTION_RESET


def test_empty_send_is_no_error() -> None:
    stream = connect(tcp_world())
    done(stream.send(b"", SECOND))


def test_tls_handshake_works_over_the_virtual_path_and_holds_the_name_against_it() -> None:
    contexts = authority(("a.lab",))
    world = make_world()
    world.authority = contexts.client
    world.tcp[SERVER] = partial(HttpsServer, contexts.server, 200)

    async def talk(name: str) -> bytes:
        net = VirtualNet(world)
        stream = await net.start_tls(await net.open_stream(*SERVER, 60 * SECOND), name, 60 * SECOND)
        await stream.send(b"GET / HTTP/1.1\r\n\r\n", 60 * SECOND)
        return await stream.receive(1000, 60 * SECOND)

    assert done(talk("a.lab")).startswith(b"HTTP/1.1 200")
    with pytest.raises(NetError) as caught:
        done(talk("b.lab"))
    assert caught.value.failure == Failure.SSL_INVALID_HOSTNAME


# --- the whole ----------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_records_and_another_seed_gives_others() -> None:
    policy = policy_text(rule("loss", 'kind = "drop"\nratio = 0.1'))
    first, again, other = (run_in(make_world(policy, seed=seed), call_scenario()) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_packet_that_is_missing_is_one_that_the_censor_dropped() -> None:
    loss = 'kind = "drop"\nratio = 0.2'
    world = make_world(policy_text(rule("loss", loss, 'classified = ["reflector-ping"]\ndirection = "up"')))
    shaped, *controls = run_in(world, call_scenario("telegram-v2"), media_duration_s=20.0)
    assert shaped.test_keys.metrics_up.packets_lost > 20
    late_requests = 2  # pings of set-up and keepalive that were dropped too
    assert 0 <= world.dropped["loss"] - shaped.test_keys.metrics_up.packets_lost <= late_requests
    assert {item.test_keys.metrics_up.packets_lost for item in controls} == {0}
