"""Sequence numbers against a count that remembers everything."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.streams.rtp_numbers import Numbers, NumberTotals
from callresults.metrics.bursts import burst_gap, loss_runs
from callresults.metrics.reordering import count_reordered


def counted(extended: list[int]) -> NumberTotals:
    """Return the figures of a stream whose extended numbers are known."""
    numbers = Numbers()
    numbers.begin(extended[0] & 0xFFFF)
    for number in extended[1:]:
        numbers.take(numbers.highest + numbers.difference(number & 0xFFFF))
    return numbers.totals()


def check(extended: list[int]) -> None:
    """Compare with what follows from the definitions."""
    found = counted(extended)
    came = list(dict.fromkeys(extended))
    lowest, expected = min(came), max(came) - min(came) + 1
    missing = sorted(set(range(expected)) - {number - lowest for number in came})

    assert (found.unique, found.expected, found.segments) == (len(came), expected, 1)
    assert found.reordered == sum(after < before for before, after in pairwise(extended))
    assert found.late == count_reordered(came)
    assert found.losses.burst_gap(expected) == burst_gap(expected, missing)
    assert found.losses.runs == len(loss_runs(missing))


@given(
    st.integers(0, 65_535),
    st.lists(st.tuples(st.integers(-40, 40), st.booleans()), min_size=1, max_size=200),
)
def test_order_and_losses_by_definition(start: int, moves: list[tuple[int, bool]]) -> None:
    """Any losses, copies and order within half a round, across wraps."""
    extended, at = [start + 100], start + 100
    for move, stays in moves:
        at += 1
        extended.append(at + (0 if stays else move))
    check(extended)


@pytest.mark.parametrize("seed", range(4))
def test_long_stream_is_settled_as_it_passes(seed: int) -> None:
    """Several rounds of numbers, in a window of one."""
    draw = random.Random(seed)
    arrivals = [
        (number + draw.choice([0, 0, 0, draw.randrange(300)]), number)
        for number in range(40_000, 260_000)
        if draw.random() > (0.02 if number % 50_000 > 1_000 else 0.9)
        for _ in range(2 if draw.random() < 0.01 else 1)
    ]
    check([number for _, number in sorted(arrivals)])


def test_copy_a_round_later_is_another_packet() -> None:
    """What lies farther back than the window cannot be told from the next round."""
    assert counted([*range(65_600), 65_600]).unique == 65_601


def test_outage_of_almost_a_round() -> None:
    """A leap is taken in steps: all in between is lost, and before it nothing."""
    numbers = Numbers()
    numbers.begin(10)
    for number in range(11, 500):
        numbers.take(number)
    numbers.take(65_000)
    numbers.take(65_001)
    found = numbers.totals()

    assert (found.unique, found.expected, found.losses.lost) == (492, 64_992, 64_500)
    assert (found.losses.runs, found.losses.run_max) == (1, 64_500)


def test_segments_add_up() -> None:
    """A new beginning costs nothing; positions go on behind the segment before."""
    numbers = Numbers()
    for start in (100, 50_000, 7):
        numbers.begin(start)
        for number in (start + 1, start + 3):
            numbers.take(number)
    found = numbers.totals()

    assert (found.segments, found.unique, found.expected, found.losses.lost) == (3, 9, 12, 3)
    assert (found.losses.bursts, found.losses.burst_packets) == (1, 9)
