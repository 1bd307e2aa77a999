"""Extended sequence numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.media.sequence import extend


@given(st.integers(0, 1 << 40), st.integers(-32768, 32767))
def test_number_within_half_the_circle_is_found_again(reference: int, distance: int) -> None:
    assert extend(reference, reference + distance & 0xFFFF) == reference + distance


@pytest.mark.parametrize(
    ("reference", "low16", "extended"),
    [(0, 0, 0), (65535, 0, 65536), (65536, 65535, 65535), (0, 65535, -1), (70_000, 4464, 70_000)],
)
def test_wrap_and_step_back_are_told_apart(reference: int, low16: int, extended: int) -> None:
    assert extend(reference, low16) == extended
