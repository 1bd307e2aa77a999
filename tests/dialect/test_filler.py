from random import Random

from callprobe.dialect.contract import FlowKeys
from callprobe.dialect.filler import MAX_FILL_BYTES, faceless, is_faceless, keystream, start
from callprobe.wire.demux import Protocol, classify

KEYS = FlowKeys(bytes(range(32)))


def test_4096_packets_in_a_row_start_at_4096_places_that_leave_room_for_a_full_datagram() -> None:
    places = {start(sequence) for sequence in range(1000, 1000 + 4096)}
    assert len(places) == 4096
    assert max(places) + MAX_FILL_BYTES <= len(keystream(KEYS, "a"))


def test_blocks_differ_by_flow_and_by_label() -> None:
    blocks = {keystream(keys, label) for keys in (KEYS, FlowKeys(bytes(32))) for label in ("a", "b")}
    assert len(blocks) == 4


def test_a_faceless_start_belongs_to_no_protocol() -> None:
    rng = Random(1)
    starts = [faceless(FlowKeys(rng.randbytes(32)), "a") for _ in range(3000)]
    assert {classify(data) for data in starts} == {Protocol.UNASSIGNED}
    assert all(is_faceless(data) for data in starts)
    assert {data[4] for data in starts} == set(range(256)) - {0x21}
    assert {data[11] for data in starts} == set(range(256)) - {0xFF}
    assert len(set(starts)) == len(starts)


def test_starts_of_known_protocols_are_not_faceless() -> None:
    assert not any(is_faceless(bytes([first])) for first in (0, 1, 4, 8, 22, 64, 128, 255))
    assert not is_faceless(b"")
