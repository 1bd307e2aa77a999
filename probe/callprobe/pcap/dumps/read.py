"""Reads a browser's dump of its calls, whichever of the two formats it has and packed or not."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from msgspec.structs import replace

from callprobe.pcap.dumps.internals import read_internals
from callprobe.pcap.dumps.model import MOST_BYTES, Dump, DumpError
from callprobe.pcap.dumps.rtcstats import MAGIC, read_rtcstats
from callprobe.pcap.dumps.story import story

_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_LONGEST_LINE: Final = 8_000_000
_BEFORE_DOCUMENT: Final = 4096
"""Bytes among which a JSON document begins, blank lines before it included."""
_TOO_LARGE: Final = f"is larger than {MOST_BYTES // 1_000_000} MB, packed or unpacked"
_UNKNOWN: Final = (
    "is no dump of a browser's calls: give what chrome://webrtc-internals saves (JSON), or an RTCStatsDump"
)


def read_dump(path: Path) -> Dump:
    """Return what a dump says, recognised by its content. Raises DumpError."""
    try:
        with _opened(path) as file:
            dump = _read(file, path.name)
    except OSError as error:
        raise DumpError(f"{path.name}: cannot be read ({error.strerror or 'damaged gzip data'})") from error
    except (EOFError, zlib.error) as error:
        raise DumpError(f"{path.name}: its gzip data break off or are damaged") from error
    return replace(dump, story=story(dump))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        magic = file.read(len(_GZIP))
        file.seek(0, 2)
        if file.tell() > MOST_BYTES:
            raise DumpError(f"{path.name}: {_TOO_LARGE}")
        file.seek(0)
        if magic == _GZIP:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield file


def _read(file: IO[bytes], name: str) -> Dump:
    first = file.readline(_LONGEST_LINE).removeprefix(_BOM)
    if first.rstrip() == MAGIC:
        return read_rtcstats(_lines(file, name), name)
    begin = first + file.read(_BEFORE_DOCUMENT)
    if not begin.lstrip().startswith(b"{"):
        raise DumpError(f"{name}: {_UNKNOWN}")
    rest = file.read(MOST_BYTES + 1)
    if len(rest) > MOST_BYTES:
        raise DumpError(f"{name}: {_TOO_LARGE}")
    return read_internals(begin + rest, name)


def _lines(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield lines up to where the file ends or its gzip data break; one that is too long is no line."""
    total = 0
    while line := _line(file):
        total += len(line)
        if total > MOST_BYTES:
            raise DumpError(f"{name}: {_TOO_LARGE}")
        yield line


def _line(file: IO[bytes]) -> bytes:
    try:
        return file.readline(_LONGEST_LINE)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b"\x00"  # No line of any dump: the reader stops and says where.
