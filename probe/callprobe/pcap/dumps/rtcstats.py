"""RTCStatsDump: what rtcstats-js and its server write, and Chrome as *event log*.

Line 1 is ``RTCStatsDump``, line 2 an object with metadata, each further line a list ``[method, connection,
value, …, milliseconds since the line before]``; the first says milliseconds since 1970, and so does the
first after a reconnection. Reports of statistics hold changes only: an object that is left out stands as it
was, one that is null is gone. Methods, types and figures may be shortened by ``dump_tables``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from callprobe.pcap.dumps.builder import ConnectionBuilder
from callprobe.pcap.dumps.figures import Budget, is_number
from callprobe.pcap.dumps.model import MOST_CONNECTIONS, Connection, Dump, DumpError
from callprobe.pcap.dumps.pages import browser_of, is_loopback, service_of
from callprobe.pcap.dumps.tables import FIGURES, METHODS, TYPES

MAGIC: Final = b"RTCStatsDump"
_FIRST_LINE: Final = 3
_SINCE_1970_MS: Final = 1e11
"""No connection pauses for three years: so long a step counts from 1970."""
_NAMES: Final = frozenset(METHODS.values())
_MALFORMED: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def read_rtcstats(lines: Iterable[bytes], file: str) -> Dump:
    """Return what a dump says, up to the first line that is none.

    Args:
        lines: those after the first, which was ``MAGIC``.
        file: name for sentences.

    Raises:
        DumpError: the metadata is none.
    """
    numbered = enumerate(lines, start=_FIRST_LINE - 1)
    _, first = next(numbered, (0, b""))
    reader = _Reader(_metadata(first, file))
    broken_at_line = None
    for number, line in numbered:
        if line.strip() and not reader.take(line):
            broken_at_line = number
            break
    return reader.dump(file, broken_at_line)


def _metadata(line: bytes, file: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except _MALFORMED as error:
        raise DumpError(f"{file}: the second line of an RTCStatsDump must be a JSON object") from error


class _Reader:
    """Takes line after line."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._pages: list[object] = [metadata.get("origin")]
        self._user_agent = metadata.get("userAgent")
        self._browser = browser_of(self._user_agent)
        self._budget = Budget()
        self._builders: dict[str, ConnectionBuilder] = {}
        self._made_by: dict[str, object] = {}
        """Page of each connection, where the dump says it."""
        self._left_out: set[str] = set()
        self._now_ms = 0.0

    def take(self, line: bytes) -> bool:
        """Take a line; return whether it was one."""
        try:
            parts = msgspec.json.decode(line)
        except _MALFORMED:
            return False
        if not isinstance(parts, list):
            return True  # What other programs add; its own reader passes over it too.
        if len(parts) < 3 or not is_number(parts[-1]):
            return False
        step_ms = float(parts[-1])
        self._now_ms = step_ms if step_ms > _SINCE_1970_MS else self._now_ms + step_ms
        self._event(_method(parts[0]), parts[1], parts[2] if len(parts) > 3 else None, parts[3:-1])
        return True

    def _event(self, method: str, connection: object, value: object, more: list[object]) -> None:
        if method not in _NAMES:
            return
        if not isinstance(connection, str):
            if method == "create" and isinstance(value, dict):
                self._browser = browser_of(self._user_agent, value.get("userAgentData"))
            return
        builder = self._builder(connection)
        if builder is None:
            return
        if method == "getStats":
            _report(builder, self._now_ms, value)
            return
        if method == "create" and more:
            self._made_by[connection] = more[0]
        builder.event(self._now_ms, method, value)

    def _builder(self, connection: str) -> ConnectionBuilder | None:
        known = self._builders.get(connection)
        if known is None and len(self._builders) < MOST_CONNECTIONS:
            known = self._builders[connection] = ConnectionBuilder(self._budget)
        if known is None and len(self._left_out) < MOST_CONNECTIONS:
            self._left_out.add(connection)
        return known

    def dump(self, file: str, broken_at_line: int | None) -> Dump:
        connections = [self._connection(name, builder) for name, builder in self._builders.items()]
        return Dump(
            file=file,
            format="rtcstats",
            browser=self._browser,
            connections=tuple(sorted(connections, key=lambda item: item.start_ms or 0.0)),
            connections_left_out=len(self._left_out),
            broken_at_line=broken_at_line,
        )

    def _connection(self, name: str, builder: ConnectionBuilder) -> Connection:
        pages = [self._made_by.get(name), *self._pages]
        return Connection(
            service=service_of(pages),
            emulated=is_loopback(pages),
            start_ms=builder.start_ms,
            ip_version=builder.ip_version(),
            call=builder.call("rtcstats", self._browser),
        )


def _method(text: object) -> str:
    name = METHODS.get(text, text) if isinstance(text, str | int) else ""
    return name if isinstance(name, str) else ""


def _kind(text: object) -> str | None:
    name = TYPES.get(text, text) if isinstance(text, str | int) else None
    return name if isinstance(name, str) else None


def _figure(name: str) -> str:
    return FIGURES.get(name, name)


def _report(builder: ConnectionBuilder, at_ms: float, report: object) -> None:
    if not isinstance(report, dict):
        return
    changes: dict[str, Any] = report
    for identity, changed in changes.items():
        if changed is None:
            builder.gone(identity)
        elif isinstance(changed, dict):
            figures = {_figure(name): value for name, value in changed.items()}
            builder.changes(at_ms, identity, figures, _kind(changed.get("type")))
    builder.reported(at_ms)
