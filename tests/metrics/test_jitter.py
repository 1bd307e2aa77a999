"""RFC 3550 jitter: the vectors that implementations get wrong, and exact folds as oracle."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.jitter import (
    difference32,
    integer_jitter_q4,
    interarrival_jitter,
    tick_transits,
)

STEP = 960
WRAP = 1 << 32


def exact_jitter(transits: list[int]) -> Fraction:
    jitter = Fraction(0)
    for before, after in pairwise(transits):
        jitter += (abs(after - before) - jitter) / 16
    return jitter


def stream(n: int, first_timestamp: int = 0, delays: tuple[int, ...] = (0,)) -> list[tuple[int, int]]:
    """(arrival, timestamp) in 32-bit ticks, delays repeating."""
    return [
        ((7_000 + i * STEP + delays[i % len(delays)]) % WRAP, (first_timestamp + i * STEP) % WRAP)
        for i in range(n)
    ]


def test_constant_spacing_has_no_jitter():
    assert interarrival_jitter([5] * 100) == (0.0, 0.0, 0.0)
    assert integer_jitter_q4(stream(100)) == 0


def test_alternating_delay_converges_to_twice_its_amplitude():
    d = 100
    jitter = interarrival_jitter([d, -d] * 200)
    assert jitter is not None
    assert jitter.last == pytest.approx(2 * d)
    assert integer_jitter_q4(stream(400, delays=(d, -d))) >> 4 == pytest.approx(2 * d, abs=1)


def test_one_packet_has_no_jitter_at_all():
    assert interarrival_jitter([]) is None
    assert interarrival_jitter([3]) is None
    assert integer_jitter_q4([(1, 2)]) == 0


def test_timestamp_wrap_in_mid_stream_changes_nothing():
    delays = (0, 40, 3, 90, 17)
    wrapping = stream(200, first_timestamp=WRAP - 100 * STEP + 1, delays=delays)
    assert integer_jitter_q4(wrapping) == integer_jitter_q4(stream(200, delays=delays))
    assert integer_jitter_q4(wrapping) >> 4 < 200
    floats = interarrival_jitter(tick_transits(wrapping))
    assert floats == interarrival_jitter(tick_transits(stream(200, delays=delays)))


def test_arrival_clock_wrap_changes_nothing():
    shifted = [
        ((arrival + WRAP - 50 * STEP) % WRAP, timestamp) for arrival, timestamp in stream(100, delays=(0, 9))
    ]
    assert integer_jitter_q4(shifted) == integer_jitter_q4(stream(100, delays=(0, 9)))


def test_discontinuous_transmission_gap_adds_no_jitter():
    """After silence the timestamp jumps with the clock, so the transit stays."""
    talk = stream(20)
    later = [(arrival + 500 * STEP, timestamp + 500 * STEP) for arrival, timestamp in talk]
    assert integer_jitter_q4([*talk, *later]) == 0


def test_packets_of_one_frame_share_a_timestamp():
    """Three packets of a frame, 10 ticks apart on the line: D is 10, 10, -20."""
    frames = [((i * 3000 + part * 10) % WRAP, i * 3000) for i in range(300) for part in range(3)]
    jitter = interarrival_jitter(tick_transits(frames))
    assert jitter is not None
    assert 10 < jitter.last < 20


def test_reordered_and_duplicated_packets_count_as_they_arrive():
    packets = stream(6)
    swapped = [*packets[:2], packets[3], packets[2], packets[2], *packets[4:]]
    transits = tick_transits(swapped)
    found = interarrival_jitter(transits)
    assert found is not None
    assert found.last == pytest.approx(float(exact_jitter(transits)))


def test_difference_is_signed_and_modular():
    assert difference32(5, WRAP - 5) == 10
    assert difference32(WRAP - 5, 5) == -10
    assert difference32(1 << 31, 0) == -(1 << 31)


@given(st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=80))
def test_float_form_is_the_exact_fold(transits):
    found = interarrival_jitter(transits)
    assert found is not None
    assert found.last == pytest.approx(float(exact_jitter(transits)), rel=1e-9, abs=1e-6)
    assert found.last <= found.max + 1e-9
    assert found.mean <= found.max + 1e-9


@given(
    st.integers(0, WRAP - 1),
    st.integers(0, WRAP - 1),
    st.lists(st.integers(0, 20_000), min_size=2, max_size=80),
)
def test_integer_form_stays_within_one_tick_of_the_exact_one(timestamp, arrival, delays):
    packets = [
        ((arrival + i * STEP + delay) % WRAP, (timestamp + i * STEP) % WRAP) for i, delay in enumerate(delays)
    ]
    assert abs((integer_jitter_q4(packets) / 16) - float(exact_jitter(delays))) <= 1
