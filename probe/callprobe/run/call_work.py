"""Everything one call scenario gathers on its way through the phases of a run."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.registry import REGISTERED, Looks
from callprobe.dialect.replay_look import for_flow
from callprobe.media.session import FlowGrant, FlowRequest, SessionRecord, schedules_of
from callprobe.media.udp_open import UdpOpen
from callprobe.nettest import call as call_nettest
from callprobe.nettest.call import ArmPlan, CallOutcome
from callprobe.nettest.ladder import not_reached, seconds
from callprobe.run import assemble
from callprobe.run.assemble import Joined
from callprobe.run.session import Session
from callprobe.run.webrtc import WebrtcOutcome, webrtc_keys
from callprobe.scenario.model import CallArm, CallScenario
from callresults.failure import Failure
from callresults.nettests.call import CallKeys
from callresults.nettests.common import IpVersion
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
    looks: Looks = REGISTERED
    before: list[Stage] = field(default_factory=list)
    """Rungs below the flows."""
    requests: tuple[FlowRequest, ...] = ()
    session: Session | None = None
    outcome: CallOutcome | None = None
    webrtc: WebrtcOutcome | None = None
    record: SessionRecord | None = None
    void_reason: str | None = None
    failure: Failure | None = None
    """Why the own machine could not run the flows."""

    @property
    def flow_arms(self) -> tuple[CallArm, ...]:
        """The arms that are flows of our own; ``webrtc`` is aiortc's."""
        return tuple(arm for arm in self.scenario.arms if arm != "webrtc")

    def look_of(self, arm: CallArm) -> str:
        """Return the registered look of an arm: a control mirrors what it controls."""
        look = self.scenario.dialect
        return look if arm in {"shaped", "webrtc"} else self.looks.control_of(look, arm)

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
            self._plan(arm, wanted, grant, session, rng)
            for arm, wanted, grant in zip(self.flow_arms, self.requests[1:], grants[1:], strict=True)
        ]
        peer, _ = session.draw_peer(rng, grants[OPEN_FLOW])
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

    def keys(self, joined: Joined) -> list[CallKeys]:
        """Return the keys of every arm of the scenario, also of those that never began."""
        return [self._keys_of(arm, joined) for arm in self.scenario.arms]

    def missing(self) -> list[str]:
        """Return what the far end's half is missing of: the call, its WebRTC arm, or both."""
        webrtc = self.webrtc
        signalled = webrtc is not None and webrtc.signalling.outcome == "ok"
        return [
            name
            for name, gone in (
                ("call", self.record is None),
                ("WebRTC call", webrtc is not None and signalled and webrtc.view is None),
            )
            if gone
        ]

    @property
    def ip_version(self) -> IpVersion:
        """As the responder saw it, else that of the address which was tried."""
        if self.record is not None:
            return self.record.ip_version
        return "ipv6" if self.session is not None and ":" in self.session.host else "ipv4"

    def _keys_of(self, name: CallArm, joined: Joined) -> CallKeys:
        if name == "webrtc" and self.webrtc is not None:
            return webrtc_keys(self.webrtc, joined, self._echo_stage())
        outcome = self.outcome
        if outcome is not None and outcome.ended_ns is not None:
            for arm in outcome.arms:
                if arm.plan.arm == name:
                    return assemble.call_keys(outcome, arm, joined)
        return self._never_begun(name, joined)

    def _plan(
        self, arm: CallArm, wanted: FlowRequest, grant: FlowGrant, session: Session, rng: random.Random
    ) -> ArmPlan:
        keys = FlowKeys(grant.key)
        dialect = for_flow(self.looks.find(wanted.dialect), keys, hears="down")
        peer, port = session.draw_peer(rng, grant)
        up, down = schedules_of(dialect, wanted)
        return ArmPlan(
            arm=arm,
            dialect=dialect,
            flow_id=grant.flow_id,
            keys=keys,
            peer=peer,
            responder_port=port,
            schedule=up,
            schedule_down=down,
            openings=self.looks.openings,
        )

    def _never_begun(self, arm: CallArm, joined: Joined) -> CallKeys:
        last = joined.before[-1] if joined.before else None
        reason = self.failure or (last.failure if last else None) or Failure.INTERRUPTED
        at_s = last.t if last else 0.0
        known = {stage.name for stage in joined.before}
        rest = tuple(not_reached(name, at_s, reason) for name in self._ladder(arm) if name not in known)
        return assemble.arm_keys(joined, arm, self.look_of(arm), joined.before + rest)

    def _ladder(self, arm: CallArm) -> tuple[StageName, ...]:
        """Return the rungs of an arm from ``session_open`` up."""
        setup: tuple[StageName, ...] = ("ice_connectivity", "dtls_handshake")
        if arm != "webrtc":
            own = self.looks.find(self.look_of(arm)).setup.name
            setup = () if own == "udp_open" else (own,)
        if self.looks.trace is not None:
            setup = tuple(opening.name for opening in self.looks.openings)
        return ("session_open", "udp_open", *setup, "media_first_packet", "media_hold")

    def _echo_stage(self) -> Stage | None:
        outcome = self.outcome
        return call_nettest.echo_stage(outcome) if outcome else None
