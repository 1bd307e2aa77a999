"""The bytes of a capture in one buffer of fixed size, which is filled and emptied by turns."""

import ctypes
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from callprobe.pcap.reading.pcapng import MAX_BLOCK_BYTES
from callprobe.pcap.reading.read import Capture

if TYPE_CHECKING:
    from io import FileIO


class Piecewise:
    """What was read of a capture and is not taken yet.

    A file that is not packed is read past ``Capture``, whose copies would cost more than the counting.
    """

    def __init__(self, path: Path, capture: Capture, piece_bytes: int) -> None:
        """Read so much at a time. Raises OSError."""
        self._capture = capture
        self.container = capture.container
        self._piece_bytes = piece_bytes
        self._buffer = (ctypes.c_uint8 * (piece_bytes + MAX_BLOCK_BYTES))()
        self._all = memoryview(self._buffer).cast("B")
        self._start = self._end = 0
        self._offset = capture.position
        self._skip = 0
        self._skipped_from: int | None = None
        self._file: FileIO | None = None
        if capture.compression is None and path.is_file():
            self._file = path.open("rb", buffering=0)
            self._file.seek(capture.position)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def view(self) -> memoryview:
        """The bytes at hand."""
        return self._all[self._start : self._end]

    @property
    def address(self) -> int:
        """Where in memory they begin."""
        return ctypes.addressof(self._buffer) + self._start

    @property
    def offset(self) -> int:
        """Where in the unpacked file they begin."""
        return self._offset

    def advance(self, size: int) -> None:
        """Be done with so many bytes, perhaps more than are at hand."""
        at_hand = min(size, len(self))
        if size > at_hand:
            self._skip, self._skipped_from = size - at_hand, self._offset
        self._start += at_hand
        self._offset += at_hand

    def fill(self) -> bool:
        """Read on; False at the end, with what is left over still at hand."""
        rest = len(self)
        if self._start and rest:
            ctypes.memmove(self._buffer, ctypes.addressof(self._buffer) + self._start, rest)
        self._start, self._end = 0, rest
        while size := self._read():
            self._end += size
            skipped = min(self._skip, size)
            self._skip -= skipped
            self._start += skipped
            self._offset += skipped
            if len(self):
                return True
            self._start = self._end = 0
        return False

    def rest(self) -> int | None:
        """Return, at the end, where what is not whole begins; None when all was."""
        if self._skip:
            return self._skipped_from
        return self._offset if len(self) or self._capture.broken else None

    def _read(self) -> int:
        room = min(len(self._all) - self._end, self._piece_bytes)
        target = self._all[self._end : self._end + room]
        if self._file is not None:
            return self._file.readinto(target) or 0
        data = self._capture.read(room)
        target[: len(data)] = data
        return len(data)
