"""The look of a recorded call: its bytes at its times, and the same made unrecognisable in two ways."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.dialect.contract import Direction, FlowKeys, Heading, Heard
from callprobe.dialect.registry import find
from callprobe.dialect.replay_look import Nature, ReplayLook, for_flow
from callprobe.dialect.trace import MAX_PACKETS, Trace, TracePacket
from callprobe.wire.demux import Protocol, classify
from helpers.recorded import KEEPALIVE, SECOND, recorded_trace, recording

KEYS, OTHER = FlowKeys(bytes(range(32))), FlowKeys(bytes(32))
TRACE = recorded_trace()
NATURES: tuple[Nature, ...] = ("original", "inverted", "random")


def both_ends(nature: Nature, trace: Trace = TRACE, keys: FlowKeys = KEYS) -> tuple[ReplayLook, ReplayLook]:
    """Return the look at the probe, and at the far end that has the message only."""
    far = Trace.unpack(trace.pack())
    return ReplayLook(trace, nature).bound(keys), ReplayLook(far, nature).bound(keys)


def packets(look: ReplayLook, direction: Direction) -> list[bytes]:
    slots = look.schedule("voice", 90.0, 0, direction)
    return [look.media(KEYS, direction, slot) for slot in slots]


def test_the_original_is_the_recording_byte_by_byte_at_its_times() -> None:
    up, down = recording()
    ours, theirs = both_ends("original")

    assert packets(ours, "up") == [packet.payload for packet in up]
    assert packets(theirs, "down") == [packet.payload for packet in down]
    assert [slot.offset_ns for slot in ours.schedule("voice", 90, 0, "up")] == [one.offset_ns for one in up]


def test_the_inverted_one_has_every_bit_turned_over() -> None:
    up, down = recording()
    ours, theirs = both_ends("inverted")

    assert [bytes(255 - byte for byte in data) for data in packets(ours, "up")] == [
        packet.payload for packet in up
    ]
    assert [len(data) for data in packets(theirs, "down")] == [len(packet.payload) for packet in down]


def test_the_random_one_has_the_sizes_and_times_and_no_look() -> None:
    """No packet begins as a protocol's does, none is there twice, and another flow has others."""
    ours, _ = both_ends("random")
    sent = packets(ours, "up")

    assert [len(data) for data in sent] == [len(packet.payload) for packet in recording()[0]]
    assert {classify(data) for data in sent} == {Protocol.UNASSIGNED}
    assert max(Counter(sent).values()) == 1
    assert not any(b"\x21\x12\xa4\x42" in data for data in sent)
    other = ReplayLook(TRACE, "random").bound(OTHER)
    slots = other.schedule("voice", 90, 0)
    assert not {other.media(OTHER, "up", slot) for slot in slots} & set(sent)


@pytest.mark.parametrize("nature", NATURES)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_each_end_knows_the_others_packets_by_their_bytes(nature: Nature, direction: Direction) -> None:
    ours, theirs = both_ends(nature)
    sender, hearer = (ours, theirs) if direction == "up" else (theirs, ours)
    for number, data in enumerate(packets(sender, direction)):
        heading = hearer.hear(KEYS, direction, data)
        assert heading.kind is Heard.MEDIA
        assert number in (heading.twins or (heading.sequence_low16,))


def test_packets_of_the_same_bytes_are_named_together() -> None:
    """Which of them it is, only their times tell; random bytes are never the same."""
    numbers = tuple(n for n, packet in enumerate(recording()[0]) if packet.payload == KEEPALIVE)
    _, theirs = both_ends("original")

    assert len(numbers) == 2
    assert theirs.hear(KEYS, "up", KEEPALIVE) == Heading(Heard.MEDIA, numbers[0], numbers)


@pytest.mark.parametrize("nature", NATURES)
def test_a_packet_that_was_changed_on_the_way_is_foreign(nature: Nature) -> None:
    ours, theirs = both_ends(nature)
    data = packets(ours, "up")[3]

    for changed in (data + b"x", data[:-1], b"\x01" + data[1:]):
        assert theirs.hear(KEYS, "up", changed).kind is Heard.FOREIGN


@pytest.mark.parametrize("nature", NATURES)
@given(data=st.binary(max_size=200))
def test_foreign_bytes_are_foreign(nature: Nature, data: bytes) -> None:
    look, _ = both_ends(nature)
    assert look.hear(KEYS, "down", data).kind is Heard.FOREIGN
    assert look.ident_of(data) is None


@pytest.mark.parametrize("nature", NATURES)
def test_tiny_packets_keep_their_size(nature: Nature) -> None:
    """One byte, as some keepalives have."""
    trace = Trace.of([TracePacket(n * 1000, b"z" * (1 + n)) for n in range(30)], [])
    ours, theirs = both_ends(nature, trace)

    sent = packets(ours, "up")
    assert [len(data) for data in sent] == list(range(1, 31))
    for number, data in enumerate(sent):
        assert theirs.hear(KEYS, "up", data).sequence_low16 == number


def test_it_sends_nothing_that_is_not_in_the_recording() -> None:
    look, _ = both_ends("original")

    assert look.setup.retry_ns == ()
    assert look.setup.name == "udp_open"
    assert look.keepalive_first_ns is None
    assert [look.requests(KEYS, 0), look.keepalive(KEYS, 0), look.farewell(KEYS)] == [[], [], []]
    assert look.answers(KEYS, 0, ("192.0.2.1", 1), b"x") == []
    assert look.idents(KEYS) == ()


def test_a_shorter_duration_leaves_out_the_end() -> None:
    look, _ = both_ends("original")

    assert look.schedule("voice", 2.0, 0) == tuple(
        slot for slot in look.schedule("voice", 90.0, 0) if slot.offset_ns < 2 * SECOND
    )


def test_the_far_end_cannot_send_what_it_knows_by_marks_only() -> None:
    _, theirs = both_ends("original")

    with pytest.raises(LookupError):
        theirs.media(KEYS, "up", theirs.schedule("voice", 90, 0)[0])


def test_a_flow_gets_a_look_of_its_own_only_where_its_keys_matter() -> None:
    original, rand = ReplayLook(TRACE, "original"), ReplayLook(TRACE, "random")
    registered = find("telegram-v2")

    assert for_flow(registered, KEYS, hears="up") is registered
    assert for_flow(original, KEYS, hears="up") is original
    assert for_flow(rand, KEYS, hears="up") is not rand
    assert for_flow(rand, KEYS, hears="up").name == rand.name == f"replay-random:{TRACE.digest}"


def test_a_trace_of_many_equal_packets_costs_no_more_than_any() -> None:
    """What a hostile one could be made of."""
    trace = Trace.of([TracePacket(n * 1000, b"the same") for n in range(MAX_PACKETS)], [])
    look = ReplayLook(trace, "original")

    assert look.hear(KEYS, "up", b"the same").twins == tuple(range(MAX_PACKETS))
