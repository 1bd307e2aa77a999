"""The responder's end of a flow."""

import pytest

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.registry import find, names
from callprobe.dialect.replay_look import ReplayLook, for_flow
from callprobe.media.answerer import COPIES_RECORDED, Answerer
from helpers.recorded import recorded_trace
from helpers.worlds import MS, SECOND

KEYS = FlowKeys(bytes(range(32)))
SOURCE = ("203.0.113.7", 40_000)
LOOKS = [name for name in names() if name != "open"]


def make(name: str = "telegram-v2") -> Answerer:
    look = find(name)
    up, down = look.schedule("voice", 1.0, 1), look.schedule("voice", 1.0, 2)
    return Answerer(3, look, KEYS, down, schedule_up=up, start_ns=SECOND)


def media(answerer: Answerer, number: int) -> bytes:
    slot = answerer.dialect.schedule("voice", 1.0, 1)[0]._replace(sequence=number)
    return answerer.dialect.media(answerer.keys, "up", slot)


@pytest.mark.parametrize("name", LOOKS)
def test_set_up_is_answered_and_noted(name: str) -> None:
    answerer = make(name)
    (request, *_) = answerer.dialect.requests(KEYS, 0)
    answers = answerer.on_datagram(SECOND + 9 * MS, SECOND + 8 * MS, SOURCE, 0, request)
    assert answers
    answerer.answered(len(answers))
    view = answerer.view()
    assert (view.flow_id, view.first_control_us) == (3, 8000)
    assert (view.control_received, view.control_answered) == (1, 1)


def test_without_word_from_the_probe_the_first_media_packet_begins_the_far_ends() -> None:
    answerer = make()
    assert answerer.next_deadline() is None
    assert answerer.on_datagram(2 * SECOND, 2 * SECOND, SOURCE, 0, media(answerer, 0)) == []
    assert answerer.next_deadline() == 2 * SECOND


def test_told_to_begin_it_sends_its_schedule_in_time_once() -> None:
    answerer = make()
    answerer.begin_media(2 * SECOND)
    answerer.begin_media(3 * SECOND)
    answerer.on_datagram(4 * SECOND, 4 * SECOND, SOURCE, 0, media(answerer, 0))
    sent = []
    while (due := answerer.next_deadline()) is not None:
        sent += [(due, sequence) for sequence, _ in answerer.on_time(due)]
    assert sent == [(2 * SECOND + slot.offset_ns, slot.sequence) for slot in answerer.schedule]


def test_record_holds_what_left_and_not_what_was_due() -> None:
    answerer = make()
    answerer.begin_media(SECOND)
    (sequence, _), _ = answerer.on_time(SECOND + 60 * MS)
    answerer.sent(sequence, SECOND + 60 * MS)
    view = answerer.view()
    assert (view.sent_sequence, view.sent_us) == ((0,), (60_000,))


def test_arrivals_are_recorded_relative_to_the_sessions_start_duplicates_too() -> None:
    answerer = make()
    for number, at_ms in ((1, 10), (0, 11), (1, 12)):
        at_ns = SECOND + at_ms * MS
        answerer.on_datagram(at_ns + 7, at_ns, SOURCE, 0, media(answerer, number))
    view = answerer.view()
    assert view.received_sequence == (1, 0, 1)
    assert view.received_us == (10_000, 11_000, 12_000)
    assert view.complete


@pytest.mark.parametrize("number", [17, 30_000, 65_535])
def test_media_beyond_the_schedule_are_not_the_flows(number: int) -> None:
    answerer = make()
    assert answerer.on_datagram(0, 0, SOURCE, 0, media(answerer, number)) is None
    assert answerer.next_deadline() is None
    assert answerer.view().received_sequence == ()


def test_flood_of_copies_fills_no_memory_and_is_said() -> None:
    answerer = make()
    packet, packets_up = media(answerer, 0), len(answerer.dialect.schedule("voice", 1.0, 1))
    for _ in range(COPIES_RECORDED * packets_up + 50):
        answerer.on_datagram(0, 0, SOURCE, 0, packet)
    view = answerer.view()
    assert len(view.received_sequence) == COPIES_RECORDED * packets_up
    assert not view.complete


def test_hostile_bytes_are_not_the_flows_and_get_no_answer() -> None:
    answerer = make()
    for data in (b"", b"hello", bytes(40), answerer.dialect.media(KEYS, "down", answerer.schedule[0])):
        assert answerer.on_datagram(0, 0, SOURCE, 0, data) is None
    assert answerer.view().control_received == 0


def replayed() -> Answerer:
    look = for_flow(ReplayLook(recorded_trace(), "original"), KEYS, hears="up")
    up, down = (look.schedule("voice", 90.0, 0, way) for way in ("up", "down"))
    return Answerer(3, look, KEYS, down, schedule_up=up, start_ns=SECOND)


def test_media_join_the_probes_time_axis_at_the_packet_that_arrived() -> None:
    """What was due before is never sent, and nothing is sent in a heap."""
    answerer = replayed()
    look = answerer.dialect
    slot = look.schedule("voice", 90.0, 0)[40]
    begun_ns = 9 * SECOND
    answerer.on_datagram(begun_ns + slot.offset_ns, 0, SOURCE, 0, look.media(KEYS, "up", slot))
    sent = []
    while (due := answerer.next_deadline()) is not None:
        sent += [(due - begun_ns, sequence) for sequence, _ in answerer.on_time(due)]
    assert sent == [
        (one.offset_ns, one.sequence) for one in answerer.schedule if one.offset_ns >= slot.offset_ns
    ]


def test_equal_packets_of_a_replay_are_recorded_apart() -> None:
    """Each as itself, and a copy as a copy."""
    answerer = replayed()
    look = answerer.dialect
    for slot in look.schedule("voice", 90.0, 0):
        at_ns = 9 * SECOND + slot.offset_ns
        answerer.on_datagram(at_ns, at_ns, SOURCE, 0, look.media(KEYS, "up", slot))
        if slot.sequence == 7:
            answerer.on_datagram(at_ns + MS, at_ns + MS, SOURCE, 0, look.media(KEYS, "up", slot))
    received = answerer.view().received_sequence
    assert received == (*range(8), *range(7, len(look.schedule("voice", 90.0, 0))))
