"""What every capture file has, whatever its format: a byte order and interfaces with clocks of their own."""

from typing import Final, Literal, NamedTuple

from msgspec import Struct

CHUNK_BYTES: Final = 1 << 18
"""What readers take from the file at a time."""
MAX_FRAME_BYTES: Final = 1 << 18
"""A record that claims more is a break in the file; tcpdump and Wireshark write no longer ones."""
MICROSECONDS: Final = 1_000_000
NANOSECONDS: Final = 1_000_000_000
_MAX_EPOCH_NS: Final = (1 << 63) - 1


class CaptureError(ValueError):
    """The file is no capture or cannot be read; the message is one sentence naming it."""


class Interface(NamedTuple):
    """Where frames were captured, and how its time stamps count."""

    link_type: int
    """LINKTYPE_ number."""
    ticks_per_s: int
    """Resolution of the time stamps; in pcapng any power of two or ten."""
    offset_s: int = 0
    """Seconds to add to a time stamp (if_tsoffset of pcapng)."""
    snap_length: int = 0
    """Bytes kept of a frame; 0 when there is no limit."""

    def epoch_ns(self, ticks: int) -> int:
        """Return the nanoseconds since 1970, within 64 bits signed, of a time stamp in ticks."""
        nanoseconds = ticks * NANOSECONDS // self.ticks_per_s + self.offset_s * NANOSECONDS
        if -_MAX_EPOCH_NS <= nanoseconds <= _MAX_EPOCH_NS:
            return nanoseconds
        return _MAX_EPOCH_NS if nanoseconds > 0 else -_MAX_EPOCH_NS


class Container(Struct, kw_only=True):
    """The format of a capture file; that of a pcapng file changes while it is read."""

    kind: Literal["pcap", "pcapng"]
    byte_order: Literal["<", ">"]
    """As ``struct`` writes it; in pcapng that of the section being read."""
    interfaces: list[Interface]
    """In pcap the one; in pcapng those that the section being read has described so far."""
    record_header_bytes: int = 16
    """Before each frame of a pcap file: 24 in the modified format of Kuznetzov, otherwise 16."""
