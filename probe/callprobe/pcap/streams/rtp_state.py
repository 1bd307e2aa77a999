"""One RTP stream while it passes: everything that is told of it later, in memory that does not grow.

This is the meaning of every figure; the faster tiers (``columns``, ``kernel``) give the same.

A packet whose number lies more than ``MAX_JUMP`` away is held back until the next one arrives (RFC 3550
appendix A.1). If that one does not follow it, the packet was a stray and enters neither losses nor jitter. If
it does, then either the path was cut for long, which shows in that the time stamps went on in proportion to
the numbers: all in between is lost. Or the sender began anew: a new segment starts, and nothing is lost
between the two.
"""

from typing import Final, NamedTuple

from callprobe.pcap.streams.rtp_header import NO_EXTENSION, RtpHeader
from callprobe.pcap.streams.rtp_numbers import MAX_JUMP, MAX_MISORDER, Numbers, NumberTotals
from callprobe.pcap.streams.rtp_times import Times, TimeTotals

MAX_PROFILES: Final = 16
"""Different extension profiles that are told apart."""
OTHER_PROFILE: Final = 1 << 16
"""Instead of those beyond."""
_SIZE_LIMIT: Final = 1 << 16


class Limits(NamedTuple):
    """How much is kept of one stream."""

    rows: int
    sample: int


class Traffic:
    """What is counted of every packet, whatever its number."""

    __slots__ = (
        "bytes",
        "first_ns",
        "last_ns",
        "markers",
        "max_gap_ns",
        "packets",
        "payload_types",
        "previous_ns",
        "profiles",
        "size_max",
        "size_min",
    )

    def __init__(self, epoch_ns: int) -> None:
        self.packets = self.markers = self.bytes = 0
        self.payload_types: dict[int, int] = {}
        self.profiles: dict[int, int] = {}
        self.size_min, self.size_max = _SIZE_LIMIT, 0
        self.first_ns = self.last_ns = self.previous_ns = epoch_ns
        self.max_gap_ns = 0

    def add(self, epoch_ns: int, header: RtpHeader, size: int) -> None:
        """Take a packet."""
        self.packets += 1
        self.bytes += size
        self.size_min = min(self.size_min, size)
        self.size_max = max(self.size_max, size)
        self.first_ns = min(self.first_ns, epoch_ns)
        self.last_ns = max(self.last_ns, epoch_ns)
        self.max_gap_ns = max(self.max_gap_ns, epoch_ns - self.previous_ns)
        self.previous_ns = epoch_ns
        self.markers += header.second_byte >> 7
        payload_type = header.second_byte & 0x7F
        self.payload_types[payload_type] = self.payload_types.get(payload_type, 0) + 1
        if header.profile != NO_EXTENSION:
            self.count_profile(header.profile, 1)

    def count_profile(self, profile: int, packets: int) -> None:
        """Count packets with a header extension."""
        if profile not in self.profiles and len(self.profiles) >= MAX_PROFILES:
            profile = OTHER_PROFILE
        self.profiles[profile] = self.profiles.get(profile, 0) + packets


class StreamTotals(NamedTuple):
    """All that was counted of a stream."""

    first_header: bytes
    packets: int
    strays: int
    bytes: int
    size_min: int
    size_max: int
    first_ns: int
    last_ns: int
    max_gap_ns: int
    markers: int
    payload_types: dict[int, int]
    profiles: dict[int, int]
    grid_ns: int
    """Where row 0 of the seconds begins."""
    numbers: NumberTotals
    times: TimeTotals


class _Packet(NamedTuple):
    epoch_ns: int
    sequence: int
    timestamp: int
    size: int


class StreamState:
    """The figures of one stream; ``columns`` brings them forward by many packets at once."""

    __slots__ = ("_first_header", "_grid_ns", "held", "numbers", "strays", "times", "traffic")

    def __init__(self, first_header: bytes, epoch_ns: int, grid_ns: int, limits: Limits) -> None:
        self._first_header = first_header
        self._grid_ns = grid_ns
        self.traffic = Traffic(epoch_ns)
        self.numbers = Numbers()
        self.times = Times(grid_ns, rows=limits.rows, sample=limits.sample)
        self.held: _Packet | None = None
        """A packet that jumped."""
        self.strays = 0

    def add(self, epoch_ns: int, header: RtpHeader, size: int) -> None:
        """Take a packet."""
        self.traffic.add(epoch_ns, header, size)
        packet = _Packet(epoch_ns, header.sequence, header.timestamp, size)
        if not self.numbers.segments:
            self._begin(packet)
            return
        if self.held is not None:
            held, self.held = self.held, None
            if 0 < (packet.sequence - held.sequence) & 0xFFFF <= MAX_MISORDER:
                self._jump(held)
            else:
                self.strays += 1
        difference = self.numbers.difference(packet.sequence)
        if -MAX_JUMP <= difference <= MAX_JUMP:
            self._follow(packet, difference)
        else:
            self.held = packet

    def totals(self) -> StreamTotals:
        """Return what was counted; no more packets may follow."""
        traffic = self.traffic
        return StreamTotals(
            first_header=self._first_header,
            packets=traffic.packets,
            strays=self.strays + (self.held is not None),
            bytes=traffic.bytes,
            size_min=traffic.size_min,
            size_max=traffic.size_max,
            first_ns=traffic.first_ns,
            last_ns=traffic.last_ns,
            max_gap_ns=traffic.max_gap_ns,
            markers=traffic.markers,
            payload_types=traffic.payload_types,
            profiles=traffic.profiles,
            grid_ns=self._grid_ns,
            numbers=self.numbers.totals(),
            times=self.times.totals(),
        )

    def _jump(self, packet: _Packet) -> None:
        """Take a packet that jumped and was followed by another: an outage has ended, or all begins anew."""
        numbers = self.numbers
        forward = (packet.sequence - numbers.highest) & 0xFFFF
        if self.times.went_on(forward, numbers.highest - numbers.start, packet.timestamp):
            self._follow(packet, forward)
        else:
            self._begin(packet)

    def _begin(self, packet: _Packet) -> None:
        self.numbers.begin(packet.sequence)
        self.times.begin(packet.epoch_ns, packet.timestamp, packet.size)

    def _follow(self, packet: _Packet, difference: int) -> None:
        placed = self.numbers.take(self.numbers.highest + difference)
        self.times.follow(packet.epoch_ns, packet.timestamp, packet.size, placed)
