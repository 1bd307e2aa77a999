"""The packets of one recorded call, as both ends of a replay know them.

The probe has all bytes. The far end gets over HTTP, before the session, what it needs to play its half: its
own packets whole, and of the probe's packets offsets, sizes and marks by which it recognises them. The name
of a trace is the hash of that message, so who has the name knows what will be played.
"""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Final, NamedTuple, Self

import msgspec

from callprobe.dialect.contract import Schedule, Slot
from callprobe.dialect.filler import MAX_FILL_BYTES

MAX_PAYLOAD_BYTES: Final = MAX_FILL_BYTES
"""Longer datagrams would be fragmented on the way, which is another test."""
MARK_BYTES: Final = 8
MAX_PACKETS: Final = 20_000
"""In one direction."""
MAX_DURATION_S: Final = 90.0
MAX_UNPACKED_BYTES: Final = 16 << 20
"""Of the message between the ends; bounds what a small packed one may become."""
_US: Final = 1_000

Column = tuple[Annotated[int, msgspec.Meta(ge=0, le=int(MAX_DURATION_S * 1e6))], ...]
Sizes = tuple[Annotated[int, msgspec.Meta(ge=1, le=MAX_PAYLOAD_BYTES)], ...]


class TraceError(ValueError):
    """The packets are no trace that can be played; one sentence says why."""


class TracePacket(NamedTuple):
    """One recorded datagram."""

    offset_ns: int
    """After the trace's first packet; whole microseconds."""
    payload: bytes


class Half(NamedTuple):
    """One direction of a trace."""

    schedule: Schedule
    payloads: tuple[bytes, ...] | None
    """None: known by their marks only."""
    marks: tuple[bytes, ...]
    """``mark`` of each payload."""
    inverted_marks: tuple[bytes, ...]
    """``mark`` of each payload with all bits turned over."""

    @property
    def size(self) -> int:
        """Payload bytes."""
        return sum(slot.size for slot in self.schedule)


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """What the far end gets to know. Columns of equal length in each direction, offsets in microseconds."""

    up_us: Column
    up_sizes: Sizes
    up_marks: bytes
    up_inverted_marks: bytes
    down_us: Column
    down_sizes: Sizes
    down_payloads: bytes
    """One after the other."""


class Trace(NamedTuple):
    """Both directions of one recorded call, on one time axis that begins with the probe's first packet."""

    digest: str
    """SHA-256 of the message between the ends, hex; its name."""
    up: Half
    down: Half

    @classmethod
    def of(cls, up: Sequence[TracePacket], down: Sequence[TracePacket]) -> Self:
        """Return the trace of the packets to and from the capturing end.

        Raises:
            TraceError: there are none from it, or more, longer or later ones than can be played.
        """
        if not up:
            raise TraceError("no packet goes from the capturing end to the far end")
        trace = cls("", _half(up), _half(down))
        _check_order(trace)
        return trace._replace(digest=hashlib.sha256(_message(trace)).hexdigest())

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Return the trace that ``pack`` made a message of; its up half has marks only.

        Raises:
            TraceError: the bytes are no such message, or one beyond the bounds above.
        """
        data = _inflated(packed)
        try:
            message = msgspec.msgpack.decode(data, type=_Message)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise TraceError(f"the bytes are no trace: {error}") from None
        trace = cls(hashlib.sha256(data).hexdigest(), _up_half(message), _down_half(message))
        _check_order(trace)
        return trace

    def pack(self) -> bytes:
        """Return the message for the far end, compressed."""
        return zlib.compress(_message(self), 6)

    @property
    def duration_s(self) -> float:
        """From the first packet to the last one of either direction."""
        last_ns = max(half.schedule[-1].offset_ns for half in (self.up, self.down) if half.schedule)
        return last_ns / 1e9


def mark(payload: bytes) -> bytes:
    """Return the 8 bytes by which a payload is recognised."""
    return hashlib.blake2b(payload, digest_size=MARK_BYTES).digest()


def inverted(payload: bytes) -> bytes:
    """Return ``payload`` with all bits turned over."""
    return payload.translate(_INVERTED)


_INVERTED: Final = bytes(255 - byte for byte in range(256))


def _half(packets: Sequence[TracePacket]) -> Half:
    if len(packets) > MAX_PACKETS:
        raise TraceError(f"{len(packets)} packets in one direction are more than {MAX_PACKETS}")
    if any(not 1 <= len(packet.payload) <= MAX_PAYLOAD_BYTES for packet in packets):
        raise TraceError(f"a packet is empty or longer than {MAX_PAYLOAD_BYTES} bytes")
    payloads = tuple(packet.payload for packet in packets)
    return Half(
        _schedule([packet.offset_ns // _US for packet in packets], [len(payload) for payload in payloads]),
        payloads,
        tuple(map(mark, payloads)),
        tuple(mark(inverted(payload)) for payload in payloads),
    )


def _schedule(offsets_us: Sequence[int], sizes: Sequence[int]) -> Schedule:
    return tuple(
        Slot(sequence, offset_us * _US, size, 0, marker=False)
        for sequence, (offset_us, size) in enumerate(zip(offsets_us, sizes, strict=True))
    )


def _check_order(trace: Trace) -> None:
    """Refuse times that no sender could keep."""
    for half in (trace.up, trace.down):
        times = [slot.offset_ns for slot in half.schedule]
        if any(later < earlier for earlier, later in pairwise(times)) or min(times, default=0) < 0:
            raise TraceError("the packets are not in the order of their times")
    if not trace.up.schedule or trace.up.schedule[0].offset_ns:
        raise TraceError("a trace begins with a packet of the capturing end")
    if trace.duration_s > MAX_DURATION_S:
        raise TraceError(f"{trace.duration_s:.1f} s are more than {MAX_DURATION_S:g}")


def _message(trace: Trace) -> bytes:
    up, down = trace.up, trace.down
    return msgspec.msgpack.encode(
        _Message(
            *_columns(up.schedule),
            b"".join(up.marks),
            b"".join(up.inverted_marks),
            *_columns(down.schedule),
            b"".join(down.payloads or ()),
        )
    )


def _columns(schedule: Schedule) -> tuple[Column, Sizes]:
    return tuple(slot.offset_ns // _US for slot in schedule), tuple(slot.size for slot in schedule)


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise TraceError(f"the bytes are no compressed trace: {error}") from None
    if not unpacker.eof:
        raise TraceError(f"the trace is cut off, or unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    return data


def _up_half(message: _Message) -> Half:
    _check_columns(message.up_us, message.up_sizes)
    n = len(message.up_us)
    if not len(message.up_marks) == len(message.up_inverted_marks) == MARK_BYTES * n:
        raise TraceError("the trace has not as many marks as packets")
    marks = tuple(_cut(message.up_marks, [MARK_BYTES] * n))
    inverted_marks = tuple(_cut(message.up_inverted_marks, [MARK_BYTES] * n))
    return Half(_schedule(message.up_us, message.up_sizes), None, marks, inverted_marks)


def _down_half(message: _Message) -> Half:
    _check_columns(message.down_us, message.down_sizes)
    if len(message.down_payloads) != sum(message.down_sizes):
        raise TraceError("the trace has not as many bytes as its packets")
    payloads = tuple(_cut(message.down_payloads, message.down_sizes))
    return Half(_schedule(message.down_us, message.down_sizes), payloads, (), ())


def _check_columns(offsets_us: Column, sizes: Sizes) -> None:
    if len(offsets_us) != len(sizes):
        raise TraceError("the trace's columns are not of one length")
    if len(sizes) > MAX_PACKETS:
        raise TraceError(f"{len(sizes)} packets in one direction are more than {MAX_PACKETS}")


def _cut(data: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    at = 0
    for end in accumulate(sizes):
        yield data[at:end]
        at = end
