"""Messages of calls over TCP."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.layers.tcp import (
    FIRST_TRIES,
    MAX_BYTES,
    MAX_EARLY_SEGMENTS,
    MAX_FLOWS,
    MAX_JUMP_BYTES,
    MAX_WAIT_NS,
    StreamMessage,
    StreamMessages,
)
from callprobe.pcap.packets import TcpSegment
from callprobe.pcap.reading.read import CaptureFile
from helpers.peers import shared_directory

CLIENT, SERVER = ("10.0.0.1", 40_000), ("192.0.2.1", 3478)
SYN, ACK = 0x02, 0x10


def stun(number: int, size: int = 0) -> bytes:
    """Return a STUN message with an attribute of that size, a multiple of four."""
    attribute = b"\x80\x22" + size.to_bytes(2, "big") + bytes(size) if size else b""
    return (
        b"\0\1"
        + len(attribute).to_bytes(2, "big")
        + bytes.fromhex("2112a442")
        + number.to_bytes(12, "big")
        + attribute
    )


def segment(
    sequence: int,
    payload: bytes = b"",
    *,
    flags: int = ACK,
    at_ns: int = 0,
    size: int | None = None,
    port: int = CLIENT[1],
) -> TcpSegment:
    """Return a segment from the client to the server."""
    length = len(payload) if size is None else size
    source = (CLIENT[0], port)
    return TcpSegment(7, at_ns, source, SERVER, sequence & 0xFFFFFFFF, flags, payload, length)


def payloads(messages: StreamMessages, *segments: TcpSegment) -> list[bytes]:
    """Return what these segments complete."""
    return [message.payload for item in segments for message in messages.add(item)]


def cut(stream: bytes, size: int, start: int = 1) -> list[TcpSegment]:
    """Return a stream as segments of at most that size."""
    return [segment(start + at, stream[at : at + size]) for at in range(0, len(stream), size)]


STREAM = b"".join(stun(number, 100) for number in range(40))
MESSAGES = [stun(number, 100) for number in range(40)]


def test_message_tells_whose_it_is() -> None:
    """Time and frame are those of the segment that completes it."""
    messages = StreamMessages()
    messages.add(segment(1, stun(1)[:15], at_ns=5))

    assert messages.add(segment(16, stun(1)[15:], at_ns=9)) == [
        StreamMessage(9, 7, CLIENT, SERVER, stun(1), "turn-tcp")
    ]


@pytest.mark.parametrize("size", [12, 50, 124, 1460])
def test_messages_are_found_whatever_the_segments(size: int) -> None:
    """A message may span segments, and a segment hold several."""
    assert payloads(StreamMessages(), *cut(STREAM, size)) == MESSAGES


@pytest.mark.parametrize("start", [1, 0xFFFFFF00], ids=["", "wrap"])
def test_order_and_copies_do_not_matter(start: int) -> None:
    """Neighbours swapped, everything retransmitted, sequence numbers that wrap."""
    first, *rest = cut(STREAM, 100, start)
    swapped = [item for pair in zip(rest[1::2], rest[::2], strict=False) for item in pair]
    twice = [copy for item in [first, *swapped, *rest[2 * (len(rest) // 2) :]] for copy in (item, item)]

    assert payloads(StreamMessages(), *twice) == MESSAGES


def test_overlap_counts_once() -> None:
    """A retransmission that brings more than before adds only what is new."""
    messages = StreamMessages()
    first, longer = segment(1, STREAM[:200]), segment(1, STREAM[:500])

    assert payloads(messages, first, longer, segment(301, STREAM[300:])) == MESSAGES


def test_early_segment_is_replaced_by_a_longer_one() -> None:
    """Both came early and begin at the same byte."""
    early, longer = segment(201, STREAM[200:300]), segment(201, STREAM[200:])

    assert payloads(
        StreamMessages(), segment(1, STREAM[:100]), early, longer, segment(101, STREAM[100:200])
    ) == (MESSAGES)


def test_keep_alive_is_no_byte_of_the_stream() -> None:
    """The byte before the expected one, again."""
    messages = StreamMessages()

    assert payloads(messages, segment(1, stun(1)), segment(20, b"\0"), segment(21, stun(2))) == [
        stun(1),
        stun(2),
    ]


def test_hole_of_the_capture_is_given_up_after_a_time() -> None:
    """What was not captured is skipped, and messages are found again where a segment begins with one."""
    segments = cut(STREAM, 124)
    lost = segments[:5] + segments[6:]
    late = segment(len(STREAM) + 1, stun(99), at_ns=MAX_WAIT_NS + 1)
    found = payloads(StreamMessages(), *lost, late)

    assert found == MESSAGES[:5] + MESSAGES[6:] + [stun(99)]


def test_hole_of_the_capture_is_given_up_after_many_segments() -> None:
    """No more than so many wait for one."""
    stream = b"".join(stun(number) for number in range(MAX_EARLY_SEGMENTS + 3))
    segments = cut(stream, 20)

    assert len(payloads(StreamMessages(), segments[0], *segments[2:])) == MAX_EARLY_SEGMENTS + 2


def test_cut_segments_lose_their_messages_only() -> None:
    """Where the snap length cut a segment the next one begins anew."""
    cut_short = segment(125, STREAM[124:150], size=124)
    segments = cut(STREAM, 124)

    assert payloads(StreamMessages(), segments[0], cut_short, *segments[2:]) == MESSAGES[:1] + MESSAGES[2:]


@pytest.mark.parametrize("sequence", [5, 5 + MAX_JUMP_BYTES * 2])
def test_ports_may_be_used_again(sequence: int) -> None:
    """By a SYN, or by a sequence number far away, a new connection is told from the old."""
    messages = StreamMessages()
    messages.add(segment(0x7000_0000, stun(1)))
    messages.add(segment(sequence, flags=SYN))

    assert payloads(messages, segment(sequence, stun(2))) == [stun(2)]


def test_without_syn_a_far_number_is_another_connection() -> None:
    """A capture may miss the handshake."""
    messages = StreamMessages()

    assert payloads(messages, segment(1, stun(1)), segment(0x7000_0000, stun(2))) == [stun(1), stun(2)]


def test_capture_that_begins_amid_a_message_finds_the_next() -> None:
    """The first segments may not begin with a message."""
    segments = cut(STREAM[60:], 64)

    assert payloads(StreamMessages(), *segments)[-1:] == MESSAGES[-1:]


def test_other_flows_are_let_go() -> None:
    """After some segments that are no call a flow is not looked at any more."""
    messages = StreamMessages()
    http = [segment(1 + 4 * number, b"GET ") for number in range(FIRST_TRIES)]
    after = segment(1 + 4 * FIRST_TRIES, stun(1))

    assert payloads(messages, *http, after) == []
    assert messages._held == 0


def test_number_of_flows_is_bounded() -> None:
    """A scan of ports fills no memory."""
    messages = StreamMessages()
    for port in range(MAX_FLOWS + 10):
        messages.add(segment(1, stun(port), port=port))

    assert len(messages._directions) == MAX_FLOWS
    assert messages.given_up == 10


def test_held_bytes_are_bounded() -> None:
    """Thousands of endless messages neither."""
    messages = StreamMessages()
    large = b"\0\1\xff\xfc" + bytes.fromhex("2112a442") + bytes(60_000)
    for port in range(600):
        messages.add(segment(1, large, port=port))

    assert messages._held <= MAX_BYTES
    assert messages.given_up > 0


@given(st.integers(0, 1 << 32), st.integers(20, 300))
def test_shuffled_segments_give_all_messages(seed: int, size: int) -> None:
    """Within the bound of what may come early, any order will do."""
    first, *rest = cut(STREAM, size)
    window = [rest[at : at + 8] for at in range(0, len(rest), 8)]
    generator = random.Random(seed)
    shuffled = [item for items in window for item in generator.sample(items, len(items))]

    assert payloads(StreamMessages(), first, *shuffled) == MESSAGES


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFFFFFF), st.binary(max_size=60), st.integers(0, 255), st.integers(0, 99))
    )
)
def test_hostile_segments_never_raise(items: list[tuple[int, bytes, int, int]]) -> None:
    """Anything may come."""
    messages = StreamMessages()
    messages.add(segment(1, STREAM[:60]))
    for sequence, payload, flags, more in items:
        messages.add(segment(sequence, payload, flags=flags, size=len(payload) + more))

    assert messages._held >= 0


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    ("name", "requests", "total"),
    [
        ("arkime_turn.pcap", 2, 15),
        ("stun_tcp_multiple_msgs_same_pkt.pcap", 6, 6),
        ("stun_dtls_rtp.pcapng", 2, 39),
    ],
)
def test_messages_of_real_captures_are_found(name: str, requests: int, total: int) -> None:
    """As many allocate requests, and messages of all kinds, as tshark sees."""
    dissector, messages = Dissector(), StreamMessages()
    found = [
        message.payload
        for carried in map(dissector.take, CaptureFile(shared_directory() / "captures" / name))
        if isinstance(carried, TcpSegment)
        for message in messages.add(carried)
    ]

    assert sum(payload[:2] == b"\0\3" for payload in found) == requests
    assert len(found) == total
