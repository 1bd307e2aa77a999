"""Where the packets of a capture lie, for ``columns``.

A record says how long it is and so where the next one begins. To go from one to the next takes longer than
anything that is done with them, so many places are guessed where a record begins, and the ways from all of
them are gone side by side. What is found is certain: each way must lead to where the next one began.
"""

import re
from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.column_frames import Bytes, Ints, words
from callprobe.pcap.container import MAX_FRAME_BYTES, NANOSECONDS, Container, Interface
from callprobe.pcap.one_block import BROKEN, MORE
from callprobe.pcap.pcapng import ENHANCED_PACKET, MAX_BLOCK_BYTES
from callprobe.pcap.tally import TIME_LIMIT_NS, within_limit

BLOCK: Final = 0
"""Instead of ``MORE`` or ``BROKEN``: a block stands there that is no enhanced packet."""
_STRIDE: Final = 1 << 13
"""Between places where records are guessed to begin."""
_SEARCHED: Final = 1 << 12
_TRIES: Final = 8
_MIN_STRIDES: Final = 16
_RECORD_FIELDS: Final = {order: Struct(order + "IIII").unpack_from for order in "<>"}
_RECORD_START: Final = {order: Struct(order + "8xI").unpack_from for order in "<>"}
_BLOCK_START: Final = {order: Struct(order + "II").unpack_from for order in "<>"}
_BLOCK_HEADER_BYTES: Final = 28
_MIN_BLOCK_BYTES: Final = 32
_BLOCK_START_BYTES: Final = 12


class Records(NamedTuple):
    """Frames that lie whole in the buffer."""

    start: Ints
    captured: Ints
    wire_size: Ints
    epoch_ns: Ints
    interface: Ints | int
    """Number of each one's, or of all."""


class Walked(NamedTuple):
    """How far the records at hand were walked."""

    records: Records | None
    consumed: int
    reason: int
    """``MORE``, ``BROKEN``, or ``BLOCK``."""


def walk(view: memoryview, container: Container, limit: int) -> Walked:
    """Walk records of pcap, or enhanced packet blocks of pcapng, that begin up to an offset."""
    if container.kind == "pcap":
        return _walk_records(view, container, limit)
    return _walk_blocks(view, container, limit)


def _leap(view: memoryview, container: Container, last: int) -> Ints:
    """Return where the first records begin, as far as that can be told quickly, and the one after them."""
    nothing = np.zeros(1, dtype=np.int64)
    if last < _MIN_STRIDES * _STRIDE:
        return nothing
    guesses = _guesses(view, container, last)
    if not guesses:
        return nothing
    buffer = np.frombuffer(view, dtype=np.uint8)
    step = _record_ends if container.kind == "pcap" else _block_ends
    at, ends = np.array([0, *guesses[:-1]], dtype=np.int64), np.array(guesses, dtype=np.int64)
    found = []
    while len(at):
        found.append(at)
        at = step(buffer, at, container)
        goes_on = at < ends
        if not goes_on.all():
            if (at[~goes_on] != ends[~goes_on]).any():
                return nothing
            at, ends = at[goes_on], ends[goes_on]
    every = np.concatenate([*found, [guesses[-1]]])
    every.sort()
    return every


def _record_ends(buffer: Bytes, at: Ints, container: Container) -> Ints:
    return at + words(buffer, at + 8, container.byte_order + "u4") + container.record_header_bytes


def _block_ends(buffer: Bytes, at: Ints, container: Container) -> Ints:
    """Return where blocks end; far away for those that are no enhanced packets."""
    kind = words(buffer, at, container.byte_order + "u4")
    size = words(buffer, at + 4, container.byte_order + "u4")
    fits = (kind == ENHANCED_PACKET) & (size >= _MIN_BLOCK_BYTES)
    return at + np.where(fits, size + 3 & ~3, 2 * MAX_BLOCK_BYTES + len(buffer))


def _guesses(view: memoryview, container: Container, last: int) -> list[int]:
    """Return places where records are likely to begin, in order."""
    is_pcap = container.kind == "pcap"
    # Of the seconds of pcap, all but what changes within four minutes.
    start = 1 if is_pcap and container.byte_order == "<" else 0
    pattern = bytes(view[start : start + (3 if is_pcap else 4)])
    fits = _record_fits if is_pcap else _block_fits
    search = re.compile(re.escape(pattern)).search
    guesses = []
    for begin in range(_STRIDE, last - _SEARCHED, _STRIDE):
        at = begin
        for _ in range(_TRIES):
            match = search(view, at, begin + _SEARCHED)
            if match is None:
                break
            if fits(view, match.start() - start, container, pattern):
                guesses.append(match.start() - start)
                break
            at = match.start() + 1
    return guesses


def _record_fits(view: memoryview, at: int, container: Container, pattern: bytes) -> bool:
    """Say whether a record may begin at a place, because another one follows it."""
    order = container.byte_order
    _, _, captured, wire_size = _RECORD_FIELDS[order](view, at)
    end = at + container.record_header_bytes + captured + (order == "<")
    return captured <= wire_size and bytes(view[end : end + len(pattern)]) == pattern


def _block_fits(view: memoryview, at: int, container: Container, pattern: bytes) -> bool:
    """Say whether a block may begin at a place, because its length stands at both ends."""
    _, size = _BLOCK_START[container.byte_order](view, at)
    end = at + (size + 3 & ~3)
    return (
        at % len(pattern) == 0 and size >= _MIN_BLOCK_BYTES and view[end - 4 : end] == view[at + 4 : at + 8]
    )


def _walk_records(view: memoryview, container: Container, limit: int) -> Walked:
    """Walk the records of a pcap file."""
    header_bytes, size = container.record_header_bytes, len(view)
    last = min(size - header_bytes, limit)
    unpack = _RECORD_START[container.byte_order]
    leaped = _leap(view, container, last)
    starts: list[int] = []
    append, at = starts.append, int(leaped[-1])
    while at <= last:
        append(at)
        at += header_bytes + unpack(view, at)[0]
    reason = MORE
    if at > size:
        at = starts.pop()
        if unpack(view, at)[0] > MAX_FRAME_BYTES:
            reason = BROKEN
    start = np.concatenate((leaped[:-1], np.array(starts, dtype=np.int64)))
    if not len(start):
        return Walked(None, at, reason)
    buffer = np.frombuffer(view, dtype=np.uint8)
    kind = np.dtype((np.void, 16))
    raw = np.ndarray((size - 15,), dtype=kind, buffer=buffer, strides=(1,))
    fields = raw[start].view(container.byte_order + "u4").reshape(-1, 4).astype(np.int64)
    captured = fields[:, 2]
    too_long = np.flatnonzero(captured > MAX_FRAME_BYTES)
    if len(too_long):
        first = int(too_long[0])
        at, reason = int(start[first]), BROKEN
        start, fields, captured = start[:first], fields[:first], captured[:first]
        if not first:
            return Walked(None, at, reason)
    tick_ns = NANOSECONDS // container.interfaces[0].ticks_per_s
    epoch_ns = fields[:, 0] * NANOSECONDS + fields[:, 1] * tick_ns
    return Walked(
        Records(start + header_bytes, captured.copy(), fields[:, 3].copy(), epoch_ns, 0), at, reason
    )


def _walk_blocks(view: memoryview, container: Container, limit: int) -> Walked:
    """Walk enhanced packet blocks of a pcapng file."""
    size = len(view)
    last = min(size - _BLOCK_START_BYTES, limit)
    unpack = _BLOCK_START[container.byte_order]
    leaped = _leap(view, container, last)
    starts: list[int] = []
    append, at, reason = starts.append, int(leaped[-1]), MORE
    while at <= last:
        kind, length = unpack(view, at)
        if kind != ENHANCED_PACKET:
            reason = BLOCK
            break
        if not _MIN_BLOCK_BYTES <= length <= MAX_BLOCK_BYTES:
            reason = BROKEN
            break
        append(at)
        at += length + 3 & ~3
    if at > size:
        at, reason = starts.pop(), MORE
    edges = np.concatenate((leaped[:-1], np.array([*starts, at], dtype=np.int64)))
    if len(edges) == 1:
        return Walked(None, at, reason)
    return _checked_blocks(view, container, edges, reason)


def _checked_blocks(view: memoryview, container: Container, edges: Ints, reason: int) -> Walked:
    """Return the packets of blocks, up to one that contradicts itself."""
    buffer = np.frombuffer(view, dtype=np.uint8)
    start, end = edges[:-1], edges[1:]
    raw = np.ndarray((len(buffer) - 27,), dtype="V28", buffer=buffer, strides=(1,))
    fields = raw[start].view(container.byte_order + "u4").reshape(-1, 7).astype(np.int64)
    trailer = words(buffer, end - 4, container.byte_order + "u4")
    interface, captured = fields[:, 2].copy(), fields[:, 5].copy()
    good = (trailer == fields[:, 1]) & (interface < len(container.interfaces)) & (captured <= MAX_FRAME_BYTES)
    good &= captured + _BLOCK_HEADER_BYTES <= end - start - 4
    at = int(edges[-1])
    if not good.all():
        first = int(np.argmin(good))
        at, reason = int(edges[first]), BROKEN
        start, fields = start[:first], fields[:first]
        interface, captured = interface[:first], captured[:first]
        if not first:
            return Walked(None, at, reason)
    ticks = fields[:, 3].astype(np.uint64) << np.uint64(32) | fields[:, 4].astype(np.uint64)
    used = np.unique(interface).tolist()
    epoch_ns = np.empty(len(start), dtype=np.int64)
    for number in used:
        which = interface == number
        epoch_ns[which] = _epochs(ticks[which], container.interfaces[number])
    numbers: Ints | int = interface if len(used) > 1 else int(used[0])
    records = Records(start + _BLOCK_HEADER_BYTES, captured, fields[:, 6].copy(), epoch_ns, numbers)
    return Walked(records, at, reason)


def _epochs(ticks: NDArray[np.uint64], interface: Interface) -> Ints:
    """Return times in nanoseconds since 1970, within the limit."""
    tick_ns, rest = divmod(NANOSECONDS, interface.ticks_per_s)
    largest = int(ticks.max())
    highest_ns = largest * tick_ns + interface.offset_s * NANOSECONDS
    if rest or not tick_ns or largest * tick_ns > TIME_LIMIT_NS or abs(highest_ns) > TIME_LIMIT_NS:
        return np.array([within_limit(interface.epoch_ns(tick)) for tick in ticks.tolist()], dtype=np.int64)
    found = ticks.astype(np.int64) * tick_ns + interface.offset_s * NANOSECONDS
    return np.maximum(found, 0)
