"""RTCP feedback: what receivers ask of senders (RFC 4585 and 5104, and the drafts that WebRTC lives by)."""

import struct
from typing import Final, NamedTuple

from callprobe.wire.rtcp import PAYLOAD_FEEDBACK, TRANSPORT_FEEDBACK, Packet, RtcpError

_KINDS: Final = {
    (TRANSPORT_FEEDBACK, 1): "nack",
    (TRANSPORT_FEEDBACK, 3): "tmmbr",
    (TRANSPORT_FEEDBACK, 4): "tmmbn",
    (TRANSPORT_FEEDBACK, 5): "sr-req",
    (TRANSPORT_FEEDBACK, 11): "ccfb",
    (TRANSPORT_FEEDBACK, 15): "twcc",
    (PAYLOAD_FEEDBACK, 1): "pli",
    (PAYLOAD_FEEDBACK, 2): "sli",
    (PAYLOAD_FEEDBACK, 3): "rpsi",
    (PAYLOAD_FEEDBACK, 4): "fir",
    (PAYLOAD_FEEDBACK, 5): "tstr",
    (PAYLOAD_FEEDBACK, 6): "tstn",
    (PAYLOAD_FEEDBACK, 7): "vbcm",
    (PAYLOAD_FEEDBACK, 15): "afb",
}
_REMB: Final = b"REMB"


class Arrivals(NamedTuple):
    """What transport-wide feedback says arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01)."""

    base_sequence: int
    """Transport-wide sequence number of the first packet."""
    packets: int
    """Packets told of."""
    received: int
    """Those of them that arrived."""
    feedback_count: int
    """Eight bits, one more each time."""


class Feedback(NamedTuple):
    """One feedback message."""

    kind: str
    """``nack``, ``pli`` …; ``205/9`` where it has no name here."""
    sender_ssrc: int
    media_ssrc: int
    """Zero where the message names its sources itself."""
    ssrcs: tuple[int, ...] = ()
    """Sources that FIR, TMMBR and REMB name themselves."""
    lost: tuple[tuple[int, int], ...] = ()
    """NACK: first sequence number and a bit for each of the 16 after it (RFC 4585 section 6.2.1)."""
    bitrate_bps: int | None = None
    """REMB and TMMBR: most that the sender should send."""
    arrivals: Arrivals | None = None

    @property
    def lost_packets(self) -> int:
        """Packets asked for again."""
        return sum(1 + mask.bit_count() for _, mask in self.lost)


def parse(packet: Packet) -> Feedback:
    """Return the feedback in a packet of type 205 or 206. Raises RtcpError."""
    if packet.packet_type not in {TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK}:
        raise RtcpError(f"RTCP packets of type {packet.packet_type} are no feedback")
    if len(packet.body) < 8:
        raise RtcpError(f"{len(packet.body)} bytes are too short for RTCP feedback")
    key = (packet.packet_type, packet.subtype)
    sender_ssrc, media_ssrc = struct.unpack_from(">II", packet.body)
    message = Feedback(_KINDS.get(key, f"{key[0]}/{key[1]}"), sender_ssrc, media_ssrc)
    control = packet.body[8:]
    match message.kind:
        case "nack":
            return message._replace(lost=tuple(struct.iter_unpack(">HH", _whole(control, 4))))
        case "fir":
            return message._replace(ssrcs=_firsts(control))
        case "tmmbr" | "tmmbn":
            return message._replace(ssrcs=_firsts(control), bitrate_bps=_tmmbr_bitrate(control))
        case "twcc":
            return message._replace(arrivals=_arrivals(control))
        case "afb" if control[:4] == _REMB:
            return _remb(message, control)
    return message


def _whole(data: bytes, size: int) -> bytes:
    if len(data) % size:
        raise RtcpError(f"{len(data)} bytes of RTCP feedback are no entries of {size} bytes")
    return data


def _firsts(control: bytes) -> tuple[int, ...]:
    """Return the sources at the front of entries of eight bytes."""
    return tuple(ssrc for ssrc, _ in struct.iter_unpack(">II", _whole(control, 8)))


def _tmmbr_bitrate(control: bytes) -> int | None:
    """Return the bit rate of the first entry (RFC 5104 section 4.2.1.1)."""
    if not control:
        return None
    word = int.from_bytes(control[4:8], "big")
    return (word >> 9 & 0x1FFFF) << (word >> 26)


def _remb(message: Feedback, control: bytes) -> Feedback:
    """Return the message with its estimate (draft-alvestrand-rmcat-remb-03 section 2.2)."""
    if len(control) < 8 or len(control) < 8 + 4 * control[4]:
        raise RtcpError("an RTCP bandwidth estimate is too short for its sources")
    ssrcs = struct.unpack_from(f">{control[4]}I", control, 8)
    word = int.from_bytes(control[5:8], "big")
    return message._replace(kind="remb", ssrcs=ssrcs, bitrate_bps=(word & 0x3FFFF) << (word >> 18))


def _arrivals(control: bytes) -> Arrivals:
    if len(control) < 8:
        raise RtcpError("transport-wide RTCP feedback is too short for its header")
    base, packets, reference = struct.unpack_from(">HHI", control)
    told = received = 0
    at = 8
    while told < packets:
        if at + 2 > len(control):
            raise RtcpError(f"transport-wide RTCP feedback tells of {told} packets, not of {packets}")
        size, arrived = _chunk(int.from_bytes(control[at : at + 2], "big"), packets - told)
        told, received, at = told + size, received + arrived, at + 2
    return Arrivals(base, packets, received, reference & 0xFF)


def _chunk(chunk: int, most: int) -> tuple[int, int]:
    """Return the packets that a status chunk tells of, and how many of them arrived."""
    if not chunk & 0x8000:
        size = min(chunk & 0x1FFF, most)
        return size, size if chunk >> 13 & 3 in {1, 2} else 0
    if not chunk & 0x4000:
        size = min(14, most)
        return size, ((chunk & 0x3FFF) >> (14 - size)).bit_count()
    size = min(7, most)
    return size, sum((chunk >> 12 - 2 * place & 3) in {1, 2} for place in range(size))
