import asyncio
import contextlib
import random

import pytest

from callprobe.media.flow import Datagram
from callprobe.net.clock import now_ns
from callprobe.net.flows import SocketFlowGroup, sleep_precisely
from callprobe.net.guard import Guard
from callprobe.net.udp import open_udp_socket, receive_batch
from helpers.machines import Script
from helpers.servers import asynctest, udp_server

MS = 1_000_000
ONLY_LOCAL = Guard(only_local=True)


def opened(machines, seed=1, **options):
    return SocketFlowGroup.open(machines, guard=ONLY_LOCAL, order=random.Random(seed), **options)


@asynctest
async def test_scheduled_datagrams_leave_never_early_and_their_lateness_is_recorded():
    async with udp_server(lambda data, _source: data) as port:
        start_ns = now_ns() + 5 * MS
        deadlines = [start_ns + step * 4 * MS for step in range(10)]
        machine = Script([(at, [Datagram(("127.0.0.1", port), b"m")]) for at in deadlines], expected=10)
        flows = opened([machine])
        await flows.run(start_ns + 2000 * MS)
        await flows.close()

    assert all(called >= due for called, due in zip(machine.called_ns, deadlines, strict=True))
    assert len(flows.send_lateness_ns(0)) == 10
    assert all(late >= 0 for late in flows.send_lateness_ns(0))
    assert flows.local_drops(0) == 0


class Given(Script):
    """A machine that is told between two runs when to send."""

    at_ns: int | None = None

    def next_deadline(self) -> int | None:
        return self.at_ns

    def on_time(self, now_ns: int) -> list[Datagram]:
        self.called_ns.append(now_ns)
        self.at_ns = None
        return [Datagram(("127.0.0.1", 9), b"m")]


@asynctest
async def test_a_time_given_between_two_runs_is_kept_though_nothing_arrives():
    """A silent path must not make the probe late: nobody's answer may wake the schedule."""
    machine = Given([], expected=1)
    flows = opened([machine])
    await flows.run(now_ns() + 2 * MS)
    machine.at_ns = due_ns = now_ns() + 10 * MS
    await flows.run(due_ns + 400 * MS)
    await flows.close()

    (called_ns,) = machine.called_ns
    assert due_ns <= called_ns < due_ns + 200 * MS


@asynctest
async def test_arrivals_carry_kernel_stamps_on_the_clock_of_the_deadlines():
    async with udp_server(lambda data, _source: data) as port:
        machine = Script([(0, [Datagram(("127.0.0.1", port), b"m")])], expected=1)
        flows = opened([machine])
        started_ns = now_ns()
        await flows.run(started_ns + 2000 * MS)
        assert flows.kernel_timestamps
        assert flows.clock_steps == 0
        await flows.close()

    (arrived,) = machine.arrived
    assert arrived.peer == ("127.0.0.1", port)
    assert started_ns - MS < arrived.kernel_ns <= arrived.now_ns


@asynctest
async def test_replies_are_sent_between_runs_too():
    with contextlib.closing(open_udp_socket("127.0.0.1", 0)) as server:
        machine = Script([(0, [Datagram(server.getsockname(), b"hello")])], expected=9, echo=True)
        flows = opened([machine])
        await flows.run(now_ns() + 5 * MS)
        (hello,) = receive_batch(server, 8)
        server.sendto(b"again", hello.peer)

        async with asyncio.timeout(5):
            data, source = await asyncio.get_running_loop().sock_recvfrom(server, 100)

        assert (data, source) == (b"again", ("127.0.0.1", hello.peer[1]))
        await flows.close()


def _first_bytes(seed: int) -> bytes:
    """Return in which order eight machines due at one time sent."""
    with contextlib.closing(open_udp_socket("127.0.0.1", 0)) as server:

        async def run() -> None:
            flows = opened(
                [Script([(1, [Datagram(server.getsockname(), bytes([n]))])]) for n in range(8)], seed=seed
            )
            await flows.run(now_ns() + 100 * MS)
            await flows.close()

        asyncio.run(run())
        return b"".join(arrival.data for arrival in receive_batch(server, 64))


def test_datagrams_due_at_one_time_leave_in_drawn_order():
    orders = {_first_bytes(seed) for seed in range(4)}

    assert len(orders) > 1
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert _first_bytes(3) == _first_bytes(3)


@asynctest
async def test_a_failing_send_is_local_and_the_run_goes_on():
    too_long = Datagram(("127.0.0.1", 9), bytes(70_000))
    with contextlib.closing(open_udp_socket("127.0.0.1", 0)) as server:
        machine = Script([(0, [too_long]), (1, [Datagram(server.getsockname(), b"fine")])])
        flows = opened([machine])
        await flows.run(now_ns() + 100 * MS)
        await flows.close()

        assert [arrival.data for arrival in receive_batch(server, 8)] == [b"fine"]
    assert machine.send_errors == 1
    assert flows.local_drops(0) == 1


@asynctest
async def test_what_the_own_buffer_drops_is_local_to_the_packet():
    with contextlib.closing(open_udp_socket("127.0.0.1", 0)) as server:
        machine = Script([(0, [Datagram(server.getsockname(), b"hello")])], expected=1000)
        flows = opened([machine], rcvbuf=1)
        await flows.run(now_ns() + 2 * MS)
        (hello,) = receive_batch(server, 8)
        for _ in range(100):
            server.sendto(bytes(200), hello.peer)
        await flows.run(now_ns() + 20 * MS)
        before_close = flows.local_drops(0)
        await flows.close()

    assert 0 < before_close == 100 - len(machine.arrived)
    assert flows.local_drops(0) == before_close


@asynctest
async def test_a_run_ends_at_its_time_with_machines_unfinished():
    machine = Script([], expected=1)
    flows = opened([machine])
    until_ns = now_ns() + 10 * MS

    await flows.run(until_ns)
    await flows.close()

    assert now_ns() >= until_ns
    assert not machine.finished


@asynctest
async def test_a_run_ends_when_every_machine_is_finished():
    flows = opened([Script([(0, [])])])
    started_ns = now_ns()

    await flows.run(started_ns + 60_000 * MS)
    await flows.close()

    assert now_ns() < started_ns + 30_000 * MS


class Broken(Script):
    """A machine with a bug."""

    def on_datagram(self, *_: object) -> list[Datagram]:
        raise RuntimeError("a bug in the machine")


@asynctest
async def test_a_machine_s_bug_is_raised_by_the_run():
    async with udp_server(lambda data, _source: data) as port:
        flows = opened([Broken([(0, [Datagram(("127.0.0.1", port), b"m")])], expected=1)])
        with pytest.raises(RuntimeError, match="a bug in the machine"):
            await flows.run(now_ns() + 2000 * MS)
        await flows.close()


def test_a_precise_sleep_never_ends_early():
    until_ns = now_ns() + MS

    sleep_precisely(until_ns)

    assert now_ns() >= until_ns
