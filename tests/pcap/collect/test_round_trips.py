"""Round trips in bounded memory."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.collect.round_trips import RoundTripLog, RoundTrips, median_ms, since_s, since_s_or_none


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=50))
def test_a_log_tells_what_the_statistics_tell(spans_ns: list[int]) -> None:
    log = RoundTripLog()
    for span_ns in spans_ns:
        log.add(span_ns)
    told = log.summary()
    below = sum(span_ns / 1e6 <= (told.p95 or 0) + 1e-3 for span_ns in spans_ns)

    assert told.n == len(spans_ns)
    assert told.min == pytest.approx(min(spans_ns) / 1e6, abs=1e-3)
    assert told.max == pytest.approx(max(spans_ns) / 1e6, abs=1e-3)
    assert told.median == pytest.approx(statistics.median(spans_ns) / 1e6, abs=1e-3)
    assert below >= 0.95 * len(spans_ns)


def test_an_empty_log_tells_nothing() -> None:
    """Null, not zero."""
    assert RoundTripLog().summary() == RoundTrips(n=0, min=None, median=None, p95=None, max=None)


def test_a_full_log_still_counts_and_knows_its_extremes() -> None:
    log = RoundTripLog(limit=2)
    for span_ns in (5_000_000, 7_000_000, 1_000_000, 90_000_000):
        log.add(span_ns)

    assert log.summary() == RoundTrips(n=4, min=1.0, median=6.0, p95=7.0, max=90.0)


def test_times_are_seconds_from_the_origin() -> None:
    assert since_s(10, 2_000_000_010) == 2.0
    assert str(since_s(1, 0)) == "0.0"
    assert since_s_or_none(0, None) is None


def test_a_median_of_nothing_is_nothing() -> None:
    assert median_ms([]) is None
    assert median_ms([3_000_000, 1_000_000]) == 2.0
