"""Bursts and gaps: the worked examples of the RFCs, and a brute-force reading of the definition."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.bursts import (
    BurstGap,
    appendix_a2,
    burst_gap,
    burst_ratio,
    loss_distances,
    loss_periods,
    loss_runs,
    noticeable_loss_ratio,
)

RFC3611_EXAMPLE = "11110111111111111111111X111X1011110111111111111111111X1111111111"
"""Section 4.7.2, 64 packets of 10 ms as its prose has it; 0 lost, X discarded."""


def positions(pattern: str) -> list[int]:
    return [index for index, packet in enumerate(pattern) if packet != "1"]


def by_regular_expression(pattern: str, gmin: int) -> BurstGap:
    """The definition read off the text: bursts are matches, gaps what lies between."""
    text = re.sub("[^1]", "0", pattern)
    burst = re.compile(f"0(?:1{{0,{gmin - 1}}}0)+")
    bursts, gaps = burst.findall(text), [gap for gap in burst.split(text) if gap]
    joined, between = "".join(bursts), "".join(gaps)
    return BurstGap(len(bursts), len(joined), joined.count("0"), len(gaps), len(between), between.count("0"))


def test_direct_definition_gives_the_rfc_example():
    found = burst_gap(64, positions(RFC3611_EXAMPLE))
    assert found.burst_packets * 10 == 120
    assert found.burst_density_ratio == pytest.approx(4 / 12)
    assert found.gap_packets * 10 == 520
    assert found.gap_density_ratio == pytest.approx(2 / 52)
    assert (found.bursts, found.gaps) == (1, 2)
    assert found.gap_packets_mean == 26


def test_appendix_a2_does_not_give_the_rfc_example():
    found = appendix_a2(packet != "1" for packet in RFC3611_EXAMPLE)
    assert found == (36, 1, 1, 8, 4, 0)
    assert (found.burst_packets, found.gap_packets, found.burst_density_q8) == (17, 38, 75)


def test_appendix_a2_depends_on_its_unstated_start_value():
    found = appendix_a2((packet != "1" for packet in RFC3611_EXAMPLE), initial_lost=1)
    assert (found.burst_packets, found.gap_packets) == (9, 19)


def test_appendix_a2_says_nothing_before_a_burst_ended():
    found = appendix_a2([True, True, False])
    assert (found.burst_packets, found.gap_packets) == (None, None)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("1111", BurstGap(0, 0, 0, 1, 4, 0)),
        ("0000", BurstGap(1, 4, 4, 0, 0, 0)),
        ("0111", BurstGap(0, 0, 0, 1, 4, 1)),
        ("0" + "1" * 15 + "0", BurstGap(1, 17, 2, 0, 0, 0)),
        ("0" + "1" * 16 + "0", BurstGap(0, 0, 0, 1, 18, 2)),
        ("", BurstGap(0, 0, 0, 0, 0, 0)),
    ],
)
def test_edges_of_the_definition(pattern, expected):
    assert burst_gap(len(pattern), positions(pattern)) == expected


@given(st.text("01", max_size=200), st.integers(1, 20))
def test_direct_definition_equals_a_regular_expression(pattern, gmin):
    assert burst_gap(len(pattern), positions(pattern), gmin) == by_regular_expression(pattern, gmin)


def test_rfc3357_example():
    missing = [index for index, lost in enumerate((0, 1, 0, 0, 1, 0, 1, 0, 1, 1)) if lost]
    assert loss_distances(missing) == [0, 3, 2, 2, 1]
    assert loss_periods(missing) == [1, 2, 3, 4, 4]
    assert noticeable_loss_ratio(missing, 99) == pytest.approx(4 / 5)
    assert noticeable_loss_ratio(missing, 1) == pytest.approx(1 / 5)


def test_no_loss_has_no_distances():
    assert (loss_distances([]), loss_periods([]), noticeable_loss_ratio([], 99)) == ([], [], None)


def test_burst_ratio_of_the_sixteen_packet_example():
    missing = [index for index, packet in enumerate("1101111100011111") if packet == "0"]
    assert loss_runs(missing) == [1, 3]
    assert burst_ratio(16, missing, loss_runs(missing)) == pytest.approx(1.5)


def test_burst_ratio_is_undefined_without_loss_and_without_arrivals():
    assert burst_ratio(4, [], []) is None
    assert burst_ratio(4, [0, 1, 2, 3], [4]) is None


@given(st.lists(st.booleans(), max_size=200))
def test_runs_and_periods_agree(lost):
    missing = [index for index, is_lost in enumerate(lost) if is_lost]
    runs, periods = loss_runs(missing), loss_periods(missing)
    assert sum(runs) == len(missing)
    assert [periods.count(number) for number in range(1, len(runs) + 1)] == runs
