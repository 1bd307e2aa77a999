"""A trace is what both ends know of a call; its message is bounded, and its name is the message's hash."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.dialect import trace as module
from callprobe.dialect.trace import (
    MAX_DURATION_S,
    MAX_PACKETS,
    MAX_PAYLOAD_BYTES,
    Trace,
    TraceError,
    TracePacket,
    inverted,
    mark,
)
from helpers.recorded import SECOND, recorded_trace, recording

PACKET = TracePacket(0, b"first")


def test_what_is_packed_is_unpacked_at_the_far_end() -> None:
    """Its own half whole, the probe's half by marks, both under one name."""
    up, down = recording()
    ours = Trace.of(up, down)
    theirs = Trace.unpack(ours.pack())

    assert theirs.digest == ours.digest
    assert theirs.down.payloads == tuple(packet.payload for packet in down)
    assert (theirs.down.schedule, theirs.up.schedule) == (ours.down.schedule, ours.up.schedule)
    assert theirs.up.payloads is None
    assert theirs.up.marks == tuple(mark(packet.payload) for packet in up)
    assert theirs.up.inverted_marks == tuple(mark(inverted(packet.payload)) for packet in up)


def test_what_the_probe_sends_is_not_in_the_message() -> None:
    """It goes to the far end as packets only."""
    up, down = recording()
    message = zlib.decompress(Trace.of(up, down).pack())

    assert all(packet.payload not in message for packet in up)
    assert all(packet.payload in message for packet in down)


def test_the_name_changes_with_any_byte_and_any_time() -> None:
    """Who knows the name knows what is played."""
    up, down = recording()
    changed = up[5]._replace(payload=up[5].payload[:-1] + b"\x00")
    later = up[5]._replace(offset_ns=up[5].offset_ns + 1000)

    names = {Trace.of([*up[:5], one, *up[6:]], down).digest for one in (up[5], changed, later)}

    assert len(names) == 3


def test_a_trace_may_have_one_direction_only() -> None:
    """That of the capturing end."""
    trace = Trace.unpack(Trace.of([PACKET, TracePacket(SECOND, b"x")], []).pack())

    assert (len(trace.up.schedule), len(trace.down.schedule), trace.duration_s) == (2, 0, 1.0)


@pytest.mark.parametrize(
    ("up", "down", "sentence"),
    [
        ([], [PACKET], "no packet goes from the capturing end"),
        ([TracePacket(1000, b"x")], [], "begins with a packet of the capturing end"),
        ([PACKET, TracePacket(5000, b"x"), TracePacket(4000, b"y")], [], "not in the order"),
        ([PACKET, TracePacket(int((MAX_DURATION_S + 1) * 1e9), b"x")], [], "91.0 s are more than 90"),
        ([PACKET, TracePacket(1000, bytes(MAX_PAYLOAD_BYTES + 1))], [], "longer than 1472"),
        ([PACKET, TracePacket(1000, b"")], [], "empty"),
        ([PACKET] * (MAX_PACKETS + 1), [], "more than 20000"),
        ([PACKET], [PACKET] * (MAX_PACKETS + 1), "more than 20000"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(up, down, sentence: str) -> None:
    with pytest.raises(TraceError, match=sentence):
        Trace.of(up, down)


def packed(**changes: object) -> bytes:
    columns = {
        "up_us": (0, 5), "up_sizes": (4, 4), "up_marks": bytes(16), "up_inverted_marks": bytes(16),
        "down_us": (3,), "down_sizes": (2,), "down_payloads": b"ab",
    }  # fmt: skip
    return zlib.compress(msgspec.msgpack.encode(list((columns | changes).values())))


def test_a_message_as_it_should_be_is_taken() -> None:
    assert Trace.unpack(packed()).down.payloads == (b"ab",)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"", "cut off"),
        (b"no zlib", "no compressed trace"),
        (packed()[:-4], "cut off"),
        (zlib.compress(b"\xc1"), "no trace"),
        (zlib.compress(msgspec.msgpack.encode({})), "no trace"),
        (packed(up_us=(0, -1)), "no trace"),
        (packed(up_us=(0, 10**9)), "no trace"),
        (packed(up_sizes=(4, 0)), "no trace"),
        (packed(up_sizes=(4, 1473)), "no trace"),
        (packed(up_us=(5, 0)), "not in the order"),
        (packed(up_us=(1, 5)), "begins with"),
        (packed(up_us=(0,)), "columns"),
        (packed(up_marks=bytes(8)), "marks"),
        (packed(up_inverted_marks=bytes(24)), "marks"),
        (packed(down_us=()), "columns"),
        (packed(down_payloads=b"a"), "bytes"),
        (packed(up_us=(), up_sizes=(), up_marks=b"", up_inverted_marks=b""), "begins with"),
    ],
)
def test_a_message_that_is_none_is_refused_in_a_sentence(message: bytes, sentence: str) -> None:
    with pytest.raises(TraceError, match=sentence):
        Trace.unpack(message)


def test_a_few_bytes_do_not_become_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is unpacked than any trace needs."""
    monkeypatch.setattr(module, "MAX_UNPACKED_BYTES", 10_000)

    with pytest.raises(TraceError, match="more than 10000 bytes"):
        Trace.unpack(zlib.compress(bytes(1 << 20)))


@given(st.binary(max_size=300))
def test_hostile_bytes_are_no_trace_and_never_more_than_an_error(data: bytes) -> None:
    for message in (data, zlib.compress(data)):
        with pytest.raises(TraceError):
            Trace.unpack(message)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=30)), max_size=20),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=30)), max_size=20),
)
def test_any_recording_survives_the_way(up, down) -> None:
    ours = Trace.of(
        [PACKET, *sorted(TracePacket(us * 1000, data) for us, data in up)],
        sorted(TracePacket(us * 1000, data) for us, data in down),
    )
    theirs = Trace.unpack(ours.pack())

    assert theirs.digest == ours.digest
    assert theirs.up.schedule == ours.up.schedule
    assert theirs.down.payloads == ours.down.payloads


def test_its_length_is_that_of_the_direction_that_lasts_longer() -> None:
    assert recorded_trace().duration_s == pytest.approx(3.53)
    assert Trace.of([PACKET], [TracePacket(2 * SECOND, b"x")]).duration_s == 2.0
