"""The UDP flows of a capture: what every direction of every pair of addresses carried, whatever it was."""

from typing import Final

from msgspec import Struct

from callprobe.pcap.packets import Address, address_text

MAX_FLOWS: Final = 1 << 16
"""Later ones are left out, and their datagrams counted."""
_SIZE_LIMIT: Final = 1 << 16


class FlowStats(Struct, frozen=True, kw_only=True):
    """One direction of a UDP flow."""

    src: str
    dst: str
    packets: int
    bytes: int
    """Of payload, on the wire."""
    first_s: float
    """Seconds from the capture's first packet."""
    last_s: float
    size_min: int
    """Of the payload."""
    size_max: int
    odd16: int
    """Payloads whose size is no multiple of 16: a block cipher without header leaves none."""
    rtp_candidates: int
    """Payloads that look like RTP by their first bytes."""


class FlowState:
    """What is counted of a flow."""

    __slots__ = ("bytes", "first_ns", "last_ns", "odd16", "packets", "rtp_candidates", "size_max", "size_min")

    def __init__(self, epoch_ns: int) -> None:
        self.packets = self.bytes = self.odd16 = self.rtp_candidates = self.size_max = 0
        self.size_min = _SIZE_LIMIT
        self.first_ns = self.last_ns = epoch_ns

    def add(self, epoch_ns: int, size: int, *, is_rtp: bool) -> None:
        """Take a datagram."""
        self.packets += 1
        self.bytes += size
        self.first_ns = min(self.first_ns, epoch_ns)
        self.last_ns = max(self.last_ns, epoch_ns)
        self.size_min = min(self.size_min, size)
        self.size_max = max(self.size_max, size)
        self.odd16 += size % 16 != 0
        self.rtp_candidates += is_rtp

    def stats(self, source: Address, destination: Address, origin_ns: int) -> FlowStats:
        """Return the figures; times count from ``origin_ns``."""
        return FlowStats(
            src=address_text(source),
            dst=address_text(destination),
            packets=self.packets,
            bytes=self.bytes,
            first_s=round((self.first_ns - origin_ns) / 1e9, 6),
            last_s=round((self.last_ns - origin_ns) / 1e9, 6),
            size_min=self.size_min,
            size_max=self.size_max,
            odd16=self.odd16,
            rtp_candidates=self.rtp_candidates,
        )


class FlowTable:
    """Sorts datagrams into flows."""

    def __init__(self) -> None:
        self._flows: dict[tuple[Address, Address], FlowState] = {}
        self.packets_left_out: int = 0
        """Of flows beyond ``MAX_FLOWS``."""

    def add(self, source: Address, destination: Address, epoch_ns: int, size: int, *, is_rtp: bool) -> None:
        """Take a datagram of ``size`` bytes of payload on the wire."""
        flow = self._flows.get((source, destination))
        if flow is None:
            if len(self._flows) >= MAX_FLOWS:
                self.packets_left_out += 1
                return
            flow = self._flows[source, destination] = FlowState(epoch_ns)
        flow.add(epoch_ns, size, is_rtp=is_rtp)

    def stats(self, origin_ns: int) -> list[FlowStats]:
        """Return the flows in the order in which they began; times count from ``origin_ns``."""
        return [flow.stats(*ends, origin_ns) for ends, flow in self._flows.items()]
