"""ICE (RFC 8445): the pairs that were checked, and which of them carries the call."""

from msgspec import Struct

from callprobe.pcap.round_trips import RoundTrips


class IcePair(Struct, frozen=True, kw_only=True):
    """Two addresses between which Binding checks were seen."""

    a: str
    """Who sent the first check that was seen."""
    b: str
    encapsulation: str
    """``plain``, or how checks were relayed; then the addresses are those of the relaying flow."""
    peer: str | None
    """Who was behind the TURN server, where that was seen."""
    checks: int
    """Transactions, both ways."""
    checks_from_b: int
    answered: int
    answered_from_b: int
    """Checks of ``b`` that were answered."""
    requests: int
    """Checks with their copies."""
    first_s: float
    last_s: float
    """Last check."""
    first_answered_s: float | None
    last_answered_s: float | None
    nominated_s: float | None
    """First check that nominates."""
    nomination: str | None
    """``use-candidate``, ``ringrtc`` (0xC001) or ``media``."""
    selected: bool
    """It carries the call: media says so, else nomination with an answer."""
    media_s: float | None
    """When media was first seen on it, if anybody told."""
    controlling: str | None
    """``a`` or ``b``, who said to be ICE-CONTROLLING last."""
    controlling_tie_breaker_zero: bool | None
    """ICE-CONTROLLING's tie-breaker is zero in every check, as Telegram's is."""
    tie_breaker_zero: bool | None
    """Likewise of both roles."""
    priority_ends_00: bool | None
    """PRIORITY's last byte (256 minus the component) is zero in every check, as Telegram's is."""
    role_conflicts: int
    """Answers with 487."""
    errors: dict[str, int]
    """Checks by the error code of their first answer."""
    consent_checks: int
    """Answered checks that came later than 5 s after the first answer (RFC 7675)."""
    longest_check_gap_s: float | None
    """Between answered checks, from the first one on."""
    goog_pings: int
    """Requests 0x0200."""
    goog_ping_answers: int
    bare: bool
    """No check carries more than MESSAGE-INTEGRITY, as with WhatsApp (44 bytes)."""
    username_shapes: tuple[str, ...]
    """Lengths of USERNAME's parts, ``4:4``."""
    rtt_ms: RoundTrips
