"""One run of the probe, in numbered phases; every phase is a function and every outcome a record.

1 resolve the responder, 2 open a session, 3 run the flows, 4 fetch the far end's record, 5 put the records
together, 6 judge, 7 keep. Whatever fails, every arm of the scenario ends with a record that names the stage.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

import msgspec

from callprobe.dialect.registry import REGISTERED, Looks
from callprobe.media.session import SessionRecord, SessionRequest
from callprobe.net.contract import Net, NetError
from callprobe.nettest import call as call_nettest
from callprobe.nettest import service_reachability
from callprobe.nettest.ladder import seconds
from callprobe.run import assemble
from callprobe.run.assemble import CONTROL_ARMS, Envelope, Joined
from callprobe.run.call_work import CallWork
from callprobe.run.events import Listener, Phase, Silent
from callprobe.run.session import ResponderUrl, Session, SessionError, open_session
from callprobe.run.surroundings import Surroundings
from callprobe.run.webrtc import run_webrtc, warm_up
from callprobe.scenario.model import CallScenario, Scenario, ServiceScenario
from callresults.codec import canonical_bytes, measurement_id
from callresults.measurement import Measurement
from callresults.nettests.call import CallKeys
from callresults.nettests.service import ServiceKeys
from callresults.rules.pairs import judge
from callresults.verdict import Verdict

RESOLVE_DEADLINE_NS: Final = 5_000_000_000
RECORD_WAIT_NS: Final = 200_000_000
"""Pause before the far end's record is fetched: its last packets may still be under way."""
UNKNOWN_NETWORK: Final = ("AS0", "ZZ", "")
Keys = TypeVar("Keys", CallKeys, ServiceKeys)


class Kept(NamedTuple):
    """One measurement that was handed to the keeper."""

    measurement_id: str
    measurement: Measurement
    canonical: bytes


@dataclass
class Runner:
    """Runs scenarios one after the other and keeps every record as soon as it is complete."""

    net: Net
    surroundings: Surroundings
    rng: random.Random
    keep: Callable[[bytes], object]
    """Takes canonical bytes and stores them durably before it returns."""
    listener: Listener = field(default_factory=Silent)
    kept: list[Kept] = field(default_factory=list)
    looks: Looks = REGISTERED
    _neutral: list[ServiceKeys] = field(default_factory=list)
    _own_addresses: set[str] = field(default_factory=set)
    """Known so that no record may hold them, in whatever form."""
    _services_pair_id: str = ""
    """Joins the services of one round; a round begins with the neutral ones."""
    _network: tuple[str, str, str] = UNKNOWN_NETWORK

    async def run(self, scenario: Scenario, responders: Sequence[ResponderUrl]) -> None:
        """Run one scenario once; the records are in ``kept`` afterwards, also when this is cancelled."""
        if isinstance(scenario, ServiceScenario):
            await self._run_service(scenario)
        else:
            await self._run_call(scenario, self.rng.choice(list(responders)))
        self.listener.phase(Phase(scenario.id, "done", 1.0))

    # --- a call ---------------------------------------------------------------------------------------

    async def _run_call(self, scenario: CallScenario, url: ResponderUrl) -> None:
        work = CallWork(
            scenario,
            self.net.utc_now(),
            self.net.now_ns(),
            self._draw_id(),
            self._draw_id(),
            self.surroundings.media_duration_s or scenario.media_duration_s,
            self.looks,
        )
        session: Session | None = None
        try:
            session = await self._open(work, url)
            if session is not None:
                await self._measure(work, session)
        except asyncio.CancelledError:
            work.void_reason = "interrupted"
            raise
        except NetError as error:
            work.void_reason, work.failure = "local-error", error.failure
            self.listener.notice(f"this machine could not open its sockets ({error.failure})")
        finally:
            self._finish_call(work)
            if session is not None:
                with suppress(asyncio.CancelledError):
                    await session.close()

    async def _open(self, work: CallWork, url: ResponderUrl) -> Session | None:
        host = await self._resolve(work, url.host)
        if host is None:
            return None
        started = self.net.now_ns()
        self.listener.phase(Phase(work.scenario.id, "session", 0.0))
        request = SessionRequest(
            software_version=self.surroundings.software_version,
            flows=work.plan_flows(self.rng),
            whip_media_duration_s=work.duration_s if "webrtc" in work.scenario.arms else None,
        )
        try:
            session = await open_session(self.net, url, host, request, self.looks)
        except SessionError as error:
            self.listener.notice(str(error))
            work.rung("session_open", started, self.net.now_ns(), error.failure)
            return None
        work.rung("session_open", started, self.net.now_ns(), None)
        return session

    async def _resolve(self, work: CallWork, host: str) -> str | None:
        started = self.net.now_ns()
        try:
            addresses = await self.net.resolve(host, started + RESOLVE_DEADLINE_NS)
        except NetError as error:
            self.listener.notice(f"the responder's name could not be resolved ({error.failure})")
            work.rung("resolve", started, self.net.now_ns(), error.failure)
            return None
        work.rung("resolve", started, self.net.now_ns(), None)
        chosen = self.rng.choice(addresses)
        own = self.net.own_address(chosen)
        if own is not None:
            self._own_addresses.add(own)
        return chosen

    async def _measure(self, work: CallWork, session: Session) -> None:
        if "webrtc" in work.scenario.arms:
            warm_up()
        outcome = work.prepare(session, self.rng, self.net.now_ns())

        def progress(phase: str, share: float) -> None:
            self.listener.phase(Phase(work.scenario.id, phase, share))

        flows = call_nettest.run(
            self.net, outcome, rng=self.rng, begin_media=session.begin_media, progress=progress
        )
        if "webrtc" in work.scenario.arms:
            await self._measure_webrtc(work, session, flows)
        else:
            await flows
        await self.net.sleep_until(self.net.now_ns() + RECORD_WAIT_NS)
        work.record = await session.record()
        for half in work.missing():
            self.listener.notice(
                f"the responder's record of the {half} never came or cannot be true: loss is not known"
            )
        work.void_reason = call_nettest.void_reason(outcome, work.record)

    async def _measure_webrtc(self, work: CallWork, session: Session, flows: Awaitable[None]) -> None:
        """Run the WebRTC call beside the flows; neither outlives the other."""
        webrtc = asyncio.ensure_future(
            run_webrtc(
                self.net,
                session,
                duration_s=work.duration_s,
                origin_ns=work.origin_ns,
                interface=self.surroundings.interface,
            )
        )
        try:
            await flows
            work.webrtc = await webrtc
        finally:
            webrtc.cancel()
            await asyncio.wait([webrtc])

    def _finish_call(self, work: CallWork) -> None:
        """Put the records of all arms together, judge and keep them; never fails for a network's sake."""
        network = self._seen_network(work.record)
        joined = Joined(
            scenario=work.scenario,
            surroundings=self.surroundings,
            duration_s=work.duration_s,
            pair_id=work.pair_id,
            probe_id=self.surroundings.probe_id_for(f"{network[0]}-{network[1]}"),
            ip_version=work.ip_version,
            grant=work.session.grant if work.session else None,
            record=work.record,
            before=tuple(work.before),
            void_reason=work.void_reason,
            looks=self.looks,
        )
        keys = work.keys(joined)
        controls = [item for item in keys if item.arm in CONTROL_ARMS]
        envelope = self._envelope(work.report_id, work.start, work.origin_ns, network)
        for item in keys:
            judged = item if item.arm in CONTROL_ARMS else _with_verdict(item, judge(item, controls))
            self._keep(judged, envelope, None)

    def _seen_network(self, record: SessionRecord | None) -> tuple[str, str, str]:
        if self.surroundings.network is not None:
            return self.surroundings.network
        if record is not None:
            self._network = (record.network_asn, record.network_cc, record.network_name)
        return self._network

    # --- a service ------------------------------------------------------------------------------------

    async def _run_service(self, scenario: ServiceScenario) -> None:
        if scenario.arm == "neutral" or not self._services_pair_id:
            self._services_pair_id = self._draw_id()
            self._neutral = []
        report_id, pair_id = self._draw_id(), self._services_pair_id
        start = self.net.utc_now()
        for index, target in enumerate(scenario.targets):
            self.listener.phase(Phase(scenario.id, target.id, index / len(scenario.targets)))
            origin_ns = self.net.now_ns()
            result = await service_reachability.measure(self.net, target, start_ns=origin_ns, rng=self.rng)
            network = self._seen_network(None)
            keys = ServiceKeys(
                scenario_id=scenario.id,
                scenario_digest=scenario.digest,
                service=scenario.service,
                medium=scenario.medium,
                arm=scenario.arm,
                pair_id=pair_id,
                session_id=None,
                probe_id=self.surroundings.probe_id_for(f"{network[0]}-{network[1]}"),
                access_type=self.surroundings.access_type,
                ip_version=result.ip_version,
                stages=result.stages,
                target_id=target.id,
                protocol=target.protocol,
                http_status=result.http_status,
                bytes_received=result.bytes_received,
            )
            self._keep_service(keys, self._envelope(report_id, start, origin_ns, network))

    def _keep_service(self, keys: ServiceKeys, envelope: Envelope) -> None:
        if keys.arm == "neutral":
            self._neutral.append(keys)
            self._keep(keys, envelope, keys.target_id)
        else:
            self._keep(_with_verdict(keys, judge(keys, self._neutral)), envelope, keys.target_id)

    # --- both -----------------------------------------------------------------------------------------

    def _envelope(
        self, report_id: str, start: datetime, origin_ns: int, network: tuple[str, str, str]
    ) -> Envelope:
        runtime_s = seconds(self.net.now_ns(), origin_ns)
        return Envelope(report_id, start, runtime_s, network)

    def _keep(self, keys: CallKeys | ServiceKeys, envelope: Envelope, target: str | None) -> None:
        measurement = assemble.measurement(
            keys, envelope, self.surroundings, target=target, own_addresses=self._own_addresses
        )
        canonical = canonical_bytes(measurement)
        self.keep(canonical)
        self.kept.append(Kept(measurement_id(canonical), measurement, canonical))

    def _draw_id(self) -> str:
        return self.rng.randbytes(16).hex()


def _with_verdict(keys: Keys, verdict: Verdict) -> Keys:
    return msgspec.structs.replace(keys, verdict=verdict)
