"""Packed files read as if they were not."""

import gzip
import sys
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.reading.container import CaptureError
from callprobe.pcap.reading.unpack import Unpacked

CONTENT = b"".join(number.to_bytes(3, "big") for number in range(200_000))
SMALL = CONTENT[:5000]
BOMB_BYTES = 1 << 27


def unpacked(path: Path, step: int = 70_000) -> tuple[bytes, bool]:
    """Return what can be read, and whether it broke."""
    with Unpacked(path) as stream:
        data = b"".join(iter(lambda: stream.read(step), b""))
        assert stream.position == len(data)
        return data, stream.broken


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A path whose name says nothing."""
    return tmp_path / "file"


PACKINGS = {
    "none": CONTENT,
    "gzip": gzip.compress(CONTENT, mtime=0),
    "two gzip members": gzip.compress(CONTENT[:99_999], mtime=0) + gzip.compress(CONTENT[99_999:], mtime=0),
    "gzip with zeros behind": gzip.compress(CONTENT, mtime=0) + bytes(700),
    "zstd": zstandard.compress(CONTENT),
    "two zstd frames": zstandard.compress(CONTENT[:99_999]) + zstandard.compress(CONTENT[99_999:]),
    "skippable zstd frame": b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstandard.compress(CONTENT),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("step", [1 << 12, 77_777, 1 << 20])
def test_content_is_unpacked(file: Path, packing: str, step: int) -> None:
    """Every packing gives the same bytes, whatever is read at a time."""
    file.write_bytes(PACKINGS[packing])

    assert unpacked(file, step) == (CONTENT, False)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_cut_stream_is_broken(file: Path, pack: type, share: float) -> None:
    """What is there is given, and that something is missing is told."""
    packed = pack(CONTENT)
    file.write_bytes(packed[: int(len(packed) * share)])
    data, broken = unpacked(file)

    assert broken
    assert CONTENT.startswith(data)
    assert len(data) < len(CONTENT)


@pytest.mark.parametrize("cut", [1, 4, 8])
def test_missing_trailer_is_a_break(file: Path, cut: int) -> None:
    """A gzip member whose check sums are cut off is not whole, though its content is."""
    file.write_bytes(gzip.compress(SMALL, mtime=0)[:-cut])

    assert unpacked(file) == (SMALL, True)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_garbage_behind_is_a_break(file: Path, pack: type) -> None:
    """Bytes behind the last member that are none of it are not passed over."""
    file.write_bytes(pack(SMALL) + b"garbage behind it")

    assert unpacked(file) == (SMALL, True)


@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(bytes(BOMB_BYTES), mtime=0),
        zstandard.compress(bytes(BOMB_BYTES)),
    ],
    ids=["gzip", "zstd"],
)
def test_bomb_is_unpacked_piece_by_piece(file: Path, bomb: bytes) -> None:
    """Many zeros in a small file takes no more memory than a few pieces."""
    file.write_bytes(bomb)
    tracemalloc.start()
    with Unpacked(file) as stream:
        while stream.read(1 << 20):
            pass
        _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert stream.position == BOMB_BYTES
    assert peak_bytes < 50_000_000


def test_window_of_a_zstd_stream_is_bounded(file: Path) -> None:
    """A frame that wants a window of a gigabyte is a break, not an allocation."""
    file.write_bytes(bytes.fromhex("28b52ffd0050") + b"\x01\0\0")
    with Unpacked(file) as stream:
        assert stream.read(1) == b""
    file.write_bytes(bytes.fromhex("28b52ffd00a0") + b"\x01\0\0")
    with Unpacked(file) as huge:
        assert huge.read(1) == b""

    assert (stream.broken, huge.broken) == (False, True)


def test_peeking_takes_nothing(file: Path) -> None:
    """What was peeked at is read afterwards."""
    file.write_bytes(SMALL)
    with Unpacked(file) as stream:
        assert stream.peek(10) == SMALL[:10]
        assert (stream.position, stream.read(20)) == (0, SMALL[:20])


def test_absent_zstandard_is_said_in_one_sentence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra a zstd file is refused, and how to get it is said."""
    file.write_bytes(PACKINGS["zstd"])
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(CaptureError, match=r"file: .* zstd.*callprobe\[pcap\]"):
        Unpacked(file)


@pytest.mark.parametrize("name", ["absent", "."])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """What cannot be opened is a CaptureError with its path."""
    with pytest.raises(CaptureError, match="cannot be read"):
        Unpacked(tmp_path / name)


@given(st.sampled_from([b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b""]), st.binary())
def test_hostile_stream_never_raises(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    """Any bytes behind a magic are read or are a break."""
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(start + rest)

    unpacked(path)
