"""Losses in passing give the figures of the whole pattern."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.streams.loss_pattern import LossPattern, LossTotals
from callresults.metrics.bursts import burst_gap, loss_runs

RFC_3611_EXAMPLE = "11110111111111111111111X111X1011110111111111111111111X1111111111"
"""Section 4.7.2, with the received packet that its last line lacks."""


def totals(came: list[bool]) -> LossTotals:
    """Return what is kept of a pattern, given run by run."""
    pattern, at = LossPattern(), 0
    for has_come, members in groupby(came):
        count = len(list(members))
        if not has_come:
            pattern.lose(at, count)
        at += count
    return pattern.totals()


def test_example_of_the_standard() -> None:
    """One burst of twelve packets with four missing, and two missing in the gaps (RFC 3611 section 4.7.2)."""
    found = totals([item == "1" for item in RFC_3611_EXAMPLE]).burst_gap(len(RFC_3611_EXAMPLE))

    assert (found.bursts, found.burst_packets, found.burst_missing) == (1, 12, 4)
    assert (found.gap_packets, found.gap_missing) == (52, 2)


@given(st.lists(st.sampled_from([True] * 6 + [False]), max_size=300))
def test_same_as_of_the_whole_pattern(came: list[bool]) -> None:
    """Bursts, gaps and runs are those that the definitions give at once."""
    missing = [position for position, has_come in enumerate(came) if not has_come]
    found, runs = totals(came), loss_runs(missing)

    assert found.burst_gap(len(came)) == burst_gap(len(came), missing)
    assert (found.lost, found.runs, found.run_max) == (len(missing), len(runs), max(runs, default=0))


def test_run_may_come_in_pieces() -> None:
    """What was settled in two steps is one run."""
    pattern = LossPattern()
    pattern.lose(5, 3)
    pattern.lose(8, 2)

    found = pattern.totals()
    assert (found.lost, found.runs, found.run_max, found.bursts) == (5, 1, 5, 1)
