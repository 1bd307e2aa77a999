"""A call's share of a port: who may come in, and what leaves before a source has proved itself."""

import asyncio

from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from callprobe.rtc.record import PacketLog
from callprobe.rtc.shared_port import MAX_HELD, MAX_SOURCES, SharedPortTransport, local_fragment, parse_stun

PORT = 40_000
SOURCE = ("127.0.0.9", 5000)


class Protocol(asyncio.DatagramProtocol):
    """Remembers what it was handed."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(data)


class Bench:
    """One transport, with what it handed in and what it let out."""

    def __init__(self) -> None:
        self.protocol = Protocol()
        self.sent: list[bytes] = []
        self.transport = SharedPortTransport(
            PORT, self.protocol, PacketLog(), lambda _port, _peer, data: self.sent.append(data), lambda: 0
        )


def message(kind: stun.Class, transaction: bytes, username: str | None = None) -> bytes:
    made = stun.Message(stun.Method.BINDING, kind, transaction)
    if username:
        made.attributes["USERNAME"] = username
    return bytes(made)


REQUEST = message(stun.Class.REQUEST, b"a" * 12)
ANSWER = message(stun.Class.RESPONSE, b"b" * 12)


def test_nothing_goes_in_or_out_before_a_source_is_admitted() -> None:
    """Whoever is not known does not exist."""
    bench = Bench()

    bench.transport.deliver(0, SOURCE, REQUEST)
    bench.transport.sendto(REQUEST, SOURCE)

    assert (bench.protocol.received, bench.sent) == ([], [])


def test_an_unproved_source_is_sent_no_more_than_it_sent() -> None:
    """One check in, at most one check of that size out; the next waits for more credit."""
    bench = Bench()
    bench.transport.admit(SOURCE)
    bench.transport.deliver(0, SOURCE, REQUEST)

    for _ in range(3):
        bench.transport.sendto(REQUEST, SOURCE)

    assert bench.sent == [REQUEST]


def test_answers_wait_for_the_proof_and_then_leave() -> None:
    """The newest few of them; the proof is the answer to a check that was really sent."""
    bench = Bench()
    bench.transport.admit(SOURCE)
    bench.transport.deliver(0, SOURCE, REQUEST)
    answers = [message(stun.Class.RESPONSE, bytes([number]) * 12) for number in range(MAX_HELD + 2)]
    for answer in answers:
        bench.transport.sendto(answer, SOURCE)
    bench.transport.sendto(REQUEST, SOURCE)
    bench.transport.deliver(0, SOURCE, ANSWER)
    assert bench.sent == [REQUEST]

    bench.transport.deliver(0, SOURCE, message(stun.Class.RESPONSE, b"a" * 12))

    assert bench.sent == [REQUEST, *answers[-MAX_HELD:]]


def test_there_are_few_sources_and_a_known_one_stays() -> None:
    """State is bounded, and a source that is in does not lose its place."""
    bench = Bench()
    admitted = [bench.transport.admit(("127.0.0.9", port)) for port in range(MAX_SOURCES + 1)]

    assert admitted == [True] * MAX_SOURCES + [False]
    assert bench.transport.admit(("127.0.0.9", 0))


def test_fragment_is_the_responders_half_of_the_name() -> None:
    """RFC 8445 7.2.2: the receiver's fragment stands before the colon; only requests carry one for us."""
    assert local_fragment(message(stun.Class.REQUEST, b"a" * 12, "mine:theirs")) == "mine"
    assert local_fragment(message(stun.Class.RESPONSE, b"a" * 12, "mine:theirs")) is None
    assert local_fragment(REQUEST) is None


@given(st.binary(max_size=200), st.sampled_from([b"", REQUEST[:8], REQUEST]))
def test_no_bytes_make_the_parser_raise(data: bytes, start: bytes) -> None:
    """Hostile bytes are no message."""
    parsed = parse_stun(start + data)

    assert parsed is None or isinstance(parsed, stun.Message)
    assert local_fragment(b"\x80" + data) is None
