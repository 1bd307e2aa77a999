"""Jitter of many streams at once is that of one packet after the other."""

import numpy as np
import pytest

from callprobe.pcap.streams.column_jitter import jitters
from callprobe.pcap.streams.rtp_numbers import Placed
from callprobe.pcap.streams.rtp_times import Times

MS = 1_000_000


def test_streams_of_any_length_keep_their_own_jitter() -> None:
    """Streams of 1 to 2500 packets that have jitter from before."""
    rng = np.random.default_rng(4)
    counts = np.array([1, 31, 32, 33, 64, 2500, 7])
    starts = np.cumsum(counts) - counts
    gap_ns = rng.integers(0, 60 * MS, counts.sum())
    ticks = rng.choice([0, 960, 1920, -960], counts.sum())
    before = [Times(0, rows=10, sample=10) for _ in counts]
    for number, times in enumerate(before):
        times.begin(0, 0, 100)
        times.jitter = [0.5 * number] * 5
    found = jitters(gap_ns, ticks, starts, counts, before)
    ends = found.at(starts + counts - 1)

    for number, (times, start, count) in enumerate(zip(before, starts, counts, strict=True)):
        at_ns = timestamp = 0
        for row in range(start, start + count):
            at_ns, timestamp = at_ns + int(gap_ns[row]), timestamp + int(ticks[row]) & 0xFFFFFFFF
            times.follow(at_ns, timestamp, 100, Placed(1, 1, 0, rises=True))
        assert ends[:, number] == pytest.approx(times.jitter, abs=1e-11)
        assert found.sums[:, number] == pytest.approx(times.jitter_sum, rel=1e-12)
        assert found.most[:, number] == pytest.approx(times.jitter_max, rel=1e-12)
