"""Plays one call on the virtual network and keeps what its caller's network card would have seen.

The capture is the caller's: what it sent at the moment of sending, whatever became of it, and what reached
it. Beside it stands the truth of the lab: what entered the path, and what the censor let through.
"""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from callprobe.censor.core import Censor, FlowTuple, Way
from callprobe.censor.policy import Policy
from callprobe.dialect.contract import CallMedium, Dialect, FlowKeys, Heard
from callprobe.dialect.registry import find
from callprobe.lab.virtual import Path, VirtualNet, World
from callprobe.media.flow import Address
from callprobe.media.session import MEDIA_LEAD_NS, FlowRequest, SessionRequest, down_seed
from callprobe.media.udp_open import UdpOpen
from callprobe.nettest.call import ArmPlan, prepare, run
from callprobe.responder.plane import OPEN, Identity, ResponderPlane

CALLER_HOST: Final = "203.0.113.7"
RESPONDER_HOST: Final = "198.51.100.10"
PORT: Final = 3478
START: Final = datetime(2025, 8, 11, 9, 0, tzinfo=UTC)
LINE: Final = Path(delay_ns=25_000_000, jitter_ns=2_000_000, loss_ratio=0.0)
"""An innocent line: 25 ms each way, up to 2 ms of jitter, no loss of its own."""

Role = Literal["echo", "call"]


class Seen(NamedTuple):
    """One datagram at the caller's network card."""

    epoch_ns: int
    source: Address
    destination: Address
    payload: bytes


class Fate(NamedTuple):
    """One packet that entered the path."""

    direction: Way
    flow: FlowTuple
    payload: bytes
    passed: bool


class DirectionTruth(Struct, frozen=True, kw_only=True):
    """What the lab knows of one direction of the call's flow."""

    sent: int
    """Datagrams that entered the path."""
    dropped: int
    """Of those, dropped by the censor."""
    media_sent: int
    """Media packets among them."""
    media_dropped: int
    media_lost_between: int
    """Media packets dropped between the first and the last that passed: what a capture behind the censor can
    tell by sequence numbers."""


class CallTruth(Struct, frozen=True, kw_only=True):
    """What the lab knows of a captured call."""

    dialect: str
    dialect_version: str
    medium: CallMedium
    censor: str
    seed: int
    media_duration_s: float
    caller_port: int
    """UDP port of the call's flow at the caller; the shared echo runs on another."""
    up: DirectionTruth
    down: DirectionTruth


class CapturedCall(NamedTuple):
    """One call as captured and as it was."""

    seen: list[Seen]
    """In order of time."""
    truth: CallTruth


@dataclass
class TappedWorld(World):
    """A world whose caller captures, and which writes down the fate of every packet."""

    seen: list[Seen] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)

    def cross(self, direction: Way, flow: FlowTuple, payload: bytes, size: int) -> tuple[int, ...]:
        """Let a packet enter the path; see ``World.cross``."""
        arrivals = super().cross(direction, flow, payload, size)
        if flow.protocol == "udp":
            self.fates.append(Fate(direction, flow, payload, bool(arrivals)))
            if direction == "up":
                self.seen.append(Seen(self._epoch(self.now_ns), flow.client, flow.server, payload))
            else:
                self.seen += [Seen(self._epoch(at), flow.server, flow.client, payload) for at in arrivals]
        return arrivals

    def _epoch(self, at_ns: int) -> int:
        return int(self.utc_start.timestamp()) * 1_000_000_000 + at_ns


def capture_call(
    dialect_name: str, policy: Policy, *, seed: int, medium: CallMedium = "voice", duration_s: float = 6.0
) -> CapturedCall:
    """Play one call of a look under a policy, and return what its caller saw. The same for the same seed."""
    rng = random.Random(f"{seed}/{dialect_name}/{policy.name}")
    dialect = find(dialect_name)
    world = _world(policy, seed, rng)
    keys, port = asyncio.run(_play(world, dialect, medium, duration_s, rng))
    truth = CallTruth(
        dialect=dialect.name,
        dialect_version=dialect.version,
        medium=medium,
        censor=policy.name,
        seed=seed,
        media_duration_s=duration_s,
        caller_port=port,
        up=_direction_truth(world, dialect, keys, "up", port),
        down=_direction_truth(world, dialect, keys, "down", port),
    )
    return CapturedCall(sorted(world.seen), truth)


def write_capture(path: FilePath, seen: list[Seen]) -> None:
    """Write what was seen as a pcap file. Raises OSError."""
    from callprobe.pcap.write import CaptureWriter

    writer = CaptureWriter(path)
    for datagram in seen:
        writer.write(*datagram)
    writer.close()


def _world(policy: Policy, seed: int, rng: random.Random) -> TappedWorld:
    return TappedWorld(
        censor=Censor(policy, seed=seed),
        path=LINE,
        utc_start=START,
        rng=rng,
        client_host=CALLER_HOST,
        responder_host=RESPONDER_HOST,
        plane=ResponderPlane(
            Identity("lab", "AS65550", "lab"),
            base_port=PORT,
            ports=(PORT,),
            entropy=rng.randbytes,
            utc_offset_ns=int(START.timestamp()) * 1_000_000_000,
        ),
    )


async def _play(
    world: TappedWorld, dialect: Dialect, medium: CallMedium, duration_s: float, rng: random.Random
) -> tuple[FlowKeys, int]:
    """Run the echo and the call; return the call's keys and the caller's port."""
    plane = world.plane
    assert plane is not None
    draw = rng.getrandbits(32)
    echo = FlowRequest(dialect=OPEN, medium=medium, media_duration_s=0.0, schedule_seed=0)
    call = FlowRequest(dialect=dialect.name, medium=medium, media_duration_s=duration_s, schedule_seed=draw)
    grant = plane.open_session(SessionRequest(software_version="lab", flows=(echo, call)), world.now_ns)
    echo_keys, keys = (FlowKeys(flow.key) for flow in grant.flows)
    peer = (RESPONDER_HOST, PORT)
    plan = ArmPlan(
        arm="shaped",
        dialect=dialect,
        flow_id=grant.flows[1].flow_id,
        keys=keys,
        peer=peer,
        responder_port=PORT,
        schedule=dialect.schedule(medium, duration_s, draw),
        schedule_down=dialect.schedule(medium, duration_s, down_seed(draw)),
    )
    outcome = prepare([plan], UdpOpen(echo_keys, peer, start_ns=world.now_ns), origin_ns=world.now_ns)

    async def begin_media() -> None:
        plane.begin_media(grant.session_id, world.now_ns + MEDIA_LEAD_NS)

    await run(VirtualNet(world), outcome, rng=rng, begin_media=begin_media)
    return keys, _caller_port(world, dialect, keys)


def _caller_port(world: TappedWorld, dialect: Dialect, keys: FlowKeys) -> int:
    idents = dialect.idents(keys)
    return next(
        fate.flow.client[1]
        for fate in world.fates
        if fate.direction == "up" and dialect.ident_of(fate.payload) in idents
    )


def _direction_truth(
    world: TappedWorld, dialect: Dialect, keys: FlowKeys, direction: Way, port: int
) -> DirectionTruth:
    fates = [fate for fate in world.fates if fate.direction == direction and fate.flow.client[1] == port]
    media = [fate.passed for fate in fates if dialect.hear(keys, direction, fate.payload).kind is Heard.MEDIA]
    passed = [index for index, has_passed in enumerate(media) if has_passed]
    return DirectionTruth(
        sent=len(fates),
        dropped=sum(not fate.passed for fate in fates),
        media_sent=len(media),
        media_dropped=media.count(False),
        media_lost_between=passed[-1] - passed[0] + 1 - len(passed) if passed else 0,
    )
