"""The names, and what holds for every registered dialect."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.dialect.contract import Dialect, Direction, FlowKeys, Heading, Heard
from callprobe.dialect.registry import (
    LOOKS,
    REGISTERED,
    Looks,
    UnknownDialectError,
    control_nature_of,
    find,
    names,
    split_replay,
)
from callresults.failure import Failure
from helpers.recorded import recorded_trace

KEYS = FlowKeys(bytes(range(32)))
OTHER = FlowKeys(bytes(32))
WITH_MEDIA = [name for name in names() if name != "open"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")
SOURCE = ("198.51.100.7", 4711)
GRID_NS = 20_000_000
BURST_NS = 1_000_000
# Kept from the first release; not a claim about the applications.
FIRST_SIZES = {
    "telegram-v2": [216, 224, 244, 248, 172, 204, 240, 188],
    "whatsapp-2023": [290, 72, 144, 163, 87, 48, 25, 51],
    "webrtc-aiortc": [101, 109, 124, 84, 150, 51, 109, 128],
}
VERSIONS = {"telegram-v2": "1", "whatsapp-2023": "1", "webrtc-aiortc": "1.16.0"}


def own_datagrams(look: Dialect, keys: FlowKeys) -> list[bytes]:
    """Return samples of everything that travels in the look."""
    up = [*look.requests(keys, 0), *look.keepalive(keys, 0), *look.farewell(keys)]
    down = [answer for data in up for answer in look.answers(keys, 0, SOURCE, data)]
    slots = look.schedule("voice", 1, 1)[:2] + look.schedule("video", 1, 1)[:2]
    return up + down + [look.media(keys, direction, slot) for slot in slots for direction in DIRECTIONS]


def test_names_are_found_and_nothing_else() -> None:
    assert set(names()) == {"open", *LOOKS, *(f"random:{look}" for look in LOOKS)}
    for name in names():
        assert find(name).name == name
        assert find(name) is find(name)
    for name in ("whatsapp-1999", "random:open", "random:random:telegram-v2", ""):
        with pytest.raises(UnknownDialectError, match="known are open, telegram-v2, whatsapp-2023"):
            find(name)


@pytest.mark.parametrize("name", names())
def test_setup_is_timed_within_its_deadline_and_fails_by_the_closed_list(name: str) -> None:
    setup = find(name).setup
    assert setup.retry_ns[0] == 0
    assert list(setup.retry_ns) == sorted(setup.retry_ns)
    assert setup.retry_ns[-1] < setup.deadline_ns
    assert Failure(setup.failure)


@pytest.mark.parametrize("medium", ["voice", "video"])
@pytest.mark.parametrize("name", WITH_MEDIA)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_media_keep_their_size_and_are_heard_with_their_number(name: str, medium, direction) -> None:
    look = find(name)
    for slot in look.schedule(medium, 20, 3):
        data = look.media(KEYS, direction, slot)
        assert len(data) == slot.size
        assert look.hear(KEYS, direction, data) == Heading(Heard.MEDIA, slot.sequence)
        assert look.ident_of(data) in look.idents(KEYS) or direction == "down"


@pytest.mark.parametrize("name", WITH_MEDIA)
def test_sequence_numbers_wrap_at_16_bits(name: str) -> None:
    look = find(name)
    slot = look.schedule("voice", 1, 1)[0]
    for sequence in (65534, 65535, 65536, 200_000):
        data = look.media(KEYS, "up", slot._replace(sequence=sequence))
        assert look.hear(KEYS, "up", data).sequence_low16 == sequence & 0xFFFF


@pytest.mark.parametrize("name", WITH_MEDIA)
def test_no_media_of_one_flow_or_direction_are_heard_in_another(name: str) -> None:
    look = find(name)
    slot = look.schedule("voice", 1, 1)[0]
    assert look.hear(OTHER, "up", look.media(KEYS, "up", slot)).kind is Heard.FOREIGN
    assert look.hear(KEYS, "down", look.media(KEYS, "up", slot)).kind is Heard.FOREIGN
    assert look.hear(KEYS, "up", look.media(KEYS, "down", slot)).kind is Heard.FOREIGN


@pytest.mark.parametrize("name", names())
def test_what_the_caller_says_is_control_and_first_packets_identify_the_flow(name: str) -> None:
    look = find(name)
    for attempt in range(len(look.setup.retry_ns)):
        for data in look.requests(KEYS, attempt):
            assert look.ident_of(data) in look.idents(KEYS)
            assert look.hear(KEYS, "up", data).kind is Heard.CONTROL
            assert look.hear(OTHER, "up", data).kind is Heard.FOREIGN
    for data in (*look.keepalive(KEYS, 0), *look.keepalive(KEYS, 9), *look.farewell(KEYS)):
        assert look.hear(KEYS, "up", data).kind is Heard.CONTROL


@pytest.mark.parametrize("name", WITH_MEDIA)
def test_answers_complete_the_set_up_and_hear_as_answers_of_keepalives(name: str) -> None:
    look = find(name)
    for data in look.requests(KEYS, 2):
        (answer,) = look.answers(KEYS, 1_700_000_000_000, SOURCE, data)
        assert look.hear(KEYS, "down", answer).kind is Heard.SETUP_ANSWER
        assert look.answers(OTHER, 1_700_000_000_000, SOURCE, data) == []
    for data in look.keepalive(KEYS, 1):
        (answer,) = look.answers(KEYS, 1_700_000_000_000, SOURCE, data)
        # One ping serves Telegram for both, so its answer cannot tell which it answers.
        wanted = Heard.SETUP_ANSWER if name == "telegram-v2" else Heard.KEEPALIVE_ANSWER
        assert look.hear(KEYS, "down", answer).kind is wanted


@pytest.mark.parametrize("medium", ["voice", "video"])
@pytest.mark.parametrize("name", LOOKS)
def test_schedules_are_drawn_on_the_grid_and_from_the_seed_alone(name: str, medium) -> None:
    look = find(name)
    schedule = look.schedule(medium, 10, 7)
    assert schedule[0].offset_ns == schedule[0].rtp_ticks == 0
    assert [slot.sequence for slot in schedule] == list(range(len(schedule)))
    assert all(a.offset_ns < b.offset_ns for a, b in pairwise(schedule))
    assert all(slot.offset_ns % GRID_NS < BURST_NS for slot in schedule)
    assert all(20 <= slot.size <= 1472 for slot in schedule)
    assert schedule[-1].offset_ns < 10_000_000_000
    assert look.schedule(medium, 10, 8) != schedule
    assert look.schedule(medium, 4, 7) == tuple(slot for slot in schedule if slot.offset_ns < 4_000_000_000)


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_drawn_stays_what_it_is_across_versions(name: str) -> None:
    """Probe and responder of different releases draw the same schedule: changing it needs a new version."""
    schedule = find(name).schedule("voice", 3, 42)
    assert find(name).version == VERSIONS[name]
    assert [slot.size for slot in schedule[:8]] == FIRST_SIZES[name]


@pytest.mark.parametrize("name", names())
@given(data=st.binary(max_size=300))
def test_hostile_bytes_are_foreign_and_raise_nothing(name: str, data: bytes) -> None:
    look = find(name)
    ident = look.ident_of(data)
    assert ident is None or ident in data
    for direction in DIRECTIONS:
        assert look.hear(KEYS, direction, data).kind is Heard.FOREIGN
    assert look.answers(KEYS, 0, SOURCE, data) == []


@pytest.mark.parametrize("name", names())
@given(draw=st.data())
def test_spoilt_datagrams_of_the_look_raise_nothing(name: str, draw: st.DataObject) -> None:
    look = find(name)
    spoilt = bytearray(draw.draw(st.sampled_from(own_datagrams(look, KEYS))))
    for _ in range(draw.draw(st.integers(0, 3))):
        spoilt[draw.draw(st.integers(0, len(spoilt) - 1))] = draw.draw(st.integers(0, 255))
    data = bytes(spoilt[: draw.draw(st.integers(0, len(spoilt)))]) + draw.draw(st.binary(max_size=8))
    ident = look.ident_of(data)
    assert ident is None or ident in data
    for direction in DIRECTIONS:
        assert look.hear(KEYS, direction, data).kind in Heard
    assert len(look.answers(KEYS, 0, SOURCE, data)) <= 1


def test_looks_of_a_run_are_the_registered_ones_and_those_of_its_trace() -> None:
    trace = recorded_trace()
    looks = Looks(trace, {"control": "inverted"}, version="1+x", capture_date="2024-11-18")
    name = f"replay:{trace.digest}"

    assert looks.find("telegram-v2") is find("telegram-v2")
    assert looks.find(name) is looks.find(name)
    assert (looks.find(name).version, looks.find(name).capture_date) == ("1+x", "2024-11-18")
    assert [looks.control_of(name, arm) for arm in ("control", "aa")] == [
        f"replay-inverted:{trace.digest}",
        f"replay-random:{trace.digest}",
    ]
    assert looks.control_of("telegram-v2", "control") == "random:telegram-v2"
    assert [opening.name for opening in looks.openings] == ["ice_connectivity"]


def test_a_trace_that_is_not_here_has_no_look() -> None:
    for name in (f"replay:{'0' * 64}", "replay:", "replay-inverted:x"):
        with pytest.raises(UnknownDialectError):
            REGISTERED.find(name)


@pytest.mark.parametrize(
    ("name", "split", "nature"),
    [
        ("replay:ab", ("original", "ab"), "random"),
        ("replay-inverted:ab", ("inverted", "ab"), "inverted"),
        ("replay-random:ab", ("random", "ab"), "random"),
        ("random:telegram-v2", None, "random"),
    ],
)
def test_a_name_tells_what_is_replayed_and_what_kind_of_control_it_is(name, split, nature) -> None:
    assert split_replay(name) == split
    assert control_nature_of(name) == nature
