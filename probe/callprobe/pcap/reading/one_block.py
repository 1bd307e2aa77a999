"""Blocks of a pcapng file other than enhanced packets, one at a time, for readers that walk by themselves."""

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from callprobe.pcap.packets import Frame
from callprobe.pcap.reading import pcapng
from callprobe.pcap.reading.container import Container

if TYPE_CHECKING:
    from callprobe.pcap.reading.unpack import Unpacked

MORE: Final = -1
"""Instead of a size: the bytes at hand do not hold the whole block."""
BROKEN: Final = -2
"""Instead of a size: the file breaks here."""
_HEAD_BYTES: Final = 12
_TRAILER_BYTES: Final = 4
_HEADS: Final = {"<": Struct("<II").unpack_from, ">": Struct(">II").unpack_from}
_KNOWN: Final = frozenset(
    {
        pcapng.SECTION_HEADER,
        pcapng.INTERFACE,
        pcapng.OBSOLETE_PACKET,
        pcapng.SIMPLE_PACKET,
        pcapng.ENHANCED_PACKET,
    }
)


class TakenBlock(NamedTuple):
    """What became of a block."""

    size: int
    """Bytes to go on by, perhaps beyond those at hand; or ``MORE``, or ``BROKEN``."""
    frame: Frame | None = None
    """Its packet, if it holds one; the number is for the caller to set."""
    is_timeless: bool = False
    """A simple packet, which has the time of the frame before it."""


def take_block(container: Container, buffer: bytes | bytearray | memoryview, at: int) -> TakenBlock:
    """Take the block at an offset: what it says of its section or interface enters the container."""
    if at + _HEAD_BYTES > len(buffer):
        return TakenBlock(MORE)
    kind, size = _kind_and_size(container, buffer, at)
    end, is_known = at + size, kind in _KNOWN
    if size <= pcapng.MAX_BLOCK_BYTES and end > len(buffer):
        return TakenBlock(MORE)
    if size < _HEAD_BYTES or (is_known and size > pcapng.MAX_BLOCK_BYTES):
        return TakenBlock(BROKEN)
    if end <= len(buffer) and buffer[end - _TRAILER_BYTES : end] != buffer[at + 4 : at + 8]:
        return TakenBlock(BROKEN)
    return _take_whole(container, kind, bytes(buffer[at:end])) if is_known else TakenBlock(size)


def _kind_and_size(container: Container, buffer: bytes | bytearray | memoryview, at: int) -> tuple[int, int]:
    """Return the kind of a block and its padded length; a section header has a byte order of its own."""
    kind, size = _HEADS[container.byte_order](buffer, at)
    if kind == pcapng.SECTION_HEADER:
        section = pcapng.parse_section_header(bytes(buffer[at : at + _HEAD_BYTES]))
        size = _HEADS[section.byte_order](buffer, at)[1] if section else 0
    return kind, (size + 3) & ~3


def _take_whole(container: Container, kind: int, block: bytes) -> TakenBlock:
    frames = pcapng.frames(cast("Unpacked", _Bytes(block)), container)
    frame = None
    try:
        while True:
            frame = next(frames)
    except StopIteration as end:
        if end.value is not None:
            return TakenBlock(BROKEN)
    return TakenBlock(len(block), frame, kind == pcapng.SIMPLE_PACKET)


class _Bytes:
    """A stream of bytes that are at hand."""

    position: int = 0
    broken: bool = False

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, _size: int) -> bytes:
        """Return all of them the first time."""
        data, self._data = self._data, b""
        return data
