"""Observations: what was tried, when, and what came of it."""

from typing import Literal

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


def first_failing(stages: tuple[Stage, ...]) -> Stage | None:
    """Return the first stage in ladder order that did not succeed, or None."""
    return next((stage for stage in stages if stage.outcome != "ok"), None)
