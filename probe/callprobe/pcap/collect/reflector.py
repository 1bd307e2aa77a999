"""Telegram's reflectors: pings and answers, peer information, frames."""

from collections import Counter, deque
from typing import Final

from msgspec import Struct

from callprobe.pcap.collect.round_trips import RoundTripLog, RoundTrips, median_ms, since_s, since_s_or_none
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import reflector

PATH_LIMIT: Final = 256
"""Pairs of client socket and reflector that are listed."""
ANSWER_WITHIN_NS: Final = 5_000_000_000
"""A ping that is older is taken for lost when an answer could belong to several."""

_RUN: Final = b"\xff" * 12
_RUN_AT: Final = slice(16, 28)
_BLOCK_BYTES: Final = 16
_OPEN_LIMIT: Final = 256
_RTT_LIMIT: Final = 1000
_INTERVAL_LIMIT: Final = 1000
_FRAME_HEADER_BYTES: Final = 24
_FIRST_PORT, _LAST_PORT = 500, 600


class ReflectorPath(Struct, frozen=True, kw_only=True):
    """What one client socket exchanged with one reflector."""

    client: str
    reflector: str
    pings: int
    answers: int
    rtt_ms: RoundTrips
    first_s: float
    last_s: float
    """First and last message or frame."""
    last_ping_s: float | None
    first_answered_s: float | None
    interval_ms: float | None
    """Median time between pings; null for fewer than two."""
    frames_up: int
    """Data frames of tgcalls v2."""
    frames_down: int
    tagged_up: int
    """Data of libtgvoip: peer tag, then a length of 0 mod 16."""
    tagged_down: int
    peer_info_requests: int
    peer_info_answers: int
    clock_offset_s: float | None
    """The reflector's clock minus that of the capture, by the first answer; it tells whole seconds, so half a
    second is added and the error is up to as much."""


class ReflectorCounts(Struct, frozen=True, kw_only=True):
    """Telegram reflector pings (40 bytes) and their answers (64 bytes)."""

    pings: int
    answers: int
    """Answers that belong to a ping."""
    stray_answers: int
    answered_ratio: float | None
    rtt_ms: RoundTrips
    """Of answers that can belong to one ping only: all pings of tgcalls v2 carry the same query id."""
    first_s: float | None
    last_s: float | None
    """First and last ping."""
    first_answered_s: float | None
    interval_ms: float | None
    """Median over all paths."""
    constant_query_id: bool | None
    """All pings carry query id 123, as those of tgcalls v2 do."""
    frames: int
    """Data frames of tgcalls v2."""
    tagged: int
    """Data of libtgvoip."""
    peer_info_requests: int
    peer_info_answers: int
    ports: tuple[int, ...]
    reflectors: tuple[ReflectorPath, ...]
    dropped: int
    """Messages of paths that are not listed, since there were too many."""


class _Path:
    """What one client socket exchanged with one reflector, in the making."""

    __slots__ = (
        "client",
        "clock_offset_s",
        "counts",
        "first_answered_ns",
        "first_ns",
        "intervals_ns",
        "last_ns",
        "last_ping_ns",
        "open",
        "reflector",
        "rtt",
        "tag",
    )

    def __init__(self, client: Address, server: Address, first_ns: int) -> None:
        self.client = client
        self.reflector = server
        self.first_ns = self.last_ns = first_ns
        self.tag = b""
        self.counts: Counter[str] = Counter()
        self.open: deque[tuple[bytes, int]] = deque(maxlen=_OPEN_LIMIT)
        """Query id and time of pings that wait for their answers."""
        self.first_answered_ns: int | None = None
        self.last_ping_ns: int | None = None
        self.intervals_ns: list[int] = []
        self.clock_offset_s: float | None = None
        self.rtt = RoundTripLog(_RTT_LIMIT)


class ReflectorCollector:
    """The reflectors of a capture."""

    def __init__(self) -> None:
        self._paths: dict[tuple[Address, Address], _Path] = {}
        self._counts: Counter[str] = Counter()
        self._rtt = RoundTripLog()
        self._first_ping_ns: int | None = None
        self._last_ping_ns: int | None = None
        self._first_answered_ns: int | None = None
        self._other_query_ids = 0

    def add(self, datagram: UdpDatagram) -> bool:
        """Take a datagram, whatever it holds; say whether it is a reflector's."""
        payload = datagram.payload
        if payload[_RUN_AT] == _RUN:
            try:
                control = reflector.parse_control(payload)
            except reflector.ReflectorError:
                return False
            self._control(datagram, control)
            return True
        if 0 <= len(payload) - _FRAME_HEADER_BYTES - int.from_bytes(payload[20:24], "big") < 4:
            try:
                reflector.parse_frame(payload)
            except reflector.ReflectorError:
                return False
            return self._frame(datagram)
        if self._paths and not len(payload) % _BLOCK_BYTES and len(payload) > _BLOCK_BYTES:
            return self._tagged(datagram)
        return False

    def counts(self, origin_ns: int) -> ReflectorCounts:
        """Return the sums, and the paths in order of appearance."""
        counts, paths = self._counts, self._paths.values()
        pings, answers = counts["pings"], counts["answers"]
        return ReflectorCounts(
            pings=pings,
            answers=answers,
            stray_answers=counts["stray_answers"],
            answered_ratio=round(answers / pings, 6) if pings else None,
            rtt_ms=self._rtt.summary(),
            first_s=since_s_or_none(origin_ns, self._first_ping_ns),
            last_s=since_s_or_none(origin_ns, self._last_ping_ns),
            first_answered_s=since_s_or_none(origin_ns, self._first_answered_ns),
            interval_ms=median_ms([span for path in paths for span in path.intervals_ns]),
            constant_query_id=self._other_query_ids == 0 if pings else None,
            frames=counts["frames"],
            tagged=counts["tagged"],
            peer_info_requests=counts["peer_info_requests"],
            peer_info_answers=counts["peer_info_answers"],
            ports=tuple(sorted({path.reflector[1] for path in paths})),
            reflectors=tuple(_record(path, origin_ns) for path in paths),
            dropped=counts["dropped"],
        )

    def _control(self, datagram: UdpDatagram, control: reflector.Control) -> None:
        kind = control.kind
        if kind is reflector.Kind.PONG:
            self._answered(datagram, control)
        elif kind is reflector.Kind.PING:
            self._asked(datagram, control)
        elif kind is reflector.Kind.PEER_REQUEST:
            self._count(self._path(datagram.source, datagram.destination, datagram), "peer_info_requests")
        else:
            self._count(self._path(datagram.destination, datagram.source, datagram), "peer_info_answers")

    def _asked(self, datagram: UdpDatagram, control: reflector.Control) -> None:
        now_ns = datagram.epoch_ns
        if self._first_ping_ns is None:
            self._first_ping_ns = now_ns
        self._last_ping_ns = now_ns
        self._other_query_ids += control.query_id != reflector.TGCALLS_QUERY_ID
        path = self._path(datagram.source, datagram.destination, datagram)
        self._count(path, "pings")
        if path is None or control.query_id is None:
            return
        path.tag = control.tag
        path.open.append((control.query_id, now_ns))
        if path.last_ping_ns is not None and len(path.intervals_ns) < _INTERVAL_LIMIT:
            path.intervals_ns.append(now_ns - path.last_ping_ns)
        path.last_ping_ns = now_ns

    def _answered(self, datagram: UdpDatagram, control: reflector.Control) -> None:
        now_ns = datagram.epoch_ns
        path = self._path(datagram.destination, datagram.source, datagram)
        waiting = [] if path is None else [item for item in path.open if item[0] == control.query_id]
        if path is None or not waiting:
            self._counts["stray_answers"] += 1
            return
        if len(waiting) > 1:
            waiting = [item for item in waiting if now_ns - item[1] <= ANSWER_WITHIN_NS] or waiting[-1:]
        path.open.remove(waiting[0])
        self._count(path, "answers")
        if len(waiting) == 1:
            path.rtt.add(now_ns - waiting[0][1])
            self._rtt.add(now_ns - waiting[0][1])
        if self._first_answered_ns is None:
            self._first_answered_ns = now_ns
        if path.first_answered_ns is None:
            path.first_answered_ns = now_ns
            path.clock_offset_s = (control.date_s or 0) + 0.5 - now_ns / 1e9

    def _frame(self, datagram: UdpDatagram) -> bool:
        """Take a data frame of a path that is known, or that has a reflector's port at one end."""
        pair = (datagram.source, datagram.destination)
        known = pair in self._paths or pair[::-1] in self._paths
        if not known and not _is_reflector_port(pair[0][1]) and not _is_reflector_port(pair[1][1]):
            return False
        self._data(datagram, "frames")
        return True

    def _tagged(self, datagram: UdpDatagram) -> bool:
        """Take data of libtgvoip: the tag of the path, then whole cipher blocks."""
        key = (datagram.source, datagram.destination)
        path = self._paths.get(key) or self._paths.get(key[::-1])
        if path is None or datagram.payload[:_BLOCK_BYTES] != path.tag:
            return False
        self._data(datagram, "tagged")
        return True

    def _data(self, datagram: UdpDatagram, name: str) -> None:
        """Count data; a path that was not pinged has the reflector at the end with a reflector's port."""
        key = (datagram.source, datagram.destination)
        down = key[::-1] in self._paths or (key not in self._paths and _is_reflector_port(key[0][1]))
        path = self._path(*(key[::-1] if down else key), datagram)
        self._counts[name] += 1
        if path is not None:
            path.counts[f"{name}_{'down' if down else 'up'}"] += 1

    def _count(self, path: _Path | None, name: str) -> None:
        self._counts[name] += 1
        if path is not None:
            path.counts[name] += 1

    def _path(self, client: Address, server: Address, datagram: UdpDatagram) -> _Path | None:
        known = self._paths.get((client, server))
        if known is None:
            if len(self._paths) >= PATH_LIMIT:
                self._counts["dropped"] += 1
                return None
            known = self._paths[client, server] = _Path(client, server, datagram.epoch_ns)
        known.last_ns = datagram.epoch_ns
        return known


def _is_reflector_port(port: int) -> bool:
    return _FIRST_PORT <= port < _LAST_PORT


def _record(item: _Path, origin_ns: int) -> ReflectorPath:
    counts, offset_s = item.counts, item.clock_offset_s
    return ReflectorPath(
        client=address_text(item.client),
        reflector=address_text(item.reflector),
        pings=counts["pings"],
        answers=counts["answers"],
        rtt_ms=item.rtt.summary(),
        first_s=since_s(origin_ns, item.first_ns),
        last_s=since_s(origin_ns, item.last_ns),
        last_ping_s=since_s_or_none(origin_ns, item.last_ping_ns),
        first_answered_s=since_s_or_none(origin_ns, item.first_answered_ns),
        interval_ms=median_ms(item.intervals_ns),
        frames_up=counts["frames_up"],
        frames_down=counts["frames_down"],
        tagged_up=counts["tagged_up"],
        tagged_down=counts["tagged_down"],
        peer_info_requests=counts["peer_info_requests"],
        peer_info_answers=counts["peer_info_answers"],
        clock_offset_s=None if offset_s is None else round(offset_s, 1),
    )
