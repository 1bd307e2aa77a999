"""Messages of calls that go over TCP: STUN, TURN, and frames of RFC 4571; other flows are let go."""

from typing import Final, NamedTuple

from callprobe.pcap.layers.tcp_framing import Framing, recognise, split
from callprobe.pcap.packets import Address, TcpSegment

MAX_FLOWS: Final = 1 << 12
"""Directions of flows that are remembered; the one that began first is forgotten for a new one."""
MAX_BYTES: Final = 1 << 24
"""Held of all flows together, in messages that are not complete and segments that came early."""
MAX_EARLY_SEGMENTS: Final = 64
"""Of one direction; with more the segment that is missing counts as not captured."""
MAX_WAIT_NS: Final = 3_000_000_000
"""Likewise when it has been missing for so long."""
MAX_JUMP_BYTES: Final = 1 << 24
"""A sequence number that lies further away belongs to another connection of the same ports."""
FIRST_TRIES: Final = 4
"""Segments that may pass before a direction is let go in which no message was found …"""
LATER_TRIES: Final = 32
"""… and in one in which some were."""
_SYN: Final = 2
_HALF: Final = 1 << 31


class StreamMessage(NamedTuple):
    """A message that was sent over TCP."""

    epoch_ns: int
    """Of the segment that made it complete."""
    frame: int
    source: Address
    destination: Address
    payload: bytes
    """Without framing."""
    framing: Framing
    """``turn-tcp`` (RFC 8656 section 12.5) or ``rfc4571``."""


class StreamMessages:
    """Takes segments in the order of the capture and gives the messages that they complete."""

    def __init__(self) -> None:
        self._directions: dict[tuple[Address, Address], _Direction] = {}
        self._held = 0
        self.given_up: int = 0
        """Directions that were forgotten to keep within bounds."""

    def add(self, segment: TcpSegment) -> list[StreamMessage]:
        """Return the messages that end with this segment, in order."""
        key = (segment.source, segment.destination)
        direction = self._directions.get(key)
        if direction is None or direction.is_other_connection(segment):
            self._forget(key)
            direction = self._directions[key] = _Direction(segment.sequence)
        if direction.is_hopeless or not segment.size:
            return []
        before = direction.held
        payloads = direction.add(segment)
        self._held += direction.held - before
        while self._held > MAX_BYTES or len(self._directions) > MAX_FLOWS:
            self.given_up += 1
            self._forget(next(iter(self._directions)))
        return [
            StreamMessage(segment.epoch_ns, segment.frame, *key, payload, framing)
            for payload, framing in payloads
        ]

    def _forget(self, key: tuple[Address, Address]) -> None:
        direction = self._directions.pop(key, None)
        if direction is not None:
            self._held -= direction.held


class _Early(NamedTuple):
    payload: bytes
    size: int
    epoch_ns: int


class _Direction:
    """One direction of a connection: puts segments into order, and cuts the bytes into messages."""

    def __init__(self, sequence: int) -> None:
        self.held = 0
        self._expected = sequence
        self._early: dict[int, _Early] = {}
        self._framing: Framing | None = None
        self._in_step = False
        self._rest = b""
        self._tries_left = FIRST_TRIES

    @property
    def is_hopeless(self) -> bool:
        """Whether no message was found for too long."""
        return self._tries_left <= 0

    def is_other_connection(self, segment: TcpSegment) -> bool:
        """Say whether a segment begins a new connection, or lies too far away to be of this one."""
        distance = self._distance(segment.sequence)
        return (segment.flags & _SYN != 0 and distance != 0) or abs(distance) > MAX_JUMP_BYTES

    def add(self, segment: TcpSegment) -> list[tuple[bytes, Framing]]:
        """Return the messages that a segment completes, with their framing."""
        early = self._early.get(segment.sequence)
        if early is None or early.size < segment.size:
            self._early[segment.sequence] = _Early(segment.payload, segment.size, segment.epoch_ns)
        found = self._in_order()
        if self._early and self._is_missing_for_good(segment.epoch_ns):
            self._expected = min(self._early, key=self._distance)
            self._lose_step()
            found += self._in_order()
        self.held = len(self._rest) + sum(len(early.payload) for early in self._early.values())
        if self.is_hopeless:
            self._early.clear()
            self.held = 0
        return found

    def _in_order(self) -> list[tuple[bytes, Framing]]:
        found: list[tuple[bytes, Framing]] = []
        while self._early:
            sequence = min(self._early, key=self._distance)
            known = -self._distance(sequence)
            if known < 0:
                break
            payload, size, _ = self._early.pop(sequence)
            if known >= size:
                continue
            self._expected = (sequence + size) & 0xFFFFFFFF
            found += self._messages(payload[known:])
            if len(payload) < size:
                self._lose_step()
        return found

    def _messages(self, data: bytes) -> list[tuple[bytes, Framing]]:
        if not data:
            return []
        if not self._in_step:
            framing = recognise(data)
            if framing is None or self._framing not in {None, framing}:
                self._tries_left -= 1
                return []
            self._framing, self._in_step, self._tries_left = framing, True, LATER_TRIES
        if self._framing is None:
            return []
        messages, self._rest, self._in_step = split(self._framing, self._rest + data)
        self._tries_left -= not self._in_step
        return [(message, self._framing) for message in messages]

    def _lose_step(self) -> None:
        self._in_step, self._rest = False, b""

    def _is_missing_for_good(self, epoch_ns: int) -> bool:
        oldest_ns = min(early.epoch_ns for early in self._early.values())
        return len(self._early) > MAX_EARLY_SEGMENTS or epoch_ns - oldest_ns > MAX_WAIT_NS

    def _distance(self, sequence: int) -> int:
        """Return how far a sequence number lies ahead of the expected one (RFC 9293 section 3.4)."""
        return ((sequence - self._expected + _HALF) & 0xFFFFFFFF) - _HALF
