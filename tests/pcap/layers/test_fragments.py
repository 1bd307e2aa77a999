"""Putting IP fragments together."""

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.layers.fragments import MAX_BYTES, MAX_DATAGRAMS, TIMEOUT_NS, Reassembler

DATAGRAM = bytes(range(256)) * 12 + b"end"
KEY = b"key"


def pieces(data: bytes, size: int) -> list[tuple[int, bytes, bool]]:
    """Cut data into fragments: offset, bytes, whether more follow."""
    return [(at, data[at : at + size], at + size < len(data)) for at in range(0, len(data), size)]


def added(
    reassembler: Reassembler, fragment: tuple[int, bytes, bool], *, key: bytes = KEY, epoch_ns: int = 0
) -> bytes | None:
    offset, data, more = fragment
    return reassembler.add(key, offset, data, more=more, epoch_ns=epoch_ns)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_datagram_comes_with_its_last_fragment(order: tuple[int, ...]) -> None:
    """In any order, once and not before."""
    fragments, reassembler = pieces(DATAGRAM, 1280), Reassembler()

    assert [added(reassembler, fragments[index]) for index in order] == [None, None, DATAGRAM]
    assert reassembler.given_up == 0


def test_copies_change_nothing() -> None:
    """A fragment that was captured twice counts once."""
    first, second, last = pieces(DATAGRAM, 1280)
    reassembler = Reassembler()

    assert [added(reassembler, item) for item in (first, first, last, last, second)][-1] == DATAGRAM


def test_datagrams_of_different_keys_do_not_mix() -> None:
    """Fragments belong together by their key only."""
    reassembler = Reassembler()
    other = DATAGRAM[::-1]
    for mine, theirs in zip(pieces(DATAGRAM, 1280), pieces(other, 1280), strict=True):
        results = added(reassembler, mine), added(reassembler, theirs, key=b"other")

    assert results == (DATAGRAM, other)


@pytest.mark.parametrize(
    "hostile",
    [
        (8, b"12345678", True),
        (2552, bytes(16), True),
        (65_528, bytes(16), False),
        (1280, b"odd", True),
        (1280, b"early end", False),
        (4000, b"after the end", True),
    ],
    ids=["inside", "across", "beyond 65535", "not of eights", "second end", "beyond the end"],
)
def test_contradiction_condemns_a_datagram(hostile: tuple[int, bytes, bool]) -> None:
    """What overlaps or cannot be gives no datagram, then or later."""
    fragments, reassembler = pieces(DATAGRAM, 1280), Reassembler()
    for fragment in (fragments[0], fragments[2], hostile, fragments[1]):
        assert added(reassembler, fragment) is None
    assert reassembler.given_up == 1


def test_late_fragment_begins_another_datagram() -> None:
    """An identification comes round again after a time."""
    fragments, reassembler = pieces(DATAGRAM, 2048), Reassembler()
    added(reassembler, fragments[0])

    assert added(reassembler, fragments[1], epoch_ns=TIMEOUT_NS + 1) is None
    assert added(reassembler, fragments[0], epoch_ns=TIMEOUT_NS + 2) == DATAGRAM
    assert reassembler.given_up == 1


def test_number_of_incomplete_datagrams_is_bounded() -> None:
    """A flood of first fragments pushes out the oldest."""
    first, last = pieces(DATAGRAM, 2048)
    reassembler = Reassembler()
    for number in range(MAX_DATAGRAMS + 1):
        added(reassembler, first, key=number.to_bytes(4, "big"))

    assert added(reassembler, last, key=(1).to_bytes(4, "big")) == DATAGRAM
    assert added(reassembler, last, key=(0).to_bytes(4, "big")) is None


def test_held_bytes_are_bounded() -> None:
    """Large fragments push each other out before their number does."""
    reassembler, large = Reassembler(), bytes(65_000)
    for number in range(600):
        added(reassembler, (0, large, True), key=number.to_bytes(4, "big"))

    assert reassembler.given_up >= 600 - MAX_BYTES // len(large)


@given(st.integers(0, 1 << 32), st.integers(1, 40), st.binary(min_size=1, max_size=4000))
def test_any_cut_in_any_order_is_put_together(seed: int, eights: int, data: bytes) -> None:
    """Shuffled fragments, some of them doubled, give the datagram."""
    fragments = pieces(data, max(eights * 8, -(-len(data) // 800) * 8))
    generator = random.Random(seed)
    arriving = generator.sample([*fragments, *fragments[: len(fragments) // 2]], len(fragments) * 3 // 2)
    reassembler = Reassembler()
    results = [added(reassembler, fragment) for fragment in arriving]

    assert data in results


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=1), st.integers(0, 8191), st.binary(max_size=40), st.booleans(), st.integers()
        ),
        max_size=60,
    )
)
def test_hostile_fragments_never_raise(fragments: list[tuple[bytes, int, bytes, bool, int]]) -> None:
    """Anything may come."""
    reassembler = Reassembler()
    for key, eights, data, more, epoch_ns in fragments:
        found = reassembler.add(key, eights * 8, data, more=more, epoch_ns=epoch_ns)
        assert found is None or len(found) <= 65_535
