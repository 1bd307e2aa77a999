"""From what a flow saw to the rungs of its ladder. Pure; times become seconds since the measurement's start."""

from collections.abc import Sequence
from typing import Final, Literal

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


def udp_open_stage(machine: UdpOpen, origin_ns: int, end_ns: int) -> Stage:
    """Return the ``udp_open`` rung of a run."""
    start_ns = machine.first_request_ns if machine.first_request_ns is not None else origin_ns
    answered = machine.answered_ns
    return Stage(
        name="udp_open",
        t0=seconds(start_ns, origin_ns),
        t=seconds(answered if answered is not None else end_ns, origin_ns),
        outcome="ok" if answered is not None else "failed",
        failure=None if answered is not None else Failure.UDP_ECHO_TIMEOUT,
        deadline_s=OPEN_DEADLINE_NS / 1e9,
        attempts=machine.attempts,
        rtt_ms=None if machine.rtt_ns is None else round(machine.rtt_ns / 1e6, 3),
    )


def setup_stage(
    log: CallerLog, name: StageName, failure: Failure, deadline_ns: int, *, origin_ns: int, end_ns: int
) -> Stage:
    """Return the rung that a dialect's first packets are."""
    if log.first_request_ns is None:
        return not_reached(name, seconds(end_ns, origin_ns), Failure.INTERRUPTED)
    answered = log.answered_ns
    rtt_ns = None if answered is None or log.last_request_ns is None else answered - log.last_request_ns
    return Stage(
        name=name,
        t0=seconds(log.first_request_ns, origin_ns),
        t=seconds(answered if answered is not None else end_ns, origin_ns),
        outcome="ok" if answered is not None else "failed",
        failure=None if answered is not None else failure,
        deadline_s=deadline_ns / 1e9,
        attempts=log.requests,
        rtt_ms=None if rtt_ns is None or rtt_ns < 0 else round(rtt_ns / 1e6, 3),
    )


def media_stages(
    arrived_down_ns: Sequence[int],
    arrived_up_ns: Sequence[int] | None,
    *,
    media_from_ns: int | None,
    media_until_ns: int,
    up_span_ns: tuple[int, int] | None,
    origin_ns: int,
) -> tuple[Stage, Stage]:
    """Return ``media_first_packet`` and ``media_hold``.

    ``arrived_down_ns`` are arrivals at the probe on its clock. ``arrived_up_ns`` are arrivals at the responder on
    *its* clock (None when its record never came), judged against ``up_span_ns``, the first and last time on that
    clock at which anything of the session happened. Both directions must live where both are known.
    """
    if media_from_ns is None:
        at_s = seconds(media_until_ns, origin_ns)
        return (
            not_reached("media_first_packet", at_s, Failure.INTERRUPTED),
            not_reached("media_hold", at_s, Failure.INTERRUPTED),
        )
    start_s = seconds(media_from_ns, origin_ns)
    alive = bool(arrived_down_ns) and (arrived_up_ns is None or bool(arrived_up_ns))
    deadline_ns = min(FIRST_PACKET_DEADLINE_NS, max(media_until_ns - media_from_ns, 1))
    if not alive:
        first = Stage(
            name="media_first_packet",
            t0=start_s,
            t=seconds(media_from_ns + deadline_ns, origin_ns),
            outcome="failed",
            failure=Failure.MEDIA_NEVER_ARRIVED,
            deadline_s=deadline_ns / 1e9,
        )
        return first, not_reached("media_hold", first.t, Failure.MEDIA_NEVER_ARRIVED)
    first_s = max(seconds(min(arrived_down_ns), origin_ns), start_s)
    first = Stage(
        name="media_first_packet", t0=start_s, t=first_s, outcome="ok", deadline_s=deadline_ns / 1e9
    )
    stalled = _stalled(max(arrived_down_ns), media_from_ns, media_until_ns)
    if arrived_up_ns and up_span_ns is not None:
        stalled = stalled or _stalled(max(arrived_up_ns), *up_span_ns)
    outcome: Literal["failed", "ok"] = "failed" if stalled else "ok"
    hold = Stage(
        name="media_hold",
        t0=first_s,
        t=max(seconds(media_until_ns, origin_ns), first_s),
        outcome=outcome,
        failure=Failure.MEDIA_STALLED if stalled else None,
        deadline_s=None,
    )
    return first, hold


def _stalled(last_ns: int, from_ns: int, until_ns: int) -> bool:
    patience = min(STALL_NS, int((until_ns - from_ns) * STALL_SHARE))
    return until_ns - last_ns > max(patience, 1)
