"""The packet record: lossless at 1 us, refuses everything that is not one."""

import base64
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.summary import Arrival, MetricOptions, SentPacket, direction_metrics
from callresults.packet_record import (
    MAX_PACKETS,
    DirectionRecord,
    FlowRecord,
    PacketRecordError,
    PacketRow,
    decode,
    direction_record,
    encode,
    packets_of,
)
from helpers.synthetic import call_keys, gilbert_loss

LIMIT = 2**62 - 1
stamps = st.none() | st.integers(-LIMIT, LIMIT)
rows = st.builds(PacketRow, st.integers(0, LIMIT), st.integers(0, LIMIT), stamps, stamps)
directions = st.builds(DirectionRecord, st.booleans(), st.booleans(), st.lists(rows, max_size=30).map(tuple))
records = st.builds(FlowRecord, directions, directions)
EMPTY = DirectionRecord(sent_known=True, arrivals_known=True, rows=())


def packed(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw)).decode()


@given(records)
def test_what_goes_in_comes_out(record):
    assert decode(encode(record)) == record


@given(st.binary(max_size=300))
def test_hostile_bytes_raise_one_exception(raw):
    """Inside the stream, and in place of it."""
    for text in (packed(raw), packed(b"\x01" + raw), base64.b64encode(raw).decode(), raw.decode("latin-1")):
        with suppress(PacketRecordError):
            assert decode(encode(decode(text))) == decode(text)


@given(records, st.data())
def test_a_record_cut_short_is_refused(record, data):
    text = encode(record)
    raw = zlib.decompress(base64.b64decode(text))
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(PacketRecordError):
        decode(packed(raw[:cut]))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x02", "version 1 only"),
        (b"", "ends in the middle"),
        (b"\x01\x04", "unknown flags"),
        (b"\x01\x03\x00\x03\x00\x00", "follows"),
        (b"\x01\x03" + b"\x80" * 10, "too long"),
        (b"\x01\x03" + b"\xff\xff\x7f", "more than"),
        (b"\x01\x03\x01\x01\x00\x00\x00\x03\x00", "out of range"),
    ],
)
def test_each_refusal_has_its_sentence(raw, reason):
    with pytest.raises(PacketRecordError, match=reason):
        decode(packed(raw))


def test_a_decompression_bomb_is_refused():
    with pytest.raises(PacketRecordError, match="too large"):
        decode(packed(bytes(64 << 20)))


def test_what_follows_the_stream_is_refused():
    packed_twice = zlib.compress(b"\x01\x03\x00\x03\x00") + b"more"
    with pytest.raises(PacketRecordError, match="followed"):
        decode(base64.b64encode(packed_twice).decode())


def test_what_cannot_be_recorded_is_refused():
    for row in (PacketRow(-1, 0, None, None), PacketRow(0, 0, 2**62, None)):
        with pytest.raises(PacketRecordError, match="out of range"):
            encode(FlowRecord(DirectionRecord(True, True, (row,)), EMPTY))  # noqa: FBT003
    many = DirectionRecord(True, True, (PacketRow(0, 0, 0, 0),) * (MAX_PACKETS + 1))  # noqa: FBT003
    with pytest.raises(PacketRecordError, match="more than"):
        encode(FlowRecord(many, EMPTY))


def test_duplicates_and_strangers_are_kept():
    sent = [SentPacket(0, 5_000), SentPacket(1, 25_999)]
    arrivals = [Arrival(0, 70_000), Arrival(9, 71_000), Arrival(0, 72_999)]
    record = direction_record(
        sent, arrivals, {0: 100, 1: 120}, sender_start_ns=5_000, receiver_start_ns=70_000
    )
    assert record.rows == (
        PacketRow(0, 100, 0, 0),
        PacketRow(0, 100, 0, 2),
        PacketRow(1, 120, 20, None),
        PacketRow(9, 0, None, 1),
    )


def test_unknown_is_not_lost():
    record = direction_record([SentPacket(0, 0)], None, {0: 100})
    assert (record.sent_known, record.arrivals_known) == (True, False)
    assert direction_record(None, [Arrival(0, 0)], {}).sent_known is False


def test_metrics_can_be_computed_again_from_a_measurement():
    keys = call_keys(up=gilbert_loss(0.2, 5), down=gilbert_loss(0.1, 3), record=True)
    record = decode(keys.packet_record)
    for direction, metrics in ((record.up, keys.metrics_up), (record.down, keys.metrics_down)):
        again = direction_metrics(*packets_of(direction), MetricOptions())
        assert (again.packets_lost, again.burst_r, again.mos_cq) == (
            metrics.packets_lost,
            metrics.burst_r,
            metrics.mos_cq,
        )
        assert again.jitter_ms == pytest.approx(metrics.jitter_ms, abs=0.002)


def test_a_packet_costs_few_bytes():
    """At most 9 bytes a packet, all stamps included."""
    keys = call_keys(up=gilbert_loss(0.05, 5), record=True)
    assert len(keys.packet_record) / 2000 <= 9
