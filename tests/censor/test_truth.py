"""The truth log: accounts, lateness, and a round trip through its lines."""

import pytest

from callprobe.censor.core import Decision, FlowTuple
from callprobe.censor.truth import FlowRow, Row, TruthError, TruthLog, encode_row, read_rows, sort_rows

FLOW = FlowTuple("udp", ("127.0.0.1", 4000), ("127.0.0.1", 3478))
MS = 1_000_000


def filled(log: TruthLog, late_ns: int = 0) -> TruthLog:
    """Log one packet dropped, one passed, one doubled with a copy still held."""
    log.record(0, "up", FLOW, 68, Decision((), "k", 0, "reflector-ping"))
    passed = log.record(1, "up", FLOW, 188, Decision((1,), None, 0, None), packet_class="rtp")
    doubled = log.record(2, "down", FLOW, 188, Decision((2, 12), "d", 0, None))
    log.released(passed, 1, 1 + late_ns)
    log.released(doubled, 2, 2 + late_ns)
    return log


def test_accounts_are_exact() -> None:
    """In = passed + dropped; passed + copies = released + held."""
    summary = filled(TruthLog()).summary()

    assert (summary.arrived, summary.passed, summary.dropped) == (3, 2, 1)
    assert (summary.duplicates, summary.released, summary.held) == (1, 2, 1)
    assert summary.dropped_by_rule == {"k": 1}
    assert summary.conserved


def test_rows_come_in_order_of_arrival() -> None:
    """Rows that are still open stand where they belong, with what has been released so far."""
    rows = filled(TruthLog()).rows

    assert [row.number for row in rows] == [0, 1, 2]
    assert [row.released_ns for row in rows] == [(), (1,), (2,)]
    assert [row.packet_class for row in rows] == ["reflector-ping", "rtp", None]


@pytest.mark.parametrize(
    ("late_ns", "drops", "reason"), [(0, 0, None), (9 * MS, 0, "late"), (0, 1, "local-drops")]
)
def test_run_that_proves_nothing_is_void(late_ns: int, drops: int, reason: str | None) -> None:
    """A run late by its own log, or that lost packets itself, is void."""
    log = filled(TruthLog(), late_ns)
    log.socket_drops = drops

    assert log.summary().void_reason == reason
    assert log.summary().late_ms_max == late_ns / 1e6


def test_log_without_packets_has_no_lateness() -> None:
    """Nothing released is null, not zero."""
    assert TruthLog().summary().late_ms_p99 is None


def test_lines_read_back_as_they_were_written() -> None:
    """Packets, flows and the summary survive JSON, and each is handed over exactly once."""
    written: list[Row] = []
    log = filled(TruthLog(written.append))
    log.close()
    packets, flows, summary = sort_rows(read_rows(map(encode_row, written)))

    assert packets == log.rows
    assert flows == [FlowRow(protocol="udp", flow_index=0, client_port=4000, server_port=3478)]
    assert summary == log.summary()
    assert len(written) == 5


@pytest.mark.parametrize("line", [b"{}", b"\xff", b'{"row":"packet"}', b"not json"])
def test_broken_line_is_named(line: bytes) -> None:
    """A line that is no row stops the reader with its number."""
    with pytest.raises(TruthError, match="line 1"):
        list(read_rows([line]))


def test_unknown_class_is_refused() -> None:
    """A packet class that does not exist was not written by us."""
    written: list[Row] = []
    filled(TruthLog(written.append))
    line = encode_row(written[1]).replace(b"reflector-ping", b"sip")

    with pytest.raises(TruthError, match="sip"):
        list(read_rows([line]))


def test_memory_can_be_spared() -> None:
    """Without keep, only the accounts remain."""
    log = TruthLog(keep=False)
    filled(log)

    assert [row.number for row in log.rows] == [2]
    assert log.summary().arrived == 3
