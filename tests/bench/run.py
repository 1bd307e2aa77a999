"""``make bench``: what the hot paths cost, as a table and as JSON under build/reports.

Costs are CPU time of this process, the median of several rounds, so that a busy machine disturbs little. The
goals follow from one budget: 20 calls of 50 packets a second, both ways, within a tenth of a core, is 50 us a
packet for everything together; and an emulated month must play within a few minutes on two cores.
"""

import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import replay

import pcap
from callprobe.censor.core import Censor, FlowTuple
from callprobe.censor.policy import load_policy
from callprobe.dialect import registry
from callprobe.dialect.contract import FlowKeys
from callprobe.lab.history import load_history
from callprobe.lab.incident import play_volunteer, volunteers
from callresults.metrics.summary import MetricOptions, direction_metrics
from callresults.metrics.transit import Arrival, SentPacket

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "reports" / "bench.json"
SCENARIOS = ROOT / "scenarios"
HISTORY = SCENARIOS / "incidents" / "2025-08-russia.toml"
ROUNDS = 5
REPLAY_S = 20.0
SEED = 20250811
PEERS = "irtt, iperf3, coturn, aiortc's statistics"


class Cost(NamedTuple):
    """What a round took, and for how many packets."""

    cpu_s: float
    packets: int


class Row(NamedTuple):
    """One line of the table."""

    what: str
    unit: str
    goal: float
    better: Literal["less", "more"]
    measured: float

    @property
    def met(self) -> bool:
        """Whether the measured figure reaches the goal."""
        return self.measured <= self.goal if self.better == "less" else self.measured >= self.goal


def timed(work: Callable[[], int]) -> Cost:
    """Return the CPU time of ``work``, which returns its number of packets."""
    gc.collect()
    start = time.process_time()
    packets = work()
    return Cost(time.process_time() - start, packets)


def us_per_packet(what: str, goal: float, work: Callable[[], int]) -> Row:
    """Return the median cost of one packet."""
    costs = [timed(work) for _ in range(ROUNDS)]
    cost_s = statistics.median(cost.cpu_s / cost.packets for cost in costs)
    return Row(what, "us/packet", goal, "less", cost_s * 1e6)


def dialect_rows(name: str) -> list[Row]:
    """Return what writing and recognising one media packet of a look costs."""
    dialect = registry.find(name)
    keys = FlowKeys(random.Random(SEED).randbytes(32))
    schedule = dialect.schedule("voice", 120.0, SEED)
    packets = [dialect.media(keys, "up", slot) for slot in schedule]

    def write() -> int:
        for slot in schedule:
            dialect.media(keys, "up", slot)
        return len(schedule)

    def hear() -> int:
        for data in packets:
            dialect.hear(keys, "up", data)
        return len(packets)

    return [us_per_packet(f"{name}: write media", 10, write), us_per_packet(f"{name}: hear media", 10, hear)]


def metrics_row() -> Row:
    """Return what all metrics of one direction cost, with loss and jitter in it."""
    rng = random.Random(SEED)
    sent = [SentPacket(number, number * 20_000_000) for number in range(3_000)]
    arrivals = [
        Arrival(packet.sequence, packet.sent_ns + 30_000_000 + rng.randrange(8_000_000))
        for packet in sent
        if rng.random() > 0.05
    ]

    def summarise() -> int:
        direction_metrics(sent, arrivals, MetricOptions())
        return len(sent)

    return us_per_packet("metrics of one direction", 20, summarise)


def censor_row(history_censor: str) -> Row:
    """Return what one decision costs under the policy of the emulated history."""
    policy = load_policy(SCENARIOS / f"{history_censor}.toml")
    payload = random.Random(SEED).randbytes(160)
    flows = [FlowTuple("udp", ("203.0.113.7", 40_000 + n), ("198.51.100.10", 3478)) for n in range(20)]

    def decide() -> int:
        censor = Censor(policy, seed=SEED)
        for tick in range(1_000):
            for flow in flows:
                censor.decide(tick * 20_000_000, "up", flow, payload, len(payload) + 28)
        return 1_000 * len(flows)

    return us_per_packet("censor: decide", 10, decide)


def virtual_rows() -> list[Row]:
    """Return how fast the whole probe runs against the responder in virtual time."""
    history = load_history(HISTORY)
    [person, *_] = [one for one in volunteers(history) if one.network.probability]
    start = time.process_time()
    played = play_volunteer(history, SCENARIOS, person, SEED)
    rate = played.packets / (time.process_time() - start) / 1_000
    whole = Row("probe and responder in virtual time", "kpackets/CPU-s", 10, "more", rate)
    return [censor_row(history.censor), whole]


def replay_rows() -> list[Row]:
    """Return how late a replay sends on loopback, the worst arm of each end; what a bare sleep is late by."""
    late = replay.measure(REPLAY_S)
    ends = {end: [row.p99_ms for row in late if row.who.startswith(end)] for end in ("probe", "far end")}
    bare = next(row.p99_ms for row in late if row.who == "a bare sleep")
    return [
        Row(f"replay: p99 of |sent - scheduled|, {end} (bare sleep {bare:.2f})", "ms", 1, "less", max(found))
        for end, found in ends.items()
    ]


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    width = max(len(row.what) for row in rows)
    lines = [f"{'what':<{width}}  {'unit':<15} {'goal':>8} {'measured':>9}"]
    for row in rows:
        sign = "<=" if row.better == "less" else ">="
        mark = "" if row.met else "  FALLS SHORT"
        lines.append(f"{row.what:<{width}}  {row.unit:<15} {sign}{row.goal:>6g} {row.measured:>9.2f}{mark}")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, write the report; 1 when a row falls short."""
    looks = [name for name in ("telegram-v2", "whatsapp-2023") if name in registry.names()]
    rows = [row for name in looks for row in dialect_rows(name)] + [metrics_row(), *virtual_rows()]
    rows += replay_rows()
    sys.stdout.write(f"{table(rows)}\n\n")
    sys.stdout.flush()
    captures, missing = pcap.figures()
    short = [row.what for row in rows if not row.met] + [row.what for row in captures if row.met is False]
    peers = [f"no peer ran beside the first table: {PEERS} are compared from the measuring plane on"]
    peers += [f"{name} is missing: no ratio to it" for name in missing]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "rows": [row._asdict() | {"met": row.met} for row in rows],
        "captures": [row._asdict() for row in captures],
        "short": short,
        "peers": peers,
    }
    REPORT.write_text(json.dumps(document, indent=2) + "\n")
    said = "\n".join(peers)
    sys.stdout.write(f"{pcap.table(captures)}\n\n{said}\nwritten: {REPORT.relative_to(ROOT)}\n")
    if short:
        sys.stderr.write(f"short of the goal: {', '.join(short)}\n")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
