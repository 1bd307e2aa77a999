"""The pcapng format."""

from pathlib import Path
from struct import pack

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.packet import Raw
from scapy.utils import RawPcapNgWriter

from callprobe.pcap.packets import Frame
from callprobe.pcap.reading.container import MAX_FRAME_BYTES
from callprobe.pcap.reading.pcapng import MAX_BLOCK_BYTES, BlockError, note_block, parse_section_header
from callprobe.pcap.reading.read import CaptureFile
from helpers.frames import block, interface, option, packet, section

RESOLUTION = 9
OFFSET = 14
NANOSECONDS = option(RESOLUTION, b"\x09")
NANOSECONDS_BIG = option(RESOLUTION, b"\x09", ">")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "capture"


def frames(file: Path, *blocks: bytes) -> list[Frame]:
    """Return the frames of a file of these blocks, which does not break."""
    file.write_bytes(b"".join(blocks))
    capture = CaptureFile(file)
    found = list(capture)
    assert capture.truncated_at_offset is None
    return found


def broken_at(file: Path, *blocks: bytes) -> tuple[int, int | None]:
    """Return the number of frames of a file of these blocks, and where it breaks."""
    file.write_bytes(b"".join(blocks))
    capture = CaptureFile(file)
    return len(list(capture)), capture.truncated_at_offset


@pytest.mark.parametrize("order", ["<", ">"])
def test_packets_are_read_in_either_byte_order(file: Path, order: str) -> None:
    """Number, time, link type and bytes."""
    blocks = section(order), interface(113, order=order), packet(b"abcde", 1_500_000, order=order)

    assert frames(file, *blocks) == [Frame(1, 1_500_000_000, 113, b"abcde", 5)]


def test_sections_have_their_own_order_and_interfaces(file: Path) -> None:
    """After a section header nothing of the section before counts."""
    first = section("<"), interface(1), packet(b"a", 1)
    second = section(">"), interface(101, NANOSECONDS_BIG, order=">"), packet(b"b", 1, order=">")

    assert [(f.number, f.link_type, f.epoch_ns) for f in frames(file, *first, *second)] == [
        (1, 1, 1000),
        (2, 101, 1),
    ]


@pytest.mark.parametrize(
    ("options", "ticks", "epoch_ns"),
    [
        (b"", 5, 5000),
        (NANOSECONDS, 5, 5),
        (option(RESOLUTION, b"\x00"), 5, 5 * 10**9),
        (option(RESOLUTION, b"\x94"), 3 << 19, 1_500_000_000),
        (option(OFFSET, pack("<q", 100)), 5, 100 * 10**9 + 5000),
        (option(OFFSET, pack("<q", -1)) + option(RESOLUTION, b"\x03"), 2000, 10**9),
        (option(2, b"eth0") + option(RESOLUTION, b"\x09") + option(0, b""), 5, 5),
        (option(0, b"") + option(RESOLUTION, b"\x09"), 5, 5000),
        (option(RESOLUTION, b""), 5, 5000),
    ],
    ids=["microseconds", "nano", "seconds", "2^-20", "offset", "negative offset", "name", "ended", "empty"],
)
def test_interfaces_count_time_in_their_own_way(
    file: Path, options: bytes, ticks: int, epoch_ns: int
) -> None:
    """Resolutions by powers of ten and two, and offsets."""
    found = frames(file, section(), interface(1, options), packet(b"x", ticks))

    assert [frame.epoch_ns for frame in found] == [epoch_ns]


def test_packets_belong_to_their_interface(file: Path) -> None:
    """Link type and resolution are those of the interface that the packet names."""
    blocks = section(), interface(1), interface(113, NANOSECONDS), packet(b"a", 1, number=1), packet(b"b", 1)

    assert [(f.link_type, f.epoch_ns) for f in frames(file, *blocks)] == [(113, 1), (1, 1000)]


def test_simple_packets_take_the_time_before_them(file: Path) -> None:
    """A simple packet belongs to the first interface, is cut to its snap length, and knows no time."""
    simple = block(3, pack("<I", 9) + b"123456")
    found = frames(file, section(), interface(1, snap_length=6), packet(b"x", 7), simple)

    assert found[1] == Frame(2, 7000, 1, b"123456", 9)


def test_obsolete_packets_are_read(file: Path) -> None:
    """The packet block of old files."""
    old = block(2, pack("<HHIIII", 0, 0, 0, 9, 3, 60) + b"abc")

    assert frames(file, section(), interface(1), old) == [Frame(1, 9000, 1, b"abc", 60)]


@pytest.mark.parametrize("size", [0, 40, 1 << 18, MAX_BLOCK_BYTES, 3 << 20])
def test_other_blocks_are_skipped(file: Path, size: int) -> None:
    """Names, statistics and private blocks of any length are passed over, before and between packets."""
    other = block(0x0BAD, bytes(size))
    found = frames(file, section(), other, interface(1), packet(b"a"), other, packet(b"b"), other)

    assert [frame.data for frame in found] == [b"a", b"b"]


def test_every_cut_is_a_break_at_the_block(file: Path) -> None:
    """Cut at any byte, a file is read up to the block that is not whole."""
    blocks = [section(), interface(1), packet(b"abc"), block(5, b"statistics"), packet(b"de")]
    ends = [sum(map(len, blocks[:count])) for count in range(len(blocks) + 1)]
    packets = [0, 0, 0, 1, 1, 2]
    whole = b"".join(blocks)
    for size in range(12, len(whole)):
        count = max(index for index, end in enumerate(ends) if end <= size)

        assert broken_at(file, whole[:size]) == (
            packets[count],
            None if size == ends[count] else ends[count],
        )


SOUND = section() + interface(1) + packet(b"a")
BROKEN = {
    "length zero": pack("<II", 6, 0) + bytes(40),
    "length eight": pack("<III", 5, 8, 8),
    "unequal lengths": packet(b"b")[:-4] + pack("<I", 48),
    "unequal lengths of another kind": block(0x0BAD, b"xxxx")[:-4] + pack("<I", 20),
    "unknown interface": packet(b"b", number=7),
    "frame beyond its block": block(6, pack("<IIIII", 0, 0, 0, 300, 300) + b"short"),
    "no room for a packet's header": block(6, b"1234"),
    "absurd packet": pack("<II", 6, MAX_BLOCK_BYTES + 4) + bytes(2 << 20),
    "absurd frame": block(6, pack("<IIIII", 0, 0, 0, MAX_FRAME_BYTES + 1, 0) + bytes(MAX_FRAME_BYTES + 1)),
    "absurd other block": pack("<II", 0x0BAD, 0xFFFFFFF0) + bytes(2 << 20),
    "section without byte order": block(0x0A0D0D0A, bytes(16)),
    "no room for an interface": block(1, b""),
    "no room for a simple packet's length": block(3, b""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_contradiction_is_a_break(file: Path, name: str) -> None:
    """What cannot be so ends the file where it stands."""
    assert broken_at(file, SOUND + BROKEN[name] + SOUND) == (1, len(SOUND))


def test_packet_without_interface_is_a_break(file: Path) -> None:
    """Interfaces of the section before do not count."""
    assert broken_at(file, SOUND, section(), packet(b"x")) == (1, len(SOUND) + len(section()))


def test_number_of_interfaces_is_bounded(file: Path) -> None:
    """A file of nothing but interfaces fills no memory."""
    assert broken_at(file, section(), interface(1) * 5000)[0] == 0
    assert broken_at(file, section(), interface(1) * 5000)[1] == len(section()) + 4096 * len(interface(1))


def test_blocks_can_be_noted_one_by_one() -> None:
    """Whoever walks the blocks by themselves learns of sections and interfaces."""
    container = parse_section_header(section(">"))
    assert container is not None
    note_block(container, interface(113, order=">"))
    note_block(container, packet(b"x", order=">"))

    assert [item.link_type for item in container.interfaces] == [113]
    note_block(container, section("<"))
    assert (container.byte_order, container.interfaces) == ("<", [])
    with pytest.raises(BlockError):
        note_block(container, block(0x0A0D0D0A, bytes(16)))


@given(st.binary(max_size=400))
def test_hostile_blocks_never_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Behind a sound beginning any bytes are read or are a break."""
    path = tmp_path_factory.getbasetemp() / "hostile"

    assert broken_at(path, SOUND, data)[0] >= 1


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_files_of_other_libraries_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: list[bytes]
) -> None:
    """What dpkt and scapy write is read as it was meant."""
    path = tmp_path_factory.getbasetemp() / "others"
    with path.open("wb") as file:
        writer = dpkt.pcapng.Writer(file)
        for second, frame in enumerate(data):
            writer.writepkt(frame, ts=second)
    of_dpkt = [(frame.epoch_ns, frame.data) for frame in CaptureFile(path)]
    with RawPcapNgWriter(str(path)) as scapy_writer:
        for second, frame in enumerate(data):
            packet_of_scapy = Raw(frame)
            packet_of_scapy.time = second
            scapy_writer.write(packet_of_scapy)
    of_scapy = [frame.data for frame in CaptureFile(path)] if data else []

    assert of_dpkt == [(second * 10**9, frame) for second, frame in enumerate(data)]
    assert of_scapy == data
