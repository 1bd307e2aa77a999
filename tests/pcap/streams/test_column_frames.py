"""Columns hold the RTP that is found one frame at a time, and nothing else."""

from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.rtp_captures import LINKS, rtp

from callprobe.pcap.layers import plain_frames
from callprobe.pcap.streams.column_frames import MARGIN_BYTES, Frames, rtp_columns
from callprobe.pcap.streams.rtp_header import is_plain_rtp, read_header
from callprobe.pcap.write import udp_packet

ENDS = (("192.0.2.1", 4000), ("198.51.100.2", 3478))
ENDS6 = (("2001:db8::1", 4000), ("2001:db8::2", 3478))


def one_by_one(data: bytes, link_type: int, wire_size: int) -> tuple[int, ...] | None:
    """Return what a row should hold."""
    plain = plain_frames.read(data, link_type, wire_size)
    if plain is None or plain.protocol != plain_frames.UDP:
        return None
    payload, size = data[plain.start : plain.end], plain.end - plain.start
    header = read_header(payload, size) if is_plain_rtp(payload) else None
    if header is None:
        return None
    tail = (plain.source_port << 16 | plain.destination_port) << 32 | header.ssrc
    words = np.frombuffer(plain.addresses, dtype=np.uint64).tolist()
    return (*words, tail, header.sequence, header.timestamp, size, header.second_byte, header.profile)


def at_once(frames: list[tuple[bytes, int]], link_type: int) -> list[tuple[int, ...] | None]:
    """Return the rows of frames with their sizes on the wire."""
    data = b"".join(frame for frame, _ in frames) + bytes(MARGIN_BYTES)
    sizes = np.array([len(frame) for frame, _ in frames])
    buffer = np.frombuffer(data, dtype=np.uint8)
    wire_sizes = np.array([wire_size for _, wire_size in frames])
    rows: list[tuple[int, ...] | None] = [None] * len(frames)
    for columns in rtp_columns(Frames(buffer, np.cumsum(sizes) - sizes, sizes, wire_sizes), link_type):
        numbers = (columns.sequence, columns.timestamp, columns.size, columns.second, columns.profile)
        lists = [np.asarray(column).tolist() for column in (columns.place, *columns.key, *numbers)]
        for place, *row in zip(*lists, strict=True):
            rows[place] = tuple(row)
    return rows


@pytest.mark.parametrize("link_type", sorted(LINKS))
def test_frames_cut_at_every_byte_give_the_same(link_type: int) -> None:
    """Every link layer, both versions of IP, with extensions, sources and without."""
    payloads = [
        rtp(1, 2, profile=0xBEDE),
        b"\x93" + rtp(3, 4)[1:12] + bytes(12) + pack(">HH", 0x1000, 1) + bytes(8),
        rtp(5, 6),
        b"\x80\xc8" + bytes(40),
    ]
    whole = [
        link(udp_packet(*ends, payload))
        for link in LINKS[link_type]
        for ends in (ENDS, ENDS6)
        for payload in payloads
    ]
    frames = [(frame[:cut], len(frame)) for frame in whole for cut in range(len(frame) + 1)]
    expected = [one_by_one(frame, link_type, wire_size) for frame, wire_size in frames]

    assert at_once(frames, link_type) == expected
    assert any(row is not None for row in expected)


@given(
    link_type=st.sampled_from([*sorted(LINKS), 12, 228, 229, 105]),
    changes=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 255)), max_size=4),
    extra=st.integers(-3, 3),
)
def test_any_byte_may_be_another(link_type: int, changes: list[tuple[int, int]], extra: int) -> None:
    """Headers that contradict themselves are left to others in both ways of reading."""
    frames = []
    for link in LINKS.get(link_type, (bytes,)):
        for ends in (ENDS, ENDS6):
            frame = bytearray(link(udp_packet(*ends, rtp(7, 8, profile=0xBEDE, size=60))))
            for at, byte in changes:
                frame[at % len(frame)] = byte
            frames.append((bytes(frame), len(frame) + extra))

    assert at_once(frames, link_type) == [one_by_one(frame, link_type, size) for frame, size in frames]
