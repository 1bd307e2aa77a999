"""Packets of the same bytes are told apart by when they arrive, on a line of any delay."""

import pytest

from callprobe.dialect.contract import Heading, Heard, Slot
from callprobe.media.twins import Twins
from helpers.worlds import MS

SCHEDULE = tuple(Slot(number, number * 100 * MS, 50, 0, marker=False) for number in range(10))
EQUAL = (2, 5, 9)
DELAY = 340 * MS


def sure(number: int) -> Heading:
    return Heading(Heard.MEDIA, number)


def one_of(*numbers: int) -> Heading:
    return Heading(Heard.MEDIA, numbers[0], numbers)


def due(number: int) -> int:
    return number * 100 * MS + DELAY


def test_a_packet_that_its_bytes_name_is_that_one() -> None:
    assert [Twins(SCHEDULE).settle(sure(number), 0) for number in (0, 7)] == [0, 7]


@pytest.mark.parametrize("lost", [(), (2,), (5,), (2, 5), (2, 9)])
def test_the_one_that_was_due_then_arrived(lost: tuple[int, ...]) -> None:
    """Whatever was lost of the others."""
    twins = Twins(SCHEDULE)
    settled = [
        twins.settle(one_of(*EQUAL) if number in EQUAL else sure(number), due(number))
        for number in range(10)
        if number not in lost
    ]

    assert settled == [number for number in range(10) if number not in lost]


def test_a_copy_made_on_the_way_is_a_copy() -> None:
    """It comes right after its original, and not when the next equal packet is due."""
    twins = Twins(SCHEDULE)
    twins.settle(sure(4), due(4))

    assert [twins.settle(one_of(*EQUAL), due(5) + after) for after in (0, MS)] == [5, 5]


def test_a_line_that_slows_down_is_followed() -> None:
    """Each packet is measured by the delay of the one before it."""
    twins = Twins(SCHEDULE)
    queue = [0, 40, 80, 120, 160, 200, 240]
    arrivals = [(number, due(number) + queue[number] * MS) for number in range(7)]

    assert [
        twins.settle(one_of(*EQUAL) if number in EQUAL else sure(number), at) for number, at in arrivals
    ] == list(range(7))


def test_where_all_packets_are_equal_the_first_to_come_is_the_first() -> None:
    twins, all_equal = Twins(SCHEDULE), one_of(*range(10))

    assert [twins.settle(all_equal, due(number)) for number in (0, 1, 3, 4)] == [0, 1, 3, 4]


def test_a_number_that_no_schedule_has_is_passed_on_or_none() -> None:
    """The machine above it judges it; twins beyond a shortened schedule are not there."""
    twins = Twins(SCHEDULE[:3])

    assert twins.settle(sure(60_000), 0) == 60_000
    assert twins.settle(one_of(5, 9), 0) is None
    assert twins.settle(one_of(2, 5), 0) == 2


def test_packets_that_left_together_are_taken_in_their_order() -> None:
    """However the line shook them: none is lost, none is there twice."""
    together = tuple(Slot(number, 5 * MS + number * 1000, 50, 0, marker=False) for number in range(6))
    twins, all_equal = Twins((Slot(0, 0, 50, 0, marker=False), *together[1:])), one_of(*range(1, 6))
    twins.settle(sure(0), DELAY)
    shaken = (2, 1, 1, 9, 3)

    assert [twins.settle(all_equal, DELAY + 5 * MS + late * MS) for late in shaken] == [1, 2, 3, 4, 5]
    assert twins.settle(all_equal, DELAY + 6 * MS) in range(1, 6)


def test_many_equal_packets_cost_no_more_than_few() -> None:
    """As a hostile trace may have them."""
    many = tuple(Slot(number, number * 1000, 50, 0, marker=False) for number in range(20_000))
    twins, all_equal = Twins(many), one_of(*range(20_000))

    assert [twins.settle(all_equal, slot.offset_ns) for slot in many] == list(range(20_000))
