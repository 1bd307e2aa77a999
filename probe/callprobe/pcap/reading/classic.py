"""The pcap format (draft-ietf-opsawg-pcap): a header of 24 bytes, then frames with a header each."""

from collections.abc import Generator
from struct import Struct
from typing import Final, Literal

from callprobe.pcap.packets import Frame
from callprobe.pcap.reading.container import (
    CHUNK_BYTES,
    MAX_FRAME_BYTES,
    MICROSECONDS,
    NANOSECONDS,
    Container,
    Interface,
)
from callprobe.pcap.reading.unpack import Unpacked

HEADER_BYTES: Final = 24
_RECORD_BYTES: Final = 16
_MODIFIED_RECORD_BYTES: Final = 24
_FORMATS: Final = {
    0xA1B2C3D4: (MICROSECONDS, _RECORD_BYTES),
    0xA1B23C4D: (NANOSECONDS, _RECORD_BYTES),
    0xA1B2CD34: (MICROSECONDS, _MODIFIED_RECORD_BYTES),
}
_LINK_TYPE_BITS: Final = 0xFFFF
"""Above them stands the length of the frame check sequence."""


def parse_header(data: bytes) -> Container | None:
    """Return the format that the first 24 bytes of a file tell, or None if they are no pcap header."""
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for byte_order in orders:
        fields = Struct(byte_order + "IHHiIII")
        if len(data) < fields.size:
            return None
        magic, _, _, _, _, snap_length, link_type = fields.unpack_from(data)
        if magic in _FORMATS:
            ticks_per_s, record_bytes = _FORMATS[magic]
            interface = Interface(link_type & _LINK_TYPE_BITS, ticks_per_s, 0, snap_length)
            return Container(
                kind="pcap",
                byte_order=byte_order,
                interfaces=[interface],
                record_header_bytes=record_bytes,
            )
    return None


def frames(stream: Unpacked, container: Container) -> Generator[Frame, None, int | None]:
    """Yield the frames after the file header; return the offset of the first record that is not whole."""
    (interface,) = container.interfaces
    link_type, tick_ns = interface.link_type, NANOSECONDS // interface.ticks_per_s
    header_bytes = container.record_header_bytes
    unpack = Struct(container.byte_order + "IIII").unpack_from
    number = at = 0
    base, buffer = stream.position, b""
    while chunk := stream.read(CHUNK_BYTES):
        base += at
        buffer, at = buffer[at:] + chunk, 0
        size = len(buffer)
        last = size - header_bytes
        while at <= last:
            seconds, ticks, captured, wire_size = unpack(buffer, at)
            if captured > MAX_FRAME_BYTES:
                return base + at
            start = at + header_bytes
            end = start + captured
            if end > size:
                break
            number += 1
            epoch_ns = seconds * NANOSECONDS + ticks * tick_ns
            yield Frame(number, epoch_ns, link_type, buffer[start:end], wire_size)
            at = end
    return base + at if at < len(buffer) or stream.broken else None
