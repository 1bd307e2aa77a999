"""The records and blocks of a capture are found where they lie."""

from struct import pack

import pytest
from tests.helpers import frames as by_hand

from callprobe.pcap.reading.classic import parse_header
from callprobe.pcap.reading.container import Container, Interface
from callprobe.pcap.reading.one_block import BROKEN, MORE
from callprobe.pcap.streams.column_walk import BLOCK, walk

FRAMES = [bytes(size) for size in (60, 0, 61, 1500)]


def pcapng(order: str = "<", ticks_per_s: int = 1_000_000) -> Container:
    return Container(
        kind="pcapng", byte_order="<" if order == "<" else ">", interfaces=[Interface(1, ticks_per_s)]
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_records_of_pcap_are_walked(order: str) -> None:
    """Both byte orders; the last record is not whole."""
    file = by_hand.pcap(*FRAMES, order=order)
    container = parse_header(file[:24])
    assert container is not None
    walked = walk(memoryview(file)[24:-1], container, len(file))

    assert walked.records is not None
    assert (walked.consumed, walked.reason) == (3 * 16 + 121, MORE)
    assert walked.records.start.tolist() == [16, 92, 108]
    assert walked.records.captured.tolist() == walked.records.wire_size.tolist() == [60, 0, 61]
    assert walked.records.epoch_ns.tolist() == [1_000_007_000, 2_000_014_000, 3_000_021_000]


def test_walking_goes_no_farther_than_it_is_told() -> None:
    """Records that begin up to the limit are taken."""
    file = by_hand.pcap(*FRAMES)
    container = parse_header(file[:24])
    assert container is not None
    walked = walk(memoryview(file)[24:], container, 76)

    assert (walked.consumed, walked.reason) == (92, MORE)


@pytest.mark.parametrize("order", ["<", ">"])
def test_blocks_of_pcapng_are_walked(order: str) -> None:
    """Up to a block that is no packet."""
    data = b"".join(by_hand.packet(frame, 1 << 33, order=order) for frame in FRAMES)
    walked = walk(memoryview(data + by_hand.interface(order=order)), pcapng(order), 1 << 20)

    assert walked.records is not None
    assert (walked.consumed, walked.reason) == (len(data), BLOCK)
    assert walked.records.captured.tolist() == [60, 0, 61, 1500]
    assert set(walked.records.epoch_ns.tolist()) == {(1 << 33) * 1000}


@pytest.mark.parametrize(
    "broken",
    [
        by_hand.packet(b"", number=1),
        by_hand.packet(bytes(8))[:-1] + b"\1",
        by_hand.block(6, bytes(12)),
        by_hand.block(6, pack("<IIIII", 0, 0, 0, 9, 9) + bytes(8)),
    ],
    ids=["interface", "length", "short", "frame"],
)
def test_blocks_that_contradict_themselves_break_the_file(broken: bytes) -> None:
    """An interface that is not there, other length at the end, no room for the fields or the frame."""
    whole = by_hand.packet(bytes(60))
    walked = walk(memoryview(whole + broken + whole), pcapng(), 1 << 20)

    assert (walked.consumed, walked.reason) == (len(whole), BROKEN)


def test_times_too_large_for_columns_are_reckoned_one_by_one() -> None:
    """Nanoseconds beyond the limit are the limit; other clocks are divided exactly."""
    largest = memoryview(by_hand.packet(b"", (1 << 64) - 1))
    third = memoryview(by_hand.packet(b"", 100))
    fast, odd = walk(largest, pcapng(), 100).records, walk(third, pcapng(ticks_per_s=3), 100).records

    assert fast is not None
    assert odd is not None
    assert (fast.epoch_ns.tolist(), odd.epoch_ns.tolist()) == ([1 << 62], [33_333_333_333])
