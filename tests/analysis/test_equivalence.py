"""Equivalence is shown by an interval inside a margin."""

import pytest

from callanalysis.equivalence import tost
from callanalysis.series import Effect


def _effect(estimate, half):
    return Effect(
        0, estimate, estimate - 1.2 * half, estimate + 1.2 * half, estimate - half, estimate + half, 0.5, 0.5
    )


@pytest.mark.parametrize(
    ("estimate", "half", "expected"),
    [
        (0.0, 0.04, "supported"),
        (0.02, 0.04, "insufficient"),
        (0.0, 0.20, "insufficient"),
        (-0.20, 0.05, "refuted"),
        (0.20, 0.05, "insufficient"),
    ],
)
def test_equivalence_needs_the_interval_inside_the_margin(estimate, half, expected):
    """A wide interval around nothing is no proof of nothing; a rise is no harm."""
    assert tost(_effect(estimate, half), 0.05) == expected


def test_fall_that_others_share_refutes_nothing():
    """Where other countries fell alike, the country was not singled out."""
    assert tost(_effect(-0.2, 0.05), 0.05, beside=_effect(0.0, 0.05)) == "insufficient"
