"""How late a replay sends: the probe by its own log, the far end by its record, on loopback in real time.

``python tests/bench/replay.py [SECONDS]``. The goal is p99 of |sent - scheduled| within 1 ms on a machine
that does nothing else; what a bare sleep is late by stands beside it: that is what the machine allows.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callprobe.dialect.registry import Looks
from callprobe.dialect.trace import Trace
from callprobe.net.guard import Guard
from callprobe.net.loop import StampedLoop
from callprobe.net.sockets import SocketNet
from callprobe.nettest.call import quantile_ms
from callprobe.pcap.replays.trace import Flow, Recorded
from callprobe.run.call_work import CallWork
from callprobe.run.replay import NATURES, scenario_of
from callprobe.run.runner import Runner
from callprobe.run.session import parse_url
from callprobe.run.surroundings import Surroundings
from helpers.processes import responder
from helpers.recorded import LOCAL, REMOTE, recording

GOAL_MS = 1.0
SLEEPS = 400
SLEEP_S = 0.005


class Lateness(NamedTuple):
    """How late packets were, ms."""

    who: str
    packets: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def lateness(who: str, late_ns: Iterable[int]) -> Lateness:
    """Return the quantiles of some times."""
    ordered = sorted(abs(one) for one in late_ns)
    quantiles = [quantile_ms(ordered, share) or 0.0 for share in (0.50, 0.99, 1.0)]
    return Lateness(who, len(ordered), *quantiles)


def of_the_machine() -> Lateness:
    """Return by how much a bare sleep is late."""
    late = []
    for _ in range(SLEEPS):
        due_ns = time.monotonic_ns() + int(SLEEP_S * 1e9)
        time.sleep(SLEEP_S)
        late.append(time.monotonic_ns() - due_ns)
    return lateness("a bare sleep", late)


class Watched(Runner):
    """A runner that shows what a run gathered."""

    works: list[CallWork]

    def _finish_call(self, work: CallWork) -> None:
        self.works = [work]
        super()._finish_call(work)


async def replay(url: str, seconds: float) -> CallWork:
    """Replay a made-up call and return what both ends saw."""
    up, down = recording(media_s=seconds)
    trace = Trace.of(up, down)
    runner = Watched(
        SocketNet(Guard.from_environ(os.environ), random.Random(1)),
        Surroundings(probe_id_for=lambda _network: "bench", emulated=True),
        random.Random(2),
        keep=lambda _canonical: None,
        looks=Looks(trace, NATURES["both"]),
    )
    await runner.run(
        scenario_of(trace, Recorded("capture", Flow(LOCAL, REMOTE), up, down, 0)), [parse_url(url)]
    )
    return runner.works[0]


def of_both_ends(work: CallWork) -> list[Lateness]:
    """Return the lateness of the probe and of the far end in each arm.

    The far end's clock is its own: it is late by how much later it sent than in its best moment.
    """
    rows = []
    assert work.outcome is not None
    assert work.record is not None
    for arm in work.outcome.arms:
        schedule, down, from_ns = arm.plan.schedule, arm.plan.schedule_down, arm.media_from_ns or 0
        own = [at - from_ns - schedule[sequence].offset_ns for sequence, at in arm.log.sent]
        view = next(one for one in work.record.flows if one.flow_id == arm.plan.flow_id)
        began = [
            at_us * 1000 - down[sequence].offset_ns
            for sequence, at_us in zip(view.sent_sequence, view.sent_us, strict=True)
        ]
        rows.append(lateness(f"probe, {arm.plan.arm}", own))
        rows.append(lateness(f"far end, {arm.plan.arm}", (one - min(began) for one in began)))
    return rows


def measure(seconds: float) -> list[Lateness]:
    """Return how late the machine, and both ends in each arm, are."""
    with responder() as far_end, asyncio.Runner(loop_factory=StampedLoop) as loop:
        return [of_the_machine(), *of_both_ends(loop.run(replay(far_end.url, seconds)))]


def main() -> None:
    """Print the table."""
    os.environ["CALLPROBE_ONLY_LOCAL"] = "1"
    rows = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
    sys.stdout.write(f"{'late by, ms':<18} packets    p50     p99     max   (goal: p99 <= {GOAL_MS:g})\n")
    for row in rows:
        figures = f"{row.packets:7} {row.p50_ms:7.3f} {row.p99_ms:7.3f} {row.max_ms:7.3f}"
        sys.stdout.write(f"{row.who:<18} {figures}\n")


if __name__ == "__main__":
    main()
