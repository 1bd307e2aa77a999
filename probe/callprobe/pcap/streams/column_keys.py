"""Finds the streams of many packets at once by their addresses, ports and SSRC, for ``columns``."""

import secrets
from typing import Final

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.streams.rtp_streams import MAX_STREAMS

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

NOBODY: Final = -1
_SLOT_BITS: Final = 15
_SLOTS: Final = 1 << _SLOT_BITS
_SHIFT: Final = np.uint64(64 - _SLOT_BITS)
_HALF: Final = np.uint64(32)


class KeyTable:
    """Streams by keys of a number of words; a key that is found is equal word by word."""

    def __init__(self, n_words: int) -> None:
        # Seeded, so that nobody can choose keys that meet.
        self._seeds = [np.uint64(secrets.randbits(64) | 1) for _ in range(n_words + 1)]
        self._slots: Places = np.full(_SLOTS, NOBODY, dtype=np.int64)
        self._keys = np.zeros((n_words, MAX_STREAMS), dtype=np.uint64)
        self._streams: Places = np.zeros(MAX_STREAMS, dtype=np.int64)
        self._count = 0

    def digests(self, key: tuple[Words, ...]) -> Words:
        """Return a number for each key, the same for equal ones."""
        digest: Words = key[0] * self._seeds[0]
        for words, seed in zip(key[1:], self._seeds[1:], strict=False):
            digest = (digest ^ digest >> _HALF) * self._seeds[-1] + words * seed
        return (digest ^ digest >> _HALF) * self._seeds[-1]

    def find(self, key: tuple[Words, ...]) -> Places:
        """Return the stream of each key, or ``NOBODY``."""
        slots = (self.digests(key) >> _SHIFT).astype(np.int64)
        entries = self._slots[slots]
        same = self._same(key, entries)
        if same.all():
            return self._streams[entries]
        found = np.where(same, self._streams[entries], NOBODY)
        rest = np.flatnonzero(~same & (entries != NOBODY))
        while len(rest):
            slots[rest] = (slots[rest] + 1) % _SLOTS
            entries = self._slots[slots[rest]]
            same = self._same(tuple(words[rest] for words in key), entries)
            found[rest[same]] = self._streams[entries[same]]
            rest = rest[~same & (entries != NOBODY)]
        return found

    def add(self, key: tuple[int, ...], stream: int) -> None:
        """Enter a stream whose key is not there yet."""
        columns = tuple(np.array([word], dtype=np.uint64) for word in key)
        slot = int(self.digests(columns)[0] >> _SHIFT)
        while self._slots[slot] != NOBODY:
            slot = (slot + 1) % _SLOTS
        self._slots[slot] = self._count
        self._keys[:, self._count] = key
        self._streams[self._count] = stream
        self._count += 1

    def _same(self, key: tuple[Words, ...], entries: Places) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = entries != NOBODY
        for known, words in zip(self._keys, key, strict=True):
            same &= known[entries] == words
        return same
