"""Feeds a capture to the kernel, piece by piece, and hands on what the kernel leaves."""

from typing import TYPE_CHECKING, Final

from callprobe.pcap.layers.plain_frames import UDP
from callprobe.pcap.packets import Frame, Sink, TcpSegment, UdpDatagram
from callprobe.pcap.reading.container import NANOSECONDS, Interface
from callprobe.pcap.reading.one_block import BROKEN, MORE, take_block
from callprobe.pcap.streams import kernel_layout as layout
from callprobe.pcap.tally import Tally, within_limit

if TYPE_CHECKING:
    from callprobe.pcap.reading.piecewise import Piecewise
    from callprobe.pcap.streams.kernel import Kernel

_MAX_TICKS_PER_S: Final = 1 << 62
_MAX_OFFSET_S: Final = 1 << 32
_MASK64: Final = (1 << 64) - 1
PIECE_BYTES: Final = 1 << 19
"""What is read at a time; it stays in the processor's cache while it is counted."""


class KernelReader:
    """One pass over a capture."""

    def __init__(self, kernel: "Kernel", pieces: "Piecewise", sink: Sink) -> None:
        self._kernel = kernel
        self._pieces = pieces
        self._container = pieces.container
        self.tally = Tally(sink, kernel)
        self._outcome = layout.Outcome()
        self._interfaces: list[Interface] = []
        self._sources = (layout.Source * 0)()
        self._mirror_interfaces()

    def run(self) -> int | None:
        """Read to the end; return the offset of the first record that is not whole."""
        broken_at = self._read()
        self._collect_link_types()
        return broken_at

    def _read(self) -> int | None:
        pieces = self._pieces
        while pieces.fill():
            if not self._take():
                return pieces.offset
        return pieces.rest()

    def _take(self) -> bool:
        """Take what is at hand; False where the file breaks."""
        pieces, outcome = self._pieces, self._outcome
        while True:
            self._kernel.feed(
                pieces.address,
                len(pieces),
                big_endian=self._container.byte_order == ">",
                header_bytes=self._container.record_header_bytes if self._container.kind == "pcap" else 0,
                sources=self._sources,
                outcome=outcome,
            )
            self._hand_on(outcome.n_events)
            if outcome.reason == layout.FRAME:
                self._take_frame()
            pieces.advance(outcome.consumed)
            if outcome.reason == layout.BROKEN:
                return False
            if outcome.reason == layout.MORE:
                return True
            if outcome.reason == layout.BLOCK:
                size = self._take_block()
                if size in {MORE, BROKEN}:
                    return size == MORE
                pieces.advance(size)

    def _hand_on(self, count: int) -> None:
        if not count:
            return
        data, sink, ends = self._pieces.view, self.tally.sink, self.tally.hosts.ends
        for fields in self._kernel.events(count):
            (
                epoch_ns,
                frame,
                protocol,
                at,
                size_of_addresses,
                start,
                captured,
                size,
                *ports,
                sequence,
                flags,
            ) = fields
            source, destination = ends(bytes(data[at : at + size_of_addresses]), *ports)
            payload = bytes(data[start : start + captured])
            if protocol == UDP:
                sink.datagram(UdpDatagram(frame, epoch_ns, source, destination, payload, size))
            else:
                sink.segment(TcpSegment(frame, epoch_ns, source, destination, sequence, flags, payload, size))

    def _take_frame(self) -> None:
        """Dissect the frame at which the kernel stopped."""
        outcome = self._outcome
        interface = self._interfaces[outcome.interface]
        data = bytes(self._pieces.view[outcome.start : outcome.start + outcome.captured])
        frame = Frame(outcome.frame, outcome.epoch_ns, interface.link_type, data, outcome.wire_size)
        if outcome.readable:
            self.tally.dissect(frame)
            return
        self._hand_on_odd(frame._replace(epoch_ns=interface.epoch_ns(outcome.ticks & _MASK64)))

    def _take_block(self) -> int:
        """Take a block that is no enhanced packet; return its size."""
        self._collect_link_types()
        block = take_block(self._container, self._pieces.view, 0)
        self._mirror_interfaces()
        if block.frame is not None:
            before_ns = self._kernel.count()
            epoch_ns = before_ns if block.is_timeless else block.frame.epoch_ns
            number = self._kernel.summary().frames
            self._hand_on_odd(block.frame._replace(number=number, epoch_ns=epoch_ns))
        return block.size

    def _hand_on_odd(self, frame: Frame) -> None:
        """Hand on a frame that the kernel has only counted."""
        epoch_ns = within_limit(frame.epoch_ns)
        self._kernel.note(epoch_ns)
        self.tally.note_link_type(frame.link_type, 1)
        self.tally.hand_on(frame._replace(epoch_ns=epoch_ns))

    def _mirror_interfaces(self) -> None:
        self._interfaces = list(self._container.interfaces)
        self._sources = (layout.Source * len(self._interfaces))(*map(_source, self._interfaces))

    def _collect_link_types(self) -> None:
        for source in self._sources:
            self.tally.note_link_type(source.link_type, source.frames)
            source.frames = 0


def _source(interface: Interface) -> layout.Source:
    readable = interface.ticks_per_s < _MAX_TICKS_PER_S and abs(interface.offset_s) < _MAX_OFFSET_S
    if not readable:
        return layout.Source(interface.link_type, 0, 1, 0, 0)
    offset_ns = interface.offset_s * NANOSECONDS
    return layout.Source(interface.link_type, 1, interface.ticks_per_s, offset_ns, 0)
