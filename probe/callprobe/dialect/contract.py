"""What a dialect is: the bytes of one application's call, in both roles, and nothing else.

Pure: bytes in, bytes out; what looks random is derived from the flow's key, so a test can repeat it. A
dialect cites the capture it follows; the censor's matchers share no constant and no code with it.
"""

import hashlib
from enum import Enum
from typing import Literal, NamedTuple, Protocol

Direction = Literal["up", "down"]
"""``up`` is probe to responder."""
CallMedium = Literal["voice", "video"]
TOKEN_BYTES = 12


class Slot(NamedTuple):
    """One scheduled media packet."""

    sequence: int
    """0-based index in the schedule; on the wire a dialect adds its own start value."""
    offset_ns: int
    """Nanoseconds after the first media packet: the 20 ms grid plus the place inside a video frame."""
    size: int
    """UDP payload bytes, framing of the dialect included; at least 20."""
    rtp_ticks: int
    """RTP timestamp relative to the first packet, in the clock of the stream."""
    marker: bool
    """RTP marker: first packet after silence (audio) or last packet of a frame (video)."""


Schedule = tuple[Slot, ...]


class FlowKeys(NamedTuple):
    """The secret of one flow, known to both ends; everything that must look random comes from it."""

    key: bytes
    """32 random bytes, issued by the responder for this flow."""

    def derive(self, label: str, size: int) -> bytes:
        """Return ``size`` (at most 64) bytes for ``label``: keyed BLAKE2b of it."""
        return hashlib.blake2b(label.encode(), digest_size=size, key=self.key).digest()

    @property
    def token(self) -> bytes:
        """The 12 bytes by which the responder recognises the flow's first packet."""
        return self.derive("token", TOKEN_BYTES)


class Heard(Enum):
    """What an arriving datagram is to the flow."""

    SETUP_ANSWER = "setup answer"
    """The answer that completes the set-up stage."""
    KEEPALIVE_ANSWER = "keepalive answer"
    CONTROL = "control"
    """A request of the caller (set-up, keepalive, farewell) that wants ``answers``."""
    MEDIA = "media"
    FOREIGN = "foreign"
    """Not of this flow; ignored and counted."""


class Heading(NamedTuple):
    """What ``hear`` made of a datagram."""

    kind: Heard
    sequence_low16: int | None = None
    """For media: the schedule's sequence modulo 65536, start value removed."""
    twins: tuple[int, ...] = ()
    """All sequences whose packets have these very bytes, where there are several: time tells them apart."""


class SetupStage(NamedTuple):
    """The rung that the dialect's first packets are, and its timing."""

    name: Literal["udp_open", "relay_allocation", "relay_ping", "turn_allocation", "ice_connectivity"]
    failure: str
    """``callresults.failure.Failure`` value when no answer comes."""
    deadline_ns: int
    """After the first request."""
    retry_ns: tuple[int, ...]
    """Offsets of the requests after the first one's time, the first being 0.

    Empty: the look sends nothing of its own before its media, and the echo that a run's flows share is its
    set-up.
    """


class Dialect(Protocol):
    """One application's look. Instances are immutable and shared."""

    name: str
    version: str
    capture_date: str | None
    """ISO date of the capture it follows."""
    setup: SetupStage
    keepalive_first_ns: int | None
    """Delay of the first keepalive after the set-up's answer, or None for no keepalives."""
    keepalive_ns: int | None
    """Interval of the further keepalives, or None."""

    def schedule(
        self, medium: CallMedium, duration_s: float, seed: int, direction: Direction = "up"
    ) -> Schedule:
        """Return the media packets of one direction, a pure function of its arguments.

        A look that is drawn gives both directions alike and tells them apart by their seeds.
        """
        ...

    def requests(self, keys: FlowKeys, attempt: int) -> list[bytes]:
        """Return the datagrams of set-up attempt 0, 1, …: sent back to back."""
        ...

    def keepalive(self, keys: FlowKeys, index: int) -> list[bytes]:
        """Return keepalive number ``index`` of the caller."""
        ...

    def farewell(self, keys: FlowKeys) -> list[bytes]:
        """Return what the caller sends when it hangs up."""
        ...

    def media(self, keys: FlowKeys, direction: Direction, slot: Slot) -> bytes:
        """Return the media packet of ``slot``: exactly ``slot.size`` bytes."""
        ...

    def idents(self, keys: FlowKeys) -> tuple[bytes, ...]:
        """Return what ``ident_of`` yields for this flow's packets from the caller."""
        ...

    def ident_of(self, data: bytes) -> bytes | None:
        """Return the identification in a caller's datagram of this look, or None; never raises."""
        ...

    def hear(self, keys: FlowKeys, direction: Direction, data: bytes) -> Heading:
        """Say what a datagram travelling in ``direction`` is; never raises, hostile bytes are FOREIGN."""
        ...

    def answers(self, keys: FlowKeys, utc_ms: int, source: tuple[str, int], data: bytes) -> list[bytes]:
        """Return the far end's answer to a CONTROL datagram from ``source`` (its mapped address)."""
        ...
