"""Requests and answers in captures."""

from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.exchanges import ExchangeCollector
from callprobe.pcap.read import UdpDatagram

CLIENT, SERVER = ("192.0.2.1", 4000), ("192.0.2.2", 3478)
MS = 1_000_000
PING = bytes.fromhex("5cf39375beee0adbedeb3c096f7d66c8 ffffffffffffffffffffffff feffffff 000000000000007b")
PONG = PING[:28] + bytes.fromhex("c77215c0") + bytes(32)


def message(kind: str, transaction: int = 0) -> bytes:
    """Return a STUN message without attributes."""
    return bytes.fromhex(f"{kind}00002112a442") + transaction.to_bytes(12, "big")


def collected(*packets: tuple[int, str, bytes]) -> ExchangeCollector:
    """Collect (time in ms, up or down, payload)."""
    collector = ExchangeCollector()
    for at_ms, way, payload in packets:
        ends = (CLIENT, SERVER) if way == "up" else (SERVER, CLIENT)
        collector.add(UdpDatagram(at_ms * MS, *ends, payload))
    return collector


def test_answer_belongs_to_its_transaction() -> None:
    """One of two requests answered is one transaction answered."""
    stun = collected(
        (0, "up", message("0001", 1)), (1, "up", message("0001", 2)), (9, "down", message("0101", 2))
    ).stun

    assert (stun.messages, stun.transactions, stun.answered, stun.retransmitted) == (3, 2, 1, 0)
    assert stun.by_type == {"0x0001": 2, "0x0101": 1}


def test_repeated_request_is_a_retransmission() -> None:
    """The same id while open is the same transaction; an answer that nobody asked for is none."""
    stun = collected(
        (0, "up", message("0001", 1)), (500, "up", message("0001", 1)), (900, "down", message("0101", 3))
    ).stun

    assert (stun.transactions, stun.answered, stun.retransmitted) == (1, 0, 1)


def test_relay_pings_are_paired_though_their_answers_look_like_requests() -> None:
    """0x0802 answers 0x0801, also where one id is used again."""
    pings = collected(
        (0, "up", message("0801")),
        (7, "down", message("0802")),
        (3000, "up", message("0801")),
        (3009, "down", message("0802")),
        (6000, "up", message("0801", 9)),
    ).relay_pings

    assert (pings.requests, pings.answers) == (3, 2)
    assert (pings.rtt_ms.min, pings.rtt_ms.median, pings.rtt_ms.max) == (7.0, 8.0, 9.0)


def test_nothing_answered_has_no_round_trip() -> None:
    """Null, not zero."""
    assert collected((0, "up", message("0801"))).relay_pings.rtt_ms.median is None


def test_reflector_pings_and_answers_are_told_apart() -> None:
    """40 bytes ask, 64 bytes answer."""
    reflector = collected((0, "up", PING), (500, "up", PING), (530, "down", PONG)).reflector

    assert (reflector.pings, reflector.answers) == (2, 1)


def test_turn_is_counted_by_message() -> None:
    """Allocations, their outcomes, and channel data whose length fits."""
    turn = collected(
        (0, "up", message("0003", 1)),
        (1, "down", message("0113", 1)),
        (2, "up", message("0003", 2)),
        (3, "down", message("0103", 2)),
        (4, "up", bytes.fromhex("40000002aabb0000")),
        (5, "up", bytes.fromhex("40000fffaabb")),
    ).turn

    assert (turn.allocate_requests, turn.allocate_success, turn.allocate_error, turn.channel_data) == (
        2,
        1,
        1,
        1,
    )


@given(st.lists(st.binary(max_size=70), max_size=20))
def test_any_datagram_is_counted_or_left(payloads: list[bytes]) -> None:
    """Hostile payloads never raise, and no more is answered than was asked."""
    collector = collected(*((number, "up", payload) for number, payload in enumerate(payloads)))

    assert collector.stun.answered <= collector.stun.transactions <= collector.stun.messages
