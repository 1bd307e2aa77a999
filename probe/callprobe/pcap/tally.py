"""What every tier of the engine counts, and where the packets go that need no speed."""

from collections import Counter
from typing import Final, Protocol

from callprobe.pcap import plain_frames
from callprobe.pcap.ip import host_texts
from callprobe.pcap.link import Dissector, link_type_name
from callprobe.pcap.packets import Address, Frame, Sink, TcpSegment, UdpDatagram
from callprobe.pcap.plain_frames import UDP, PlainPacket
from callprobe.pcap.rtp_header import is_plain_rtp

_MAX_HOSTS: Final = 1 << 14


class MediaTable(Protocol):
    """Counts RTP streams and flows."""

    def datagram(self, datagram: UdpDatagram, *, is_rtp: bool) -> None:
        """Take a UDP datagram, which is settled as RTP or is not."""
        ...


class Tally:
    """Counts frames, and hands on what is in them."""

    def __init__(self, sink: Sink, media: MediaTable) -> None:
        self._sink = sink
        self._media = media
        self._dissector = Dissector()
        self._hosts: dict[bytes, tuple[str, str]] = {}
        self._by_link_type: Counter[int] = Counter()
        self.frames: int = 0
        """Of any kind."""
        self.udp_datagrams: int = 0
        self.origin_ns: int | None = None
        """Time of the first frame in the file."""
        self.first_ns: int | None = None
        """The earliest time."""
        self.last_ns: int | None = None
        """The latest time."""

    @property
    def link_types(self) -> dict[str, int]:
        """Frames by name of their link type."""
        return {link_type_name(kind): frames for kind, frames in self._by_link_type.items()}

    def note(self, link_type: int, frames: int, origin_ns: int, first_ns: int, last_ns: int) -> None:
        """Count frames of one link type: the first, the earliest and the latest of their times."""
        self.frames += frames
        self._by_link_type[link_type] += frames
        self.origin_ns = origin_ns if self.origin_ns is None else self.origin_ns
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)

    def take(self, frame: Frame) -> None:
        """Count a frame and hand on what is in it."""
        epoch_ns = frame.epoch_ns
        self.note(frame.link_type, 1, epoch_ns, epoch_ns, epoch_ns)
        plain = plain_frames.read(frame.data, frame.link_type, frame.wire_size)
        if plain is None:
            self.dissect(frame)
        elif plain.protocol == UDP:
            self.datagram(self.plain_datagram(frame, plain))
        elif plain.start < min(plain.end, len(frame.data)):
            self._sink.segment(self._plain_segment(frame, plain))

    def dissect(self, frame: Frame) -> None:
        """Hand on what a frame that is not plain carries innermost."""
        packet = self._dissector.take(frame)
        if isinstance(packet, UdpDatagram):
            self.datagram(packet)
        elif isinstance(packet, TcpSegment):
            if packet.payload:
                self._sink.segment(packet)
        elif packet is not None:
            self._sink.quote(packet)

    def datagram(self, datagram: UdpDatagram) -> None:
        """Count a datagram, and hand it on if it is not settled as RTP."""
        self.udp_datagrams += 1
        is_rtp = is_plain_rtp(datagram.payload)
        self._media.datagram(datagram, is_rtp=is_rtp)
        if not is_rtp:
            self._sink.datagram(datagram)

    def plain_datagram(self, frame: Frame, plain: PlainPacket) -> UdpDatagram:
        """Return the datagram of a plain frame."""
        source, destination = self._ends(plain)
        payload = frame.data[plain.start : plain.end]
        size = plain.end - plain.start
        return UdpDatagram(frame.number, frame.epoch_ns, source, destination, payload, size)

    def _plain_segment(self, frame: Frame, plain: PlainPacket) -> TcpSegment:
        source, destination = self._ends(plain)
        return TcpSegment(
            frame.number,
            frame.epoch_ns,
            source,
            destination,
            plain.sequence,
            plain.flags,
            frame.data[plain.start : plain.end],
            plain.end - plain.start,
        )

    def _ends(self, packet: PlainPacket) -> tuple[Address, Address]:
        """Return source and destination; their texts are remembered for a while."""
        hosts = self._hosts.get(packet.addresses)
        if hosts is None:
            if len(self._hosts) >= _MAX_HOSTS:
                self._hosts.clear()
            hosts = self._hosts[packet.addresses] = host_texts(packet.addresses)
        return (hosts[0], packet.source_port), (hosts[1], packet.destination_port)
