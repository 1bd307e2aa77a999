from collections import Counter
from itertools import count
from random import Random

import pytest

from callprobe.dialect.contract import Slot
from callprobe.dialect.shape import Histogram, Planned, chance_run, number


def test_a_histogram_draws_its_values_in_proportion_to_their_counts() -> None:
    histogram = Histogram(((10, 10, 1), (20, 26, 3)), step=2)
    rng = Random(1)
    drawn = Counter(histogram.draw(rng) for _ in range(40_000))
    assert set(drawn) == {10, 20, 22, 24, 26}
    assert drawn[10] / 40_000 == pytest.approx(1 / 4, abs=0.02)
    assert drawn[26] / 40_000 == pytest.approx(3 / 16, abs=0.02)


def test_runs_of_chance_have_the_geometric_mean() -> None:
    rng = Random(1)
    lengths = [chance_run(rng, 0.75) for _ in range(20_000)]
    assert sum(lengths) / len(lengths) == pytest.approx(3, rel=0.05)
    assert min(lengths) == 0
    assert chance_run(rng, 0) == 0


def test_packets_are_numbered_until_the_duration_and_share_their_frames_rtp_time() -> None:
    planned = (
        Planned(20_000 * (index // 2) + 100 * (index % 2), 50, marker=index % 2 == 1) for index in count()
    )
    assert number(planned, 0.04, 90_000) == (
        Slot(0, 0, 50, 0, marker=False),
        Slot(1, 100_000, 50, 0, marker=True),
        Slot(2, 20_000_000, 50, 1800, marker=False),
        Slot(3, 20_100_000, 50, 1800, marker=True),
    )


def test_no_duration_holds_no_packets() -> None:
    assert number(iter([Planned(0, 50, marker=False)]), 0, 8000) == ()
