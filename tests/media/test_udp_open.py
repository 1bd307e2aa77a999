"""The echo: retransmission, proof, round trip, giving up."""

from callprobe.dialect import open_echo
from callprobe.dialect.contract import FlowKeys
from callprobe.media.udp_open import DEADLINE_NS, PROOF_AFTER_NS, RETRY_NS, UdpOpen
from helpers.worlds import MS, SECOND

KEYS = FlowKeys(bytes(range(32)))
PEER = ("198.51.100.10", 3478)
NONCE = bytes(16)


def machine(start_ns: int = 0) -> UdpOpen:
    return UdpOpen(KEYS, PEER, start_ns=start_ns)


def echo() -> bytes:
    (request,) = open_echo.OPEN.requests(KEYS, 0)
    return open_echo.answer(KEYS, NONCE, request)


def drive(flow: UdpOpen) -> list[tuple[int, int]]:
    """Return (time, datagrams sent) until the machine asks for nothing more."""
    sent = []
    while (due := flow.next_deadline()) is not None:
        sent.append((due, len(flow.on_time(due))))
    return sent


def test_requests_are_repeated_until_the_deadline_and_then_no_more() -> None:
    flow = machine()
    assert drive(flow) == [*((at, 1) for at in RETRY_NS), (DEADLINE_NS, 0)]
    assert flow.finished
    assert flow.answered_ns is None
    assert flow.attempts == len(RETRY_NS)


def test_first_request_at_time_zero_is_remembered_as_such() -> None:
    flow = machine()
    flow.on_time(0)
    flow.on_time(RETRY_NS[1])
    assert flow.first_request_ns == 0


def test_late_start_moves_repetitions_and_deadline_along() -> None:
    """A machine that was busy must not send two requests at once, nor give up early."""
    flow = machine()
    assert len(flow.on_time(5 * SECOND)) == 1
    assert flow.next_deadline() == 5 * SECOND + RETRY_NS[1]
    assert drive(flow)[-1] == (5 * SECOND + DEADLINE_NS, 0)


def test_nothing_is_sent_before_its_time() -> None:
    flow = machine(SECOND)
    assert flow.on_time(SECOND - 1) == []
    assert flow.next_deadline() == SECOND


def test_echo_is_proved_more_than_once_with_the_nonce_it_carried() -> None:
    flow = machine()
    flow.on_time(0)
    proofs = flow.on_datagram(30 * MS, 29 * MS, PEER, echo())
    assert flow.settled
    assert not flow.finished
    while (due := flow.next_deadline()) is not None:
        proofs += flow.on_time(due)
    assert len(proofs) == len(PROOF_AFTER_NS)
    assert all(open_echo.is_proof(KEYS, NONCE, proof.data) for proof in proofs)
    assert flow.rtt_ns == 29 * MS
    assert flow.finished


def test_round_trip_is_unknown_after_a_retransmission() -> None:
    """No echo tells which request it answers."""
    flow = machine()
    flow.on_time(0)
    flow.on_time(RETRY_NS[1])
    flow.on_datagram(260 * MS, 260 * MS, PEER, echo())
    assert flow.answered_ns == 260 * MS
    assert flow.rtt_ns is None


def test_echo_from_elsewhere_or_of_other_bytes_or_too_late_is_no_echo() -> None:
    flow = machine()
    flow.on_time(0)
    assert flow.on_datagram(MS, MS, ("198.51.100.11", 3478), echo()) == []
    assert flow.on_datagram(MS, MS, PEER, echo()[:-1]) == []
    flow.on_time(DEADLINE_NS)
    assert flow.on_datagram(DEADLINE_NS, DEADLINE_NS, PEER, echo()) == []
    assert flow.answered_ns is None


def test_second_echo_is_not_proved_again() -> None:
    flow = machine()
    flow.on_time(0)
    flow.on_datagram(MS, MS, PEER, echo())
    assert flow.on_datagram(2 * MS, 2 * MS, PEER, echo()) == []
