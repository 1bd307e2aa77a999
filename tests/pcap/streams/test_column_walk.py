"""The records and blocks of a capture are found where they lie."""

import random
from collections.abc import Callable
from struct import pack

import pytest
from tests.helpers import frames as by_hand

from callprobe.pcap.reading.classic import parse_header
from callprobe.pcap.reading.container import Container, Interface
from callprobe.pcap.reading.one_block import BROKEN, MORE
from callprobe.pcap.streams import column_walk
from callprobe.pcap.streams.column_walk import BLOCK, Walked, walk
from helpers.rtp_captures import Sent
from helpers.rtp_captures import pcap as written
from helpers.rtp_captures import pcapng as written_ng

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


DECOY = pack("<IIII", 1_700_000_000, 0, 8, 8) + pack("<II", 6, 40) + bytes(32)
"""What begins like a record, and like a block."""
PAYLOADS: dict[str, Callable[[random.Random], bytes]] = {
    "calls": lambda draw: bytes(draw.choice([60, 100, 214, 1200])),
    "decoys": lambda draw: DECOY * draw.randrange(40),
    "large": lambda draw: draw.randbytes(draw.choice([10, 70_000, 200_000])),
    "empty": lambda _: b"",
}


def of_many(kind: str, draw: random.Random, order: str, *, is_pcap: bool) -> tuple[Container, bytes]:
    """Return enough frames that many are walked side by side."""
    frames, at_ns, size = [], 1_700_000_000_000_000_000, 0
    while size < 1_200_000 and len(frames) < 30_000:
        payload = PAYLOADS[kind](draw)
        frames.append(Sent(at_ns, payload))
        at_ns += draw.choice([0, 20_000_000, 100_000_000_000]) if kind == "decoys" else 20_000_000
        size += 16 + len(payload)
    if is_pcap:
        data = written(frames, byte_order=order)
        container = parse_header(data[:24])
        assert container is not None
        return container, data[24:]
    return pcapng(order, 1_000_000_000), written_ng(frames, byte_order=order)[28 + 32 :]


def told(walked: Walked) -> tuple[object, ...]:
    """Return what can be compared."""
    records = walked.records
    found = None if records is None else [column.tolist() for column in records[:4]]
    return found, walked.consumed, walked.reason


@pytest.mark.parametrize("is_pcap", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize("damages", [0, 3, 200])
def test_walking_side_by_side_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, kind: str, order: str, damages: int, *, is_pcap: bool
) -> None:
    """As going from one record to the next, whatever frames hold and wherever bytes are damaged."""
    draw = random.Random(f"{kind} {order} {damages}")
    container, data = of_many(kind, draw, order, is_pcap=is_pcap)
    damaged = bytearray(data)
    for _ in range(damages):
        damaged[draw.randrange(len(data))] = draw.randrange(256)
    view = memoryview(bytes(damaged))
    limits = [len(view), draw.randrange(len(view))]
    side_by_side = [told(walk(view, container, limit)) for limit in limits]
    monkeypatch.setattr(column_walk, "_MIN_WAYS", 1 << 40)

    assert side_by_side == [told(walk(view, container, limit)) for limit in limits]


def test_many_ways_are_gone_at_once() -> None:
    """In an ordinary capture nearly all records are found so."""
    container, data = of_many("calls", random.Random(1), "<", is_pcap=True)
    found = column_walk._leap(memoryview(data), container, len(data) - 16)

    assert found[-1] > 0.9 * len(data)
