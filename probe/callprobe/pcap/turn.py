"""TURN (RFC 8656): allocations, permissions and channels by server, and what is relayed."""

from msgspec import Struct


class TurnServer(Struct, frozen=True, kw_only=True):
    """What one client did at one TURN server."""

    client: str
    server: str
    transport: str
    """``udp`` or ``tcp``."""
    first_s: float
    allocate_requests: int
    """Transactions."""
    allocate_answered: int
    allocate_errors: dict[str, int]
    """By code."""
    challenged: bool
    """The 401 round was walked: a 401 and, after it, an Allocate with credentials."""
    allocated_s: float | None
    """First success."""
    rtt_ms: float | None
    """Of the first Allocate that was answered, from its first request."""
    realm: str | None
    software: str | None
    lifetime_s: int | None
    """Last one that was granted to an Allocate or Refresh."""
    released_s: float | None
    """When a Refresh with lifetime 0 was sent."""
    permissions_granted: int
    permissions_refused: dict[str, int]
    """By code."""
    channels: dict[str, str]
    """Peer by channel number, as far as the binding was seen."""
    peers: tuple[str, ...]
    send_indications: int
    data_indications: int
    channel_data_up: int
    channel_data_down: int
    relayed_bytes_up: int
    """Payload within Send indications and channel data."""
    relayed_bytes_down: int


class TurnCounts(Struct, frozen=True, kw_only=True):
    """TURN by transaction; a WhatsApp allocation counts, since it is an Allocate."""

    allocate_requests: int
    allocate_success: int
    allocate_error: int
    create_permission_success: int
    create_permission_error: int
    channel_bind_success: int
    channel_bind_error: int
    refresh_success: int
    refresh_error: int
    send_indications: int
    data_indications: int
    channel_data: int
    """Frames."""
    servers: tuple[TurnServer, ...]
