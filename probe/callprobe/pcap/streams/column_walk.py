"""Where the packets of a capture lie, for ``columns``.

A record says how long it is, and so where the next one begins. To go from one to the next takes longer than
anything else that is done with them, so it is guessed where some of them begin, and the ways from all these
are gone side by side (``_leap``). What is found is certain: each way must lead to where the next one began.
"""

from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.reading.container import MAX_FRAME_BYTES, NANOSECONDS, Container, Interface
from callprobe.pcap.reading.one_block import BROKEN, MORE
from callprobe.pcap.reading.pcapng import ENHANCED_PACKET, MAX_BLOCK_BYTES
from callprobe.pcap.streams.column_frames import Ints, words
from callprobe.pcap.tally import TIME_LIMIT_NS, within_limit

BLOCK: Final = 0
"""Instead of ``MORE`` or ``BROKEN``: a block stands there that is no enhanced packet."""
_RECORD_START: Final = {order: Struct(order + "8xI").unpack_from for order in "<>"}
_BLOCK_START: Final = {order: Struct(order + "II").unpack_from for order in "<>"}
_BLOCK_HEADER_BYTES: Final = 28
_MIN_BLOCK_BYTES: Final = 32
_BLOCK_START_BYTES: Final = 12
_STRIDE: Final = 1 << 14
"""Between places near which a record is looked for."""
_SEARCHED: Final = 1 << 12
"""So many bytes from there on."""
_TRIES: Final = 8
"""So many places there that look like one at first sight."""
_MIN_WAYS: Final = 16
"""Fewer are not worth it."""
_STEPS: Final = 8
"""Made on all ways before it is asked whether they are at their end."""
_RECORD_FIELDS: Final = {order: Struct(order + "8xII").unpack_from for order in "<>"}


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


def _walk_records(view: memoryview, container: Container, limit: int) -> Walked:
    """Walk the records of a pcap file."""
    header_bytes, size = container.record_header_bytes, len(view)
    last = min(size - header_bytes, limit)
    unpack = _RECORD_START[container.byte_order]
    leapt = _leap(view, container, last)
    starts: list[int] = []
    append, at = starts.append, int(leapt[-1])
    while at <= last:
        append(at)
        at += header_bytes + unpack(view, at)[0]
    reason = MORE
    if at > size:
        at = starts.pop()
        if unpack(view, at)[0] > MAX_FRAME_BYTES:
            reason = BROKEN
    start = np.concatenate([leapt[:-1], np.array(starts, dtype=np.int64)])
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
    leapt = _leap(view, container, last)
    starts: list[int] = []
    append, at, reason = starts.append, int(leapt[-1]), MORE
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
    edges = np.concatenate([leapt[:-1], np.array([*starts, at], dtype=np.int64)])
    return _checked_blocks(view, container, edges, reason) if len(edges) > 1 else Walked(None, at, reason)


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


def _leap(view: memoryview, container: Container, last: int) -> Ints:
    """Return where the first records begin, as far as that is told quickly, and the one after them."""
    guesses = _guesses(view, container, last)
    if len(guesses) < _MIN_WAYS:
        return np.zeros(1, dtype=np.int64)
    at, ends = np.array([0, *guesses[:-1]], dtype=np.int64), np.array(guesses, dtype=np.int64)
    raw = np.ndarray((len(view) - 3,), dtype=container.byte_order + "u4", buffer=view, strides=(1,))
    step = _record_ends if container.kind == "pcap" else _block_ends
    ways = [at]
    while (at < ends).any():
        for _ in range(_STEPS):
            beyond = np.minimum(step(raw, at, container), ends + 1)
            at = np.where(at < ends, beyond, at)
            ways.append(at)
    strayed = np.flatnonzero(at != ends)
    certain = int(strayed[0]) if len(strayed) else len(ends)
    along = np.array(ways)[:, :certain].T
    last_start = ends[certain - 1] if certain else 0
    return np.append(along[along < ends[:certain, None]], last_start)


def _record_ends(raw: NDArray[np.uint32], at: Ints, container: Container) -> Ints:
    ends: Ints = at + raw[at + 8] + container.record_header_bytes
    return ends


def _block_ends(raw: NDArray[np.uint32], at: Ints, _container: Container) -> Ints:
    """Return where blocks end; far away for those that are no enhanced packets."""
    length = raw[at + 4].astype(np.int64)
    fits = (raw[at] == ENHANCED_PACKET) & (length >= _MIN_BLOCK_BYTES) & (length <= MAX_BLOCK_BYTES)
    return at + np.where(fits, length + 3 & ~3, len(raw))


def _guesses(view: memoryview, container: Container, last: int) -> list[int]:
    """Return places, in order, where records are likely to begin; each ends before ``last``."""
    if last < _MIN_WAYS * _STRIDE:
        return []
    is_pcap = container.kind == "pcap"
    # Of the seconds of pcap, the bytes that stay the same for four minutes; of a block, its kind.
    start = 1 if is_pcap and container.byte_order == "<" else 0
    pattern = bytes(view[start : start + (3 if is_pcap else 4)])
    likely_end = _likely_record_end if is_pcap else _likely_block_end
    guesses = []
    for begin in range(_STRIDE, last - _SEARCHED, _STRIDE):
        searched = bytes(view[begin : begin + _SEARCHED])
        found = start - 1
        for _ in range(_TRIES):
            found = searched.find(pattern, found + 1)
            if found < 0:
                break
            at = begin + found - start
            end = likely_end(view, at, container)
            if at < end < last and view[end + start : end + start + len(pattern)] == pattern:
                guesses.append(at)
                break
    return guesses


def _likely_record_end(view: memoryview, at: int, container: Container) -> int:
    """Return where a record ends if one begins here, or 0 if it does not look like one."""
    captured, wire_size = _RECORD_FIELDS[container.byte_order](view, at)
    return at + container.record_header_bytes + captured if captured <= wire_size <= MAX_FRAME_BYTES else 0


def _likely_block_end(view: memoryview, at: int, container: Container) -> int:
    """Return where a block ends if one begins here, or 0 if it does not look like one."""
    _, length = _BLOCK_START[container.byte_order](view, at)
    return at + (length + 3 & ~3) if _MIN_BLOCK_BYTES <= length <= MAX_BLOCK_BYTES else 0
