"""From what a flow saw to the rungs of its ladder. Pure; times become seconds since the start."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from callprobe.dialect.contract import SetupStage
from callprobe.media.caller import CallerLog
from callprobe.media.udp_open import DEADLINE_NS as OPEN_DEADLINE_NS
from callprobe.media.udp_open import UdpOpen
from callresults.failure import Failure
from callresults.observation import Stage, StageName

FIRST_PACKET_DEADLINE_NS: Final = 4_000_000_000
STALL_NS: Final = 2_000_000_000
"""Silence at the end of a call that counts as a stall …"""
STALL_SHARE: Final = 0.4
"""… or, for short calls, this share of the media's duration, whichever is shorter."""


def seconds(at_ns: int, origin_ns: int) -> float:
    """Return ``at_ns`` as seconds since ``origin_ns``, to the microsecond."""
    return round((at_ns - origin_ns) / 1e9, 6)


def not_reached(name: StageName, at_s: float, reason: Failure) -> Stage:
    """Return the record of a rung that was never tried, with the failure that kept it from being tried."""
    return Stage(name=name, t0=at_s, t=at_s, outcome="not_reached", failure=reason)


def udp_open_stage(machine: UdpOpen, *, origin_ns: int, end_ns: int) -> Stage:
    """Return the ``udp_open`` rung of a run that ended at ``end_ns``."""
    started, answered = machine.first_request_ns, machine.answered_ns
    if started is None:
        return not_reached("udp_open", seconds(end_ns, origin_ns), Failure.INTERRUPTED)
    ended = answered if answered is not None else min(end_ns, machine.deadline_ns)
    return Stage(
        name="udp_open",
        t0=seconds(started, origin_ns),
        t=seconds(ended, origin_ns),
        outcome="ok" if answered is not None else "failed",
        failure=_failure(answered, Failure.UDP_ECHO_TIMEOUT, in_time=machine.finished),
        deadline_s=OPEN_DEADLINE_NS / 1e9,
        attempts=machine.attempts,
        rtt_ms=None if machine.rtt_ns is None else round(machine.rtt_ns / 1e6, 3),
    )


def setup_stage(log: CallerLog, setup: SetupStage, *, origin_ns: int, end_ns: int) -> Stage:
    """Return the rung that a dialect's first packets are; ``end_ns`` is when it was left unanswered.

    The round trip is null after a retransmission, since no answer tells which request it is to (Karn).
    """
    started, answered = log.first_request_ns, log.answered_ns
    if started is None:
        return not_reached(setup.name, seconds(end_ns, origin_ns), Failure.INTERRUPTED)
    ended = answered if answered is not None else min(end_ns, started + setup.deadline_ns)
    once = answered is not None and log.last_request_ns == started
    return Stage(
        name=setup.name,
        t0=seconds(started, origin_ns),
        t=seconds(ended, origin_ns),
        outcome="ok" if answered is not None else "failed",
        failure=_failure(answered, Failure(setup.failure), in_time=end_ns >= started + setup.deadline_ns),
        deadline_s=setup.deadline_ns / 1e9,
        attempts=log.requests,
        rtt_ms=round((ended - started) / 1e6, 3) if once else None,
    )


class Span(NamedTuple):
    """When media were due on one end's clock, ns."""

    from_ns: int
    until_ns: int

    @property
    def deadline_ns(self) -> int:
        """How long the first packet was given, counted from ``from_ns``."""
        return min(FIRST_PACKET_DEADLINE_NS, max(self.until_ns - self.from_ns, 1))


class HeardMedia(NamedTuple):
    """Arrivals of one direction in order of arrival, and when they were due, on the hearing end's clock."""

    arrived_ns: Sequence[int]
    due: Span
    nothing_due: bool = False
    """A direction in which nobody was to send, as a recorded call may have one; it hinders nothing."""

    @property
    def began(self) -> bool:
        """Whether the first packet came in time."""
        if self.nothing_due:
            return True
        return bool(self.arrived_ns) and min(self.arrived_ns) <= self.due.from_ns + self.due.deadline_ns

    @property
    def stalled(self) -> bool:
        """Whether the direction was silent at the end for longer than a call bears."""
        if self.nothing_due:
            return False
        length_ns = self.due.until_ns - self.due.from_ns
        silence_ns = self.due.until_ns - max(self.arrived_ns)
        return silence_ns > min(STALL_NS, int(STALL_SHARE * length_ns))


def media_stages(
    down: HeardMedia, up: HeardMedia | None, *, origin_ns: int, interrupted: bool = False
) -> tuple[Stage, Stage]:
    """Return ``media_first_packet`` and ``media_hold``.

    ``down`` is what the probe heard, ``up`` what the responder did on *its* clock (None when its record never
    came). Both directions must live where both are known. ``interrupted``: the run was ended before its time,
    so that silence says nothing.
    """
    start_s = seconds(down.due.from_ns, origin_ns)
    alive = down.began and (up is None or up.began)
    if not alive:
        return _silent(start_s, down.due, interrupted=interrupted)
    first_s = max(seconds(min(down.arrived_ns, default=down.due.from_ns), origin_ns), start_s)
    first = Stage(
        name="media_first_packet",
        t0=start_s,
        t=first_s,
        outcome="ok",
        deadline_s=down.due.deadline_ns / 1e9,
    )
    end_s = max(seconds(down.due.until_ns, origin_ns), first_s)
    if interrupted:
        return first, not_reached("media_hold", end_s, Failure.INTERRUPTED)
    stalled = down.stalled or (up is not None and up.stalled)
    outcome: Literal["failed", "ok"] = "failed" if stalled else "ok"
    failure = Failure.MEDIA_STALLED if stalled else None
    return first, Stage(name="media_hold", t0=first_s, t=end_s, outcome=outcome, failure=failure)


def no_media(at_s: float, reason: Failure) -> tuple[Stage, Stage]:
    """Return both rungs of media that never began."""
    return not_reached("media_first_packet", at_s, reason), not_reached("media_hold", at_s, reason)


def _failure(answered_ns: int | None, failure: Failure, *, in_time: bool) -> Failure | None:
    """Return why nothing answered: ``failure`` if the deadline passed, else the run was ended before it."""
    if answered_ns is not None:
        return None
    return failure if in_time else Failure.INTERRUPTED


def _silent(start_s: float, due: Span, *, interrupted: bool) -> tuple[Stage, Stage]:
    if interrupted:
        return no_media(start_s, Failure.INTERRUPTED)
    deadline_s = due.deadline_ns / 1e9
    first = Stage(
        name="media_first_packet",
        t0=start_s,
        t=round(start_s + deadline_s, 6),
        outcome="failed",
        failure=Failure.MEDIA_NEVER_ARRIVED,
        deadline_s=deadline_s,
    )
    return first, not_reached("media_hold", first.t, Failure.MEDIA_NEVER_ARRIVED)
