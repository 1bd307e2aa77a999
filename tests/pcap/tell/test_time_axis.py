"""A time axis that leaves out hours without traffic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.tell.time_axis import MOST_BREAKS, Span, clock_text, merge, time_axis

MOMENTS = st.floats(-2e19, 2e19) | st.floats(0, 1000)
SPANS = st.lists(st.tuples(MOMENTS, MOMENTS).map(lambda pair: (min(pair), max(pair))), max_size=12)


@given(SPANS, st.lists(MOMENTS, max_size=5))
def test_time_goes_from_left_to_right(spans: list[Span], moments: list[float]) -> None:
    """Whatever the times, a later moment is never left of an earlier one, and none is off the axis."""
    axis = time_axis(spans, 50, 950)
    places = [axis.x(at_s) for at_s in sorted(moments)]

    assert places == sorted(places)
    assert all(50 - 1e-6 <= x <= 950 + 1e-6 for x in places)


@given(SPANS)
def test_an_axis_has_few_marks_and_cuts(spans: list[Span]) -> None:
    """The marks lie on the axis, and there are no more of them than can be read."""
    axis = time_axis(spans, 50, 950)
    ticks = axis.ticks()

    assert len(axis.cuts()) <= MOST_BREAKS
    assert len(ticks) <= 60
    assert all(50 - 1e-6 <= tick.x <= 950 + 1e-6 for tick in ticks)


def test_a_long_pause_is_cut_out() -> None:
    """Two calls a hundred days apart share the axis; a pause within a call does not."""
    apart = time_axis([(0, 30), (8_640_000, 8_640_030)], 0, 1000)
    together = time_axis([(0, 30), (50, 60)], 0, 1000)

    assert [len(apart.pieces), len(together.pieces)] == [2, 1]
    assert apart.x(15) < 300
    assert apart.x(8_640_015) > 700
    assert "+10 s" in [tick.label for tick in apart.ticks()]
    assert together.x(30) == pytest.approx(500)


def test_a_far_beginning_is_said_once() -> None:
    """The marks of a short call, months after the first packet, count from its own beginning."""
    labels = [tick.label for tick in time_axis([(9_783_934.0, 9_783_934.7)], 0, 900).ticks()]

    assert labels[0] == "113 d 5:45:34 h"
    assert labels[1:3] == ["+0.1 s", "+0.2 s"]


def test_spans_are_joined() -> None:
    """Those that overlap or lie near become one; without any there is the beginning."""
    assert merge([(5, 6), (0, 2), (1, 3)]) == [(0, 3), (5, 6)]
    assert merge([(0, 1), (1.4, 2)], pause_s=0.5) == [(0, 2)]
    assert merge([]) == [(0.0, 0.0)]


def test_moments_are_written_as_clocks_do() -> None:
    """Seconds, minutes, hours, days."""
    texts = {2: "2 s", 0.25: "0.25 s", 245: "4:05 min", 7445: "2:04:05 h", 9_777_910: "113 d 4:05:10 h"}

    assert {at_s: clock_text(at_s) for at_s in texts} == texts
