"""Where packets meet the censor: sizes, failing sends, captures."""

import asyncio

import pytest

from callprobe.censor.core import Censor, FlowTuple
from callprobe.censor.truth import TruthLog
from callprobe.lab.gate import Gate, Packet
from callprobe.net.clock import now_ns
from helpers.loopback import run
from helpers.policies import policy, rule

FLOW = FlowTuple("udp", ("127.0.0.1", 1), ("127.0.0.1", 2))


class Seen:
    """A capture in memory."""

    def __init__(self) -> None:
        self.datagrams: list[tuple[tuple[str, int], bytes]] = []

    def write(
        self, epoch_ns: int, source: tuple[str, int], destination: tuple[str, int], payload: bytes
    ) -> None:
        del epoch_ns, destination
        self.datagrams.append((source, payload))


@pytest.mark.parametrize(
    ("protocol", "host", "size"), [("udp", "127.0.0.1", 38), ("udp", "::1", 58), ("tcp", "127.0.0.1", 50)]
)
def test_size_is_that_of_the_ip_packet(protocol: str, host: str, size: int) -> None:
    """Headers count, as they do for a policer."""
    assert Packet(0, "up", FlowTuple(protocol, (host, 1), (host, 2)), bytes(10)).size == size


def test_what_the_own_machine_did_not_send_is_not_released() -> None:
    """A failing send is the relay's own drop and makes the run void."""

    async def go() -> TruthLog:
        truth = TruthLog()
        gate = Gate(lambda start_ns: Censor(policy(), start_ns=start_ns), truth)
        gate.judge(Packet(now_ns(), "up", FLOW, b"x"), lambda: False)
        await asyncio.sleep(0)
        return truth

    summary = run(go()).summary()

    assert (summary.released, summary.held, summary.void_reason) == (0, 1, "local-drops")


def test_captures_stand_on_either_side() -> None:
    """Before the censor everything is seen, behind it only what it let go; the sender is the right end."""

    async def go() -> tuple[Seen, Seen]:
        before, behind = Seen(), Seen()
        blocked = policy(rule("down", 'kind = "drop"\nratio = 1.0', match='direction = "down"'))
        gate = Gate(
            lambda start_ns: Censor(blocked, start_ns=start_ns), TruthLog(), arrived=before, released=behind
        )
        gate.judge(Packet(now_ns(), "up", FLOW, b"u"), lambda: True)
        gate.judge(Packet(now_ns(), "down", FLOW, b"d"), lambda: True)
        await asyncio.sleep(0)
        return before, behind

    before, behind = run(go())

    assert before.datagrams == [(FLOW.client, b"u"), (FLOW.server, b"d")]
    assert behind.datagrams == [(FLOW.client, b"u")]
