"""What the responder grants at most, and what it may send to a source that has proved nothing."""

from dataclasses import dataclass

import msgspec


class RefusedError(Exception):
    """The responder does not grant this; the text is one sentence for the asker."""


class BusyError(RefusedError):
    """The responder does not grant this now, but may later."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ceilings of one responder; the config file may lower or raise them."""

    max_sessions: int = 200
    """Sessions open at once."""
    max_flows: int = 16
    """Flows in one session."""
    max_media_duration_s: float = 180.0
    session_lifetime_s: float = 600.0
    """A session is forgotten this long after it was opened."""
    max_schedule_packets: int = 20_000
    """Media packets per flow and direction."""
    max_session_packets: int = 60_000
    """Media packets that all flows of one session may send in one direction: memory and time have an end."""
    max_traces: int = 16
    """Traces kept for replays at once, in memory only; 0: none are taken."""
    max_trace_bytes: int = 8 << 20
    """Of one trace as it comes."""
    max_traces_bytes: int = 64 << 20
    """Of all traces kept."""
    max_trace_packets: int = 20_000
    """In one direction of a trace."""
    max_trace_duration_s: float = 90.0
    trace_lifetime_s: float = 900.0
    """A trace is forgotten this long after it was last asked for."""
    max_replayed_packets: int = 400_000
    """In both directions of all replayed flows of all sessions."""


@dataclass
class Account:
    """Bytes and packets exchanged with one source of one flow.

    Until the source has proved that it receives what is sent to it, it is sent no more bytes and no more
    packets than it has sent: a forged source address gains nothing (amplification at most 1.00 in both).
    """

    received_bytes: int = 0
    received_packets: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0

    def received(self, size: int) -> None:
        """Count an arrival of ``size`` bytes."""
        self.received_bytes += size
        self.received_packets += 1

    def try_send(self, size: int, *, proved: bool) -> bool:
        """Count ``size`` bytes as sent and return True, or return False when they may not leave."""
        allowed = proved or (
            self.sent_bytes + size <= self.received_bytes and self.sent_packets < self.received_packets
        )
        if allowed:
            self.sent_bytes += size
            self.sent_packets += 1
        return allowed
