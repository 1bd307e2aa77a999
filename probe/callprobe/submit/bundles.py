"""Cuts files of canonical lines into request bodies."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from callresults.codec import measurement_id
from callresults.collector.api import MAX_MEASUREMENT_BYTES

SUFFIXES: Final = (".jsonl", ".jsonl.gz")
BUNDLE_BYTES: Final = 768 * 1024
"""Lines are bundled up to here; one longest line more still fits the collector's limit."""


class UnreadableFileError(Exception):
    """A file cannot be sent; the sentence names it and says why."""


class Bundle(NamedTuple):
    """Lines that travel together."""

    ids: list[str]
    places: list[str]
    """``file:line`` of each."""
    body: bytes


class _Line(NamedTuple):
    place: str
    data: bytes


def _is_sendable(path: Path) -> bool:
    return path.name.endswith(SUFFIXES) and path.is_file()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if _is_sendable(file))
        if not found:
            raise UnreadableFileError(f"{path}: no *.jsonl or *.jsonl.gz file in this folder.")
        return found
    if not path.exists():
        raise UnreadableFileError(f"{path}: no such file or folder.")
    if not _is_sendable(path):
        raise UnreadableFileError(f"{path}: not a *.jsonl or *.jsonl.gz file.")
    return [path]


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")


def _lines(path: Path) -> Iterator[_Line]:
    try:
        with _open(path) as file:
            number = 0
            while data := file.readline(MAX_MEASUREMENT_BYTES + 2):
                number += 1
                if len(data.rstrip(b"\r\n")) > MAX_MEASUREMENT_BYTES:
                    raise UnreadableFileError(
                        f"{path}: line {number} has more than {MAX_MEASUREMENT_BYTES} bytes."
                    )
                if line := data.strip():
                    yield _Line(f"{path.name}:{number}", line)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{path}: cannot be read: {error}.") from error


def _bundle(lines: Sequence[_Line]) -> Bundle:
    return Bundle(
        ids=[measurement_id(line.data) for line in lines],
        places=[line.place for line in lines],
        body=b"\n".join(line.data for line in lines),
    )


def bundles(paths: Sequence[Path]) -> Iterator[Bundle]:
    """Yield the lines of files, and of the files in folders, as request bodies of about ``BUNDLE_BYTES``.

    Raises:
        UnreadableFileError: a path is missing, of another kind, or damaged.
    """
    files = [file for path in paths for file in _files(path)]
    waiting: list[_Line] = []
    size = 0
    for line in (line for file in files for line in _lines(file)):
        waiting.append(line)
        size += len(line.data) + 1
        if size >= BUNDLE_BYTES:
            yield _bundle(waiting)
            waiting, size = [], 0
    if waiting:
        yield _bundle(waiting)
