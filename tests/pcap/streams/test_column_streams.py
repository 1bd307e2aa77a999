"""Streams brought forward by many packets at once have the figures of one packet after the other."""

import random

import numpy as np
import pytest

from callprobe.pcap.streams.column_streams import Known, Rows, _mark, take
from callprobe.pcap.streams.flows import FlowState, FlowTable
from callprobe.pcap.streams.rtp_header import RtpHeader
from callprobe.pcap.streams.rtp_state import Limits, StreamState
from callprobe.pcap.streams.rtp_times import TimeTotals

MS = 1_000_000
LIMITS = Limits(rows=64, sample=32)


def fresh(count: int) -> list[StreamState]:
    """Return streams that have had their first packet."""
    states = [StreamState(b"", 0, 0, LIMITS) for _ in range(count)]
    for state in states:
        state.add(0, RtpHeader(96, 65_000, 0, 0, -1), 100)
    return states


def rough(seed: int, packets: int, count: int) -> list[tuple[int, ...]]:
    """Return the fields of ``Rows`` for packets with everything that happens to them."""
    draw = random.Random(seed)
    numbers = [65_000] * count
    rows: list[tuple[int, ...]] = []
    for index in range(packets):
        stream = draw.randrange(count)
        numbers[stream] += draw.choice([1] * 20 + [0, -1, -2, 2, 3, 40, -60]) if stream else 1
        if stream == 2 and draw.random() < 0.01:
            numbers[stream] += draw.choice([9000, -9000])
        at_ns = index * 5 * MS + draw.randrange(9 * MS)
        profile = draw.choice([-1, 0xBEDE]) if stream != 3 else draw.randrange(40)
        second = draw.choice([96, 224, 111])
        rows.append(
            (
                stream,
                at_ns,
                numbers[stream] & 0xFFFF,
                numbers[stream] * 960 & 0xFFFFFFFF,
                draw.randrange(20, 1400),
                second,
                profile,
            )
        )
    return rows


def columns(rows: list[tuple[int, ...]]) -> Rows:
    kinds = (np.uint16, np.int64, np.uint16, np.uint32, np.int64, np.uint8, np.int64)
    return Rows(
        *(np.array(column, dtype=kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True))
    )


def rounded(times: TimeTotals) -> TimeTotals:
    return times._replace(
        jitter=tuple(round(value, 9) for value in times.jitter),
        jitter_sum=tuple(round(value, 6) for value in times.jitter_sum),
        jitter_max=tuple(round(value, 9) for value in times.jitter_max),
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("at_once", [40, 700, 5000])
def test_every_figure_is_the_same(seed: int, at_once: int) -> None:
    """Five streams: in order, rough, jumping, with many profiles; all that their totals hold."""
    rows, expected, found = rough(seed, 5000, 5), fresh(5), fresh(5)
    for stream, epoch_ns, sequence, timestamp, size, second, profile in rows:
        expected[stream].add(epoch_ns, RtpHeader(second, sequence, timestamp, 0, profile), size)
    flow = FlowState(0)
    known = [Known(state, flow) for state in found]
    for start in range(0, len(rows), at_once):
        take(columns(rows[start : start + at_once]), known, FlowTable(), 0)

    assert (flow.packets, flow.bytes) == (5000, sum(row[4] for row in rows))
    for one, other in zip(expected, found, strict=True):
        totals, others = one.totals(), other.totals()
        assert others.numbers == totals.numbers
        assert rounded(others.times) == rounded(totals.times)
        assert others._replace(times=totals.times) == totals


@pytest.mark.parametrize("first", [0, 5, 65_533, 65_536 - 8])
@pytest.mark.parametrize("count", [1, 3, 8, 30])
def test_marking_touches_no_other_numbers(first: int, count: int) -> None:
    """Bits before and behind stay, also in the same byte and across the end of the window."""
    came = [number % 3 == 0 for number in range(count)]
    bits = [False] * (first & 7) + came
    data = np.packbits(bits, bitorder="little").tobytes()
    window, blank = bytearray(b"\xff" * 8192), bytearray(8192)
    _mark(window, first, first + count - 1, data)
    _mark(blank, first, first + count - 1, data)

    places = {(first + number) % 65_536: is_there for number, is_there in enumerate(came)}
    assert all(bool(window[at >> 3] >> (at & 7) & 1) is places.get(at, True) for at in range(65_536))
    assert all(bool(blank[at >> 3] >> (at & 7) & 1) is places.get(at, False) for at in range(65_536))
