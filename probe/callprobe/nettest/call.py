"""The ``call`` nettest: call-shaped flows beside their controls, interleaved on one grid.

Specification: ``scenarios/calls/*.md``. All arms open their sockets at once, do their set-ups side by side,
and then send their media on one 20 ms grid, each arm in its own randomly drawn place in it.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from callprobe.dialect.contract import CallMedium, Dialect, FlowKeys, Schedule
from callprobe.dialect.opening import Opening
from callprobe.dialect.registry import split_replay
from callprobe.media.caller import Caller, CallerLog
from callprobe.media.flow import Address, FlowMachine
from callprobe.media.session import MEDIA_LEAD_NS, FlowView, SessionRecord
from callprobe.media.udp_open import UdpOpen
from callprobe.net.contract import FlowGroup, Net
from callprobe.nettest.due import due_in
from callprobe.nettest.ladder import (
    HeardMedia,
    Span,
    media_stages,
    no_media,
    seconds,
    setup_stage,
    udp_open_stage,
)
from callprobe.nettest.openings import Replayed, opening_stages
from callresults.failure import Failure
from callresults.metrics.direction import DirectionMetrics
from callresults.metrics.summary import (
    Arrival,
    MetricOptions,
    SentPacket,
    direction_metrics,
)
from callresults.nettests.common import Arm, LocalConditions
from callresults.observation import Stage

GRID_NS: Final = 20_000_000
OPEN_PATIENCE_NS: Final = 1_000_000_000
"""How long the other flows wait for the echo before they start without a proved path."""
STEP_NS: Final = 50_000_000
LINGER_NS: Final = 2_100_000_000
"""After the last packet: longer than the waiting time (Tmax) after which a packet counts as lost."""
LATE_VOID_MS: Final = 60.0
"""Sends later than the depth of the jitter buffer (p99): the machine, not the network, spoilt the call."""
PROGRESS_NS: Final = 1_000_000_000
LONGEST_PTIME_MS: Final = 120
"""Of a voice packet (Opus, RFC 7587)."""

Progress = Callable[[str, float], None]
"""Called with a phase's name and the share (0..1) of the nettest that is done."""


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """One flow to run."""

    arm: Arm
    dialect: Dialect
    flow_id: int
    keys: FlowKeys
    peer: Address
    responder_port: int
    schedule: Schedule
    schedule_down: Schedule
    """What the far end will send."""
    openings: tuple[Opening, ...] = ()
    """Of a replay: the packets that set the call up; rungs of their own."""

    @property
    def is_replay(self) -> bool:
        """Whether the flow replays a recorded call."""
        return split_replay(self.dialect.name) is not None


@dataclass
class ArmOutcome:
    """What the probe's end of one flow saw."""

    plan: ArmPlan
    caller: Caller
    media_from_ns: int | None = None
    """None when the run ended before."""
    media_until_ns: int = 0
    """When the last media packet was due, or the run ended."""
    interrupted: bool = False
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
    ended_ns: int | None = None
    """None until the flows have run."""
    arms: list[ArmOutcome] = field(default_factory=list)


def prepare(plans: Sequence[ArmPlan], udp_open: UdpOpen, *, origin_ns: int) -> CallOutcome:
    """Return the outcome that ``run`` fills in, so that what was measured survives an interruption."""
    return CallOutcome(origin_ns, udp_open, arms=[ArmOutcome(plan, _caller(plan)) for plan in plans])


def _caller(plan: ArmPlan) -> Caller:
    return Caller(plan.dialect, plan.keys, plan.peer, plan.schedule, schedule_down=plan.schedule_down)


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
    machines: list[FlowMachine] = [outcome.udp_open, *(arm.caller for arm in outcome.arms)]
    group = await net.open_flows(machines)
    flows = _Flows(net, group, outcome, progress)
    try:
        await flows.open()
        await flows.set_up()
        await begin_media()
        await flows.talk(rng)
    finally:
        flows.end()
        await group.close()


@dataclass(frozen=True)
class _Flows:
    """The open flows of one run, and its phases in their order."""

    net: Net
    group: FlowGroup
    outcome: CallOutcome
    progress: Progress

    async def open(self) -> None:
        self.progress("udp_open", 0.0)
        patience_ns = self.net.now_ns() + OPEN_PATIENCE_NS
        while not self.outcome.udp_open.settled and self.net.now_ns() < patience_ns:
            await self.group.run(self.net.now_ns() + STEP_NS)

    async def set_up(self) -> None:
        self.progress("set-up", 0.1)
        start_ns = self.net.now_ns() + STEP_NS
        callers = [arm.caller for arm in self.outcome.arms]
        for caller in callers:
            caller.begin_setup(start_ns)
        while not all(caller.setup_finished for caller in callers):
            await self.group.run(self.net.now_ns() + STEP_NS)

    async def talk(self, rng: random.Random) -> None:
        grid_ns = self.net.now_ns() + MEDIA_LEAD_NS
        end_ns = self._begin_media(grid_ns, rng)
        while not self._finished() and self.net.now_ns() < end_ns:
            done = (self.net.now_ns() - grid_ns) / (end_ns - grid_ns)
            self.progress("media", 0.2 + 0.8 * min(max(done, 0.0), 1.0))
            await self.group.run(min(self.net.now_ns() + PROGRESS_NS, end_ns))

    def end(self) -> None:
        """Write down when the run ended, and what the own machine did to it."""
        end_ns = self.outcome.ended_ns = self.net.now_ns()
        for index, arm in enumerate(self.outcome.arms):
            if arm.media_from_ns is None or arm.media_from_ns >= end_ns:
                arm.media_from_ns, arm.media_until_ns = None, end_ns
            arm.interrupted = arm.media_from_ns is None or arm.media_until_ns > end_ns
            arm.media_until_ns = min(arm.media_until_ns, end_ns)
            arm.local = _local(self.group, index + 1, arm.log)

    def _begin_media(self, grid_ns: int, rng: random.Random) -> int:
        """Give each arm its place in the grid; return when all is over at the latest."""
        arms = self.outcome.arms
        places = list(range(len(arms)))
        rng.shuffle(places)
        end_ns = max(grid_ns, self.outcome.udp_open.deadline_ns)
        for place, arm in zip(places, arms, strict=True):
            start_ns = grid_ns + place * GRID_NS // len(arms)
            last_ns = start_ns + max(
                last_offset_ns(arm.plan.schedule), last_offset_ns(arm.plan.schedule_down)
            )
            arm.caller.begin_media(start_ns, linger_ns=LINGER_NS)
            arm.media_from_ns, arm.media_until_ns = start_ns, last_ns
            end_ns = max(end_ns, last_ns + LINGER_NS + 2 * GRID_NS)
        return end_ns + 1

    def _finished(self) -> bool:
        return self.outcome.udp_open.finished and all(arm.caller.finished for arm in self.outcome.arms)


def last_offset_ns(schedule: Schedule) -> int:
    """Return when the last packet of a schedule is due; 0 without packets."""
    return schedule[-1].offset_ns if schedule else 0


def _local(group: FlowGroup, index: int, log: CallerLog) -> LocalConditions:
    late = sorted(group.send_lateness_ns(index))
    return LocalConditions(
        kernel_timestamps=group.kernel_timestamps,
        local_drops_packets=group.local_drops(index) + log.send_errors,
        send_late_ms_p50=quantile_ms(late, 0.50),
        send_late_ms_p99=quantile_ms(late, 0.99),
    )


def quantile_ms(ordered_ns: Sequence[int], share: float) -> float | None:
    """Return the value below which ``share`` of the ordered times lie, ms; None of nothing."""
    if not ordered_ns:
        return None
    return round(ordered_ns[min(int(share * len(ordered_ns)), len(ordered_ns) - 1)] / 1e6, 3)


# --- from the two ends' records to stages and metrics --------------------------------------------------


def stages_of_arm(outcome: CallOutcome, arm: ArmOutcome, record: SessionRecord | None) -> tuple[Stage, ...]:
    """Return the ladder of one arm above ``session_open``."""
    opening: tuple[Stage, ...] = ()
    if arm.media_from_ns is not None:
        view = view_of(record, arm.plan.flow_id)
        seen = Replayed(arm.log, view, arm.media_from_ns, arm.media_until_ns, arm.interrupted)
        opening = opening_stages(arm.plan.openings, seen, origin_ns=outcome.origin_ns)
    return (*_open_stages(outcome, arm), *opening, *_media_stages(outcome, arm, record))


def echo_stage(outcome: CallOutcome) -> Stage:
    """Return the ``udp_open`` rung that the arms of a run share."""
    ended_ns = outcome.origin_ns if outcome.ended_ns is None else outcome.ended_ns
    return udp_open_stage(outcome.udp_open, origin_ns=outcome.origin_ns, end_ns=ended_ns)


def _open_stages(outcome: CallOutcome, arm: ArmOutcome) -> tuple[Stage, ...]:
    setup = arm.plan.dialect.setup
    ended_ns = arm.media_until_ns if arm.media_from_ns is None else arm.media_from_ns
    own = setup_stage(arm.log, setup, origin_ns=outcome.origin_ns, end_ns=ended_ns)
    if not setup.retry_ns:
        return (echo_stage(outcome),)
    return (own,) if setup.name == "udp_open" else (echo_stage(outcome), own)


def _media_stages(outcome: CallOutcome, arm: ArmOutcome, record: SessionRecord | None) -> tuple[Stage, Stage]:
    origin_ns = outcome.origin_ns
    if arm.media_from_ns is None:
        return no_media(seconds(arm.media_until_ns, origin_ns), Failure.INTERRUPTED)
    up = _heard_up(record, arm)
    if arm.plan.schedule_down:
        due = _due(arm, arm.plan.schedule_down, arm.media_from_ns)
        down = HeardMedia([at for _, at in arm.log.arrived], due)
    elif up is None:
        return no_media(seconds(arm.media_from_ns, origin_ns), Failure.RESPONDER_VIEW_MISSING)
    else:
        due = _due(arm, arm.plan.schedule, arm.media_from_ns)
        down = HeardMedia([], due, nothing_due=True)
    return media_stages(down, up, origin_ns=origin_ns, interrupted=arm.interrupted)


def _due(arm: ArmOutcome, schedule: Schedule, from_ns: int) -> Span:
    """Return when media that begin at ``from_ns`` are due, as far as the run went."""
    lasted_ns = arm.media_until_ns - (arm.media_from_ns or 0)
    offsets = due_in(schedule, recorded=arm.plan.is_replay)
    return Span(*(from_ns + min(offset_ns, lasted_ns) for offset_ns in offsets))


def _heard_up(record: SessionRecord | None, arm: ArmOutcome) -> HeardMedia | None:
    """Return what the responder heard of a flow, on its own clock; None when its record never came.

    The clocks are not synchronised. All arms share one schedule and one grid, so the packet of any of them
    that came soonest after its time tells when the media began.
    """
    view = view_of(record, arm.plan.flow_id)
    if record is None or view is None:
        return None
    offsets_ns = {slot.sequence: slot.offset_ns for slot in arm.plan.schedule}
    from_ns = min(
        (
            at_us * 1000 - offsets_ns[sequence]
            for flow in record.flows
            for sequence, at_us in zip(flow.received_sequence, flow.received_us, strict=True)
            if sequence in offsets_ns
        ),
        default=0,
    )
    due = _due(arm, arm.plan.schedule, from_ns)
    return HeardMedia([at_us * 1000 for at_us in view.received_us], due)


def void_reason(outcome: CallOutcome, record: SessionRecord | None) -> str | None:
    """Return why nothing may be concluded from the flows, or None.

    ``late``: the own machine sent too late. ``far-end-unknown``: nothing was due from the far end, and what
    it heard is not known. ``path-not-proved``: something passed, but the responder never saw proof that this
    host receives, and by its own rule held media back.
    """
    late_ms = [arm.local.send_late_ms_p99 for arm in outcome.arms if arm.local is not None]
    if any(value is not None and value > LATE_VOID_MS for value in late_ms):
        return "late"
    if record is None:
        return None if any(arm.plan.schedule_down for arm in outcome.arms) else "far-end-unknown"
    if record.proved:
        return None
    heard_here = any(arm.log.answered_ns is not None or arm.log.arrived for arm in outcome.arms)
    heard_there = any(view.received_sequence for view in record.flows)
    return "path-not-proved" if heard_here or heard_there else None


def view_of(record: SessionRecord | None, flow_id: int) -> FlowView | None:
    """Return the responder's view of one flow, or None when its record never came."""
    if record is None:
        return None
    return next((view for view in record.flows if view.flow_id == flow_id), None)


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


def options_for(medium: CallMedium, schedule: Schedule, *, recorded: bool = False) -> MetricOptions:
    """Return the metric options of a medium; a voice packet holds as much as the schedule's smallest gap.

    Video has no fixed packet time and no reference codec, so no path index either. Of a ``recorded`` call,
    whose gaps have the jitter of their day, the commonest one counts.
    """
    if medium == "video":
        return MetricOptions(ptime_ms=None, playout_ms=120.0, codec=None)
    gaps_ns = [later.offset_ns - earlier.offset_ns for earlier, later in pairwise(schedule)]
    if recorded:
        return MetricOptions(ptime_ms=_commonest_ms(gaps_ns))
    return MetricOptions(ptime_ms=min(gaps_ns, default=20_000_000) / 1e6)


def _commonest_ms(gaps_ns: Sequence[int]) -> float:
    """Return the commonest gap that may be between two voice packets, to 10 ms; 20 where there is none."""
    tens = Counter(round(gap_ns / 1e7) for gap_ns in gaps_ns)
    likely = [(count, ten) for ten, count in tens.items() if 1 <= ten <= LONGEST_PTIME_MS // 10]
    return float(10 * max(likely)[1]) if likely else 20.0
