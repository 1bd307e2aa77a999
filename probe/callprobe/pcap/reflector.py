"""Telegram's reflectors: pings and answers, peer information, frames."""

from msgspec import Struct

from callprobe.pcap.round_trips import RoundTrips


class ReflectorPath(Struct, frozen=True, kw_only=True):
    """What one client socket exchanged with one reflector."""

    client: str
    reflector: str
    pings: int
    answers: int
    rtt_ms: RoundTrips
    first_s: float
    last_s: float
    """Last ping."""
    first_answered_s: float | None
    interval_ms: float | None
    """Median time between pings; null for fewer than two."""
    frames_up: int
    """Data frames of tgcalls v2."""
    frames_down: int
    tagged_up: int
    """Data of libtgvoip: peer tag, then a length of 0 mod 16."""
    tagged_down: int
    peer_info_requests: int
    peer_info_answers: int
    clock_offset_s: float | None
    """The reflector's clock (whole seconds) minus that of the capture at the first answer."""


class ReflectorCounts(Struct, frozen=True, kw_only=True):
    """Telegram reflector pings (40 bytes) and their answers (64 bytes)."""

    pings: int
    answers: int
    """Answers that belong to a ping."""
    stray_answers: int
    answered_ratio: float | None
    rtt_ms: RoundTrips
    first_s: float | None
    last_s: float | None
    """Last ping."""
    first_answered_s: float | None
    interval_ms: float | None
    """Median over all paths."""
    constant_query_id: bool | None
    """All pings carry query id 123, as those of tgcalls v2 do."""
    frames: int
    """Data frames of tgcalls v2."""
    tagged: int
    """Data of libtgvoip."""
    peer_info_requests: int
    peer_info_answers: int
    ports: tuple[int, ...]
    reflectors: tuple[ReflectorPath, ...]
    dropped: int
    """Paths that were not kept, since there were too many."""
