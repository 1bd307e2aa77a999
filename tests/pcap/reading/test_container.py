"""Byte order and clocks of a capture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.reading.container import Interface

INT64_MAX = (1 << 63) - 1


@pytest.mark.parametrize(
    ("ticks_per_s", "ticks", "epoch_ns"),
    [
        (1_000_000, 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (1_000_000_000, 1_700_000_000_000_000_001, 1_700_000_000_000_000_001),
        (1 << 20, 3 << 19, 1_500_000_000),
        (1, 2, 2_000_000_000),
        (10**12, 1999, 1),
    ],
)
def test_ticks_become_nanoseconds(ticks_per_s: int, ticks: int, epoch_ns: int) -> None:
    """Any resolution gives exact nanoseconds, rounded down."""
    assert Interface(1, ticks_per_s).epoch_ns(ticks) == epoch_ns


def test_offset_is_added() -> None:
    """The seconds of if_tsoffset come on top."""
    assert Interface(1, 1000, offset_s=-5).epoch_ns(7000) == 2_000_000_000


@given(
    st.integers(0, 127).map(lambda exponent: 10**exponent),
    st.integers(-(1 << 63), INT64_MAX),
    st.integers(0, (1 << 64) - 1),
)
def test_time_fits_64_bits(ticks_per_s: int, offset_s: int, ticks: int) -> None:
    """Hostile resolutions and offsets give no time that a date could not hold."""
    assert abs(Interface(1, ticks_per_s, offset_s).epoch_ns(ticks)) <= INT64_MAX
