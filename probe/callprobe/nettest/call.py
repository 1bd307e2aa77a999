"""The ``call`` nettest: call-shaped flows beside their controls, interleaved on one grid.

Specification: ``scenarios/calls/*.md``. All arms open their sockets at once, do their set-ups side by side, and
then send their media on one 20 ms grid, each arm in its own randomly drawn place in it.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from callprobe.dialect.contract import CallMedium, Dialect, FlowKeys, Schedule
from callprobe.media.caller import Caller, CallerLog
from callprobe.media.flow import Address
from callprobe.media.session import MEDIA_LEAD_NS, FlowView, SessionRecord
from callprobe.media.udp_open import UdpOpen
from callprobe.net.contract import FlowGroup, Net
from callprobe.nettest.ladder import media_stages, setup_stage, udp_open_stage
from callresults.failure import Failure
from callresults.metrics.direction import DirectionMetrics
from callresults.metrics.summary import (
    Arrival,
    MetricOptions,
    SentPacket,
    direction_metrics,
)
from callresults.nettests.call import ControlNature
from callresults.nettests.common import Arm, LocalConditions
from callresults.observation import Stage

GRID_NS: Final = 20_000_000
OPEN_PATIENCE_NS: Final = 1_000_000_000
"""How long the other flows wait for the echo before they start without a proved path."""
STEP_NS: Final = 50_000_000
LINGER_NS: Final = 1_000_000_000

Progress = Callable[[str, float], None]
"""Called with a phase's name and the share (0..1) of the nettest that is done."""


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """One flow to run."""

    arm: Arm
    dialect: Dialect
    control_nature: ControlNature | None
    flow_id: int
    keys: FlowKeys
    peer: Address
    responder_port: int
    schedule: Schedule
    schedule_down: Schedule
    """What the far end will send."""


@dataclass
class ArmOutcome:
    """What the probe's end of one flow saw."""

    plan: ArmPlan
    caller: Caller
    media_from_ns: int | None = None
    media_until_ns: int = 0
    local: LocalConditions | None = None

    @property
    def log(self) -> CallerLog:
        """What the flow's machine wrote down."""
        return self.caller.log


@dataclass
class CallOutcome:
    """What all flows of one scenario saw, on the probe's clock."""

    origin_ns: int
    udp_open: UdpOpen
    open_until_ns: int = 0
    arms: list[ArmOutcome] = field(default_factory=list)


def prepare(plans: Sequence[ArmPlan], udp_open: UdpOpen, *, origin_ns: int) -> CallOutcome:
    """Return the outcome that ``run`` fills in, so that what was measured survives an interruption."""
    callers = [Caller(plan.dialect, plan.keys, plan.peer, plan.schedule) for plan in plans]
    outcome = CallOutcome(origin_ns=origin_ns, udp_open=udp_open)
    outcome.arms = [ArmOutcome(plan, caller) for plan, caller in zip(plans, callers, strict=True)]
    return outcome


async def run(
    net: Net,
    outcome: CallOutcome,
    *,
    rng: random.Random,
    begin_media: Callable[[], Awaitable[None]],
    progress: Progress = lambda _phase, _share: None,
) -> None:
    """Run every prepared flow to its end. A network failure is data in the outcome, never an exception.

    ``begin_media`` asks the far end to begin its media, after all set-ups and right before ours.
    Raises NetError only when the own machine cannot open a socket.
    """
    udp_open, origin_ns = outcome.udp_open, outcome.origin_ns
    callers = [arm.caller for arm in outcome.arms]
    group = await net.open_flows([udp_open, *callers])
    try:
        await _open(net, group, udp_open, progress)
        await _set_up(net, group, callers, progress)
        await begin_media()
        await _talk(net, group, callers, outcome, rng, progress)
    finally:
        end_ns = net.now_ns()
        outcome.open_until_ns = min(end_ns, origin_ns + 4_000_000_000)
        for index, arm in enumerate(outcome.arms):
            arm.media_until_ns = arm.media_until_ns or end_ns
            arm.local = _local(group, index + 1, arm.log)
        await group.close()


async def _open(net: Net, group: FlowGroup, udp_open: UdpOpen, progress: Progress) -> None:
    progress("udp_open", 0.0)
    patience = net.now_ns() + OPEN_PATIENCE_NS
    while not udp_open.finished and net.now_ns() < patience:
        await group.run(net.now_ns() + STEP_NS)


async def _set_up(net: Net, group: FlowGroup, callers: list[Caller], progress: Progress) -> None:
    progress("set-up", 0.1)
    start = net.now_ns() + STEP_NS
    for caller in callers:
        caller.begin_setup(start)
    while not all(caller.setup_finished for caller in callers):
        await group.run(net.now_ns() + STEP_NS)


async def _talk(
    net: Net,
    group: FlowGroup,
    callers: list[Caller],
    outcome: CallOutcome,
    rng: random.Random,
    progress: Progress,
) -> None:
    places = list(range(len(callers)))
    rng.shuffle(places)
    grid = net.now_ns() + MEDIA_LEAD_NS
    end = grid
    for place, caller, arm in zip(places, callers, outcome.arms, strict=True):
        start = grid + place * GRID_NS // len(callers)
        last = arm.plan.schedule[-1].offset_ns if arm.plan.schedule else 0
        caller.begin_media(start, linger_ns=LINGER_NS)
        arm.media_from_ns, arm.media_until_ns = start, start + last
        end = max(end, start + last + LINGER_NS + 2 * GRID_NS)
    while net.now_ns() < end:
        done = (net.now_ns() - grid) / max(end - grid, 1)
        progress("media", 0.2 + 0.8 * min(max(done, 0.0), 1.0))
        await group.run(min(net.now_ns() + 1_000_000_000, end))


def _local(group: FlowGroup, index: int, log: CallerLog) -> LocalConditions:
    late = sorted(group.send_lateness_ns(index))
    return LocalConditions(
        kernel_timestamps=group.kernel_timestamps,
        local_drops_packets=group.local_drops(index) + log.send_errors,
        send_late_ms_p50=_quantile_ms(late, 0.50),
        send_late_ms_p99=_quantile_ms(late, 0.99),
    )


def _quantile_ms(ordered_ns: Sequence[int], share: float) -> float | None:
    if not ordered_ns:
        return None
    return round(ordered_ns[min(int(share * len(ordered_ns)), len(ordered_ns) - 1)] / 1e6, 3)


# --- from the two ends' records to stages and metrics --------------------------------------------------


def stages_of_arm(outcome: CallOutcome, arm: ArmOutcome, record: SessionRecord | None) -> tuple[Stage, ...]:
    """Return the ladder of one arm above ``session_open``."""
    setup = arm.plan.dialect.setup
    rungs: list[Stage] = []
    if setup.name != "udp_open":
        rungs.append(udp_open_stage(outcome.udp_open, outcome.origin_ns, outcome.open_until_ns))
    rungs.append(
        setup_stage(
            arm.log,
            setup.name,
            Failure(setup.failure),
            setup.deadline_ns,
            origin_ns=outcome.origin_ns,
            end_ns=min(
                arm.media_from_ns or arm.media_until_ns,
                (arm.log.first_request_ns or arm.media_until_ns) + setup.deadline_ns,
            ),
        )
    )
    view = view_of(record, arm.plan.flow_id)
    up_span = None if record is None or view is None else _span_ns(record, outcome)
    rungs += media_stages(
        [at for _, at in arm.log.arrived],
        None if view is None else [at * 1000 for at in view.received_us],
        media_from_ns=arm.media_from_ns,
        media_until_ns=arm.media_until_ns,
        up_span_ns=up_span,
        origin_ns=outcome.origin_ns,
    )
    return tuple(rungs)


def view_of(record: SessionRecord | None, flow_id: int) -> FlowView | None:
    """Return the responder's view of one flow, or None when its record never came."""
    if record is None:
        return None
    return next((view for view in record.flows if view.flow_id == flow_id), None)


def _span_ns(record: SessionRecord, outcome: CallOutcome) -> tuple[int, int] | None:
    """First and last up-media arrival of any flow of the session, on the responder's clock.

    The clocks are not synchronised; the end of the call on the responder's clock is taken from whichever of the
    simultaneous arms was heard longest. When no arm was heard to the end the stall cannot be told from this.
    """
    firsts = [view.received_us[0] for view in record.flows if view.received_us]
    if not firsts:
        return None
    length = max((arm.media_until_ns - (arm.media_from_ns or 0) for arm in outcome.arms), default=0)
    first = min(firsts) * 1000
    return first, first + length


def metrics_of_arm(
    arm: ArmOutcome, view: FlowView | None, options: MetricOptions
) -> tuple[DirectionMetrics | None, DirectionMetrics | None]:
    """Return the metrics up and down; None where the responder's half is missing."""
    if view is None:
        return None, None
    up = direction_metrics(
        [SentPacket(sequence, at) for sequence, at in arm.log.sent],
        arrivals_up(view),
        options,
    )
    down = direction_metrics(
        sent_down(view),
        [Arrival(sequence, at) for sequence, at in arm.log.arrived],
        options,
    )
    return up, down


def arrivals_up(view: FlowView) -> list[Arrival]:
    """Return what reached the responder, on its clock."""
    return [
        Arrival(sequence, at * 1000)
        for sequence, at in zip(view.received_sequence, view.received_us, strict=True)
    ]


def sent_down(view: FlowView) -> list[SentPacket]:
    """Return what the responder sent, on its clock."""
    return [
        SentPacket(sequence, at * 1000) for sequence, at in zip(view.sent_sequence, view.sent_us, strict=True)
    ]


def options_for(medium: CallMedium, schedule: Schedule) -> MetricOptions:
    """Return the metric options of a medium: packet interval from the schedule's median gap."""
    gaps = sorted(
        later.offset_ns - earlier.offset_ns
        for earlier, later in zip(schedule, schedule[1:], strict=False)
        if later.offset_ns > earlier.offset_ns
    )
    ptime_ms = gaps[len(gaps) // 2] / 1e6 if gaps else 20.0
    return MetricOptions(ptime_ms=ptime_ms, playout_ms=60.0 if medium == "voice" else 120.0)
