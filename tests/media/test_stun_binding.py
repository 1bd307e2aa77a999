from hypothesis import given
from hypothesis import strategies as st

from callprobe.media.flow import Datagram
from callprobe.media.stun_binding import BINDING_ERROR_RESPONSE, StunBinding
from callprobe.wire import stun
from callresults.failure import Failure

MS = 1_000_000
PEER = ("192.0.2.7", 3478)
ID = bytes(range(12))
ANSWER = stun.binding_response(ID, ("198.51.100.4", 40_000))


def binding(deadline_ms: int = 4000) -> StunBinding:
    return StunBinding(PEER, ID, start_ns=0, deadline_ns=deadline_ms * MS)


def run_to_the_end(machine: StunBinding) -> list[int]:
    """Let nobody answer; return when requests were sent (ms)."""
    sent = []
    while (due_ns := machine.next_deadline()) is not None:
        sent += [due_ns // MS for _ in machine.on_time(due_ns)]
    return sent


def test_requests_follow_the_rfc_s_doubling_until_the_deadline():
    machine = binding()

    assert run_to_the_end(machine) == [0, 500, 1500, 3500]
    assert machine.finished
    assert machine.failure is Failure.STUN_TIMEOUT


def test_no_more_than_seven_requests_are_sent():
    assert run_to_the_end(binding(deadline_ms=39_500)) == [0, 500, 1500, 3500, 7500, 15_500, 31_500]


def test_every_request_is_the_same_plain_binding():
    machine = binding()

    first, second = machine.on_time(0), machine.on_time(500 * MS)

    assert first == second == [Datagram(PEER, stun.binding_request(ID))]


def test_nothing_is_sent_before_its_time():
    machine = binding()
    machine.on_time(0)

    assert machine.on_time(499 * MS) == []
    assert machine.attempts == 1


def test_an_answer_ends_it_with_the_kernel_s_round_trip():
    machine = binding()
    machine.on_time(0)

    assert machine.on_datagram(35 * MS, 31 * MS, PEER, ANSWER) == []

    assert machine.finished
    assert machine.failure is None
    assert machine.rtt_ns == 31 * MS
    assert machine.bytes_received == len(ANSWER)
    assert machine.next_deadline() is None


def test_an_answer_after_a_retransmission_has_no_round_trip():
    machine = binding()
    machine.on_time(0)
    machine.on_time(500 * MS)
    machine.on_datagram(600 * MS, 600 * MS, PEER, ANSWER)

    assert machine.failure is None
    assert machine.rtt_ns is None


def test_an_error_response_is_an_answer_but_no_success():
    machine = binding()
    machine.on_time(0)
    error = stun.build(
        stun.Message(BINDING_ERROR_RESPONSE, ID, ((stun.ERROR_CODE, stun.pack_error(400, "")),))
    )

    machine.on_datagram(9 * MS, 9 * MS, PEER, error)

    assert machine.finished
    assert machine.failure is Failure.STUN_ERROR_RESPONSE


def test_answers_to_others_and_from_others_are_foreign():
    machine = binding()
    machine.on_time(0)
    for peer, data in (
        (("192.0.2.8", 3478), ANSWER),
        (PEER, stun.binding_response(bytes(12), PEER)),
        (PEER, stun.binding_request(ID)),
    ):
        machine.on_datagram(MS, MS, peer, data)

    assert machine.foreign == 3
    assert not machine.finished


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: ANSWER[:20] + tail))
def test_hostile_bytes_never_answer(data):
    machine = binding()
    machine.on_time(0)
    machine.on_datagram(MS, MS, PEER, data)

    assert machine.answered_ns is None
    assert machine.foreign == 1


def test_when_no_request_could_be_sent_the_failure_is_local():
    machine = binding()
    while (due_ns := machine.next_deadline()) is not None:
        for datagram in machine.on_time(due_ns):
            machine.on_send_error(due_ns, datagram)

    assert machine.failure is Failure.LOCAL_SEND_ERROR
