"""Duplication by RFC 5560: copies of a packet beyond its first."""

from collections import Counter
from collections.abc import Iterable


def count_duplicates(n_arrivals: int, n_unique: int) -> int:
    """Return the arrivals that were a further copy of a packet already received."""
    return n_arrivals - n_unique


def duplicates_by_sequence(sequences: Iterable[int]) -> dict[int, int]:
    """Return how many further copies arrived, for each packet that was duplicated."""
    return {sequence: copies - 1 for sequence, copies in Counter(sequences).items() if copies > 1}
