"""The sample of a stream's packets: bounded, even, and the same however it was thinned out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.streams.rtp_sample import Sample


def sampled(packets: int, limit: int) -> list[int]:
    """Return the numbers of the packets that stay."""
    sample = Sample(limit)
    for number in range(packets):
        if sample.wants(number):
            sample.add(number, 0, 0, 0, 0, 0)
    return [packet.number for packet in sample.packets()]


def test_short_stream_is_kept_whole() -> None:
    """Up to the limit nothing is left out."""
    assert sampled(16, 16) == list(range(16))


@given(st.integers(17, 5000), st.sampled_from([16, 64]))
def test_long_stream_is_kept_evenly(packets: int, limit: int) -> None:
    """At least a quarter of the limit stays, and no stretch is passed over."""
    kept = sampled(packets, limit)

    assert limit / 4 <= len(kept) <= limit
    assert max(after - before for before, after in pairwise([*kept, packets])) <= 8 * packets / len(kept)


@pytest.mark.parametrize("period", [2, 3, 4, 5, 8])
def test_sample_is_in_step_with_no_frame(period: int) -> None:
    """Every place in a frame of several packets is met about as often."""
    kept = sampled(100_000, 512)
    places = [sum(number % period == place for number in kept) for place in range(period)]

    assert min(places) >= 0.7 * len(kept) / period


def test_fields_are_kept() -> None:
    """A packet comes out as it was put in."""
    sample = Sample(4)
    sample.add(0, 1, 2, 3, 4, 5)

    assert sample.packets() == [(0, 1, 2, 3, 4, 5)]
    assert len(sample) == 1
