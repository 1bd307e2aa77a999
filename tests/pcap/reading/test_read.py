"""Reading captures of any make."""

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.packets import TcpSegment, UdpDatagram
from callprobe.pcap.reading.read import CaptureError, CaptureFile, link_type_name, open_capture
from callprobe.pcap.write import CaptureWriter
from helpers.frames import INNER4, interface, packet, pcap, section
from helpers.peers import shared_directory

RECORD_BYTES = 16 + 20 + 8 + 5
FILE_HEADER_BYTES = 24
ETHERNET = 1
EXPLAINED = {
    ("tcpdump_rtp-seg-fault-1.pcapng", "208.21.2.184:1512", "10.1.1.99:53"): (
        "the UDP header claims 57343 bytes in a packet of 37; tshark believes it",
        (1, 9),
    ),
}
"""Where the figures differ from the truth, why, and what they are: packets and payload bytes."""


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture of three datagrams of five bytes."""
    writer = CaptureWriter(tmp_path / "three.pcap")
    for number in range(3):
        writer.write(number, ("127.0.0.1", 1), ("127.0.0.1", 2), b"hello")
    writer.close()
    return tmp_path / "three.pcap"


@pytest.mark.parametrize("cut", [1, 20, RECORD_BYTES - 1])
def test_break_is_found_where_it_is(capture: Path, cut: int) -> None:
    """A file cut within its last record is read up to it, and the record's offset is told."""
    capture.write_bytes(capture.read_bytes()[:-cut])
    file = CaptureFile(capture)

    assert len(list(file)) == 2
    assert file.truncated_at_offset == FILE_HEADER_BYTES + 2 * RECORD_BYTES


def test_whole_file_does_not_break(capture: Path) -> None:
    """Without a break the offset is null."""
    file = CaptureFile(capture)

    assert len(list(file)) == 3
    assert file.truncated_at_offset is None


@pytest.mark.parametrize(("kept", "whole"), [(1.0, True), (0.5, False)])
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_file_is_read_too(capture: Path, pack: type, kept: float, *, whole: bool) -> None:
    """Compression is recognised by its bytes, and a cut stream is a break."""
    packed = pack(capture.read_bytes())
    capture.write_bytes(packed[: int(len(packed) * kept)])
    file = CaptureFile(capture)
    try:
        frames = list(file)
    except CaptureError:
        frames = []  # of the stream so little was left that no header came out
        assert not whole
        return

    assert (len(frames) == 3) is whole
    assert (file.truncated_at_offset is None) is whole


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_stream_that_ends_between_records_is_a_break(tmp_path: Path, pack: type) -> None:
    """That the packing is not whole shows where no record is cut."""
    content = pcap(*(bytes((number,)) * 999 for number in range(200)))
    path = tmp_path / "x"
    path.write_bytes(pack(content) + b"then damage")
    file = CaptureFile(path)

    assert len(list(file)) == 200
    assert file.truncated_at_offset == len(content)


def test_name_says_nothing(tmp_path: Path) -> None:
    """The format is told by the first bytes."""
    path = tmp_path / "x.pcap"
    path.write_bytes(section() + interface(101) + packet(INNER4))
    file = CaptureFile(path)

    assert [frame.data for frame in file] == [INNER4]
    assert file.container is not None
    assert file.container.kind == "pcapng"


@pytest.mark.parametrize(
    ("content", "position"), [(pcap(b"x"), 24), (section() + interface() + packet(b"x"), 0)]
)
def test_bytes_can_be_had_instead_of_frames(tmp_path: Path, content: bytes, position: int) -> None:
    """An open capture gives its bytes after the file header, and their offset."""
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(content, mtime=0))
    with open_capture(path) as opened:
        assert (opened.position, opened.compression) == (position, "gzip")
        assert opened.read(5) + opened.read(1 << 20) == content[position:]
        assert (opened.position, opened.broken) == (len(content), False)


def test_reading_can_stop_anywhere(capture: Path) -> None:
    """Who wants the first frame only leaves no open file behind."""
    frames = iter(CaptureFile(capture))
    assert next(frames).number == 1
    del frames


def test_link_types_have_names() -> None:
    """Known link types are named as scapy does, unknown ones by number."""
    assert (link_type_name(ETHERNET), link_type_name(9999)) == ("Ether", "9999")


@pytest.mark.parametrize("content", [b"", b"x", b"no capture at all", b"\x1f\x8bbroken", pcap()[:20]])
def test_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is no capture is a CaptureError that names the file."""
    path = tmp_path / "x.pcap"
    path.write_bytes(content)

    with pytest.raises(CaptureError, match=r"x\.pcap"):
        list(CaptureFile(path))


@given(st.sampled_from([b"", pcap(), pcap(order=">"), section(), section(">"), b"\x1f\x8b"]), st.binary())
def test_hostile_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    """Any bytes are frames, a break, or no capture."""
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(start + rest)
    dissector = Dissector()
    try:
        for frame in CaptureFile(path):
            dissector.take(frame)
    except CaptureError:
        pass


def shared_captures() -> list[dict[str, str]]:
    """Return the rows of the list of shared captures; one that stands for all where they are absent."""
    manifest = shared_directory() / "captures" / "manifest.csv"
    if not manifest.is_file():
        return [{"file": "all"}]
    return [*csv.DictReader(manifest.read_text().splitlines())]


@pytest.mark.peer("shared")
@pytest.mark.parametrize("row", shared_captures(), ids=lambda row: row["file"])
def test_real_captures_hold_what_tshark_counts(row: dict[str, str]) -> None:
    """Frames, datagrams and segments: as many as tshark sees, in every direction of every conversation."""
    folder, name = shared_directory() / "captures", row["file"]
    truth = json.loads((folder / "truth" / f"{name}.json").read_text())
    packets: Counter[tuple[str, str, str]] = Counter()
    sizes: Counter[tuple[str, str, str]] = Counter()
    kinds: Counter[type] = Counter()
    file, dissector = CaptureFile(folder / name), Dissector()
    frames = [*file]
    for carried in map(dissector.take, frames):
        kinds[type(carried)] += 1
        if isinstance(carried, UdpDatagram | TcpSegment):
            key = (type(carried).__name__, plain(carried.source), plain(carried.destination))
            packets[key] += 1
            sizes[key] += carried.size
    wanted = {
        (kind, side["a"], side["b"]): EXPLAINED.get((name, side["a"], side["b"]), ("", side["figures"]))[1]
        for kind, key in (("UdpDatagram", "udp_conversations"), ("TcpSegment", "tcp_conversations"))
        for side in sides(truth[key])
    }

    assert len(frames) == int(row["packets"])
    assert sum(len(frame.data) < frame.wire_size for frame in frames) == int(row["truncated_packets"])
    assert file.truncated_at_offset is None
    assert (kinds[UdpDatagram], kinds[TcpSegment]) == (truth["udp_packets"], truth["tcp_packets"])
    assert {key: (packets[key], sizes[key]) for key in packets} == wanted


def plain(address: tuple[str, int]) -> str:
    """Return an address as the truth writes it."""
    return f"{address[0]}:{address[1]}"


def sides(conversations: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the directions of conversations in which there was a packet."""
    both = [
        {"a": one[a], "b": one[b], "figures": (one[f"pkts_{way}"], one[f"payload_{way}"])}
        for one in conversations
        for a, b, way in (("a", "b", "ab"), ("b", "a", "ba"))
    ]
    return [side for side in both if side["figures"] != (0, 0)]
