"""When silence would say something: of our own looks always, of a recording where enough was due."""

import pytest

from callprobe.dialect.contract import Schedule, Slot
from callprobe.dialect.registry import find
from callprobe.nettest.due import ENOUGH, due_in
from callprobe.nettest.ladder import Span
from helpers.worlds import MS, SECOND

EVEN = [1000 * MS + n * 20 * MS for n in range(100)]


def schedule(*offsets_ns: int) -> Schedule:
    return tuple(Slot(number, at, 50, 0, marker=False) for number, at in enumerate(offsets_ns))


@pytest.mark.parametrize("name", ["telegram-v2", "whatsapp-2023", "webrtc-aiortc"])
def test_media_of_our_own_looks_are_due_from_first_to_last(name: str) -> None:
    slots = find(name).schedule("voice", 10.0, 1)

    assert due_in(slots, recorded=False) == Span(0, slots[-1].offset_ns)


def test_an_even_recording_is_due_from_first_to_last() -> None:
    assert due_in(schedule(*EVEN), recorded=True) == Span(EVEN[0], EVEN[-1])


def test_a_lone_packet_long_after_the_others_ends_no_call() -> None:
    """Nor do a few of them."""
    late = [20 * SECOND, 35 * SECOND, 50 * SECOND]

    assert due_in(schedule(*EVEN, *late), recorded=True) == Span(EVEN[0], EVEN[-1])
    assert due_in(schedule(*EVEN, *late), recorded=False) == Span(EVEN[0], 50 * SECOND)


def test_a_lone_packet_long_before_the_others_begins_no_call() -> None:
    """The first packet's deadline then covers several."""
    slots = schedule(0, *[at + 30 * SECOND for at in EVEN])
    due = due_in(slots, recorded=True)

    assert due.from_ns + due.deadline_ns >= slots[ENOUGH - 1].offset_ns
    assert due.from_ns > 0


def test_a_recording_of_few_packets_is_what_it_is() -> None:
    assert due_in(schedule(0, 20 * SECOND), recorded=True) == Span(0, 20 * SECOND)
    sparse = [n * 5 * SECOND for n in range(12)]
    assert due_in(schedule(*sparse), recorded=True).until_ns == sparse[-1]
    assert due_in((), recorded=True) == Span(0, 0)
