"""Everything one call scenario gathers on its way through the phases of a run."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.registry import find
from callprobe.media.session import FlowRequest, SessionRecord, down_seed
from callprobe.media.udp_open import UdpOpen
from callprobe.nettest import call as call_nettest
from callprobe.nettest.call import ArmPlan, CallOutcome
from callprobe.nettest.ladder import not_reached, seconds
from callprobe.run import assemble
from callprobe.run.assemble import Joined
from callprobe.run.session import Session
from callprobe.run.surroundings import Surroundings
from callprobe.run.webrtc import WebrtcOutcome, webrtc_keys
from callprobe.scenario.model import CallScenario
from callresults.failure import Failure
from callresults.nettests.call import CallKeys
from callresults.observation import Stage, StageName

OPEN_FLOW: Final = 0
"""The echo is always the first flow of a session."""
SEED_BITS: Final = 31


@dataclass
class CallWork:
    """One scenario's run, from its first phase to its records."""

    scenario: CallScenario
    start: datetime
    origin_ns: int
    report_id: str
    pair_id: str
    duration_s: float
    before: list[Stage] = field(default_factory=list)
    """Rungs below the flows."""
    requests: tuple[FlowRequest, ...] = ()
    session: Session | None = None
    outcome: CallOutcome | None = None
    webrtc: WebrtcOutcome | None = None
    record: SessionRecord | None = None
    void_reason: str | None = None

    @property
    def flow_arms(self) -> tuple[str, ...]:
        """The arms that are flows of our own; ``webrtc`` is aiortc's."""
        return tuple(arm for arm in self.scenario.arms if arm != "webrtc")

    def look_of(self, arm: str) -> str:
        """Return the registered look of an arm: a control mirrors what it controls."""
        return self.scenario.dialect if arm in {"shaped", "webrtc"} else f"random:{self.scenario.dialect}"

    def plan_flows(self, rng: random.Random) -> tuple[FlowRequest, ...]:
        """Draw the flows to ask for: the echo, then one per arm, all on one schedule."""
        seed = rng.getrandbits(SEED_BITS)
        open_flow = FlowRequest(dialect="open", medium="voice", media_duration_s=0.0, schedule_seed=0)
        arms = (
            FlowRequest(
                dialect=self.look_of(arm),
                medium=self.scenario.medium,
                media_duration_s=self.duration_s,
                schedule_seed=seed,
            )
            for arm in self.flow_arms
        )
        self.requests = (open_flow, *arms)
        return self.requests

    def prepare(self, session: Session, rng: random.Random, now_ns: int) -> CallOutcome:
        """Make the machines of all granted flows, each with a port drawn at random."""
        self.session = session
        grants = session.grant.flows
        plans = [
            self._plan(arm, wanted, FlowKeys(grant.key), grant.flow_id, rng)
            for arm, wanted, grant in zip(self.flow_arms, self.requests[1:], grants[1:], strict=True)
        ]
        peer, _ = session.draw_peer(rng)
        udp_open = UdpOpen(FlowKeys(grants[OPEN_FLOW].key), peer, start_ns=now_ns)
        self.outcome = call_nettest.prepare(plans, udp_open, origin_ns=self.origin_ns)
        return self.outcome

    def rung(self, name: StageName, started_ns: int, ended_ns: int, failure: Failure | None) -> None:
        """Write a rung below the flows."""
        self.before.append(
            Stage(
                name=name,
                t0=seconds(started_ns, self.origin_ns),
                t=seconds(ended_ns, self.origin_ns),
                outcome="ok" if failure is None else "failed",
                failure=failure,
                attempts=1,
            )
        )

    def keys(self, joined: Joined, surroundings: Surroundings) -> list[CallKeys]:
        """Return the keys of every arm of the scenario, also of those that never began."""
        measured = {arm.plan.arm: arm for arm in (self.outcome.arms if self.outcome else [])}
        result = []
        for name in self.scenario.arms:
            arm = measured.get(name)
            if arm is not None and self.outcome is not None:
                result.append(
                    assemble.call_keys(
                        self.scenario, self.outcome, arm, joined, surroundings, self.duration_s
                    )
                )
            elif name == "webrtc" and self.webrtc is not None:
                result.append(
                    webrtc_keys(
                        self.scenario, self.webrtc, joined, surroundings, self.duration_s, self._echo_stage()
                    )
                )
            else:
                result.append(self._never_begun(name, joined, surroundings))
        return result

    def _plan(
        self, arm: str, wanted: FlowRequest, keys: FlowKeys, flow_id: int, rng: random.Random
    ) -> ArmPlan:
        assert self.session is not None
        dialect = find(wanted.dialect)
        peer, port = self.session.draw_peer(rng)
        return ArmPlan(
            arm=arm,  # type: ignore[arg-type]
            dialect=dialect,
            control_nature=None if arm == "shaped" else "random",
            flow_id=flow_id,
            keys=keys,
            peer=peer,
            responder_port=port,
            schedule=dialect.schedule(wanted.medium, wanted.media_duration_s, wanted.schedule_seed),
            schedule_down=dialect.schedule(
                wanted.medium, wanted.media_duration_s, down_seed(wanted.schedule_seed)
            ),
        )

    def _never_begun(self, arm: str, joined: Joined, surroundings: Surroundings) -> CallKeys:
        failure = next((stage.failure for stage in joined.before if stage.failure), Failure.INTERRUPTED)
        at_s = joined.before[-1].t if joined.before else 0.0
        rest: tuple[StageName, ...] = ("udp_open", "media_first_packet", "media_hold")
        stages = joined.before + tuple(not_reached(name, at_s, failure) for name in rest)
        return assemble.arm_keys(
            self.scenario, arm, self.look_of(arm), stages, joined, surroundings, self.duration_s
        )

    def _echo_stage(self) -> Stage | None:
        outcome = self.outcome
        return call_nettest.echo_stage(outcome) if outcome else None
