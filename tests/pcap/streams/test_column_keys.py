"""Streams are found by their keys, many at once."""

import numpy as np

from callprobe.pcap.streams.column_keys import NOBODY, KeyTable


def test_keys_that_meet_are_told_apart() -> None:
    """Every key finds its own stream, however full the table is."""
    table = KeyTable(2)
    for stream in range(4096):
        table.add((stream, stream % 7), stream)
    streams = np.arange(5000, dtype=np.uint64)
    found = table.find((streams, streams % np.uint64(7)))

    assert found[:4096].tolist() == list(range(4096))
    assert set(found[4096:].tolist()) == {NOBODY}


def test_digests_tell_keys_apart() -> None:
    """Equal keys have one digest, others have others, whichever word differs."""
    table = KeyTable(5)
    key = np.zeros((5, 11), dtype=np.uint64)
    key[np.arange(5), np.arange(5)] = 1
    key[np.arange(5), 5 + np.arange(5)] = 1 << 63
    digests = table.digests(tuple(key)).tolist()

    assert len(set(digests)) == 11
    assert table.digests(tuple(key)).tolist() == digests
