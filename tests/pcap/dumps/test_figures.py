"""Figures over time: bounded, in steps, and nothing but numbers, names and states."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.dumps.figures import (
    LONGEST_TEXT,
    MOST,
    WANTED,
    Budget,
    Figure,
    StatsObject,
    count,
    is_number,
    is_value,
    moment,
    steps,
)

NOW_MS = 1_786_000_000_000.0


def figure(*points: tuple[float, Any], budget: Budget | None = None) -> Figure:
    """Return a figure whose course is kept, with these values."""
    kept = Figure(course=True)
    for at_ms, value in points:
        kept.take(at_ms, value, budget or Budget())
    return kept


def test_a_course_has_numbers_that_have_a_time() -> None:
    kept = figure((1.0, 5), (2.0, None), (math.nan, 7), (3.0, True), (4.0, 9.5))

    assert list(kept.course()) == [(1.0, 5.0), (4.0, 9.5)]
    assert kept.last == 9.5


def test_a_text_is_remembered_from_when_it_was_seen_first() -> None:
    assert figure((1.0, "new"), (2.0, "connected"), (3.0, "connected")).texts == {
        "new": 1.0,
        "connected": 2.0,
    }


def test_a_figure_that_stands_is_taken_once_for_each_look() -> None:
    kept = figure((1.0, 5))
    kept.stands(1.0, Budget())
    kept.stands(2.0, Budget())

    assert list(kept.course()) == [(1.0, 5.0), (2.0, 5.0)]


def test_a_budget_that_is_spent_keeps_the_last_value_only() -> None:
    kept = figure((1.0, 5), (2.0, 6), (3.0, 7), budget=Budget(2))

    assert list(kept.course()) == [(1.0, 5.0), (2.0, 6.0)]
    assert kept.last == 7


def test_a_counter_that_falls_begins_anew_unless_it_may_fall() -> None:
    course = [(0.0, 10.0), (1.0, 30.0), (2.0, 4.0), (2.0, 5.0), (3.0, 9.0)]

    assert [grown for _, grown in steps(course)] == [20.0, 4.0, 4.0]
    assert [grown for _, grown in steps(course, falling=True)] == [20.0, -26.0, 4.0]


@pytest.mark.parametrize("value", ["x" * (LONGEST_TEXT + 1), [], {}, math.inf, math.nan, MOST + 1, 10**400])
def test_what_no_figure_is_is_no_value(value: object) -> None:
    assert not is_value(value)


@pytest.mark.parametrize("value", [None, True, False, 0, -3, 2.5, "relay", "x" * LONGEST_TEXT])
def test_what_a_figure_may_be_is_a_value(value: object) -> None:
    assert is_value(value)


@pytest.mark.parametrize("value", [0, -1, 1e300, 946_684_799_999, 4_102_444_800_000, "now", None, True])
def test_what_is_not_of_this_century_is_no_moment(value: object) -> None:
    assert moment(value) is None
    assert moment(NOW_MS) == NOW_MS


def test_objects_give_a_figure_as_what_it_is_asked_for() -> None:
    item = StatsObject("inbound-rtp")
    for name, value in (("n", 2.6), ("t", "audio"), ("b", True), ("big", 1e300), ("nan", math.nan)):
        item.figures[name] = Figure(course=False)
        item.figures[name].take(NOW_MS, value, Budget())

    assert [item.whole(name) for name in ("n", "t", "b", "big", "nan", "none")] == [
        3,
        None,
        None,
        None,
        None,
        None,
    ]
    assert [item.number(name) for name in ("n", "t", "b")] == [2.6, None, None]
    assert [item.text(name) for name in ("n", "t", "none")] == [None, "audio", None]
    assert list(item.course("none")) == []


def test_no_figure_that_names_anybody_is_wanted_but_the_address_whose_version_is_looked_at() -> None:
    names = {name for names in WANTED.values() for name in names}

    assert names.isdisjoint(
        {"ssrc", "port", "url", "trackIdentifier", "label", "usernameFragment", "fingerprint"}
    )


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text())
def test_numbers_can_be_reckoned_with(value: object) -> None:
    if is_number(value):
        assert math.isfinite(float(value))
        assert count(value) is None or abs(count(value) or 0) <= MOST
