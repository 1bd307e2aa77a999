"""The probe's end of one call-shaped flow: set-up ladder, scheduled media, keepalives, farewell.

A pure flow machine (``media.flow``). Set-up and media start when the run says so, so that all arms of a run
share one grid.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from callprobe.dialect.contract import Dialect, FlowKeys, Heading, Heard, Schedule
from callprobe.media.flow import Address, Datagram
from callprobe.media.sequence import extend
from callprobe.media.twins import Twins

NEVER: Final = 1 << 62
FAREWELL_AFTER_NS: Final = 20_000_000
"""After the last media packet."""
COPIES_NOTED: Final = 4
"""Arrivals noted of one packet; a flood of copies fills no memory and hides no other packet."""


@dataclass
class CallerLog:
    """What the probe's end saw. Times are monotonic nanoseconds of the driver's clock."""

    requests: int = 0
    """Set-up datagrams sent."""
    first_request_ns: int | None = None
    last_request_ns: int | None = None
    answered_ns: int | None = None
    """Arrival of the answer that completed the set-up; one after its deadline does not."""
    keepalives_sent: int = 0
    keepalives_answered: int = 0
    sent: list[tuple[int, int]] = field(default_factory=list)
    """Media sent: (sequence, time)."""
    arrived: list[tuple[int, int]] = field(default_factory=list)
    """Media of the other direction in order of arrival: (sequence, kernel time), duplicates included."""
    foreign: int = 0
    """Datagrams that were not this flow's, and copies beyond ``COPIES_NOTED``."""
    send_errors: int = 0


class Caller:
    """One call-shaped flow from the probe's side; see ``FlowMachine`` for the four methods."""

    def __init__(
        self, dialect: Dialect, keys: FlowKeys, peer: Address, schedule: Schedule, *, schedule_down: Schedule
    ) -> None:
        """Prepare a flow; it is silent until ``begin_setup``.

        ``schedule_down``: the far end's; a media packet of any other number is not its.
        """
        self.log = CallerLog()
        self._dialect = dialect
        self._keys = keys
        self._peer = peer
        self._schedule = schedule
        self._schedule_down = schedule_down
        self._twins = Twins(schedule_down)
        self._requests_at: list[int] = []
        self._attempt = 0
        self._setup_until = NEVER
        self._setup_over = False
        self._keepalive_at = NEVER
        self._media_from = NEVER
        self._slot = 0
        self._farewell_at = NEVER
        self._linger_until = NEVER
        self._highest = 0
        self._copies: Counter[int] = Counter()

    @property
    def setup_finished(self) -> bool:
        """Whether the set-up is answered or given up."""
        return self._setup_over

    @property
    def finished(self) -> bool:
        """Whether the call, its farewell and the waiting time for late packets are over."""
        return self._linger_until == 0

    def begin_setup(self, at_ns: int) -> None:
        """Send the first set-up request at ``at_ns``; a look that has none is through with it."""
        self._requests_at = [at_ns + offset for offset in self._dialect.setup.retry_ns]
        self._setup_until = at_ns + self._dialect.setup.deadline_ns
        self._setup_over = not self._requests_at

    def begin_media(self, at_ns: int, *, linger_ns: int) -> None:
        """Begin the schedule at ``at_ns``; listen ``linger_ns`` after the last packet of either end."""
        self._media_from = at_ns
        ours, theirs = (
            schedule[-1].offset_ns if schedule else 0 for schedule in (self._schedule, self._schedule_down)
        )
        self._farewell_at = at_ns + ours + FAREWELL_AFTER_NS
        self._linger_until = at_ns + max(ours, theirs) + FAREWELL_AFTER_NS + linger_ns

    def next_deadline(self) -> int | None:
        """Return the earliest of: set-up request, media slot, keepalive, farewell, end of waiting."""
        due = self._setup_due() if not self._setup_over else NEVER
        if self._slot < len(self._schedule) and self._media_from != NEVER:
            due = min(due, self._media_from + self._schedule[self._slot].offset_ns)
        due = min(due, self._keepalive_at, self._farewell_at, self._linger_until or NEVER)
        return None if due == NEVER else due

    def on_time(self, now_ns: int) -> list[Datagram]:
        """Return what is due."""
        out: list[bytes] = []
        if not self._setup_over:
            self._setup_tick(now_ns, out)
        if now_ns >= self._media_from:
            self._media_tick(now_ns, out)
        if now_ns >= self._keepalive_at:
            out += self._keepalive(now_ns)
        if now_ns >= self._farewell_at:
            self._farewell_at = self._keepalive_at = NEVER
            out += self._dialect.farewell(self._keys)
        if self._linger_until and now_ns >= self._linger_until:
            self._linger_until = 0
        return [Datagram(self._peer, data) for data in out]

    def on_datagram(self, now_ns: int, kernel_ns: int, peer: Address, data: bytes) -> list[Datagram]:
        """Take an arrival; a caller answers nothing, its sends are all timed."""
        del now_ns
        if peer != self._peer:
            self.log.foreign += 1
            return []
        heading = self._dialect.hear(self._keys, "down", data)
        if heading.kind is Heard.MEDIA:
            self._arrive(heading, kernel_ns)
        elif heading.kind is Heard.SETUP_ANSWER:
            self._answered(kernel_ns)
        elif heading.kind is Heard.KEEPALIVE_ANSWER:
            self.log.keepalives_answered += 1
        else:
            self.log.foreign += 1
        return []

    def on_send_error(self, now_ns: int, datagram: Datagram) -> None:
        """Count a send that the own machine refused."""
        del now_ns, datagram
        self.log.send_errors += 1

    def _arrive(self, heading: Heading, kernel_ns: int) -> None:
        low16 = self._twins.settle(heading, kernel_ns)
        if low16 is None:
            self.log.foreign += 1
            return
        sequence = extend(self._highest, low16)
        if not 0 <= sequence < len(self._schedule_down) or self._copies[sequence] >= COPIES_NOTED:
            self.log.foreign += 1
            return
        self._highest = max(self._highest, sequence)
        self._copies[sequence] += 1
        self.log.arrived.append((sequence, kernel_ns))

    def _answered(self, kernel_ns: int) -> None:
        if self.log.answered_ns is not None or kernel_ns > self._setup_until:
            return
        self.log.answered_ns = kernel_ns
        self._setup_over = True
        if self._dialect.keepalive_first_ns is not None:
            self._keepalive_at = kernel_ns + self._dialect.keepalive_first_ns

    def _setup_due(self) -> int:
        if self._attempt < len(self._requests_at):
            return min(self._requests_at[self._attempt], self._setup_until)
        return self._setup_until

    def _setup_tick(self, now_ns: int, out: list[bytes]) -> None:
        while self._attempt < len(self._requests_at) and now_ns >= self._requests_at[self._attempt]:
            datagrams = self._dialect.requests(self._keys, self._attempt)
            self._attempt += 1
            self.log.requests += len(datagrams)
            if self.log.first_request_ns is None:
                self.log.first_request_ns = now_ns
            self.log.last_request_ns = now_ns
            out += datagrams
        if now_ns >= self._setup_until:
            self._setup_over = True

    def _media_tick(self, now_ns: int, out: list[bytes]) -> None:
        schedule = self._schedule
        while self._slot < len(schedule) and now_ns >= self._media_from + schedule[self._slot].offset_ns:
            slot = schedule[self._slot]
            self._slot += 1
            self.log.sent.append((slot.sequence, now_ns))
            out.append(self._dialect.media(self._keys, "up", slot))

    def _keepalive(self, now_ns: int) -> list[bytes]:
        interval = self._dialect.keepalive_ns
        self._keepalive_at = NEVER if interval is None else now_ns + interval
        index = self.log.keepalives_sent
        self.log.keepalives_sent += 1
        return self._dialect.keepalive(self._keys, index)
