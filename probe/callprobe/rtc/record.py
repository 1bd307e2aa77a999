"""What passed the wire in one WebRTC call, seen below SRTP: RTP headers are in clear (RFC 3711)."""

from typing import Final, NamedTuple

from callprobe.media.flow import Address
from callprobe.media.sequence import extend
from callprobe.media.session import FlowView
from callprobe.net.loop import Direction

RTP_HEADER_BYTES: Final = 12
ALERT: Final = 21
"""DTLS content type (RFC 6347 4.1)."""


class RtpRecord(NamedTuple):
    """One RTP packet."""

    sequence: int
    """Extended sequence number: the first packet's 16 bits as they stand, unwrapped from there.

    WebRTC senders start in the lower half of the range, so both ends count alike even when the first packets
    are lost.
    """
    at_ns: int
    """Arrival by the kernel, or time of the send call; monotonic nanoseconds."""
    size_bytes: int
    """UDP payload."""


class PacketLog:
    """A tap that keeps a record of the RTP packets and counts the rest (told apart by RFC 7983 and 5761)."""

    def __init__(self, *, max_packets: int = 100_000) -> None:
        """Keep at most ``max_packets`` per direction; a flood beyond them is not recorded."""
        self.sent: list[RtpRecord] = []
        self.received: list[RtpRecord] = []
        self.stun = {"in": 0, "out": 0}
        self.dtls = {"in": 0, "out": 0}
        self.alert_received = False
        """Whether the peer sent a DTLS alert in clear."""
        self.first_heard_ns: int | None = None
        self._max_packets = max_packets

    def on_packet(self, direction: Direction, at_ns: int, data: bytes, peer: Address) -> None:
        """Take one datagram."""
        del peer
        if not data:
            return
        if direction == "in" and self.first_heard_ns is None:
            self.first_heard_ns = at_ns
        if data[0] < 4:
            self.stun[direction] += 1
        elif 20 <= data[0] < 64:
            self.dtls[direction] += 1
            self.alert_received |= direction == "in" and data[0] == ALERT
        elif is_rtp(data):
            self._keep(self.received if direction == "in" else self.sent, at_ns, data)

    def view(self, start_ns: int) -> FlowView:
        """Return the record as a responder hands it over, times relative to ``start_ns``."""
        first = self.first_heard_ns
        return FlowView(
            flow_id=0,
            first_control_us=None if first is None else (first - start_ns) // 1000,
            control_received=self.stun["in"] + self.dtls["in"],
            control_answered=self.stun["out"] + self.dtls["out"],
            received_sequence=tuple(packet.sequence for packet in self.received),
            received_us=tuple((packet.at_ns - start_ns) // 1000 for packet in self.received),
            sent_sequence=tuple(packet.sequence for packet in self.sent),
            sent_us=tuple((packet.at_ns - start_ns) // 1000 for packet in self.sent),
        )

    def _keep(self, packets: list[RtpRecord], at_ns: int, data: bytes) -> None:
        if len(packets) >= self._max_packets:
            return
        low16 = int.from_bytes(data[2:4])
        sequence = extend(packets[-1].sequence, low16) if packets else low16
        packets.append(RtpRecord(sequence, at_ns, len(data)))


def is_rtp(data: bytes) -> bool:
    """Whether a datagram of the call is RTP, and not RTCP on the same port (RFC 5761 4)."""
    return len(data) >= RTP_HEADER_BYTES and 128 <= data[0] < 192 and not 192 <= data[1] < 224
