"""The collector of exchanges as a whole: whom it hands what, and that nothing hostile breaks it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.pcap.collect.exchanges import ExchangeCollector
from callprobe.pcap.packets import UdpDatagram
from callprobe.wire import stun
from helpers.exchanged import CLIENT, SERVER, channel, collected, down, error, message, peer_attribute, up

TAG = bytes(range(16))
PING = TAG + b"\xff" * 12 + bytes.fromhex("feffffff") + bytes(8)
PONG = TAG + b"\xff" * 12 + bytes.fromhex("c77215c0") + bytes(32)
FRAME = TAG + b"from" + (20).to_bytes(4, "big") + message(1, 1)
SECRET = b"never-tell"
SEEDS = (
    message(
        1, 1, (stun.USERNAME, SECRET + b":" + SECRET), (stun.USE_CANDIDATE, b""), (stun.PRIORITY, bytes(4))
    ),
    message(0x0101, 1, (stun.XOR_MAPPED_ADDRESS, bytes(8))),
    message(0x0003, 2, (0x4000, bytes(102)), (0x0022, b"\x03abcdefgh")),
    message(0x0103, 2, (0x4002, bytes(8)), (stun.LIFETIME, bytes(4))),
    message(0x0801, 3, (0x4003, b"x")),
    message(0x0802, 3, (0x4003, b"x")),
    message(0x0800, 4),
    error(0x0113, 2, 401, (stun.REALM, b"example.org"), (stun.SOFTWARE, b"None")),
    message(0x0008, 5, peer_attribute(5)),
    message(0x0009, 6, peer_attribute(6), (stun.CHANNEL_NUMBER, bytes.fromhex("40010000"))),
    message(0x0016, 7, peer_attribute(7), (stun.DATA, message(1, 8, (stun.USERNAME, SECRET)))),
    channel(message(1, 9, (stun.USERNAME, SECRET)), 0x4001),
    bytes.fromhex("0001 0000") + bytes(16),
    PING,
    PONG,
    FRAME,
    b"health",
    b"OK",
)


def results(collector: ExchangeCollector) -> dict[str, object]:
    return {
        "stun": collector.stun(0),
        "stun_tcp": collector.stun_tcp(0),
        "turn": collector.turn(0),
        "turn_tcp": collector.turn_tcp(0),
        "transactions": collector.transactions(0),
        "ice": collector.ice(0),
        "relays": collector.relays(0),
        "relay_pings": collector.relay_pings(0),
        "reflector": collector.reflector(0),
    }


@pytest.mark.parametrize(
    ("payload", "taken"),
    [
        (message(1, 1), True),
        (PING, True),
        (PONG, True),
        (b"OK", False),
        (bytes(40), False),
        (b"\0", False),
        (b"", False),
    ],
)
def test_it_says_whether_a_payload_was_an_exchange_s(payload: bytes, taken: bool) -> None:  # noqa: FBT001
    assert ExchangeCollector().add(up(0, payload), payload, "plain") is taken


def test_a_datagram_may_be_given_alone() -> None:
    collector = ExchangeCollector()
    collector.add(up(0, message(1, 1)))

    assert collector.stun(0).messages == 1


def test_what_is_wrapped_in_something_is_no_reflector_s_nor_channel_data_of_its_own() -> None:
    """Only STUN is looked for within wrappings."""
    collector = ExchangeCollector()
    for payload in (PING, channel(message(1, 1))):
        assert not collector.add(up(0, channel(payload)), payload, "turn-channel")

    assert (collector.reflector(0).pings, collector.turn(0).channel_data) == (0, 0)


def test_results_are_json() -> None:
    collector = collected(*(up(n, payload) for n, payload in enumerate(SEEDS)))
    document = json.loads(msgspec.json.encode(results(collector)))

    assert document["stun"]["by_type"]["0x0001"] >= 1


def test_no_result_tells_a_credential() -> None:
    collector = collected(*(up(n, payload) for n, payload in enumerate(SEEDS)))
    told = msgspec.json.encode(results(collector))

    assert SECRET not in told
    assert TAG.hex().encode() not in told


DATAGRAMS = st.builds(
    lambda way, at, payload: (up if way else down)(at, payload),
    st.booleans(),
    st.integers(0, 10_000),
    st.one_of(st.binary(max_size=70), st.sampled_from(SEEDS)),
)


@given(st.lists(DATAGRAMS, max_size=25), st.sampled_from(["udp", "tcp"]))
def test_any_datagrams_are_counted_or_left(datagrams: list[UdpDatagram], transport: str) -> None:
    """Hostile payloads never raise, and no more is answered than was asked."""
    collector = collected(*datagrams, transport=transport)
    told = results(collector)
    for counts in (collector.stun(0), collector.stun_tcp(0)):
        assert counts.answered + counts.unanswered == counts.transactions <= counts.messages
        assert counts.retransmitted <= counts.transactions
        assert counts.classic.answered <= counts.classic.transactions <= counts.classic.messages
    pings, reflector = collector.relay_pings(0), collector.reflector(0)

    assert pings.answers <= pings.requests
    assert reflector.answers <= reflector.pings
    assert all(pair.answered <= pair.checks for pair in collector.ice(0))
    assert msgspec.json.encode(told)


@given(st.sampled_from(SEEDS), st.integers(0, 200), st.integers(0, 255), st.integers(0, 200))
def test_a_damaged_message_never_raises(payload: bytes, place: int, byte: int, kept: int) -> None:
    """One byte changed and the end cut off, after messages that are whole."""
    damaged = bytearray(payload)
    damaged[place % len(payload)] = byte
    whole = [up(n, seed) for n, seed in enumerate(SEEDS)]
    cut = bytes(damaged)[:kept]
    collector = collected(*whole, up(99, cut), down(100, cut))

    assert results(collector)


@given(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=8))
def test_a_capture_cut_short_at_every_packet_is_read(payloads: list[bytes]) -> None:
    """As a snapshot length does: the datagram was longer than what is left of it."""
    collector = ExchangeCollector()
    for n, payload in enumerate(payloads):
        cut = UdpDatagram(n, n, CLIENT, SERVER, payload[: len(payload) // 2], len(payload))
        for inner in unwrap(cut.payload):
            collector.add(cut, inner.payload, inner.encapsulation)

    assert results(collector)
