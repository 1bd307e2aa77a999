"""The responder's end of one call-shaped flow: answers, its own media, and the receive record.

Pure. It answers control datagrams of its dialect, sends the agreed schedule in the other direction, and
writes down every arrival; whether a datagram may leave at all is the business of the plane above it.
"""

from typing import Final

from callprobe.dialect.contract import Dialect, FlowKeys, Heading, Heard, Schedule
from callprobe.media.flow import Address
from callprobe.media.sequence import extend
from callprobe.media.session import FlowView
from callprobe.media.twins import Twins

COPIES_RECORDED: Final = 4
"""Arrivals written down per packet of the schedule; who sends more finds the record marked incomplete."""


class Answerer:
    """One granted flow at the responder. ``start_ns`` is the session's start, the origin of the record."""

    def __init__(
        self,
        flow_id: int,
        dialect: Dialect,
        keys: FlowKeys,
        schedule: Schedule,
        *,
        schedule_up: Schedule,
        start_ns: int,
    ) -> None:
        """Prepare a flow; it belongs to no source address until the first datagram binds it.

        ``schedule_up``: the probe's; a media packet of any other number is not its.
        """
        self.flow_id = flow_id
        self.dialect = dialect
        self.keys = keys
        self.schedule = schedule
        self._schedule_up = schedule_up
        self._twins = Twins(schedule_up)
        self._start_ns = start_ns
        self._first_control_ns: int | None = None
        self._control_received = 0
        self._control_answered = 0
        self._received: list[tuple[int, int]] = []
        self._sent: list[tuple[int, int]] = []
        self._highest = 0
        self._media_from: int | None = None
        self._slot = 0
        self._complete = True

    def next_deadline(self) -> int | None:
        """Return when the next media packet of the responder is due, or None."""
        if self._media_from is None or self._slot >= len(self.schedule):
            return None
        return self._media_from + self.schedule[self._slot].offset_ns

    def on_time(self, now_ns: int) -> list[tuple[int, bytes]]:
        """Return the media that are due, with their sequence numbers; ``sent`` records those that leave."""
        out: list[tuple[int, bytes]] = []
        schedule, begun_ns, number = self.schedule, self._media_from, self._slot
        if begun_ns is None:
            return out
        while number < len(schedule) and now_ns >= begun_ns + schedule[number].offset_ns:
            slot = schedule[number]
            number += 1
            out.append((slot.sequence, self.dialect.media(self.keys, "down", slot)))
        self._slot = number
        return out

    def sent(self, sequence: int, now_ns: int) -> None:
        """Record that a media packet left."""
        self._sent.append((sequence, now_ns))

    def on_datagram(
        self, now_ns: int, kernel_ns: int, source: Address, utc_ms: int, data: bytes
    ) -> list[bytes] | None:
        """Record an arrival and return the answers it wants; None when it is not this flow's."""
        heading = self.dialect.hear(self.keys, "up", data)
        if heading.kind is Heard.MEDIA:
            return self._media(now_ns, kernel_ns, heading)
        if heading.kind is not Heard.CONTROL:
            return None
        self._control_received += 1
        if self._first_control_ns is None:
            self._first_control_ns = kernel_ns
        return self.dialect.answers(self.keys, utc_ms, source, data)

    def begin_media(self, at_ns: int) -> None:
        """Send the first media packet at ``at_ns`` unless they have begun already.

        Without this the first arriving media packet begins them; with it, a path that is cut in one direction
        only shows as that.
        """
        if self._media_from is None:
            self._media_from = at_ns

    def answered(self, count: int) -> None:
        """Learn that ``count`` answers left."""
        self._control_answered += count

    def view(self) -> FlowView:
        """Return the record of this flow."""
        return FlowView(
            flow_id=self.flow_id,
            first_control_us=self._us(self._first_control_ns),
            control_received=self._control_received,
            control_answered=self._control_answered,
            received_sequence=tuple(sequence for sequence, _ in self._received),
            received_us=tuple((at - self._start_ns) // 1000 for _, at in self._received),
            sent_sequence=tuple(sequence for sequence, _ in self._sent),
            sent_us=tuple((at - self._start_ns) // 1000 for _, at in self._sent),
            complete=self._complete,
        )

    def _media(self, now_ns: int, kernel_ns: int, heading: Heading) -> list[bytes] | None:
        low16 = self._twins.settle(heading, kernel_ns)
        sequence = -1 if low16 is None else extend(self._highest, low16)
        if not 0 <= sequence < len(self._schedule_up):
            return None
        self._highest = max(self._highest, sequence)
        if len(self._received) < COPIES_RECORDED * len(self._schedule_up):
            self._received.append((sequence, kernel_ns))
        else:
            self._complete = False
        if self._media_from is None:
            self._join_media(now_ns, self._schedule_up[sequence].offset_ns)
        return []

    def _join_media(self, now_ns: int, offset_ns: int) -> None:
        """Begin at the place where the probe is; what would have been due before is never sent."""
        self._media_from = now_ns - offset_ns
        while self._slot < len(self.schedule) and self.schedule[self._slot].offset_ns < offset_ns:
            self._slot += 1

    def _us(self, at_ns: int | None) -> int | None:
        return None if at_ns is None else (at_ns - self._start_ns) // 1000
