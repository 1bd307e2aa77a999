"""The permutation test: exact against enumeration, and a sensible statement of its power."""

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.rules.permutation import Block, compare, permutation_p_value, smallest_effect_ratio


def enumerated(blocks: list[Block]) -> float:
    observed = sum(block[0] for block in blocks)
    sums = [sum(choice) for choice in product(*blocks)]
    return sum(total >= observed for total in sums) / len(sums)


@given(st.integers(2, 3).flatmap(lambda arms: st.lists(st.tuples(*[st.integers(0, 50)] * arms), max_size=7)))
def test_p_equals_the_enumeration_of_all_label_swaps(blocks):
    assert permutation_p_value(blocks) == pytest.approx(enumerated(blocks))


def test_flipping_signs_of_equal_excess_gives_a_power_of_two():
    assert permutation_p_value([(3, 0)] * 10) == 2**-10


def test_no_difference_is_no_evidence():
    assert permutation_p_value([(4, 4)] * 20) == 1
    assert permutation_p_value([]) == 1


def test_excess_is_per_packet_and_power_is_stated():
    found = compare([(10, 0)] * 10, 50, alpha=0.005, excess_loss_ratio=0.05)
    assert (found.n_blocks, found.n_packets, found.excess_loss_ratio) == (10, 1000, 0.2)
    assert found.p_value == 2**-10
    assert found.smallest_effect_ratio is not None


def test_too_few_blocks_can_show_nothing():
    assert smallest_effect_ratio([0.0] * 5, 50, arrangements=2**5 * 0.005, excess=0.05) is None


def test_more_blocks_and_quieter_blocks_show_less():
    def smallest(n_blocks: int, spread: float) -> float:
        differences = [spread, -spread] * (n_blocks // 2)
        found = smallest_effect_ratio(differences, 50, arrangements=2.0**n_blocks, excess=0.05)
        assert found is not None
        return found

    assert smallest(40, 1) < smallest(10, 1) < smallest(10, 10)
    assert smallest(40, 0) > 0.05


def test_stated_effect_is_found_four_times_in_five():
    """Random loss of the stated size on 20 blocks, threshold and floor as the rules use them."""
    draw = random.Random(5)

    def lost(ratio: float) -> int:
        return sum(draw.random() < ratio for _ in range(50))

    quiet = [(lost(0.02), lost(0.02)) for _ in range(20)]
    stated = compare(quiet, 50, alpha=0.005, excess_loss_ratio=0.05).smallest_effect_ratio
    assert stated is not None
    found = 0
    for _ in range(200):
        blocks = [(lost(0.02 + stated), lost(0.02)) for _ in range(20)]
        seen = compare(blocks, 50, alpha=0.005, excess_loss_ratio=0.05)
        found += seen.p_value <= 0.005 and seen.excess_loss_ratio >= 0.05
    assert 0.7 <= found / 200 <= 0.95
