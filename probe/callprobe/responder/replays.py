"""Which replayed flow a datagram belongs to: a replay carries no token, so its port and its packets say it.

No two flows that share a packet have one port, whoever asked for them; so nothing that arrives can be taken
for another session's, even where two probes behind one address replay the same call.
"""

from collections.abc import Iterator
from typing import Final, Generic, Protocol, TypeVar

from callprobe.dialect.contract import Heard
from callprobe.dialect.replay_look import ReplayLook
from callprobe.media.answerer import Answerer
from callprobe.responder.limits import BusyError

NAMING_BYTES: Final = 8
"""A shorter packet may be anybody's; it belongs to the flow whose source is known already."""


class Replayed(Protocol):
    """A flow, as far as it matters here."""

    @property
    def answerer(self) -> Answerer:
        """The responder's end of it."""
        ...


F = TypeVar("F", bound=Replayed)


class Replays(Generic[F]):
    """The replayed flows of all sessions by the port at which each is known."""

    def __init__(self, ports: tuple[int, ...], max_packets: int) -> None:
        """Take the responder's ports, and how many packets all flows may have in both directions."""
        self._flows: dict[int, list[F]] = {port: [] for port in ports}
        self._max_packets = max_packets

    def place(self, flow: F) -> int:
        """Give a flow one of the ports, the emptiest that will do. Raises BusyError."""
        if sum(map(_packets, [*self._all(), flow])) > self._max_packets:
            raise BusyError("the responder replays as much as it can just now; try again in a few minutes")
        for port, others in sorted(self._flows.items(), key=lambda item: len(item[1])):
            if not any(_collide(_look(flow), _look(other)) for other in others):
                others.append(flow)
                return port
        raise BusyError("the responder replays this call with others just now; try again in a few minutes")

    def remove(self, flow: F) -> None:
        """Forget a flow, whether it is here or not."""
        for flows in self._flows.values():
            if flow in flows:
                flows.remove(flow)

    def flow_of(self, port: int, data: bytes) -> F | None:
        """Return the flow that has this packet at this port, or None."""
        if len(data) < NAMING_BYTES:
            return None
        return next((flow for flow in self._flows.get(port, ()) if _hears(flow, data)), None)

    def digests(self) -> set[str]:
        """Return the names of the traces that are being replayed."""
        return {_look(flow).trace.digest for flow in self._all()}

    def _all(self) -> Iterator[F]:
        return (flow for flows in self._flows.values() for flow in flows)


def is_replay(flow: Replayed) -> bool:
    """Say whether a flow replays a trace."""
    return isinstance(flow.answerer.dialect, ReplayLook)


def _look(flow: Replayed) -> ReplayLook:
    look = flow.answerer.dialect
    assert isinstance(look, ReplayLook)
    return look


def _packets(flow: Replayed) -> int:
    trace = _look(flow).trace
    return len(trace.up.schedule) + len(trace.down.schedule)


def _hears(flow: Replayed, data: bytes) -> bool:
    return _look(flow).hear(flow.answerer.keys, "up", data).kind is Heard.MEDIA


def _collide(one: ReplayLook, other: ReplayLook) -> bool:
    """Say whether two looks share a packet by which a flow could be known."""
    shared = one.book("up").keys() & other.book("up").keys()
    schedule = one.trace.up.schedule
    return any(schedule[one.book("up")[key][0]].size >= NAMING_BYTES for key in shared)
