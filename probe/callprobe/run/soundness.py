"""Whether a far end's record can be true: hostile or broken, it gets no more memory than the plan needs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from callprobe.dialect.registry import REGISTERED, Looks
from callprobe.media.answerer import COPIES_RECORDED
from callprobe.media.session import FlowRequest, FlowView, SessionRecord, schedules_of

LONGEST_US: Final = 600_000_000
"""No session lasts longer; nothing in it has a time beyond."""
LIMIT: Final = 1 << 31
"""Counts and RTP's extended sequence numbers beyond are nobody's."""


class Due(NamedTuple):
    """How many media packets the two schedules of one flow hold."""

    up: int
    down: int


def due_of(wanted: FlowRequest, looks: Looks = REGISTERED) -> Due:
    """Return what both ends drew from a request."""
    return Due(*map(len, schedules_of(looks.find(wanted.dialect), wanted)))


def is_sound_record(record: SessionRecord, session_id: str, due: Mapping[int, Due]) -> bool:
    """Say whether a record can be that of this session, whose flows are ``due`` by their ids."""
    ids = [view.flow_id for view in record.flows]
    return (
        record.session_id == session_id
        and sorted(ids) == sorted(due)
        and all(is_sound(view, due[view.flow_id]) for view in record.flows)
    )


def is_sound(view: FlowView, due: Due) -> bool:
    """Say whether a view can be that of a flow of our own: no packet in it that no schedule has."""
    return (
        _is_whole(view, due)
        and all(0 <= sequence < due.up for sequence in view.received_sequence)
        and all(0 <= sequence < due.down for sequence in view.sent_sequence)
    )


def is_sound_call(view: FlowView, due: Due) -> bool:
    """Say whether a view can be that of a WebRTC call, whose sender draws its first sequence number.

    Arrivals of numbers that nobody sent are no lie: below SRTP, anyone on the path can add some.
    """
    return (
        _is_whole(view, due)
        and all(0 <= sequence < LIMIT for sequence in (*view.received_sequence, *view.sent_sequence))
        and (not view.sent_sequence or view.sent_sequence[-1] - view.sent_sequence[0] < due.down)
    )


def _is_whole(view: FlowView, due: Due) -> bool:
    """Say whether columns are as long as each other and as the plan allows, each packet sent once."""
    return (
        len(view.received_sequence) == len(view.received_us) <= COPIES_RECORDED * due.up
        and len(view.sent_sequence) == len(view.sent_us) <= due.down
        and all(earlier < later for earlier, later in pairwise(view.sent_sequence))
        and _are_times(view.received_us)
        and _are_times(view.sent_us)
        and _are_times(() if view.first_control_us is None else (view.first_control_us,))
        and 0 <= view.control_received < LIMIT
        and 0 <= view.control_answered < LIMIT
    )


def _are_times(column: Sequence[int]) -> bool:
    return all(0 <= at_us <= LONGEST_US for at_us in column)
