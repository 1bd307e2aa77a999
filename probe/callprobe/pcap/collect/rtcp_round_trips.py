"""Round trips that RTCP tells to whoever sees both ways (RFC 3550 section 6.4.1, RFC 3611 section 4.5)."""

from collections import OrderedDict
from typing import Final

from callprobe.pcap.collect.round_trips import RoundTripLog
from callprobe.pcap.packets import Address

MOST_SENT: Final = 4096
"""Times that wait to be echoed; beyond, the oldest is forgotten."""
MOST_ENDS: Final = 256
MOST_KEPT: Final = 2000
"""Round trips of one end of which the median is taken."""


class RoundTripMeter:
    """Pairs the times that ends send with their echoes: how far an end is from the capture point."""

    def __init__(self) -> None:
        self._sent: OrderedDict[tuple[int, int], tuple[int, Address]] = OrderedDict()
        self.logs: dict[Address, RoundTripLog] = {}
        """By the address that echoed."""

    def sent(self, ssrc: int, ntp_time: int, source: Address, at_ns: int) -> None:
        """Note that ``source`` told its 64-bit NTP time as ``ssrc``."""
        self._sent.setdefault((ssrc, ntp_time >> 16 & 0xFFFFFFFF), (at_ns, source))
        if len(self._sent) > MOST_SENT:
            self._sent.popitem(last=False)

    def echoed(self, ssrc: int, middle: int, delay: int, source: Address, at_ns: int) -> None:
        """Note that ``source`` gave back the middle 32 bits of a time of ``ssrc`` after ``delay``/65536 s."""
        sent = self._sent.get((ssrc, middle)) if middle else None
        if sent is None or sent[1] == source:
            return
        rtt_ns = at_ns - sent[0] - (delay * 1_000_000_000 >> 16)
        if rtt_ns >= 0 and (source in self.logs or len(self.logs) < MOST_ENDS):
            self.logs.setdefault(source, RoundTripLog(MOST_KEPT)).add(rtt_ns)
