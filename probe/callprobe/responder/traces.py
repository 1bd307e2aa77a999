"""The traces that are laid down here to be replayed: in memory only, bounded, forgotten soon."""

from dataclasses import dataclass
from typing import Final

from callprobe.dialect.replay_look import Nature, ReplayLook
from callprobe.dialect.trace import Trace
from callprobe.media.session import TraceOffer
from callprobe.responder.limits import BusyError, Limits, RefusedError

PACKET_COST_BYTES: Final = 400
"""What a packet takes in memory beside its payload: slot, marks, book."""


@dataclass
class _Kept:
    trace: Trace
    cost: int
    until_ns: int
    looks: dict[Nature, ReplayLook]


class TraceShelf:
    """Traces by their names; the one not asked for longest makes room first."""

    def __init__(self, limits: Limits) -> None:
        """Make an empty shelf."""
        self._limits = limits
        self._kept: dict[str, _Kept] = {}

    @property
    def offer(self) -> TraceOffer | None:
        """What traces are taken; None when none are."""
        limits = self._limits
        if limits.max_traces <= 0:
            return None
        return TraceOffer(
            max_bytes=limits.max_trace_bytes,
            max_packets=limits.max_trace_packets,
            max_duration_s=min(limits.max_trace_duration_s, limits.max_media_duration_s),
        )

    def lay(self, trace: Trace, now_ns: int, *, in_use: set[str]) -> None:
        """Keep a trace, and let go of as many that are not ``in_use`` as it takes. Raises RefusedError."""
        self._check(trace)
        self._kept.pop(trace.digest, None)
        cost = _cost(trace)
        for digest in [name for name in self._kept if name not in in_use]:
            if self._has_room(cost):
                break
            del self._kept[digest]
        if not self._has_room(cost):
            raise BusyError("the responder keeps as many traces as it can; try again in a few minutes")
        self._kept[trace.digest] = _Kept(trace, cost, self._until(now_ns), {})

    def find(self, digest: str, now_ns: int) -> Trace | None:
        """Return a trace and keep it for another lifetime, or None."""
        kept = self._kept.pop(digest, None)
        if kept is None:
            return None
        kept.until_ns = self._until(now_ns)
        self._kept[digest] = kept
        return kept.trace

    def look(self, nature: Nature, digest: str) -> ReplayLook:
        """Return the look of a trace that is here, always the same instance. Raises RefusedError."""
        kept = self._kept.get(digest)
        if kept is None:
            raise RefusedError("no trace of that name is here; it must be laid down first")
        return kept.looks.setdefault(nature, ReplayLook(kept.trace, nature))

    def expire(self, now_ns: int) -> None:
        """Forget traces that nobody asked for in their lifetime."""
        for digest in [name for name, kept in self._kept.items() if now_ns >= kept.until_ns]:
            del self._kept[digest]

    def _check(self, trace: Trace) -> None:
        offer = self.offer
        if offer is None:
            raise RefusedError("this responder takes no traces")
        longest = max(len(trace.up.schedule), len(trace.down.schedule))
        if longest > offer.max_packets:
            raise RefusedError(f"the trace has {longest} packets in one direction, over {offer.max_packets}")
        if trace.duration_s > offer.max_duration_s:
            raise RefusedError(f"the trace lasts longer than {offer.max_duration_s:g} s")

    def _has_room(self, cost: int) -> bool:
        limits = self._limits
        held = sum(kept.cost for kept in self._kept.values())
        return len(self._kept) < limits.max_traces and held + cost <= limits.max_traces_bytes

    def _until(self, now_ns: int) -> int:
        return now_ns + int(self._limits.trace_lifetime_s * 1e9)


def _cost(trace: Trace) -> int:
    packets = len(trace.up.schedule) + len(trace.down.schedule)
    return trace.down.size + packets * PACKET_COST_BYTES
