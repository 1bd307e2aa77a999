"""What a source that proved nothing may be sent."""

from hypothesis import given
from hypothesis import strategies as st

from callprobe.responder.limits import Account

STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 1500)), max_size=60)


@given(STEPS)
def test_unproved_source_is_never_sent_more_than_it_sent(steps: list[tuple[bool, int]]) -> None:
    account = Account()
    for arrives, size in steps:
        if arrives:
            account.received(size)
        else:
            account.try_send(size, proved=False)
        assert account.sent_bytes <= account.received_bytes
        assert account.sent_packets <= account.received_packets


def test_one_large_packet_does_not_pay_for_two_small_ones() -> None:
    account = Account()
    account.received(1000)
    assert account.try_send(10, proved=False)
    assert not account.try_send(10, proved=False)


def test_proof_lifts_the_limit() -> None:
    assert Account().try_send(1000, proved=True)
