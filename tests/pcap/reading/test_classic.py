"""The pcap format."""

from pathlib import Path
from struct import pack

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.packets import Frame
from callprobe.pcap.reading.classic import HEADER_BYTES, parse_header
from callprobe.pcap.reading.container import MAX_FRAME_BYTES
from callprobe.pcap.reading.read import CaptureFile
from helpers.frames import pcap

FRAMES = (b"first", b"", b"third frame")
RECORD_BYTES = 16


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "capture"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "tick_ns", "extra"),
    [(0xA1B2C3D4, 1000, b""), (0xA1B23C4D, 1, b""), (0xA1B2CD34, 1000, bytes(8))],
    ids=["microseconds", "nanoseconds", "modified"],
)
def test_all_forms_give_the_same_frames(
    file: Path, order: str, magic: int, tick_ns: int, extra: bytes
) -> None:
    """Byte order, resolution and the modified record header are told by the magic."""
    file.write_bytes(pcap(*FRAMES, order=order, magic=magic, link_type=101, extra=extra))
    capture = CaptureFile(file)

    assert list(capture) == [
        Frame(number, number * 10**9 + 7 * number * tick_ns, 101, data, len(data))
        for number, data in enumerate(FRAMES, start=1)
    ]
    assert capture.truncated_at_offset is None
    assert capture.container is not None
    assert capture.container.byte_order == order


def test_length_of_the_frame_check_sequence_is_no_link_type(file: Path) -> None:
    """The upper bits of the link type field say something else."""
    file.write_bytes(pcap(b"x", link_type=0x24000001))

    assert [frame.link_type for frame in CaptureFile(file)] == [1]


def test_wire_size_is_kept_beside_what_was_captured(file: Path) -> None:
    """A cut frame tells how long it was."""
    file.write_bytes(pcap() + pack("<IIII", 1, 0, 3, 1400) + b"abc")
    (frame,) = CaptureFile(file)

    assert (frame.data, frame.wire_size) == (b"abc", 1400)


def test_times_are_kept_as_they_are(file: Path) -> None:
    """Nanoseconds beyond a second count on, and time may run backwards."""
    head = pcap(magic=0xA1B23C4D)
    file.write_bytes(head + pack("<IIII", 5, 4_000_000_000, 0, 0) + pack("<IIII", 2, 0, 0, 0))

    assert [frame.epoch_ns for frame in CaptureFile(file)] == [9_000_000_000, 2_000_000_000]


def test_every_cut_is_a_break_at_the_record(file: Path) -> None:
    """Cut at any byte, a file is read up to the record that is not whole."""
    whole = pcap(*FRAMES)
    ends = [HEADER_BYTES]
    for data in FRAMES:
        ends.append(ends[-1] + RECORD_BYTES + len(data))
    for size in range(HEADER_BYTES, len(whole)):
        file.write_bytes(whole[:size])
        capture = CaptureFile(file)
        read = len(list(capture))
        last = max(end for end in ends if end <= size)

        assert read == ends.index(last)
        assert capture.truncated_at_offset == (None if size == last else last)


@pytest.mark.parametrize("claimed", [MAX_FRAME_BYTES + 1, 0xFFFFFFFF])
def test_absurd_length_is_a_break(file: Path, claimed: int) -> None:
    """A record that claims more than any capture holds is where the file breaks."""
    whole = pcap(*FRAMES)
    file.write_bytes(whole + pack("<IIII", 1, 0, claimed, claimed) + bytes(1 << 20))
    capture = CaptureFile(file)

    assert len(list(capture)) == 3
    assert capture.truncated_at_offset == len(whole)


def test_longest_frame_is_read(file: Path) -> None:
    """A frame as long as tcpdump writes them passes."""
    file.write_bytes(pcap(bytes(MAX_FRAME_BYTES), b"next"))

    assert [len(frame.data) for frame in CaptureFile(file)] == [MAX_FRAME_BYTES, 4]


@pytest.mark.parametrize("size", [0, 4, 23])
def test_cut_header_is_none(size: int) -> None:
    """With fewer bytes than a header has nothing can be told."""
    assert parse_header(pcap()[:size]) is None


@given(
    records=st.lists(st.tuples(st.integers(0, 2**31), st.binary(max_size=300)), max_size=20),
    nano=st.booleans(),
)
def test_files_of_dpkt_are_read(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[int, bytes]], *, nano: bool
) -> None:
    """What another library writes is read as it was meant."""
    path = tmp_path_factory.getbasetemp() / "dpkt"
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, nano=nano)
        for seconds, data in records:
            writer.writepkt(data, ts=seconds)

    assert [(frame.epoch_ns, frame.data) for frame in CaptureFile(path)] == [
        (seconds * 10**9, data) for seconds, data in records
    ]
