"""A far end's record is taken only if the plan that both ends agreed on can have made it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.media.session import FlowRequest, FlowView, SessionRecord
from callprobe.run.soundness import LONGEST_US, Due, due_of, is_sound, is_sound_call, is_sound_record

DUE = Due(up=3, down=2)
VIEW = FlowView(
    flow_id=4,
    first_control_us=0,
    control_received=1,
    control_answered=1,
    received_sequence=(0, 2, 1, 1),
    received_us=(0, 5, 4, LONGEST_US),
    sent_sequence=(0, 1),
    sent_us=(0, 20_000),
)
RECORD = SessionRecord(session_id="s", kernel_timestamps=True, flows=(VIEW,))
IMPOSSIBLE: list[dict[str, Any]] = [
    {"received_us": (0, 5)},
    {"received_us": (0, 5, 4, -1)},
    {"received_us": (0, 5, 4, LONGEST_US + 1)},
    {"received_sequence": (0,) * 13, "received_us": (1,) * 13},
    {"sent_us": (-(2**47), 20_000)},
    {"sent_us": (0,)},
    {"sent_sequence": (1, 1)},
    {"sent_sequence": (1, 0)},
    {"sent_sequence": (0, 2)},
    {"sent_sequence": (0, 1, 2), "sent_us": (0, 1, 2)},
    {"sent_sequence": (-1, 0)},
    {"received_sequence": (0, 2, 1, 1 << 47)},
    {"received_sequence": (0, 2, 1, -1)},
    {"first_control_us": -(2**62)},
    {"control_received": -5},
    {"control_answered": 1 << 40},
]
NO_SCHEDULE: list[dict[str, Any]] = [{"received_sequence": (0, 2, 1, 3)}]


def changed(change: dict[str, Any]) -> FlowView:
    return msgspec.structs.replace(VIEW, **change)


def test_honest_view_is_sound_as_either() -> None:
    assert is_sound(VIEW, DUE)
    assert is_sound_call(VIEW, DUE)


@pytest.mark.parametrize("change", IMPOSSIBLE + NO_SCHEDULE)
def test_view_that_no_plan_can_have_made_is_not(change: dict[str, Any]) -> None:
    assert not is_sound(changed(change), DUE)


@pytest.mark.parametrize("change", IMPOSSIBLE)
def test_view_of_a_call_that_no_plan_can_have_made_is_not(change: dict[str, Any]) -> None:
    assert not is_sound_call(changed(change), DUE)


def test_call_may_begin_at_any_number_and_hear_numbers_that_nobody_sent() -> None:
    assert is_sound_call(changed({"sent_sequence": (30_000, 30_001)}), DUE)
    assert is_sound_call(changed({"received_sequence": (7, 9, 8, 60_000)}), DUE)


def test_record_is_that_of_the_session_and_of_its_flows() -> None:
    due = {4: DUE}
    assert is_sound_record(RECORD, "s", due)
    assert not is_sound_record(RECORD, "t", due)
    assert not is_sound_record(RECORD, "s", {5: DUE})
    assert not is_sound_record(RECORD, "s", {4: DUE, 5: DUE})
    assert not is_sound_record(msgspec.structs.replace(RECORD, flows=(VIEW, VIEW)), "s", due)


def test_due_is_what_both_ends_draw() -> None:
    def due(dialect: str) -> Due:
        return due_of(FlowRequest(dialect=dialect, medium="voice", media_duration_s=2.0, schedule_seed=3))

    assert due("open") == (0, 0)
    assert min(due("telegram-v2")) > 20
    assert due("random:telegram-v2") == due("telegram-v2")


@given(st.lists(st.integers(0, 99), unique=True).map(sorted), st.lists(st.integers(0, 99), max_size=400))
def test_any_loss_and_up_to_four_copies_are_sound(sent: list[int], received: list[int]) -> None:
    view = changed(
        {
            "sent_sequence": tuple(sent),
            "sent_us": tuple(sent),
            "received_sequence": tuple(received),
            "received_us": tuple(received),
        }
    )
    assert is_sound(view, Due(100, 100))
