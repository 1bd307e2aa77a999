"""The truth log: every packet that reached the censor and what became of it.

Tests compare the probe with this log, never with the policy's parameters. It keeps its own accounts: what
came in has either passed or been dropped, and what passed, copies added, has been released.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

import msgspec
from msgspec import Struct

from callprobe.censor.classes import CLASSES
from callprobe.censor.core import Decision, FlowTuple, Way

LATE_LIMIT_MS: Final = 5.0
"""A run whose 99th percentile of lateness is above this is void, not failed."""


class TruthError(ValueError):
    """A line is no row of a truth log; the message says which line and why."""


class TruthRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="packet"):
    """One packet (for TCP: one segment offered)."""

    number: int
    """From 0, in the order in which the censor saw the packets."""
    t_ns: int
    """Arrival on the clock of the front-end; on a relay the kernel's stamp, ns since 1970."""
    direction: Way
    protocol: str
    flow_index: int
    packet_class: str | None
    size: int
    """The IP packet, bytes."""
    verdict: Literal["passed", "dropped"]
    rule_id: str | None
    due_ns: tuple[int, ...]
    """When each copy was to be released."""
    released_ns: tuple[int, ...]
    """When it was; shorter than ``due_ns`` while a copy is still held."""


class FlowRow(Struct, frozen=True, kw_only=True, tag_field="row", tag="flow"):
    """The ports behind a flow's number; addresses are not logged."""

    protocol: str
    flow_index: int
    client_port: int
    server_port: int


class TruthSummary(Struct, frozen=True, kw_only=True, tag_field="row", tag="summary"):
    """The accounts of a run."""

    arrived: int
    passed: int
    dropped: int
    duplicates: int
    """Copies beyond the first."""
    released: int
    held: int
    """Copies not yet released."""
    socket_drops: int
    """Datagrams that the front-end's own sockets lost before the censor saw them."""
    dropped_by_rule: dict[str, int]
    late_ms_p50: float | None
    """Actual minus due release; null when nothing was released."""
    late_ms_p99: float | None
    late_ms_max: float | None
    void_reason: str | None
    """Why the run proves nothing, or null."""

    @property
    def conserved(self) -> bool:
        """True when no packet is unaccounted for."""
        return (
            self.arrived == self.passed + self.dropped
            and self.passed + self.duplicates == self.released + self.held
        )


Row = TruthRow | FlowRow | TruthSummary


class TruthLog:
    """Collects rows; ``sink``, if any, gets each as soon as nothing more can be added to it.

    Without ``keep`` only the accounts stay in memory.
    """

    def __init__(self, sink: Callable[[Row], None] | None = None, *, keep: bool = True) -> None:
        self._sink = sink
        self._keep = keep
        self._rows: list[TruthRow] = []
        self._open: dict[int, tuple[TruthRow, list[int]]] = {}
        self._flows: dict[tuple[str, int], FlowRow] = {}
        self._counts: Counter[str] = Counter()
        self._dropped_by_rule: Counter[str] = Counter()
        self._late_ns: Counter[int] = Counter()
        self.socket_drops = 0
        """Set by the front-end."""

    def record(
        self,
        t_ns: int,
        direction: Way,
        flow: FlowTuple,
        size: int,
        decision: Decision,
        *,
        packet_class: str | None = None,
    ) -> int:
        """Log a decision and return the packet's number; the class is given where the decision has none."""
        number = self._counts["arrived"]
        row = TruthRow(
            number=number,
            t_ns=t_ns,
            direction=direction,
            protocol=flow.protocol,
            flow_index=decision.flow_index,
            packet_class=decision.packet_class or packet_class,
            size=size,
            verdict="passed" if decision.release_ns else "dropped",
            rule_id=decision.rule_id,
            due_ns=decision.release_ns,
            released_ns=(),
        )
        self._count(row)
        self._introduce(flow, decision.flow_index)
        if row.due_ns:
            self._open[number] = (row, [])
        else:
            self._finish(row)
        return number

    def released(self, number: int, due_ns: int, released_ns: int) -> None:
        """Log that a copy of packet ``number``, due at ``due_ns``, left."""
        row, times_ns = self._open[number]
        times_ns.append(released_ns)
        self._counts["released"] += 1
        self._late_ns[(released_ns - due_ns) // 1000 * 1000] += 1
        if len(times_ns) == len(row.due_ns):
            del self._open[number]
            self._finish(msgspec.structs.replace(row, released_ns=tuple(times_ns)))

    def close(self) -> None:
        """Hand over what is still held, and the summary."""
        for row, times_ns in self._open.values():
            self._finish(msgspec.structs.replace(row, released_ns=tuple(times_ns)))
        self._open.clear()
        if self._sink is not None:
            self._sink(self.summary())

    @property
    def rows(self) -> list[TruthRow]:
        """Every packet kept, in order of arrival."""
        held = [msgspec.structs.replace(row, released_ns=tuple(ns)) for row, ns in self._open.values()]
        return sorted([*self._rows, *held], key=lambda row: row.number)

    @property
    def flows(self) -> list[FlowRow]:
        """The flows seen."""
        return list(self._flows.values())

    def summary(self) -> TruthSummary:
        """Return the accounts so far."""
        counts = self._counts
        late_ms_p99 = self._late_ms(0.99)
        return TruthSummary(
            arrived=counts["arrived"],
            passed=counts["passed"],
            dropped=counts["dropped"],
            duplicates=counts["duplicates"],
            released=counts["released"],
            held=counts["passed"] + counts["duplicates"] - counts["released"],
            socket_drops=self.socket_drops,
            dropped_by_rule=dict(sorted(self._dropped_by_rule.items())),
            late_ms_p50=self._late_ms(0.5),
            late_ms_p99=late_ms_p99,
            late_ms_max=self._late_ms(1.0),
            void_reason=_void_reason(late_ms_p99, self.socket_drops),
        )

    def _count(self, row: TruthRow) -> None:
        self._counts["arrived"] += 1
        self._counts[row.verdict] += 1
        self._counts["duplicates"] += max(0, len(row.due_ns) - 1)
        if row.verdict == "dropped":
            self._dropped_by_rule[str(row.rule_id)] += 1

    def _introduce(self, flow: FlowTuple, index: int) -> None:
        key = (flow.protocol, index)
        if key in self._flows:
            return
        row = FlowRow(
            protocol=flow.protocol,
            flow_index=index,
            client_port=flow.client[1],
            server_port=flow.server[1],
        )
        self._flows[key] = row
        if self._sink is not None:
            self._sink(row)

    def _finish(self, row: TruthRow) -> None:
        if self._keep:
            self._rows.append(row)
        if self._sink is not None:
            self._sink(row)

    def _late_ms(self, share: float) -> float | None:
        """Return a quantile of the lateness, exact to a microsecond."""
        total = self._late_ns.total()
        if not total:
            return None
        rank = max(1, round(share * total))
        for late_ns, count in sorted(self._late_ns.items()):
            rank -= count
            if rank <= 0:
                return late_ns / 1e6
        raise AssertionError("the counts do not add up")


def _void_reason(late_ms_p99: float | None, socket_drops: int) -> str | None:
    if socket_drops:
        return "local-drops"
    return "late" if late_ms_p99 is not None and late_ms_p99 > LATE_LIMIT_MS else None


def encode_row(row: Row) -> bytes:
    """Return a row as one line of JSON, with its newline."""
    return msgspec.json.encode(row) + b"\n"


def read_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield the rows of a log written line by line. Raises TruthError."""
    decoder = msgspec.json.Decoder(Row)
    for number, line in enumerate(lines, 1):
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TruthError(f"line {number}: {error}") from error
        if isinstance(row, TruthRow) and row.packet_class is not None and row.packet_class not in CLASSES:
            raise TruthError(f"line {number}: {row.packet_class!r} is no packet class")
        yield row


def sort_rows(rows: Iterable[Row]) -> tuple[list[TruthRow], list[FlowRow], TruthSummary | None]:
    """Return the rows of a log by kind, packets in order of arrival."""
    packets: list[TruthRow] = []
    flows: list[FlowRow] = []
    summary = None
    for row in rows:
        if isinstance(row, TruthRow):
            packets.append(row)
        elif isinstance(row, FlowRow):
            flows.append(row)
        else:
            summary = row
    return sorted(packets, key=lambda row: row.number), flows, summary
