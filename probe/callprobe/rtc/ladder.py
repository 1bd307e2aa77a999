"""The rungs of a WebRTC call as stages, and what the record says of the media (pure)."""

from collections.abc import Sequence
from typing import Final

import msgspec

from callresults.failure import Failure
from callresults.observation import Stage, StageName

RUNGS: Final[tuple[StageName, ...]] = (
    "ice_connectivity",
    "dtls_handshake",
    "media_first_packet",
    "media_hold",
)
STALL_SHARE: Final = 0.4


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long each part of a call is given, seconds; aiortc itself would wait for minutes."""

    signalling_s: float = 10.0
    hang_up_s: float = 3.0
    ice_connectivity_s: float = 10.0
    dtls_handshake_s: float = 10.0
    media_first_packet_s: float = 4.0
    media_silence_s: float = 2.0
    """Silence at the end that counts as a stall; in short calls ``STALL_SHARE`` of the media time."""
    linger_s: float = 1.0
    """Waiting time for late packets after the last one was due."""


class Ladder:
    """Collects stages in order; times are monotonic ns, stages are seconds since ``start_ns``."""

    def __init__(self, start_ns: int) -> None:
        """``start_ns`` is the measurement's start."""
        self._start_ns = start_ns
        self._stages: list[Stage] = []
        self._failure: Failure | None = None

    def climb(
        self,
        name: StageName,
        t0_ns: int,
        t_ns: int,
        failure: Failure | None,
        *,
        deadline_s: float,
        attempts: int = 0,
    ) -> Stage:
        """Add a rung that was tried and return it."""
        self._failure = self._failure or failure
        stage = Stage(
            name=name,
            t0=self._seconds(t0_ns),
            t=self._seconds(t_ns),
            outcome="ok" if failure is None else "failed",
            failure=failure,
            deadline_s=deadline_s,
            attempts=attempts,
        )
        self._stages.append(stage)
        return stage

    def complete(self, at_ns: int) -> tuple[Stage, ...]:
        """Return every rung; those not tried are ``not_reached`` and name the first failure before them."""
        tried = {stage.name: stage for stage in self._stages}
        at = self._seconds(at_ns)
        failure = self._failure or Failure.INTERRUPTED
        return tuple(
            tried.get(name) or Stage(name=name, t0=at, t=at, outcome="not_reached", failure=failure)
            for name in RUNGS
        )

    def _seconds(self, at_ns: int) -> float:
        return (at_ns - self._start_ns) / 1e9


def judge_media(
    ladder: Ladder, arrivals_ns: Sequence[int], begin_ns: int, end_ns: int, deadlines: Deadlines
) -> None:
    """Add ``media_first_packet`` and ``media_hold`` for media due from ``begin_ns`` to ``end_ns``."""
    limit_ns = min(begin_ns + int(deadlines.media_first_packet_s * 1e9), end_ns)
    first_ns = max(begin_ns, arrivals_ns[0]) if arrivals_ns else limit_ns + 1
    in_time = first_ns <= limit_ns
    ladder.climb(
        "media_first_packet",
        begin_ns,
        min(first_ns, limit_ns),
        None if in_time else Failure.MEDIA_NEVER_ARRIVED,
        deadline_s=deadlines.media_first_packet_s,
    )
    if in_time:
        stalled_ns = stall_ns(arrivals_ns[-1], begin_ns, end_ns, deadlines.media_silence_s)
        ladder.climb(
            "media_hold",
            first_ns,
            max(first_ns, end_ns if stalled_ns is None else stalled_ns),
            None if stalled_ns is None else Failure.MEDIA_STALLED,
            deadline_s=deadlines.media_silence_s,
        )


def stall_ns(last_ns: int, begin_ns: int, end_ns: int, silence_s: float) -> int | None:
    """Return when a call that went silent after ``last_ns`` was silent for too long, or None."""
    patience_ns = min(int(silence_s * 1e9), int((end_ns - begin_ns) * STALL_SHARE))
    return last_ns + patience_ns if end_ns - last_ns > max(patience_ns, 1) else None
