"""The probe's end of a flow, in virtual time, with the real dialects."""

import pytest

from callprobe.dialect.contract import Dialect, FlowKeys
from callprobe.dialect.registry import find, names
from callprobe.dialect.replay_look import ReplayLook, for_flow
from callprobe.media.caller import COPIES_NOTED, Caller
from helpers.recorded import recorded_trace
from helpers.worlds import MS, SECOND

KEYS = FlowKeys(bytes(range(32)))
PEER = ("198.51.100.10", 3478)
SOURCE = ("203.0.113.7", 40_000)
LOOKS = [name for name in names() if name != "open"]


def make(name: str = "telegram-v2", duration_s: float = 1.0) -> tuple[Caller, Dialect]:
    look = find(name)
    schedule = look.schedule("voice", duration_s, 1)
    return Caller(look, KEYS, PEER, schedule, schedule_down=schedule), look


def answer(look: Dialect) -> bytes:
    (data,) = look.answers(KEYS, 0, SOURCE, look.requests(KEYS, 0)[0])
    return data


def drive(caller: Caller, until_ns: int) -> list[tuple[int, bytes]]:
    """Return (time, datagram) of all that is sent at its time up to ``until_ns``."""
    sent = []
    while (due := caller.next_deadline()) is not None and due <= until_ns and not caller.finished:
        sent += [(due, datagram.data) for datagram in caller.on_time(due)]
    return sent


@pytest.mark.parametrize("name", LOOKS)
def test_caller_is_silent_until_told_to_begin(name: str) -> None:
    caller, _ = make(name)
    assert caller.next_deadline() is None
    assert caller.on_time(SECOND) == []


@pytest.mark.parametrize("name", LOOKS)
def test_unanswered_set_up_is_repeated_at_the_dialects_times_and_given_up_at_its_deadline(name: str) -> None:
    caller, look = make(name)
    caller.begin_setup(SECOND)
    sent = drive(caller, 60 * SECOND)
    assert sorted({at - SECOND for at, _ in sent}) == list(look.setup.retry_ns)
    assert caller.setup_finished
    assert caller.log.requests == len(sent)
    assert caller.log.first_request_ns == SECOND
    assert caller.log.answered_ns is None
    assert caller.next_deadline() is None


@pytest.mark.parametrize("name", LOOKS)
def test_answer_ends_the_set_up_and_its_repetitions(name: str) -> None:
    caller, look = make(name)
    caller.begin_setup(0)
    drive(caller, 0)
    caller.on_datagram(40 * MS, 39 * MS, PEER, answer(look))
    assert caller.setup_finished
    assert caller.log.answered_ns == 39 * MS
    requests = caller.log.requests
    drive(caller, 20 * SECOND)
    assert caller.log.requests == requests


def test_answer_after_the_deadline_completes_nothing() -> None:
    caller, look = make()
    caller.begin_setup(0)
    drive(caller, 60 * SECOND)
    late = look.setup.deadline_ns + 1
    caller.on_datagram(late, late, PEER, answer(look))
    assert caller.log.answered_ns is None
    assert caller.next_deadline() is None


def test_answer_that_the_kernel_had_in_time_counts_however_late_it_is_taken() -> None:
    caller, look = make()
    caller.begin_setup(0)
    drive(caller, 60 * SECOND)
    caller.on_datagram(5 * SECOND, 3 * SECOND, PEER, answer(look))
    assert caller.log.answered_ns == 3 * SECOND


@pytest.mark.parametrize("name", LOOKS)
def test_media_leave_at_their_slots_and_are_heard_at_the_other_end(name: str) -> None:
    caller, look = make(name)
    caller.begin_media(SECOND, linger_ns=0)
    sent = drive(caller, 60 * SECOND)
    slots = look.schedule("voice", 1.0, 1)
    media = [(at, look.hear(KEYS, "up", data).sequence_low16) for at, data in sent[: len(slots)]]
    assert media == [(SECOND + slot.offset_ns, slot.sequence) for slot in slots]
    assert caller.log.sent == [(slot.sequence, SECOND + slot.offset_ns) for slot in slots]
    assert caller.finished


def test_media_that_are_overdue_leave_at_once_with_the_time_at_which_they_left() -> None:
    caller, _ = make()
    caller.begin_media(0, linger_ns=0)
    assert len(caller.on_time(130 * MS)) == 3
    assert caller.log.sent == [(0, 130 * MS), (1, 130 * MS), (2, 130 * MS)]


@pytest.mark.parametrize("name", LOOKS)
def test_keepalives_come_at_their_interval_and_end_with_the_call(name: str) -> None:
    caller, look = make(name, 12.0)
    caller.begin_setup(0)
    drive(caller, 0)
    caller.on_datagram(10 * MS, 10 * MS, PEER, answer(look))
    caller.begin_media(SECOND, linger_ns=30 * SECOND)
    drive(caller, 60 * SECOND)
    assert look.keepalive_first_ns is not None
    assert look.keepalive_ns is not None
    last = look.schedule("voice", 12.0, 1)[-1].offset_ns
    talk_ns = SECOND + last + 20 * MS - 10 * MS - look.keepalive_first_ns
    assert caller.log.keepalives_sent == talk_ns // look.keepalive_ns + 1


def test_answered_keepalive_is_counted() -> None:
    caller, look = make("whatsapp-2023")
    (data,) = look.answers(KEYS, 0, SOURCE, look.keepalive(KEYS, 0)[0])
    caller.on_datagram(0, 0, PEER, data)
    assert caller.log.keepalives_answered == 1


def test_caller_listens_after_the_farewell_and_then_is_finished() -> None:
    caller, _ = make()
    caller.begin_media(0, linger_ns=SECOND)
    drive(caller, 1500 * MS)
    assert not caller.finished
    drive(caller, 60 * SECOND)
    assert caller.finished


def test_arrivals_are_noted_with_the_kernels_time_duplicates_too() -> None:
    caller, look = make()
    slots = look.schedule("voice", 1.0, 1)
    for number, at in ((1, 10), (0, 11), (1, 12)):
        caller.on_datagram(at * MS + 5, at * MS, PEER, look.media(KEYS, "down", slots[number]))
    assert caller.log.arrived == [(1, 10 * MS), (0, 11 * MS), (1, 12 * MS)]


def test_flood_of_copies_fills_no_memory_and_hides_no_other_packet() -> None:
    caller, look = make()
    first, second = look.schedule("voice", 1.0, 1)[:2]
    for at in range(100):
        caller.on_datagram(at, at, PEER, look.media(KEYS, "down", first))
    caller.on_datagram(100, 100, PEER, look.media(KEYS, "down", second))
    assert caller.log.arrived == [*((0, at) for at in range(COPIES_NOTED)), (1, 100)]
    assert caller.log.foreign == 100 - COPIES_NOTED


def test_packets_that_the_far_end_never_had_to_send_are_foreign() -> None:
    """A number beyond the schedule would spoil all later ones, and the record."""
    caller, look = make()
    slots = look.schedule("voice", 1.0, 1)
    for sequence in (len(slots), 30_000, 65_535):
        caller.on_datagram(0, 0, PEER, look.media(KEYS, "down", slots[0]._replace(sequence=sequence)))
    caller.on_datagram(0, 0, PEER, look.media(KEYS, "down", slots[3]))
    assert caller.log.foreign == 3
    assert caller.log.arrived == [(3, 0)]


def test_what_comes_from_elsewhere_or_means_nothing_is_foreign() -> None:
    caller, look = make()
    caller.on_datagram(0, 0, ("192.0.2.66", 3478), answer(look))
    caller.on_datagram(0, 0, PEER, b"hello")
    caller.on_datagram(0, 0, PEER, look.requests(KEYS, 0)[0])
    assert caller.log.foreign == 3
    assert not caller.setup_finished


def test_refused_sends_are_counted_as_local() -> None:
    caller, _ = make()
    caller.begin_setup(0)
    for datagram in caller.on_time(0):
        caller.on_send_error(0, datagram)
    assert caller.log.send_errors == 1


def replayed() -> tuple[Caller, Dialect]:
    look = for_flow(ReplayLook(recorded_trace(), "original"), KEYS, hears="down")
    up, down = (look.schedule("voice", 90.0, 0, way) for way in ("up", "down"))
    return Caller(look, KEYS, PEER, up, schedule_down=down), look


def test_a_replay_has_no_set_up_of_its_own_and_its_first_packet_is_the_calls() -> None:
    caller, look = replayed()
    caller.begin_setup(SECOND)
    assert caller.setup_finished
    caller.begin_media(2 * SECOND, linger_ns=SECOND)
    sent = drive(caller, 60 * SECOND)
    up = look.schedule("voice", 90.0, 0)
    assert sent == [(2 * SECOND + slot.offset_ns, look.media(KEYS, "up", slot)) for slot in up]
    assert caller.log.requests == 0


def test_it_listens_until_the_far_end_is_through_as_well() -> None:
    look = find("telegram-v2")
    short, long = look.schedule("voice", 1.0, 1), look.schedule("voice", 5.0, 1)
    caller = Caller(look, KEYS, PEER, short, schedule_down=long)
    caller.begin_media(0, linger_ns=SECOND)
    drive(caller, long[-1].offset_ns + SECOND)
    assert not caller.finished
    drive(caller, long[-1].offset_ns + 2 * SECOND)
    assert caller.finished
