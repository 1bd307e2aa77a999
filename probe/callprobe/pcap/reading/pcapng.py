"""The pcapng format (draft-ietf-opsawg-pcapng): sections with a byte order each, made of blocks."""

from collections.abc import Callable, Generator, Iterator
from struct import Struct
from struct import error as struct_error
from typing import Final, Literal

from callprobe.pcap.packets import Frame
from callprobe.pcap.reading.container import CHUNK_BYTES, MAX_FRAME_BYTES, MICROSECONDS, Container, Interface
from callprobe.pcap.reading.unpack import Unpacked

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6
SECTION_START_BYTES: Final = 12
"""What is needed of a section header to know its byte order."""
MAX_BLOCK_BYTES: Final = 1 << 20
"""A block of the kinds above that claims more is a break; one of another kind is skipped."""
MAX_INTERFACES: Final = 1 << 12
"""A section that describes more is a break."""
_MIN_BLOCK_BYTES: Final = 12
_TRAILER_BYTES: Final = 4
_BYTE_ORDERS: Final[tuple[Literal["<"], Literal[">"]]] = ("<", ">")
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_HEADS: Final = {order: Struct(order + "II") for order in _BYTE_ORDERS}
_SECTION_STARTS: Final = {order: Struct(order + "III") for order in _BYTE_ORDERS}
_INTERFACES: Final = {order: Struct(order + "8xHxxI") for order in _BYTE_ORDERS}
_OPTIONS: Final = {order: Struct(order + "HH") for order in _BYTE_ORDERS}
_OFFSETS: Final = {order: Struct(order + "q") for order in _BYTE_ORDERS}
_ENHANCED: Final = {order: Struct(order + "8xIIIII") for order in _BYTE_ORDERS}
_OBSOLETE: Final = {order: Struct(order + "8xHxxIIII") for order in _BYTE_ORDERS}
_SIMPLE: Final = {order: Struct(order + "8xI") for order in _BYTE_ORDERS}
_OPTION_RESOLUTION: Final = 9
_OPTION_OFFSET: Final = 14
_POWER_OF_TWO: Final = 0x80


class BlockError(ValueError):
    """A block contradicts itself or its section: the file breaks here."""


_Packet = tuple[Interface, int | None, int, int, int]
"""Interface, time in ticks unless there is none, offset of the frame, bytes captured and on the wire."""


def parse_section_header(data: bytes) -> Container | None:
    """Return the format that the first 12 bytes of a section header block tell, or None if it is none."""
    if len(data) < SECTION_START_BYTES:
        return None
    for order in _BYTE_ORDERS:
        kind, _, magic = _SECTION_STARTS[order].unpack_from(data)
        if kind == SECTION_HEADER and magic == _BYTE_ORDER_MAGIC:
            return Container(kind="pcapng", byte_order=order, interfaces=[])
    return None


def note_block(container: Container, block: bytes) -> None:
    """Take what a whole block, header and trailer included, says of its section or of an interface.

    Blocks of other kinds change nothing. Raises BlockError.
    """
    kind, _ = _HEADS[container.byte_order].unpack_from(block)
    if kind == SECTION_HEADER:
        section = parse_section_header(block)
        if section is None:
            raise BlockError
        container.byte_order = section.byte_order
        container.interfaces.clear()
    elif kind == INTERFACE:
        if len(container.interfaces) >= MAX_INTERFACES:
            raise BlockError
        container.interfaces.append(_interface(block, container.byte_order))


def frames(stream: Unpacked, container: Container) -> Generator[Frame, None, int | None]:
    """Yield the frames of all sections; return the offset of the first block that is not whole.

    A simple packet has no time of its own and is given that of the frame before it.
    """
    number = epoch_ns = 0
    for offset, kind, block in _blocks(stream, container):
        try:
            if kind not in _PACKETS:
                note_block(container, block)
                continue
            interface, ticks, start, captured, wire_size = _PACKETS[kind](block, container)
        except (BlockError, IndexError, struct_error):
            return offset
        end = start + captured
        if captured > MAX_FRAME_BYTES or end > len(block) - _TRAILER_BYTES:
            return offset
        if ticks is not None:
            epoch_ns = interface.epoch_ns(ticks)
        number += 1
        yield Frame(number, epoch_ns, interface.link_type, block[start:end], wire_size)
    return None


def _blocks(stream: Unpacked, container: Container) -> Iterator[tuple[int, int, bytes]]:
    """Yield offset, kind and bytes of the blocks that matter; no bytes for one that breaks the file."""
    base, at, begun, buffer = stream.position, 0, 0, b""
    while chunk := stream.read(CHUNK_BYTES):
        beyond = max(0, at - len(buffer))
        base += at - beyond
        buffer, at = buffer[at:] + chunk, beyond
        available = len(buffer)
        head = _HEADS[container.byte_order].unpack_from
        while at + _MIN_BLOCK_BYTES <= available:
            kind, size = head(buffer, at)
            if kind == SECTION_HEADER:
                size = _section_header_size(buffer, at)
            size, begun = (size + 3) & ~3, base + at
            end = at + size
            if size <= MAX_BLOCK_BYTES and end > available:
                break
            if size < _MIN_BLOCK_BYTES or (size > MAX_BLOCK_BYTES and kind in _KNOWN):
                yield begun, kind, b""
                return
            if end <= available and buffer[end - _TRAILER_BYTES : end] != buffer[at + 4 : at + 8]:
                yield begun, kind, b""
                return
            if kind in _KNOWN:
                yield begun, kind, buffer[at:end]
                if kind == SECTION_HEADER:
                    head = _HEADS[container.byte_order].unpack_from
            at = end
    if at > len(buffer):
        yield begun, 0, b""
    elif at < len(buffer) or stream.broken:
        yield base + at, 0, b""


def _section_header_size(buffer: bytes, at: int) -> int:
    """Return the length of a section header, which is in its own byte order; 0 if there is none."""
    section = parse_section_header(buffer[at : at + SECTION_START_BYTES])
    return 0 if section is None else int(_HEADS[section.byte_order].unpack_from(buffer, at)[1])


def _interface(block: bytes, order: Literal["<", ">"]) -> Interface:
    link_type, snap_length = _INTERFACES[order].unpack_from(block)
    ticks_per_s, offset_s = MICROSECONDS, 0
    for kind, value in _options(block[_INTERFACES[order].size : -_TRAILER_BYTES], order):
        if kind == _OPTION_RESOLUTION and value:
            exponent = value[0] & ~_POWER_OF_TWO
            ticks_per_s = (2 if value[0] & _POWER_OF_TWO else 10) ** exponent
        elif kind == _OPTION_OFFSET and len(value) == 8:
            (offset_s,) = _OFFSETS[order].unpack(value)
    return Interface(link_type, ticks_per_s, offset_s, snap_length)


def _options(data: bytes, order: Literal["<", ">"]) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _OPTIONS[order].size <= len(data):
        kind, size = _OPTIONS[order].unpack_from(data, at)
        at += _OPTIONS[order].size
        if kind == 0:
            return
        yield kind, data[at : at + size]
        at += (size + 3) & ~3


def _enhanced(block: bytes, container: Container) -> _Packet:
    layout = _ENHANCED[container.byte_order]
    number, high, low, captured, wire_size = layout.unpack_from(block)
    return container.interfaces[number], high << 32 | low, layout.size, captured, wire_size


def _obsolete(block: bytes, container: Container) -> _Packet:
    layout = _OBSOLETE[container.byte_order]
    number, high, low, captured, wire_size = layout.unpack_from(block)
    return container.interfaces[number], high << 32 | low, layout.size, captured, wire_size


def _simple(block: bytes, container: Container) -> _Packet:
    layout, interface = _SIMPLE[container.byte_order], container.interfaces[0]
    (wire_size,) = layout.unpack_from(block)
    kept = min(wire_size, interface.snap_length or wire_size)
    return interface, None, layout.size, kept, wire_size


_PACKETS: Final[dict[int, Callable[[bytes, Container], _Packet]]] = {
    ENHANCED_PACKET: _enhanced,
    SIMPLE_PACKET: _simple,
    OBSOLETE_PACKET: _obsolete,
}
_KNOWN: Final = frozenset({SECTION_HEADER, INTERFACE, *_PACKETS})
