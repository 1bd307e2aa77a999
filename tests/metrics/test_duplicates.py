"""Duplicates: further copies only."""

from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.duplicates import count_duplicates, duplicates_by_sequence


def test_three_copies_are_two_duplicates():
    assert duplicates_by_sequence([1, 2, 2, 2, 3]) == {2: 2}


@given(st.lists(st.integers(0, 9)))
def test_counts_agree(sequences):
    assert sum(duplicates_by_sequence(sequences).values()) == count_duplicates(
        len(sequences), len(set(sequences))
    )
