"""The two sides of a call's media: all that went one way, whatever its streams were."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from callprobe.pcap.tell.endpoint import Direction, direction_of, host_of
from callprobe.pcap.tell.time_axis import merge

if TYPE_CHECKING:
    from callprobe.pcap.streams.flows import FlowStats
    from callprobe.pcap.streams.rtp_streams import RtpStream
    from callprobe.pcap.tell.calls import Call

MOST_SIDES: Final = 4
"""Where directions cannot be told, those with most packets."""


class Silence(NamedTuple):
    """A time without a packet on a side."""

    start_s: float
    length_s: float


class Side(NamedTuple):
    """Media that went one way."""

    direction: Direction | None
    src: str
    """Host of its busiest stream."""
    dst: str
    packets: int
    first_s: float
    last_s: float
    streams: "tuple[RtpStream, ...]"
    """In order of their packets, most first."""
    opaque: "tuple[FlowStats, ...]"
    silence: Silence | None
    """The longest within the media; null where all packets are opaque."""

    @property
    def lasted_s(self) -> float:
        """From the first to the last packet."""
        return self.last_s - self.first_s


def sides(call: "Call", endpoints: Iterable[str]) -> tuple[Side, ...]:
    """Return the sides of a call: out, in, then what has no known direction."""
    own = tuple(endpoints)
    streams: dict[tuple[str, ...], list[RtpStream]] = {}
    flows: dict[tuple[str, ...], list[FlowStats]] = {}
    for stream in call.rtp:
        streams.setdefault(_key(stream.src, stream.dst, own), []).append(stream)
    for flow in call.opaque:
        flows.setdefault(_key(flow.src, flow.dst, own), []).append(flow)
    found = [
        _side(streams.get(key, []), flows.get(key, []), own) for key in dict.fromkeys((*streams, *flows))
    ]
    busiest = sorted(found, key=lambda side: -side.packets)[:MOST_SIDES]
    return tuple(sorted(busiest, key=lambda side: _ORDER[side.direction]))


_ORDER: Final[dict[Direction | None, int]] = {"up": 0, "down": 1, None: 2}


def _key(src: str, dst: str, own: Sequence[str]) -> tuple[str, ...]:
    direction = direction_of(src, dst, own)
    return (direction,) if direction else (host_of(src), host_of(dst))


def _side(streams: "list[RtpStream]", flows: "list[FlowStats]", own: Sequence[str]) -> Side:
    ordered = sorted(streams, key=lambda stream: -stream.packets)
    parts: list[RtpStream | FlowStats] = [*ordered, *flows]
    src, dst = parts[0].src, parts[0].dst
    return Side(
        direction=direction_of(src, dst, own),
        src=host_of(src),
        dst=host_of(dst),
        packets=sum(part.packets for part in parts),
        first_s=min(part.first_s for part in parts),
        last_s=max(part.last_s for part in parts),
        streams=tuple(ordered),
        opaque=tuple(flows),
        silence=None if flows else _longest_silence(ordered),
    )


def _longest_silence(streams: "Sequence[RtpStream]") -> Silence | None:
    """Return the longest time without a packet of any stream.

    Within one stream it is known exactly; where several take turns, to the second.
    """
    if not streams:
        return None
    heard = merge(
        (item.second, item.second + stream.second_row_s)
        for stream in streams
        for item in stream.seconds
        if item.received
    )
    gaps = [(later[0] - earlier[1], earlier[1]) for earlier, later in pairwise(heard)]
    whole_s, start_s = max(gaps, default=(0.0, 0.0), key=lambda gap: gap[0])
    exact = [stream.max_gap_ms / 1000 for stream in streams]
    fitting = [gap for gap in exact if whole_s <= gap < whole_s + 2]
    if whole_s < 1:
        # Every second holds a packet of some stream: a gap of one alone is no silence of the side.
        return Silence(streams[0].first_s, min(exact)) if len(streams) == 1 else None
    return Silence(start_s, min(fitting, default=whole_s))
