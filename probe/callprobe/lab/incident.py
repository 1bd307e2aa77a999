"""Plays an emulated history: volunteers in many networks run the real probe, day by day, in virtual time.

Nothing is simulated but the network: probe, responder, dialects, metrics and records are the ones that
volunteers run. Each volunteer has a random stream of its own, so the output is the same bytes for any number
of workers.
"""

import asyncio
import gzip
import io
import random
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from callprobe.censor.core import Censor
from callprobe.censor.policy import Policy, load_policy
from callprobe.lab.history import History, HistoryCountry, HistoryError, HistoryNetwork
from callprobe.lab.servers import HttpsServer, StunServer, authority
from callprobe.lab.virtual import Path as Line
from callprobe.lab.virtual import VirtualNet, World
from callprobe.responder.app import build_app
from callprobe.responder.networks import NetworkPrefix, NetworkTable
from callprobe.responder.plane import Identity, ResponderPlane
from callprobe.run.runner import Runner
from callprobe.run.session import ResponderUrl
from callprobe.run.surroundings import Surroundings
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.model import Scenario, ServiceScenario, Target

BASE_PORT: Final = 3478
PORTS: Final = tuple(range(BASE_PORT, BASE_PORT + 4))
RESPONDERS: Final = (
    (Identity("lab-a", "AS65550", "lab"), "198.51.100.10"),
    (Identity("lab-b", "AS65551", "lab"), "198.51.100.20"),
)
"""Two far ends on different networks; the addresses exist only in memory (RFC 5737)."""
CLIENT_HOST: Final = "203.0.113.7"
FIRST_HOUR, LAST_HOUR = 8, 23


class Volunteer(NamedTuple):
    """One person of the history."""

    number: int
    """0-based place in the file's order; seeds the person's random stream."""
    country: HistoryCountry
    network: HistoryNetwork


class Played(NamedTuple):
    """What one volunteer brought."""

    lines: list[bytes]
    """Canonical measurements in order of time."""
    runs: int
    packets: int
    dropped: dict[str, int]
    """Packets that the censor dropped, by rule."""


def volunteers(history: History) -> list[Volunteer]:
    """Return all volunteers in the order of the file."""
    people = [
        (country, network)
        for country in history.countries
        for network in country.networks
        for _ in range(network.volunteers)
    ]
    return [Volunteer(index, country, network) for index, (country, network) in enumerate(people)]


def play(history: History, root: Path, out: Path, *, seed: int, workers: int) -> dict[str, Any]:
    """Play the whole history into ``out`` and return the truth that was written beside it.

    Writes ``measurements/<country>-<asn>.jsonl.gz`` and ``truth.json``. Raises HistoryError, PolicyError or
    ScenarioError when the history names a rule, policy or scenario that there is not.
    """
    check_references(history, root)
    people = volunteers(history)
    folder = out / "measurements"
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (*folder.glob("*.jsonl.gz"), out / "truth.json"):
        stale.unlink(missing_ok=True)
    totals: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    lines: dict[str, list[bytes]] = {}
    for person, played in zip(people, _play_all(history, root, people, seed, workers), strict=True):
        lines.setdefault(f"{person.country.code}-{person.network.asn}", []).extend(played.lines)
        totals.update(runs=played.runs, packets=played.packets, measurements=len(played.lines))
        dropped.update(played.dropped)
    for name, content in lines.items():
        _write_gzip(folder / f"{name}.jsonl.gz", content)
    truth = _truth(history, seed, totals, dropped)
    (out / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth), indent=2) + b"\n")
    return truth


def check_references(history: History, root: Path) -> None:
    """Raise HistoryError, PolicyError or ScenarioError for a rule, policy or scenario that there is not."""
    known = {rule.id for rule in _base_policy(root, history.censor).phases[0].rules}
    for country in history.countries:
        for network in country.networks:
            unknown = sorted(set(network.probability) - known)
            if unknown:
                allowed = ", ".join(sorted(known))
                raise HistoryError(
                    f"{history.name}: {network.asn}: probability: no rule {unknown[0]!r} in "
                    f"{history.censor}; there are {allowed}"
                )
    catalogue = Catalogue(root)
    for name in history.scenarios:
        catalogue.find(name)


def policy_for(base: Policy, network: HistoryNetwork) -> Policy:
    """Return ``base`` with the network's own probabilities; rules that it does not name are left out."""
    phases = tuple(
        msgspec.structs.replace(
            phase,
            rules=tuple(
                msgspec.structs.replace(rule, probability=network.probability[rule.id])
                for rule in phase.rules
                if rule.id in network.probability
            ),
        )
        for phase in base.phases
    )
    return msgspec.structs.replace(base, phases=phases)


def enforced(history: History, network: HistoryNetwork, day: date) -> bool:
    """Whether the restriction is in force in that network on that (local) day."""
    start = history.restriction_start + timedelta(days=network.start_delay_days)
    return history.policies and bool(network.probability) and day >= start


def play_volunteer(history: History, root: Path, person: Volunteer, seed: int) -> Played:
    """Return everything one volunteer measured in the whole history."""
    return asyncio.run(_Life(history, root, person, seed).live())


# --- one volunteer ------------------------------------------------------------------------------------


class _Life:
    """One volunteer through all days."""

    def __init__(self, history: History, root: Path, person: Volunteer, seed: int) -> None:
        self._history = history
        self._person = person
        self._seed = seed
        self._rng = random.Random(f"{seed}/volunteer/{person.number}")
        self._probe_id = self._rng.randbytes(16).hex()
        self._scenarios = _scenarios(root, history.scenarios)
        self._on = policy_for(_base_policy(root, history.censor), person.network)
        self._off = msgspec.structs.replace(
            self._on, phases=tuple(msgspec.structs.replace(phase, rules=()) for phase in self._on.phases)
        )
        self._line = self._draw_line()
        self._lines: list[bytes] = []
        self._dropped: Counter[str] = Counter()
        self._runs = self._packets = 0

    async def live(self) -> Played:
        for day in self._history.days:
            active = self._rng.random() < self._history.active_share
            day_seed = self._rng.getrandbits(64)
            if active:
                await self._run_day(day, random.Random(day_seed))
        return Played(self._lines, self._runs, self._packets, dict(self._dropped))

    async def _run_day(self, day: date, rng: random.Random) -> None:
        world = self._world(day, rng)
        net = VirtualNet(world)
        surroundings = Surroundings(
            probe_id_for=lambda _network: self._probe_id,
            emulated=True,
            access_type=self._person.network.access_type,
            history=self._history.name,
            network=(self._person.network.asn, self._person.country.code, self._person.network.name),
            media_duration_s=self._history.media_duration_s,
            keep_packet_records=rng.random() < self._history.packet_record_share,
        )
        runner = Runner(net, surroundings, rng, keep=self._lines.append)
        url = ResponderUrl(f"http://responder.lab:{BASE_PORT}", "responder.lab", BASE_PORT)
        for scenario in self._scenarios:
            await runner.run(scenario, [url])
        self._runs += 1
        self._packets += world.packets
        self._dropped.update(world.dropped)

    def _world(self, day: date, rng: random.Random) -> World:
        history, network = self._history, self._person.network
        policy = self._on if enforced(history, network, day) else self._off
        hour = rng.uniform(FIRST_HOUR, LAST_HOUR)
        local = datetime.combine(day, time(), UTC) + timedelta(hours=hour)
        identity, host = rng.choice(RESPONDERS)
        world = World(
            censor=Censor(policy, seed=rng.getrandbits(63)),
            path=self._path(day, rng),
            utc_start=local - timedelta(hours=history.utc_offset_hours),
            rng=rng,
            client_host=CLIENT_HOST,
            responder_host=host,
        )
        prefix = NetworkPrefix(prefix=f"{CLIENT_HOST}/32", asn=network.asn, country=self._person.country.code)
        world.plane = ResponderPlane(
            identity,
            base_port=BASE_PORT,
            ports=PORTS,
            entropy=rng.randbytes,
            utc_offset_ns=int(world.utc_start.timestamp()) * 1_000_000_000,
            networks=NetworkTable((prefix,)),
        )
        world.app = build_app(world.plane, now_ns=lambda: world.now_ns, draw_port=lambda: rng.choice(PORTS))
        world.names["responder.lab"] = host
        _furnish(world, self._scenarios)
        return world

    def _draw_line(self) -> Line:
        line = self._history.line
        return Line(
            delay_ns=int(self._rng.uniform(*line.delay_ms) * 1e6),
            jitter_ns=int(self._rng.uniform(*line.jitter_ms) * 1e6),
            loss_ratio=self._rng.uniform(*line.loss_ratio),
        )

    def _path(self, day: date, rng: random.Random) -> Line:
        line = self._history.line
        bad = rng.random() < line.bad_day_share
        network_day = random.Random(f"{self._seed}/outage/{self._person.network.asn}/{day}")
        if bad or network_day.random() < line.outage_share:
            return self._line._replace(loss_ratio=line.bad_day_loss_ratio)
        return self._line


def _furnish(world: World, scenarios: tuple[Scenario, ...]) -> None:
    """Give the world a server for every public target of the scenarios, in memory only."""
    targets = [target for item in scenarios if isinstance(item, ServiceScenario) for target in item.targets]
    names = tuple(sorted({_server_name(target) for target in targets}))
    contexts = authority(names)
    world.authority = contexts.client
    for number, target in enumerate(targets):
        address = _address_of(target, number)
        world.names[target.host] = address
        if target.protocol == "stun":
            world.udp[address, target.port] = StunServer()
        else:
            status = target.expected_status[0] if target.expected_status else 200
            world.tcp[address, target.port] = partial(HttpsServer, contexts.server, status)


def _server_name(target: Target) -> str:
    return target.server_name or target.host


def _address_of(target: Target, number: int) -> str:
    literal = target.host.replace(".", "").isdigit() or ":" in target.host
    return target.host if literal else f"198.18.0.{number + 1}"


# --- the whole ----------------------------------------------------------------------------------------


def _play_all(
    history: History, root: Path, people: list[Volunteer], seed: int, workers: int
) -> Iterator[Played]:
    if workers <= 1:
        for person in people:
            yield play_volunteer(history, root, person, seed)
        return
    with ProcessPoolExecutor(workers, initializer=_leave_ctrl_c_to_the_parent) as pool:
        tasks = [pool.submit(play_volunteer, history, root, person, seed) for person in people]
        try:
            for task in tasks:
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_ctrl_c_to_the_parent() -> None:
    """Ctrl-C reaches every process of a terminal; a worker that took it would go on with the next task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@lru_cache(maxsize=8)
def _base_policy(root: Path, name: str) -> Policy:
    return load_policy(root / f"{name}.toml")


@lru_cache(maxsize=8)
def _scenarios(root: Path, names: tuple[str, ...]) -> tuple[Scenario, ...]:
    catalogue = Catalogue(root)
    return tuple(catalogue.find(name) for name in names)


def _write_gzip(path: Path, lines: list[bytes]) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream:
        stream.writelines(line + b"\n" for line in lines)
    path.write_bytes(buffer.getvalue())


def _truth(history: History, seed: int, totals: Counter[str], dropped: Counter[str]) -> dict[str, Any]:
    return {
        "history": history.name,
        "seed": seed,
        "policies": history.policies,
        "restriction_start": history.restriction_start.isoformat() if history.policies else None,
        "expected": history.expected if history.policies else history.expected_off,
        "networks": [
            {
                "asn": network.asn,
                "country": country.code,
                "volunteers": network.volunteers,
                "start_delay_days": network.start_delay_days,
                "probability": network.probability if history.policies else {},
            }
            for country in history.countries
            for network in country.networks
        ],
        "volunteers": sum(n.volunteers for country in history.countries for n in country.networks),
        "runs": totals["runs"],
        "measurements": totals["measurements"],
        "packets": totals["packets"],
        "packets_dropped_by_rule": dict(sorted(dropped.items())),
    }
