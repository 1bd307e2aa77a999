"""webrtc-internals: the JSON document that Chrome saves from ``chrome://webrtc-internals``.

``PeerConnections`` holds for each connection an ``updateLog`` of events and ``stats``: for each figure of
each object an entry ``<object>-<figure>`` whose ``values`` are a JSON list written into a string. When each
value was taken stands in ``<object>-timestamp`` (from Chrome 117 on); older dumps have the first and the last
moment only.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from callprobe.pcap.dumps.builder import ConnectionBuilder
from callprobe.pcap.dumps.figures import Budget, Value
from callprobe.pcap.dumps.model import MOST_CONNECTIONS, Browser, Connection, Dump, DumpError
from callprobe.pcap.dumps.pages import browser_of, is_loopback, service_of

_NO_DOCUMENT: Final = "is no JSON document with PeerConnections, as chrome://webrtc-internals saves it"
_MALFORMED: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class _Series(Struct):
    """The values of one figure."""

    values: str
    start: Any = msgspec.field(name="startTime", default=None)
    end: Any = msgspec.field(name="endTime", default=None)
    kind: Any = msgspec.field(name="statsType", default=None)


class _Update(Struct):
    """One entry of the log."""

    name: Any = msgspec.field(name="type", default=None)
    value: Any = None
    timestamp: Any = None
    time: Any = None


class _PeerConnection(Struct):
    url: Any = None
    log: list[_Update] = msgspec.field(name="updateLog", default=[])
    stats: dict[str, _Series] = {}


class _Document(Struct):
    connections: dict[str, _PeerConnection] = msgspec.field(name="PeerConnections")
    user_agent: Any = msgspec.field(name="UserAgent", default=None)
    user_agent_data: Any = msgspec.field(name="UserAgentData", default=None)


class _Key(NamedTuple):
    identity: str
    figure: str


def read_internals(data: bytes, file: str) -> Dump:
    """Return what a document says. Raises DumpError."""
    try:
        document = msgspec.json.decode(data, type=_Document)
    except _MALFORMED as error:
        raise DumpError(f"{file}: {_NO_DOCUMENT}") from error
    browser = browser_of(document.user_agent, document.user_agent_data)
    budget = Budget()
    kept = list(document.connections.values())[:MOST_CONNECTIONS]
    connections = [_connection(item, browser, budget) for item in kept]
    return Dump(
        file=file,
        format="webrtc-internals",
        browser=browser,
        connections=tuple(sorted(connections, key=lambda item: item.start_ms or 0.0)),
        connections_left_out=len(document.connections) - len(kept),
        broken_at_line=None,
    )


def _connection(item: _PeerConnection, browser: Browser, budget: Budget) -> Connection:
    builder = ConnectionBuilder(budget)
    for update in item.log:
        builder.event(_moment(update), update.name, _decoded(update.value))
    times = {
        key.identity: _numbers(series.values)
        for name, series in item.stats.items()
        if (key := _key(name)).figure == "timestamp"
    }
    for moments in times.values():
        for at_ms in moments[:1] + moments[-1:]:
            builder.seen(at_ms)
    for name, series in item.stats.items():
        key = _key(name)
        if builder.wants(series.kind, key.figure):
            for at_ms, value in _course(series, times.get(key.identity)):
                builder.figure(at_ms, key.identity, series.kind, key.figure, value)
    return Connection(
        service=service_of([item.url]),
        emulated=is_loopback([item.url]),
        start_ms=builder.start_ms,
        ip_version=builder.ip_version(),
        call=builder.call("webrtc-internals", browser),
    )


def _key(name: str) -> _Key:
    """Split ``<object>-<figure>``; figures in brackets are computed by the page and not read."""
    identity, _, figure = name.rpartition("-")
    return _Key(identity, "" if "[" in name else figure)


def _moment(update: _Update) -> object:
    """Return when an event was; nothing readable in old dumps, which write it as people of a place do."""
    return _iso_ms(update.time) if update.timestamp is None else update.timestamp


def _iso_ms(text: object) -> float | None:
    if not isinstance(text, str) or "T" not in text[:20]:
        return None
    try:
        return datetime.fromisoformat(text).timestamp() * 1000
    except (ValueError, OverflowError):
        return None


def _decoded(value: object) -> object:
    """Return JSON that was written into a string as what it is, all else as it stands."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return msgspec.json.decode(value)
    except _MALFORMED:
        return value


def _values(text: str) -> list[Value]:
    try:
        return msgspec.json.decode(text, type=list[float | str | bool | None])
    except _MALFORMED:
        return []


def _numbers(text: str) -> list[float]:
    try:
        return msgspec.json.decode(text, type=list[float])
    except _MALFORMED:
        return []


def _course(series: _Series, times_ms: list[float] | None) -> Iterator[tuple[float, Value]]:
    """Yield when each value was taken, and the value.

    A figure that came later than its object has fewer values than the object has times: the last ones are
    its own.
    """
    values = _values(series.values)
    known = times_ms or _even_times(series, len(values))
    return zip(known[max(0, len(known) - len(values)) :], values, strict=False)


def _even_times(series: _Series, count: int) -> list[float]:
    first_ms, last_ms = _iso_ms(series.start), _iso_ms(series.end)
    if first_ms is None or last_ms is None or last_ms < first_ms:
        return [math.nan] * count
    step_ms = (last_ms - first_ms) / max(count - 1, 1)
    return [first_ms + number * step_ms for number in range(count)]
