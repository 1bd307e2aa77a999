"""Reordering: the example of RFC 4737 and the definition by brute force."""

from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.reordering import Reordered, count_reordered, reordered_packets


def test_rfc4737_example():
    arrived = [1, 2, 3, 5, 6, 7, 8, 4, 9, 10]
    assert reordered_packets(arrived) == [Reordered(4, extent=4, n_reordering=4)]
    assert count_reordered(arrived) == 1


def test_order_has_no_reordering():
    assert reordered_packets([1, 2, 9]) == []
    assert count_reordered([]) == 0


@given(st.permutations(range(12)))
def test_definition_by_brute_force(arrived):
    expected = []
    for index, sequence in enumerate(arrived):
        greater = [at for at in range(index) if arrived[at] > sequence]
        if greater:
            n = 0
            while n < index and arrived[index - n - 1] > sequence:
                n += 1
            expected.append(Reordered(sequence, index - greater[0], n))
    assert reordered_packets(arrived) == expected
    assert count_reordered(arrived) == len(expected)
