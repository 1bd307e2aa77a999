"""Is one arm worse than arms that ran beside it? An exact permutation test over blocks of a second.

In each block the arms saw the same network at the same time, so without different treatment their labels
could be swapped within the block. With one control, swapping is flipping the sign of a difference. The null
distribution is counted whole, not sampled: no seed, the same p everywhere.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

Block = tuple[int, ...]
"""Packets lost in one second and direction: the target's first, then each control's."""

_Z_ALPHA: Final = 2.576
"""Normal quantile of p = 0.005, one-sided."""
_Z_POWER: Final = 0.842
"""Normal quantile of 80 % power."""


class Comparison(NamedTuple):
    """What the paired blocks of a target and its controls say."""

    n_blocks: int
    n_packets: int
    """Packets sent in the compared blocks, all arms and both directions."""
    excess_loss_ratio: float
    """Loss of the target minus that of the controls, over the blocks."""
    p_value: float
    """Chance of a loss as high as the target's if labels do not matter; one-sided, exact."""
    smallest_effect_ratio: float | None
    """Smallest extra loss that would be found with 80 % power; None where these blocks could find none."""


def permutation_p_value(blocks: Sequence[Block]) -> float:
    """Return the share of label permutations that give the target at least its loss.

    Exact: the distribution is the product over blocks of the sum of ``x**lost`` over arms, with its counts
    kept side by side in the bits of one integer.
    """
    if not blocks:
        return 1.0
    total = math.prod(len(block) for block in blocks)
    width = total.bit_length() + 1
    ways, observed = 1, 0
    for block in blocks:
        floor = min(block)
        ways = sum(ways << (width * (lost - floor)) for lost in block)
        observed += block[0] - floor
    # Digits of base 2**width sum up, modulo that base less one, to the number itself: all counts at once.
    return (ways >> (width * observed)) % ((1 << width) - 1) / total


def compare(
    blocks: Sequence[Block], packets_per_block: float, *, alpha: float, excess_loss_ratio: float
) -> Comparison:
    """Compare a target with its controls over blocks of equal weight.

    Args:
        blocks: lost packets per block, the target's first; at least one block.
        packets_per_block: mean packets that an arm sent in a block.
        alpha: p up to which a difference counts.
        excess_loss_ratio: extra loss from which it counts.
    """
    differences = [block[0] - sum(block[1:]) / (len(block) - 1) for block in blocks]
    mean = sum(differences) / len(differences)
    return Comparison(
        n_blocks=len(blocks),
        n_packets=round(packets_per_block * sum(len(block) for block in blocks)),
        excess_loss_ratio=mean / packets_per_block,
        p_value=permutation_p_value(blocks),
        smallest_effect_ratio=smallest_effect_ratio(
            differences,
            packets_per_block,
            math.prod(len(block) for block in blocks) * alpha,
            excess_loss_ratio,
        ),
    )


def smallest_effect_ratio(
    differences: Sequence[float], packets_per_block: float, arrangements: float, excess: float
) -> float | None:
    """Return the smallest extra loss that these blocks would show with 80 % power.

    Extra loss e of n packets a block in K blocks has the standard error
    ``SE(e) = sqrt((s² + n e (1 - e)) / K) / n``, s² being the variance of the blocks' differences. It must
    pass the test, ``e >= (z_alpha + z_power) SE(e)``, and the floor, ``e >= excess + z_power SE(e)``; the
    larger of the two solutions is returned.

    Args:
        differences: target's minus mean control's lost packets, per block.
        packets_per_block: n.
        arrangements: label permutations times alpha: at less than 2 no outcome could pass comfortably.
        excess: extra loss from which a difference counts.
    """
    n_blocks, n = len(differences), packets_per_block
    if arrangements < 2 or n_blocks < 2:
        return None
    mean = sum(differences) / n_blocks
    variance = sum((difference - mean) ** 2 for difference in differences) / (n_blocks - 1)
    passes_test = _solve(0.0, (_Z_ALPHA + _Z_POWER) ** 2, variance, n, n_blocks)
    passes_floor = _solve(excess, _Z_POWER**2, variance, n, n_blocks)
    return min(max(passes_test, passes_floor), 1.0)


def _solve(floor: float, z2: float, variance: float, n: float, n_blocks: int) -> float:
    """Return the larger root e of ``n² K (e - floor)² = z² (variance + n e (1 - e))``."""
    a = n * n * n_blocks + z2 * n
    half_b = n * n * n_blocks * floor + z2 * n / 2
    c = n * n * n_blocks * floor * floor - z2 * variance
    return (half_b + math.sqrt(half_b * half_b - a * c)) / a
