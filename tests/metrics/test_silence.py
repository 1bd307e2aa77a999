"""Silence: waits before, between and after arrivals."""

import pytest

from callresults.metrics.silence import longest_silence


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        ([], 100),
        ([0, 100], 100),
        ([60], 60),
        ([10, 20, 30], 70),
        ([10, 55, 90, 100], 45),
        ([-5, 50, 140], 50),
    ],
)
def test_longest_time_without_arrival(arrived, expected):
    assert longest_silence(arrived, 0, 100) == expected
