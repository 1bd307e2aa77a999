"""Reordering by RFC 4737, over first copies in order of arrival."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Reordered(NamedTuple):
    """One Type-P-Reordered packet."""

    sequence: int
    extent: int
    """Arrivals since the earliest one with a greater sequence number (RFC 4737 section 4.2)."""
    n_reordering: int
    """Directly preceding arrivals that all have greater sequence numbers (section 5.4)."""


def count_reordered(sequences: Iterable[int]) -> int:
    """Return how many packets are Type-P-Reordered: smaller than one that came before (section 3.3)."""
    reordered = 0
    highest: int | None = None
    for sequence in sequences:
        if highest is None or sequence > highest:
            highest = sequence
        else:
            reordered += 1
    return reordered


def reordered_packets(sequences: Sequence[int]) -> list[Reordered]:
    """Return every Type-P-Reordered packet with its extent and n-reordering, in order of arrival."""
    found: list[Reordered] = []
    records: list[tuple[int, int]] = []
    for index, sequence in enumerate(sequences):
        if not records or sequence > records[-1][0]:
            records.append((sequence, index))
            continue
        earliest = next(at for highest, at in records if highest > sequence)
        found.append(Reordered(sequence, index - earliest, _n_reordering(sequences, index)))
    return found


def _n_reordering(sequences: Sequence[int], index: int) -> int:
    for back in range(1, index + 1):
        if sequences[index - back] < sequences[index]:
            return back - 1
    return index
