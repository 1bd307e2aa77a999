"""What every tier of the engine counts, and where the packets go that need no speed."""

from collections import Counter
from typing import Final, Protocol

from callprobe.pcap.layers import plain_frames
from callprobe.pcap.layers.ip import host_texts
from callprobe.pcap.layers.link import Dissector, link_type_name
from callprobe.pcap.layers.plain_frames import UDP, PlainPacket
from callprobe.pcap.packets import Address, Frame, Sink, TcpSegment, UdpDatagram
from callprobe.pcap.streams.rtp_header import is_plain_rtp

TIME_LIMIT_NS: Final = 1 << 62
"""Times beyond, which no clock shows before 2116, are taken for this one: 64 bits hold their differences."""
_MAX_HOSTS: Final = 1 << 14


def within_limit(epoch_ns: int) -> int:
    """Return the nearest time from 1970 to the limit."""
    return max(0, min(TIME_LIMIT_NS, epoch_ns))


class MediaTable(Protocol):
    """Counts RTP streams and flows."""

    def datagram(self, datagram: UdpDatagram, *, is_rtp: bool) -> None:
        """Take a UDP datagram, which is settled as RTP or is not."""
        ...


class Hosts:
    """The texts of addresses, remembered for a while."""

    def __init__(self) -> None:
        self._texts: dict[bytes, tuple[str, str]] = {}

    def ends(self, addresses: bytes, source_port: int, destination_port: int) -> tuple[Address, Address]:
        """Return source and destination of what has these addresses, 8 or 32 bytes."""
        texts = self._texts.get(addresses)
        if texts is None:
            if len(self._texts) >= _MAX_HOSTS:
                self._texts.clear()
            texts = self._texts[addresses] = host_texts(addresses)
        return (texts[0], source_port), (texts[1], destination_port)


class Tally:
    """Counts frames, and hands on what is in them."""

    def __init__(self, sink: Sink, media: MediaTable) -> None:
        self.sink = sink
        self.hosts = Hosts()
        self._media = media
        self._dissector = Dissector()
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
        return {link_type_name(kind): frames for kind, frames in self._by_link_type.items() if frames}

    def note_link_type(self, link_type: int, frames: int) -> None:
        """Count frames of one link type."""
        self._by_link_type[link_type] += frames

    def note_times(self, origin_ns: int, first_ns: int, last_ns: int) -> None:
        """Take the first, the earliest and the latest time of some frames."""
        self.origin_ns = origin_ns if self.origin_ns is None else self.origin_ns
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)

    def take(self, frame: Frame) -> None:
        """Count a frame, and hand on what is in it."""
        epoch_ns = within_limit(frame.epoch_ns)
        if epoch_ns != frame.epoch_ns:
            frame = frame._replace(epoch_ns=epoch_ns)
        self.frames += 1
        self.note_link_type(frame.link_type, 1)
        self.note_times(epoch_ns, epoch_ns, epoch_ns)
        self.hand_on(frame)

    def hand_on(self, frame: Frame) -> None:
        """Hand on what is in a frame."""
        plain = plain_frames.read(frame.data, frame.link_type, frame.wire_size)
        if plain is None:
            self.dissect(frame)
        elif plain.protocol == UDP:
            self.datagram(self._plain_datagram(frame, plain))
        elif plain.start < min(plain.end, len(frame.data)):
            self.sink.segment(self._plain_segment(frame, plain))

    def dissect(self, frame: Frame) -> None:
        """Hand on what a frame that is not plain carries innermost."""
        packet = self._dissector.take(frame)
        if isinstance(packet, UdpDatagram):
            self.datagram(packet)
        elif isinstance(packet, TcpSegment):
            if packet.payload:
                self.sink.segment(packet)
        elif packet is not None:
            self.sink.quote(packet)

    def datagram(self, datagram: UdpDatagram) -> None:
        """Count a datagram, and hand it on if it is not settled as RTP."""
        self.udp_datagrams += 1
        is_rtp = is_plain_rtp(datagram.payload)
        self._media.datagram(datagram, is_rtp=is_rtp)
        if not is_rtp:
            self.sink.datagram(datagram)

    def _plain_datagram(self, frame: Frame, plain: PlainPacket) -> UdpDatagram:
        source, destination = self.hosts.ends(plain.addresses, plain.source_port, plain.destination_port)
        payload, size = frame.data[plain.start : plain.end], plain.end - plain.start
        return UdpDatagram(frame.number, frame.epoch_ns, source, destination, payload, size)

    def _plain_segment(self, frame: Frame, plain: PlainPacket) -> TcpSegment:
        source, destination = self.hosts.ends(plain.addresses, plain.source_port, plain.destination_port)
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
