"""Captures full of RTP, put together by hand, with everything that networks and senders do to it."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from struct import pack
from typing import Final, NamedTuple

from callprobe.pcap.packets import IcmpQuote, TcpSegment, UdpDatagram
from callprobe.pcap.write import udp_packet

MACS: Final = bytes.fromhex("020000000001020000000002")
BASE_S: Final = 1_700_000_000
MS: Final = 1_000_000


class Sent(NamedTuple):
    """One frame on its way into a file."""

    epoch_ns: int
    data: bytes
    wire_size: int | None = None
    """Where it was more than what was captured."""


class Recorder:
    """A sink that keeps everything it is given, in order."""

    def __init__(self) -> None:
        self.taken: list[UdpDatagram | TcpSegment | IcmpQuote] = []

    def datagram(self, datagram: UdpDatagram) -> None:
        self.taken.append(datagram)

    def segment(self, segment: TcpSegment) -> None:
        self.taken.append(segment)

    def quote(self, quote: IcmpQuote) -> None:
        self.taken.append(quote)


def rtp(
    sequence: int,
    timestamp: int,
    ssrc: int = 7,
    *,
    payload_type: int = 111,
    marker: bool = False,
    profile: int | None = None,
    size: int = 40,
) -> bytes:
    """Return an RTP packet, numbers cut to their width, filled up to ``size`` bytes."""
    first = 0x80 | (profile is not None) << 4
    fixed = pack(
        ">BBHII",
        first,
        marker << 7 | payload_type,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc & 0xFFFFFFFF,
    )
    extension = b"" if profile is None else pack(">HHI", profile, 1, 0x10FF0000)
    return (fixed + extension).ljust(size, b"\x55")


def ethernet(packet: bytes, tags: Iterable[int] = ()) -> bytes:
    """Return a frame of Ethernet around an IP packet, with VLAN tags of these EtherTypes."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return MACS + b"".join(pack(">HH", tag, 5) for tag in tags) + kind + packet


def _cooked(packet: bytes) -> bytes:
    return pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800 if packet[0] >> 4 == 4 else 0x86DD) + packet


def _cooked2(packet: bytes) -> bytes:
    return pack(">HHIHBB8s", 0x0800 if packet[0] >> 4 == 4 else 0x86DD, 0, 2, 1, 0, 6, bytes(8)) + packet


LINKS: Final[dict[int, tuple[Callable[[bytes], bytes], ...]]] = {
    1: (
        ethernet,
        lambda packet: ethernet(packet, [0x8100]),
        lambda packet: ethernet(packet, [0x88A8, 0x8100]),
        lambda packet: ethernet(packet, [0x8100, 0x8100, 0x8100]),
    ),
    101: (bytes,),
    113: (_cooked,),
    276: (_cooked2,),
    0: (lambda packet: pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet,),
}
"""By link type, the ways to put an IP packet into a frame; three tags are one too many to be plain."""


def pcap(
    frames: Iterable[Sent], *, link_type: int = 1, byte_order: str = "<", nanoseconds: bool = False
) -> bytes:
    """Return a pcap file."""
    magic, tick_ns = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [pack(byte_order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)]
    for frame in frames:
        seconds, rest = divmod(frame.epoch_ns, 1_000_000_000)
        size = len(frame.data) if frame.wire_size is None else frame.wire_size
        parts += [pack(byte_order + "IIII", seconds, rest // tick_ns, len(frame.data), size), frame.data]
    return b"".join(parts)


def block(kind: int, body: bytes, byte_order: str = "<") -> bytes:
    """Return a block of pcapng."""
    body += bytes(-len(body) % 4)
    size = pack(byte_order + "I", 12 + len(body))
    return pack(byte_order + "I", kind) + size + body + size


def pcapng(
    frames: Iterable[Sent], *, link_type: int = 1, byte_order: str = "<", resolution: int = 9
) -> bytes:
    """Return a pcapng file of one section and one interface, whose times are powers of ten or of two."""
    ticks_per_s = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    header = block(0x0A0D0D0A, pack(byte_order + "IHHq", 0x1A2B3C4D, 1, 0, -1), byte_order)
    option = pack(byte_order + "HHBxxxHH", 9, 1, resolution, 0, 0)
    parts = [header, block(1, pack(byte_order + "HHI", link_type, 0, 0) + option, byte_order)]
    for frame in frames:
        ticks = -(-frame.epoch_ns * ticks_per_s // 1_000_000_000)
        size = len(frame.data) if frame.wire_size is None else frame.wire_size
        fields = pack(byte_order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data), size)
        parts.append(block(6, fields + frame.data, byte_order))
    return b"".join(parts)


class Call(NamedTuple):
    """What a synthetic stream is like."""

    packets: int = 300
    sequence: int = 65_400
    """First number; wraps soon."""
    timestamp: int = 0xFFFF0000
    """First stamp; wraps soon."""
    step: int = 960
    gap_ns: int = 20 * MS
    frame_packets: int = 1
    """Packets that share a stamp."""
    loss: float = 0.03
    copies: float = 0.02
    late: float = 0.03
    restarts: float = 0.0
    strays: float = 0.0
    payload_type: int = 111
    profile: int | None = None


def play(
    call: Call, seed: int, *, ssrc: int, start_ns: int = BASE_S * 1_000_000_000
) -> list[tuple[int, bytes]]:
    """Return times and RTP packets of a stream as they arrive."""
    draw = random.Random(seed)
    sequence, timestamp = call.sequence, call.timestamp
    arrivals: list[tuple[int, bytes]] = []
    for index in range(call.packets):
        if draw.random() < call.restarts:
            sequence, timestamp = draw.randrange(1 << 16), draw.randrange(1 << 32)
        frame, place = divmod(index, call.frame_packets)
        at_ns = start_ns + frame * call.frame_packets * call.gap_ns + place * 100_000
        packet = rtp(
            sequence if draw.random() >= call.strays else draw.randrange(1 << 16),
            timestamp + frame * call.step,
            ssrc,
            payload_type=call.payload_type,
            marker=place == call.frame_packets - 1 and call.frame_packets > 1,
            profile=call.profile if draw.random() < 0.9 else None,
            size=draw.choice([24, 40, 92, 160, 1100]),
        )
        sequence += 1
        delay_ns = round(draw.expovariate(1 / (3 * MS)))
        if draw.random() < call.late:
            delay_ns += draw.randrange(20 * MS, 90 * MS)
        if draw.random() >= call.loss:
            arrivals.append((at_ns + delay_ns, packet))
            if draw.random() < call.copies:
                arrivals.append((at_ns + delay_ns + draw.randrange(60 * MS), packet))
    return arrivals


def merged(
    streams: Iterable[tuple[tuple[str, int], tuple[str, int], list[tuple[int, bytes]]]],
    link: Callable[[bytes], bytes] | Iterable[Callable[[bytes], bytes]] = ethernet,
) -> list[Sent]:
    """Return the frames of several streams in order of time; the ways to frame them take turns by stream."""
    links = [link] if callable(link) else list(link)
    frames = [
        Sent(at_ns, links[number % len(links)](udp_packet(source, destination, payload)))
        for number, (source, destination, packets) in enumerate(streams)
        for at_ns, payload in packets
    ]
    return sorted(frames, key=lambda frame: frame.epoch_ns)


def written(folder: Path, data: bytes, name: str = "capture") -> Path:
    """Return the path of a new file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path
