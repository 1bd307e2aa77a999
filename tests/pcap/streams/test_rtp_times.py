"""The times of a stream: jitter by the standard, pauses, seconds, and whether stamps went on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.streams.rtp_numbers import Placed
from callprobe.pcap.streams.rtp_sample import NO_STEP
from callprobe.pcap.streams.rtp_times import CLOCKS_HZ, SECOND_NS, Times, TimeTotals, difference32
from callresults.metrics.jitter import interarrival_jitter

NEXT = Placed(1, 1, 0, rises=True)
PACKETS = st.lists(
    st.tuples(st.integers(-(10**9), 10**10), st.integers(-5000, 50_000)), min_size=2, max_size=60
)


def timed(packets: list[tuple[int, int]], *, start_ns: int = 0) -> TimeTotals:
    """Return the figures of packets (nanoseconds, time stamp) that follow one another in number."""
    times = Times(start_ns, rows=64, sample=128)
    times.begin(*packets[0], 100)
    for at_ns, timestamp in packets[1:]:
        times.follow(at_ns, timestamp & 0xFFFFFFFF, 100, NEXT)
    return times.totals()


@given(PACKETS, st.integers(0, 2**32 - 1))
def test_jitter_is_that_of_the_standard(moves: list[tuple[int, int]], first: int) -> None:
    """For each clock the J of RFC 3550 section 6.4.1 over the transits, stamps unwrapped."""
    at_ns, stamp, arrivals = 0, first, []
    for gap_ns, ticks in moves:
        at_ns, stamp = at_ns + gap_ns, stamp + ticks
        arrivals.append((at_ns, stamp))
    found = timed([(at_ns, stamp & 0xFFFFFFFF) for at_ns, stamp in arrivals])

    assert found.differences == len(arrivals) - 1
    for clock, clock_hz in enumerate(CLOCKS_HZ):
        transits = [at_ns / 1e6 - (stamp - first) * 1000 / clock_hz for at_ns, stamp in arrivals]
        jitter = interarrival_jitter(transits)
        assert jitter is not None
        mean = found.jitter_sum[clock] / found.differences
        assert (found.jitter[clock], mean, found.jitter_max[clock]) == pytest.approx(
            jitter, rel=1e-6, abs=1e-6
        )


def test_silence_is_told_from_speech() -> None:
    """A stamp that leaps by 420 ms where no number is missing is a pause; 160 ms are one packet."""
    steps = [2560, 2560, 6720, 320, 6720, 2560]
    stamps = [sum(steps[:index]) for index in range(len(steps) + 1)]
    found = timed([(stamp * 62_500, stamp) for stamp in stamps])

    assert found.silences[CLOCKS_HZ.index(16000)] == 2
    assert found.silences[CLOCKS_HZ.index(90000)] == 0
    assert (found.neighbours, found.still) == (6, 0)


def test_seconds_begin_with_the_grid() -> None:
    """A packet belongs to the second since the grid's start; what was lost, to the second that misses it."""
    times = Times(500_000_000, rows=8, sample=8)
    times.begin(600_000_000, 0, 100)
    times.follow(1_400_000_000, 960, 100, Placed(3, 1, 2, rises=True))
    times.follow(1_600_000_000, 1920, 100, Placed(-1, 1, -1, rises=False))
    times.follow(400_000_000, 2880, 100, Placed(0, 0, 0, rises=False))
    found = times.totals()

    assert list(zip(*found.rows[:3], strict=True)) == [(-1, 0, 0), (0, 2, 2), (1, 1, -1)]
    assert list(found.sample.steps) == [NO_STEP] * 4


def test_new_beginning_is_no_jitter_and_no_time() -> None:
    """Between two segments neither the leap of the stamps nor the pause is counted."""
    times = Times(0, rows=8, sample=8)
    times.begin(0, 0, 100)
    times.follow(20_000_000, 960, 100, NEXT)
    times.begin(9 * SECOND_NS, 4_000_000_000, 100)
    times.follow(9 * SECOND_NS + 20_000_000, 4_000_000_960, 100, NEXT)
    found = times.totals()

    assert (found.elapsed_ns, found.ticks, found.differences) == (40_000_000, 1920, 2)
    assert max(found.jitter_max[CLOCKS_HZ.index(48000)], 1e-9) == 1e-9


@pytest.mark.parametrize(
    ("numbers", "ticks", "went_on"),
    [
        (4000, 4000 * 960, True),
        (4000, 7900 * 960, True),
        (4000, 2000 * 960, True),
        (4000, 1000 * 960, False),
        (4000, 9000 * 960, False),
        (4000, -960, False),
        (40_000, 960, False),
    ],
)
def test_stamps_tell_an_outage_from_a_new_beginning(numbers: int, ticks: int, *, went_on: bool) -> None:
    """Within a factor of two of what numbers took before, across a wrap of the stamps."""
    times = Times(0, rows=8, sample=8)
    times.begin(0, 2**32 - 960 * 50, 100)
    for number in range(1, 100):
        times.follow(number * 20_000_000, 960 * (number - 50) & 0xFFFFFFFF, 100, NEXT)

    assert times.went_on(numbers, 99, (960 * 49 + ticks) & 0xFFFFFFFF) is went_on


def test_difference_wraps() -> None:
    """Right across one wrap, either way."""
    assert (difference32(5, 2**32 - 5), difference32(2**32 - 5, 5), difference32(7, 7)) == (10, -10, 0)
