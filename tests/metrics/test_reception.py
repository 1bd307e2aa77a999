"""RFC 3550 A.1 and A.3: extended sequence numbers, cumulative and fractional loss."""

from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.reception import ReceptionState


def feed(sequence_numbers: list[int]) -> ReceptionState:
    state = ReceptionState(sequence_numbers[0])
    for number in sequence_numbers:
        state.update(number)
    return state


def test_a_source_is_valid_after_two_packets_in_sequence():
    state = ReceptionState(10)
    assert [state.update(number) for number in (10, 11, 12)] == [False, True, True]
    assert state.valid
    assert (state.packets_received, state.packets_expected) == (2, 2)


def test_probation_starts_again_after_a_jump():
    assert not feed([10, 20]).valid
    assert feed([10, 20, 21]).valid


def test_sequence_wrap_counts_a_cycle():
    state = feed([65_533, 65_534, 65_535, 0, 1])
    assert state.extended_sequence_number == 65_536 + 1
    assert state.report().packets_lost == 0


def test_a_late_packet_of_before_the_wrap_is_no_second_cycle():
    state = feed([65_533, 65_534, 0, 65_535, 1])
    assert state.extended_sequence_number == 65_536 + 1
    assert state.report().packets_lost == 0


def test_fraction_is_of_the_interval_and_cumulative_of_all():
    state = feed([0, *range(1, 101)])
    assert state.report() == (0, 0, 100)
    for number in (*range(101, 150), *range(200, 201)):
        state.update(number)
    report = state.report()
    assert report.packets_lost == 50
    assert report.fraction_lost_q8 == (50 << 8) // 100


def test_duplicates_make_loss_negative_and_the_fraction_zero():
    state = feed([0, 1, 2, 2, 2])
    assert state.report().fraction_lost_q8 == 0
    assert state.report().packets_lost == -2


def test_an_empty_interval_has_lost_nothing():
    state = feed([0, 1, 2])
    state.report()
    assert state.report().fraction_lost_q8 == 0


def test_a_large_jump_is_believed_when_the_next_packet_follows_it():
    state = feed([0, 1, 2, 30_000])
    assert state.extended_sequence_number == 2
    assert state.update(30_001)
    assert state.extended_sequence_number == 30_001
    assert state.packets_expected == 1


@given(st.integers(0, 65_535), st.lists(st.booleans(), min_size=1, max_size=300))
def test_loss_equals_what_was_dropped_across_wraps(start, dropped):
    """Two good packets at either end pin the range."""
    n = len(dropped) + 4
    kept = [i for i in range(n) if i < 2 or i >= n - 2 or not dropped[i - 2]]
    state = feed([(start + i) % 65_536 for i in kept])
    assert state.report().packets_lost == n - len(kept)
    assert state.extended_sequence_number - (start + 1) % 65_536 == n - 2
