from hypothesis import given
from hypothesis import strategies as st

from callprobe.dialect.contract import FlowKeys, Heard, Slot
from callprobe.dialect.open_echo import NONCE_BYTES, OPEN, answer, is_proof, nonce_of_answer, proof
from callprobe.wire.demux import Protocol, classify

KEYS = FlowKeys(bytes(range(32)))
OTHER = FlowKeys(bytes(32))
NONCE = bytes(range(100, 100 + NONCE_BYTES))
(REQUEST,) = OPEN.requests(KEYS, 0)
ANSWER = answer(KEYS, NONCE, REQUEST)


def test_request_answer_and_proof_prove_the_way_back() -> None:
    assert len(REQUEST) == 64
    assert OPEN.hear(KEYS, "up", REQUEST).kind is Heard.CONTROL
    assert OPEN.hear(KEYS, "down", ANSWER).kind is Heard.SETUP_ANSWER
    assert nonce_of_answer(ANSWER) == NONCE
    assert is_proof(KEYS, NONCE, proof(KEYS, ANSWER))
    assert OPEN.hear(KEYS, "up", proof(KEYS, ANSWER)).kind is Heard.CONTROL


def test_a_proof_of_another_nonce_or_flow_proves_nothing() -> None:
    assert not is_proof(KEYS, bytes(NONCE_BYTES), proof(KEYS, ANSWER))
    assert not is_proof(OTHER, NONCE, proof(KEYS, ANSWER))
    assert not is_proof(KEYS, NONCE, REQUEST)
    assert not is_proof(KEYS, NONCE, proof(KEYS, ANSWER)[:-1])


def test_a_proof_is_no_first_packet() -> None:
    assert OPEN.ident_of(proof(KEYS, ANSWER)) is None
    assert OPEN.ident_of(REQUEST) in OPEN.idents(KEYS)


def test_an_answer_with_another_nonce_pasted_in_is_foreign() -> None:
    forged = ANSWER[:12] + bytes(NONCE_BYTES) + ANSWER[12 + NONCE_BYTES :]
    assert OPEN.hear(KEYS, "down", forged).kind is Heard.FOREIGN
    assert OPEN.hear(OTHER, "down", ANSWER).kind is Heard.FOREIGN
    assert OPEN.hear(KEYS, "down", ANSWER[:40]).kind is Heard.FOREIGN


@given(st.binary(max_size=100))
def test_an_answer_is_never_longer_than_what_it_answers(data: bytes) -> None:
    assert len(answer(KEYS, NONCE, data)) <= len(data)


def test_attempts_differ_and_look_like_nothing() -> None:
    requests = [OPEN.requests(KEYS, attempt)[0] for attempt in range(5)]
    assert len(set(requests)) == 5
    for data in (*requests, ANSWER, proof(KEYS, ANSWER)):
        assert classify(data) is Protocol.UNASSIGNED


def test_the_echo_has_no_media_and_answers_only_with_a_nonce() -> None:
    assert OPEN.schedule("voice", 10, 1) == ()
    assert OPEN.keepalive(KEYS, 0) == OPEN.farewell(KEYS) == []
    assert OPEN.answers(KEYS, 0, ("198.51.100.7", 1), REQUEST) == []
    data = OPEN.media(KEYS, "up", Slot(0, 0, 90, 0, marker=False))
    assert len(data) == 90
    assert OPEN.hear(KEYS, "up", data).kind is Heard.FOREIGN
