"""Observations: what was tried, when, and what came of it."""

from typing import Final, Literal

import msgspec

from callresults.failure import Failure

StageName = Literal[
    "resolve",
    "session_open",
    "udp_open",
    "relay_allocation",
    "relay_ping",
    "stun_binding",
    "turn_allocation",
    "ice_connectivity",
    "dtls_handshake",
    "tcp_connect",
    "tls_handshake",
    "http_response",
    "media_first_packet",
    "media_hold",
]

Outcome = Literal["ok", "failed", "not_reached"]

MEDIA_STAGES: Final = frozenset({"media_first_packet", "media_hold"})
"""The rungs of the media; all others of a call are its set-up."""
_PROVES_UDP: Final = frozenset(
    {
        "relay_allocation",
        "relay_ping",
        "stun_binding",
        "turn_allocation",
        "ice_connectivity",
    }
)
"""Set-ups of looks: one that succeeds shows that datagrams come through both ways, whatever the echo did."""


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rung of the ladder; "no answer" is a result with a reason, never an absent record."""

    name: StageName
    """Which rung (``docs`` of the nettest define each)."""
    t0: float
    """Start, seconds since ``measurement_start_time`` on the monotonic clock."""
    t: float
    """End, likewise; for ``not_reached`` equal to ``t0``."""
    outcome: Outcome
    """What came of it; ``not_reached`` after a rung that had to succeed first."""
    failure: Failure | None = None
    """Why it failed; null exactly when ``outcome`` is ``ok``."""
    deadline_s: float | None = None
    """How long it was given, seconds."""
    attempts: int = 0
    """Requests sent, retransmissions included."""
    rtt_ms: float | None = None
    """Round trip of the answered request, where the rung has one."""


def obstacles(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages that kept the arm from working, in ladder order.

    Those that did not succeed, but for a ``udp_open`` that a later set-up refutes: the arms of a run share
    its echo, which is a flow of its own, so it may be lost where the arm's own packets come through. The
    ``udp_open`` of a control is its own set-up and counts as any look's does, else the two would not be
    measured alike.
    """
    refuted = any(stage.name in _PROVES_UDP and stage.outcome == "ok" for stage in stages)
    return tuple(
        stage for stage in stages if stage.outcome != "ok" and not (refuted and stage.name == "udp_open")
    )


def first_failing(stages: tuple[Stage, ...]) -> Stage | None:
    """Return the first of the ``obstacles``, or None."""
    return next(iter(obstacles(stages)), None)
