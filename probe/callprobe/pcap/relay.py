"""WhatsApp's relays: allocations, pings in clear, probes, the server's clock, the end of the call."""

from msgspec import Struct

from callprobe.pcap.round_trips import RoundTrips


class Relay(Struct, frozen=True, kw_only=True):
    """What one client exchanged with one relay."""

    client: str
    relay: str
    allocations: int
    """Allocates that carry a relay token, copies included."""
    second_copies: int
    """Of these, the ones with the token in 0x4001 (2015)."""
    answered: int
    first_s: float
    """First message of any kind."""
    first_answered_s: float | None
    rtt_ms: RoundTrips
    """Of allocations, copies paired in order."""
    allocation_sizes: tuple[int, ...]
    """Bytes, ascending."""
    answer_sizes: tuple[int, ...]
    pings: int
    """0x0801."""
    ping_answers: int
    probes: int
    """0x0804."""
    probe_answers: int
    clock_offset_ms: float | None
    """The relay's clock (0x4002) minus that of the capture, by the quickest answer, at half its round trip."""
    health_s: float | None
    """When ``health`` was asked (2019-20)."""
    ok_s: float | None
    """When ``OK`` came."""
    ended_s: float | None
    """0x0800."""
    subscribed_ssrcs: tuple[str, ...]
    """SSRCs in stream subscriptions (0x0022), ``0x…``."""


class RelayPings(Struct, frozen=True, kw_only=True):
    """WhatsApp relay pings 0x0801 and pongs 0x0802."""

    requests: int
    answers: int
    rtt_ms: RoundTrips
    interval_ms: float | None
    """Median time between the pings of one path that are bare (20 bytes)."""
    series: tuple[tuple[float, float], ...]
    """(s, ms): when a ping was sent, and what it took."""
    probes: int
    """0x0804."""
    probe_answers: int
    """0x0805."""
    probe_rtt_ms: RoundTrips
    ended_s: float | None
    """First 0x0800."""
    call_ends: int
    """0x0800."""
    unlisted: int
    """Pings that were counted and paired but are left out of ``series``, since there were too many."""
