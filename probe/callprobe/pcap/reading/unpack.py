"""The bytes of a file as if it had never been compressed: gzip and zstd, recognised by their first bytes.

A stream is unpacked piece by piece, never more at a time than a few MiB, however well it was packed.
"""

import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, Final, Literal, Self

from callprobe.pcap.reading.container import CHUNK_BYTES, CaptureError

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_ZSTD: Final = range(0x184D2A50, 0x184D2A60)
_MAGIC_BYTES: Final = 4
_GZIP_OR_ZLIB_HEADER: Final = 16 + zlib.MAX_WBITS
_ZSTD_PIECE_BYTES: Final = 512
"""At the best ratio that zstd knows (four bytes for 128 KiB) this makes 16 MiB."""
_ZSTD_WINDOW_BYTES: Final = 1 << 26
_ZSTD_OUTPUT_BYTES: Final = 1 << 14

Compression = Literal["gzip", "zstd"]


class _BrokenStreamError(Exception):
    """The stream cannot be unpacked any further."""


class Unpacked:
    """A stream of unpacked bytes."""

    compression: Compression | None = None
    """What the file is packed with."""
    position: int = 0
    """Unpacked bytes that were read."""
    broken: bool = False
    """Whether reading ended because what follows is cut off, damaged, or no packed data."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises CaptureError."""
        self._path = path
        self._pending = b""
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            self._pieces = self._start()
        except OSError as error:
            self.close()
            raise _unreadable(path, error) from error
        except CaptureError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes; fewer only where the stream ends or breaks."""
        data = self.peek(size)
        self._pending = self._pending[size:]
        self.position += len(data)
        return data

    def peek(self, size: int) -> bytes:
        """Return what ``read`` would, and leave it to be read."""
        if len(self._pending) >= size:
            return self._pending[:size]
        pieces, have = [self._pending], len(self._pending)
        while have < size and (piece := self._piece()):
            pieces.append(piece)
            have += len(piece)
        self._pending = b"".join(pieces)
        return self._pending[:size]

    def _piece(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except (OSError, EOFError, zlib.error, _BrokenStreamError):
            self.broken = True
            return b""

    def _start(self) -> Iterator[bytes]:
        magic = self._file.read(_MAGIC_BYTES)
        if magic[:2] == _GZIP:
            self.compression = "gzip"
            return _gunzip(self._file, magic)
        if magic == _ZSTD or int.from_bytes(magic, "little") in _SKIPPABLE_ZSTD:
            self.compression = "zstd"
            return _unzstd(self._file, magic, _zstandard(self._path))
        return _plain(self._file, magic)


def _unreadable(path: Path, error: OSError) -> CaptureError:
    return CaptureError(f"{path}: cannot be read: {error.strerror}")


def _plain(file: FileIO, start: bytes) -> Iterator[bytes]:
    if start:
        yield start
    while data := file.read(CHUNK_BYTES):
        yield data


def _gunzip(file: FileIO, data: bytes) -> Iterator[bytes]:
    """Yield the pieces of all members (RFC 1952 section 2.2); zeros after the last are padding."""
    while data:
        member = zlib.decompressobj(_GZIP_OR_ZLIB_HEADER)
        while not member.eof:
            data = member.unconsumed_tail or data or file.read(CHUNK_BYTES)
            if not data:
                raise _BrokenStreamError
            piece, data = member.decompress(data, CHUNK_BYTES), b""
            if piece:
                yield piece
        data = _next_member(file, member.unused_data)


def _next_member(file: FileIO, data: bytes) -> bytes:
    while not (data := data.lstrip(b"\0")):
        data = file.read(CHUNK_BYTES)
        if not data:
            break
    return data


def _unzstd(file: FileIO, data: bytes, zstandard: Any) -> Iterator[bytes]:
    """Yield the pieces of all frames (RFC 8878 section 3)."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    frame = None
    while data:
        for at in range(0, len(data), _ZSTD_PIECE_BYTES):
            rest = data[at : at + _ZSTD_PIECE_BYTES]
            while rest:
                if frame is None:
                    frame = decompressor.decompressobj(write_size=_ZSTD_OUTPUT_BYTES)
                try:
                    unpacked = frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _BrokenStreamError from error
                yield from _chunks(unpacked)
                rest, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
        data = file.read(CHUNK_BYTES)
    if frame is not None:
        raise _BrokenStreamError


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))


def _zstandard(path: Path) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise CaptureError(
            f"{path}: is compressed with zstd, and reading that needs: pip install 'callprobe[pcap]'"
        ) from error
    return zstandard
