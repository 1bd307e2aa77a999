"""Emulated surroundings of a run: a censor, an innocent line, a responder; all on a virtual clock."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from callprobe.censor.core import Censor
from callprobe.censor.policy import parse_policy
from callprobe.dialect import open_echo
from callprobe.dialect.contract import FlowKeys
from callprobe.lab.virtual import Path, VirtualNet, World
from callprobe.media.flow import Address
from callprobe.media.session import FlowRequest, SessionGrant, SessionRequest
from callprobe.responder.app import build_app
from callprobe.responder.limits import Limits
from callprobe.responder.networks import NetworkPrefix, NetworkTable
from callprobe.responder.plane import Identity, Outgoing, ResponderPlane
from callprobe.run.runner import Runner
from callprobe.run.session import ResponderUrl
from callprobe.run.surroundings import Surroundings
from callprobe.scenario.model import CallScenario, Scenario
from callresults.measurement import Measurement

MS = 1_000_000
SECOND = 1000 * MS
PORTS = (3478, 3479)
CLIENT = "203.0.113.7"
RESPONDER = "198.51.100.10"
URL = ResponderUrl("http://responder.lab:3478", "responder.lab", 3478)
IDENTITY = Identity("lab-a", "AS65550", "lab")
START = datetime(2025, 8, 11, 9, 33, 21, tzinfo=UTC)
SURROUNDINGS = Surroundings(
    probe_id_for=lambda network: f"probe of {network}", emulated=True, history="a test", access_type="wired"
)


def policy_text(*rules: str) -> str:
    """Return a policy with these rules from the start."""
    return "\n".join(['schema = 1\nname = "test"\nseed = 1\n[[phases]]\nat_s = 0.0', *rules])


def rule(name: str, effect: str, match: str = "", probability: float = 1.0) -> str:
    """Return one rule; ``effect`` and ``match`` are lines of TOML."""
    head = f'id = "{name}"\nevidence = "a test"\ncertainty = "assumed"\nprobability = {probability}'
    parts = ["[[phases.rules]]", head, "[phases.rules.match]", match, "[phases.rules.effect]", effect]
    return "\n".join(parts)


DROP_ALL = 'kind = "drop"\nratio = 1.0'
CLEAN = policy_text()
NO_UDP = policy_text(rule("no-udp", DROP_ALL))
NO_STUN = policy_text(rule("no-stun", DROP_ALL, 'packet = ["stun"]'))


def make_plane(*, limits: Limits | None = None, seed: int = 1) -> ResponderPlane:
    """Return a responder's plane with seeded entropy that knows the client's network."""
    prefix = NetworkPrefix(prefix=f"{CLIENT}/32", asn="AS64496", country="RU", name="emulated")
    return ResponderPlane(
        IDENTITY,
        base_port=PORTS[0],
        ports=PORTS,
        entropy=random.Random(seed).randbytes,
        utc_offset_ns=0,
        limits=limits,
        networks=NetworkTable((prefix,)),
    )


def make_world(policy: str = CLEAN, *, seed: int = 1, loss_ratio: float = 0.0) -> World:
    """Return a world with a responder at ``responder.lab``."""
    rng = random.Random(seed)
    world = World(
        censor=Censor(parse_policy(policy, "test"), seed=seed),
        path=Path(delay_ns=20 * MS, jitter_ns=2 * MS, loss_ratio=loss_ratio),
        utc_start=START,
        rng=rng,
        client_host=CLIENT,
        responder_host=RESPONDER,
        plane=make_plane(seed=seed),
        names={"responder.lab": RESPONDER},
    )
    assert world.plane is not None
    world.app = build_app(world.plane, now_ns=lambda: world.now_ns, draw_port=lambda: PORTS[0])
    return world


def call_scenario(
    dialect: str = "telegram-v2", *, medium: Any = "voice", arms: Any = ("shaped", "control", "aa")
) -> CallScenario:
    """Return a scenario of three virtual seconds."""
    return CallScenario(
        id="calls/test",
        digest="0" * 64,
        title="A test",
        service="telegram",
        medium=medium,
        dialect=dialect,
        arms=arms,
        media_duration_s=3.0,
        max_bytes=10_000_000,
    )


def run_in(world: World, *scenarios: Scenario, net: Any = None, **surroundings: Any) -> list[Measurement]:
    """Run scenarios in a world and return what was kept."""
    runner = Runner(
        net or VirtualNet(world),
        replace(SURROUNDINGS, **surroundings),
        random.Random(7),
        keep=lambda _canonical: None,
    )

    async def run() -> None:
        for scenario in scenarios:
            await runner.run(scenario, [URL])

    asyncio.run(run())
    return [kept.measurement for kept in runner.kept]


def stages(measurement: Measurement) -> dict[str, str]:
    """Return the ladder as name -> outcome, or the failure where there is one."""
    return {stage.name: str(stage.failure or stage.outcome) for stage in measurement.test_keys.stages}


def open_session(
    plane: ResponderPlane, *dialects: str, now_ns: int = 0, duration_s: float = 1.0
) -> tuple[SessionGrant, list[FlowKeys]]:
    """Open a session with an echo and one voice flow per dialect; return the grant and all keys."""
    wanted = [FlowRequest(dialect="open", medium="voice", media_duration_s=0.0, schedule_seed=0)]
    wanted += [
        FlowRequest(dialect=name, medium="voice", media_duration_s=duration_s, schedule_seed=5)
        for name in dialects
    ]
    grant = plane.open_session(SessionRequest(software_version="0", flows=tuple(wanted)), now_ns)
    return grant, [FlowKeys(flow.key) for flow in grant.flows]


def prove(plane: ResponderPlane, keys: FlowKeys, source: Address, now_ns: int = 0) -> None:
    """Go through the echo from ``source``, as a probe does."""
    (request,) = open_echo.OPEN.requests(keys, 0)
    (answer,) = plane.on_datagram(PORTS[0], now_ns, now_ns, source, request)
    plane.on_datagram(PORTS[0], now_ns, now_ns, source, open_echo.proof(keys, answer.data))


def bytes_to(outgoing: Sequence[Outgoing], source: Address) -> int:
    """Return how many payload bytes go to ``source``."""
    return sum(len(data) for _, peer, data in outgoing if peer == source)
