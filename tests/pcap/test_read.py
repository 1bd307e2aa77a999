"""Reading captures of any make."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.read import CaptureError, CaptureFile, Frame, link_type_name, udp_datagram
from callprobe.pcap.write import LINKTYPE_RAW, CaptureWriter, udp_packet
from helpers.peers import shared_directory

RECORD_BYTES = 16 + 20 + 8 + 5
FILE_HEADER_BYTES = 24
ETHERNET = 1
ETHERNET_HEADER = bytes(12) + b"\x08\x00"
INNER = udp_packet(("10.0.0.1", 5), ("10.0.0.2", 6), b"hello")


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
def test_compressed_file_is_read_too(capture: Path, kept: float, *, whole: bool) -> None:
    """Compression is recognised by its bytes, and a cut stream is a break."""
    packed = gzip.compress(capture.read_bytes(), mtime=0)
    capture.write_bytes(packed[: int(len(packed) * kept)])
    file = CaptureFile(capture)
    frames = list(file)

    assert (len(frames) == 3) is whole
    assert (file.truncated_at_offset is None) is whole


@given(st.binary(max_size=200))
def test_any_frame_is_read_or_left(data: bytes) -> None:
    """Hostile frames of any link type never raise."""
    for link_type in (ETHERNET, LINKTYPE_RAW, 113, 276, 9999):
        datagram = udp_datagram(Frame(0, link_type, data))
        assert datagram is None or len(datagram.payload) <= len(data)


def test_padding_is_no_payload() -> None:
    """What Ethernet adds behind a short datagram is left out."""
    datagram = udp_datagram(Frame(0, ETHERNET, ETHERNET_HEADER + INNER + bytes(20)))

    assert datagram is not None
    assert (datagram.source, datagram.payload) == (("10.0.0.1", 5), b"hello")


def test_quoted_datagram_is_no_traffic() -> None:
    """A datagram inside an ICMP error was not sent by whom the error comes from."""
    icmp = bytes.fromhex("0303fcfc00000000") + INNER
    quoting = bytearray(udp_packet(("10.0.0.2", 0), ("10.0.0.1", 0), b"")[:20])
    quoting[9], quoting[2:4] = 1, (20 + len(icmp)).to_bytes(2, "big")

    assert udp_datagram(Frame(0, LINKTYPE_RAW, bytes(quoting) + icmp)) is None


def test_link_types_have_names() -> None:
    """Known link types are named as scapy does, unknown ones by number."""
    assert (link_type_name(ETHERNET), link_type_name(9999)) == ("Ether", "9999")


@pytest.mark.parametrize("content", [b"", b"x", b"no capture at all", b"\x1f\x8bbroken"])
def test_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is no capture is a CaptureError that names the file."""
    path = tmp_path / "x.pcap"
    path.write_bytes(content)

    with pytest.raises(CaptureError, match=r"x\.pcap"):
        list(CaptureFile(path))


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    "name",
    [
        "KakaoTalk_talk.pcap",
        "arkime_bigendian.pcap",
        "arkime_nflog.pcap",
        "arkime_padded-udp.pcap",
        "dlt_ppp.pcap",
        "dtls.pcap",
        "ipv6_in_gtp.pcap",
        "pcpp_nanosecs_big_endian.pcap",
        "pcpp_raw_ip.pcap",
        "stun_wa_call.pcapng",
        "telegram.pcap",
        "ws_communityid.pcap.gz",
        "ws_many_interfaces.pcapng.1",
        "zeek_pppoe.pcap",
        "zeek_sll2.pcap",
        "zoom_p2p.pcapng",
    ],
)
def test_real_captures_hold_what_tshark_counts(name: str) -> None:
    """Link layers, byte orders, resolutions and tunnels: as many UDP datagrams as tshark sees."""
    folder = shared_directory() / "captures"
    truth = json.loads((folder / "truth" / f"{name}.json").read_text())
    wanted = sum(pair["pkts_ab"] + pair["pkts_ba"] for pair in truth["udp_conversations"])
    file = CaptureFile(folder / name)

    assert sum(udp_datagram(frame) is not None for frame in file) == wanted
    assert file.truncated_at_offset is None
