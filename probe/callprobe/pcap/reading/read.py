"""Reads captures: pcap and pcapng, packed or not, frame by frame, up to where a broken file breaks."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Self

from callprobe.pcap.layers.link import link_type_name
from callprobe.pcap.packets import Frame
from callprobe.pcap.reading import classic, pcapng
from callprobe.pcap.reading.container import CaptureError, Container, Interface
from callprobe.pcap.reading.unpack import Compression, Unpacked

__all__ = [
    "Capture",
    "CaptureError",
    "CaptureFile",
    "Container",
    "Interface",
    "link_type_name",
    "open_capture",
]


class Capture:
    """An open capture: its format, and its unpacked bytes.

    Of a pcap file the bytes begin behind the file header (position 24): each record is
    ``container.record_header_bytes`` long (seconds, ticks, captured length, length on the wire, 32 bits each;
    8 more bytes in the modified format), then come the captured bytes. Of a pcapng file they begin with the
    first section header (position 0): whoever walks the blocks hands every block that is no packet to
    ``pcapng.note_block(container, block)``, which keeps ``byte_order`` and ``interfaces`` right.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises CaptureError."""
        self._stream = Unpacked(path)
        try:
            self.container = self._recognise(path)
        except CaptureError:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    @property
    def position(self) -> int:
        """Offset, in the unpacked file, of the byte that ``read`` returns next."""
        return self._stream.position

    @property
    def compression(self) -> Compression | None:
        """What the file is packed with."""
        return self._stream.compression

    @property
    def broken(self) -> bool:
        """Whether ``read`` ended because the packed stream is cut off or damaged."""
        return self._stream.broken

    def read(self, size: int) -> bytes:
        """Return the next bytes of the unpacked file; fewer than ``size`` only at its end."""
        return self._stream.read(size)

    def frames(self) -> Generator[Frame, None, int | None]:
        """Yield the frames from here on; return the offset of the first record that is not whole."""
        frames = classic.frames if self.container.kind == "pcap" else pcapng.frames
        return frames(self._stream, self.container)

    def _recognise(self, path: Path) -> Container:
        start = self._stream.peek(classic.HEADER_BYTES)
        container = classic.parse_header(start)
        if container is not None:
            self._stream.read(classic.HEADER_BYTES)
            return container
        container = pcapng.parse_section_header(start)
        if container is None:
            raise CaptureError(f"{path}: is no pcap or pcapng file")
        return container


def open_capture(path: Path) -> Capture:
    """Open a capture, recognised by its first bytes. Raises CaptureError."""
    return Capture(path)


class CaptureFile:
    """The frames of a capture.

    Iterating opens the file, and raises CaptureError when it cannot be read or is no capture.
    """

    truncated_at_offset: int | None = None
    """After the last frame: where the first record begins that is not whole (in the unpacked file)."""
    container: Container | None = None
    """Once a frame was read: the format."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Frame]:
        with open_capture(self._path) as capture:
            self.container = capture.container
            self.truncated_at_offset = yield from capture.frames()
