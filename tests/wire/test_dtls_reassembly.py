import random

from hypothesis import given
from hypothesis import strategies as st

from callprobe.wire import dtls_reassembly
from callprobe.wire.dtls import Fragment
from callprobe.wire.dtls_reassembly import Reassembly

MESSAGE = bytes(range(100))


def part(start: int, end: int, message: bytes = MESSAGE, sequence: int = 0) -> Fragment:
    """Return the bytes from ``start`` to ``end`` of a message."""
    return Fragment(11, len(message), sequence, start, message[start:end], end - start)


def test_a_whole_message_needs_no_memory() -> None:
    assert Reassembly().add("a", part(0, 100)) == (MESSAGE, 1)


def test_parts_make_a_message_in_any_order() -> None:
    reassembly = Reassembly()

    assert reassembly.add("a", part(60, 100)) is None
    assert reassembly.add("a", part(0, 30)) is None
    assert reassembly.add("a", part(30, 60)) == (MESSAGE, 3)


def test_parts_may_overlap_and_come_again() -> None:
    reassembly = Reassembly()

    assert reassembly.add("a", part(0, 50)) is None
    assert reassembly.add("a", part(0, 50)) is None
    assert reassembly.add("a", part(0, 20)) is None
    assert reassembly.add("a", part(70, 100)) is None
    assert reassembly.add("a", part(40, 80)) == (MESSAGE, 3)


def test_parts_of_two_senders_or_two_messages_are_kept_apart() -> None:
    reassembly = Reassembly()
    reassembly.add("a", part(0, 50))
    reassembly.add("a", part(0, 50, sequence=1))

    assert reassembly.add("b", part(50, 100)) is None
    assert reassembly.add("a", part(50, 100)) == (MESSAGE, 2)


def test_a_message_beyond_the_bound_is_given_up() -> None:
    reassembly = Reassembly()

    assert reassembly.add("a", Fragment(11, 1 << 20, 0, 0, b"x", 1)) is None
    assert reassembly.given_up == 1


def test_a_message_in_too_many_parts_is_given_up() -> None:
    reassembly = Reassembly()
    message = bytes(400)
    for place in range(dtls_reassembly.MOST_PARTS):
        assert reassembly.add("a", part(2 * place, 2 * place + 1, message)) is None

    assert reassembly.given_up == 1


def test_what_waits_is_bounded_and_the_oldest_goes() -> None:
    reassembly = Reassembly()
    message = bytes(60_000)
    senders = range(dtls_reassembly.MOST_PENDING_BYTES // 30_000 + 2)
    for sender in senders:
        reassembly.add(sender, part(0, 30_000, message))

    assert reassembly.given_up == 2
    assert reassembly.add(senders[-1], part(30_000, 60_000, message)) == (message, 2)
    assert reassembly.add(senders[0], part(30_000, 60_000, message)) is None


def test_empty_parts_cannot_fill_the_memory() -> None:
    reassembly = Reassembly()
    for sender in range(dtls_reassembly.MOST_PENDING + 5):
        reassembly.add(sender, part(0, 0))

    assert reassembly.given_up == 5


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted), max_size=20), st.randoms())
def test_whatever_comes_the_message_is_whole_or_missing(spans: list[list[int]], order: random.Random) -> None:
    """Parts that cover the message give it back; others give nothing."""
    order.shuffle(spans)
    reassembly = Reassembly()
    covered: set[int] = set()
    for start, end in spans:
        covered |= set(range(start, end))
        made = reassembly.add("a", part(start, end))
        assert (made is not None) == (len(covered) == 100)
        if made is not None:
            assert made[0] == MESSAGE
            return
