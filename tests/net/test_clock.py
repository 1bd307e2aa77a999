import time
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from callprobe.net.clock import ClockReading, StampClock, now_ns, read_clocks, utc_now

SECOND = 10**9
OFFSET = 1_700_000_000 * SECOND


def reading(at_ns: int, step_ns: int = 0, width_ns: int = 100) -> ClockReading:
    return ClockReading(at_ns, at_ns + OFFSET + step_ns, width_ns)


def test_a_reading_lies_between_two_reads_of_the_monotonic_clock():
    before, taken, after = now_ns(), read_clocks(), now_ns()

    assert before <= taken.monotonic_ns <= after
    assert taken.width_ns <= after - before
    assert abs(taken.realtime_ns - time.time_ns()) < SECOND


def test_the_wall_clock_is_aware_and_utc():
    assert utc_now().tzinfo is UTC


@given(st.integers(0, 10 * SECOND), st.integers(0, 10 * SECOND))
def test_a_stamp_keeps_its_place_on_a_steady_clock(stamped_ns, later_ns):
    clock = StampClock(reading(0))

    clock.update(reading(stamped_ns + later_ns))

    assert clock.monotonic_ns(OFFSET + stamped_ns) == stamped_ns
    assert clock.steps == 0


def test_a_careless_reading_is_no_step_and_spoils_nothing():
    clock = StampClock(reading(0))

    clock.update(reading(SECOND, step_ns=3_000_000, width_ns=7_000_000))

    assert clock.steps == 0
    assert clock.monotonic_ns(OFFSET + SECOND // 2) == SECOND // 2


def test_a_closer_reading_replaces_a_careless_one():
    clock = StampClock(reading(0, step_ns=40_000, width_ns=100_000))

    clock.update(reading(SECOND))

    assert clock.monotonic_ns(OFFSET + SECOND // 2) == SECOND // 2


@given(
    st.sampled_from([-3600 * SECOND, -5 * SECOND, 5 * SECOND, 86_400 * SECOND]), st.integers(1, SECOND - 1)
)
def test_stamps_on_both_sides_of_a_step_keep_their_places(step_ns, when_ns):
    clock = StampClock(reading(0))

    clock.update(reading(SECOND, step_ns=step_ns))

    assert clock.steps == 1
    assert clock.monotonic_ns(OFFSET + when_ns) == when_ns
    assert clock.monotonic_ns(OFFSET + step_ns + when_ns) == when_ns


def test_after_a_step_the_new_wall_clock_holds():
    clock = StampClock(reading(0))
    clock.update(reading(SECOND, step_ns=5 * SECOND))

    clock.update(reading(2 * SECOND, step_ns=5 * SECOND))

    assert clock.steps == 1
    assert clock.monotonic_ns(OFFSET + 5 * SECOND + SECOND * 3 // 2) == SECOND * 3 // 2


def test_no_stamp_comes_from_the_future():
    clock = StampClock(reading(0))
    clock.update(reading(SECOND))

    assert clock.monotonic_ns(OFFSET + 9 * SECOND) == SECOND
