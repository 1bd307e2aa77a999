"""Delay variation: RFC 5481, RFC 3393, RFC 2330 percentiles."""

from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.variation import (
    inter_packet_delay_variation,
    packet_delay_variation,
    percentile,
)


def test_pdv_is_above_the_smallest_delay():
    assert packet_delay_variation([30, 10, 12]) == [0, 2, 20]


def test_ipdv_is_undefined_beside_a_loss():
    assert inter_packet_delay_variation([10, 12, None, 20, 15]) == [2, -5]


def test_percentile_is_a_measured_value():
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile([1, 2, 3, 4], 0.51) == 3
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([7], 0.01) == 7
    assert percentile([], 0.5) is None


@given(st.lists(st.integers(), min_size=1, max_size=50), st.integers())
def test_a_clock_offset_changes_nothing(transits, offset):
    shifted = [transit + offset for transit in transits]
    assert packet_delay_variation(shifted) == packet_delay_variation(transits)
    assert inter_packet_delay_variation(shifted) == inter_packet_delay_variation(transits)


@given(st.lists(st.integers(), min_size=1, max_size=50), st.floats(0.01, 1))
def test_at_least_the_share_does_not_exceed_the_percentile(values, share):
    ascending = sorted(values)
    found = percentile(ascending, share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)
