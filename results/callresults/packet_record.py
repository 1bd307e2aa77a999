"""The full per-packet record of one flow as text: columns, zigzag varint deltas, zlib, base64.

The layout is in ``results/spec/packet-record.md``. Stamps are whole microseconds; at that resolution the
round trip is lossless. What a volunteer or a responder hands over is hostile: ``decode`` raises one
exception.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from callresults.metrics.transit import Arrival, SentPacket

RESOLUTION_US: Final = 1
"""Resolution of every stamp."""
VERSION: Final = 1
MAX_PACKETS: Final = 1 << 17
"""Rows of one direction: 43 minutes of voice, and more than any scenario sends."""
_MAX_TEXT_CHARS: Final = 16 << 20
_MAX_RAW_BYTES: Final = 12 << 20
_MAX_VARINT_BYTES: Final = 10
_INT_LIMIT: Final = 1 << 62
_NS_PER_US: Final = 1000


class PacketRecordError(ValueError):
    """The text is no packet record, or the packets cannot be recorded; the message says why."""


class PacketRow(NamedTuple):
    """One packet, or one further copy of it, in one direction."""

    sequence: int
    """Schedule sequence number."""
    size: int
    """UDP payload bytes; 0 where not known."""
    sent_us: int | None
    """Sender's stamp, microseconds after the sender's own start; null when not known."""
    arrival_us: int | None
    """Receiver's stamp, likewise after the receiver's start; null when it never arrived or is not known."""


class DirectionRecord(NamedTuple):
    """Every packet of one direction."""

    sent_known: bool
    """False when the sender's record never came: then no row has ``sent_us``."""
    arrivals_known: bool
    """False when the receiver's record never came: then a null ``arrival_us`` does not mean lost."""
    rows: tuple[PacketRow, ...]


class FlowRecord(NamedTuple):
    """Both directions of one flow."""

    up: DirectionRecord
    down: DirectionRecord


def direction_record(
    sent: Sequence[SentPacket] | None,
    arrivals: Sequence[Arrival] | None,
    sizes: Mapping[int, int],
    *,
    sender_start_ns: int = 0,
    receiver_start_ns: int = 0,
) -> DirectionRecord:
    """Join what was sent and what arrived into rows: packets in the order of sending, then what is left over.

    Args:
        sent: sender's stamps, or None when its record never came.
        arrivals: receiver's stamps, duplicates included, or None when its record never came.
        sizes: UDP payload bytes by sequence number.
        sender_start_ns: subtracted from sent stamps before they are rounded down to 1 us.
        receiver_start_ns: likewise for arrivals.
    """
    copies: dict[int, list[int]] = {}
    for sequence, arrival_ns in arrivals or ():
        copies.setdefault(sequence, []).append((arrival_ns - receiver_start_ns) // _NS_PER_US)
    sent_us = {sequence: (at_ns - sender_start_ns) // _NS_PER_US for sequence, at_ns in sent or ()}
    rows = [
        PacketRow(sequence, sizes.get(sequence, 0), sent_us.get(sequence), arrival_us)
        for sequence in dict.fromkeys((*sent_us, *copies))
        for arrival_us in copies.get(sequence, (None,))
    ]
    return DirectionRecord(sent is not None, arrivals is not None, tuple(rows))


def packets_of(record: DirectionRecord) -> tuple[list[SentPacket], list[Arrival]]:
    """Return what ``direction_metrics`` takes, in nanoseconds, so that anyone can compute it again."""
    sent = {row.sequence: row.sent_us * _NS_PER_US for row in record.rows if row.sent_us is not None}
    arrivals = [
        Arrival(row.sequence, row.arrival_us * _NS_PER_US)
        for row in record.rows
        if row.arrival_us is not None
    ]
    return [SentPacket(*packet) for packet in sent.items()], arrivals


def encode(record: FlowRecord) -> str:
    """Return the record as base64 text.

    Raises:
        PacketRecordError: too many rows, a size or sequence below 0, or a stamp beyond 2**62 us.
    """
    raw = bytearray([VERSION])
    for direction in record:
        _check(direction)
        raw.append(direction.sent_known | direction.arrivals_known << 1)
        _put(raw, len(direction.rows))
        for column in _columns(direction.rows):
            for value in column:
                _put(raw, value)
    return base64.b64encode(zlib.compress(bytes(raw), 9)).decode()


def decode(text: str) -> FlowRecord:
    """Return the record in ``text``.

    Raises:
        PacketRecordError: not base64, not zlib, too large, of another version, or not well formed.
    """
    values = _Reader(_inflate(text))
    if values.byte() != VERSION:
        raise PacketRecordError(f"packet record: this program reads version {VERSION} only")
    record = FlowRecord(_direction(values), _direction(values))
    values.end()
    return record


def _check(direction: DirectionRecord) -> None:
    if len(direction.rows) > MAX_PACKETS:
        raise PacketRecordError(f"packet record: more than {MAX_PACKETS} packets in one direction")
    for row in direction.rows:
        if not (0 <= row.sequence < _INT_LIMIT and 0 <= row.size < _INT_LIMIT):
            raise PacketRecordError("packet record: a sequence number or size is out of range")
        if any(stamp is not None and abs(stamp) >= _INT_LIMIT for stamp in (row.sent_us, row.arrival_us)):
            raise PacketRecordError("packet record: a stamp is out of range")


def _columns(rows: Sequence[PacketRow]) -> Iterator[Iterable[int]]:
    """Yield the four columns as non-negative integers: small ones where packets are regular."""
    yield _deltas(row.sequence for row in rows)
    yield _deltas(row.size for row in rows)
    yield _stamps(row.sent_us for row in rows)
    yield _stamps(_transit(row) for row in rows)


def _transit(row: PacketRow) -> int | None:
    """Return arrival minus sent, or the bare arrival where the packet's sent stamp is not known."""
    return None if row.arrival_us is None else row.arrival_us - (row.sent_us or 0)


def _deltas(column: Iterable[int]) -> Iterator[int]:
    previous = 0
    for value in column:
        yield _zigzag(value - previous)
        previous = value


def _stamps(column: Iterable[int | None]) -> Iterator[int]:
    """Yield 0 for null, else 1 + zigzag of the difference to the last stamp that is not null."""
    previous = 0
    for value in column:
        if value is None:
            yield 0
        else:
            yield 1 + _zigzag(value - previous)
            previous = value


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return -((value + 1) >> 1) if value & 1 else value >> 1


def _put(raw: bytearray, value: int) -> None:
    """Append an unsigned LEB128 varint."""
    while value >= 0x80:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    raw.append(value)


def _inflate(text: str) -> bytes:
    if len(text) > _MAX_TEXT_CHARS:
        raise PacketRecordError("packet record: the text is too long")
    try:
        packed = base64.b64decode(text, validate=True)
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, _MAX_RAW_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise PacketRecordError("packet record: not zlib in base64") from error
    if not inflater.eof or inflater.unused_data:
        raise PacketRecordError("packet record: cut short, too large, or followed by something else")
    return raw


class _Reader:
    """A cursor over hostile bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def byte(self) -> int:
        if self._at >= len(self._raw):
            raise PacketRecordError("packet record: ends in the middle")
        self._at += 1
        return self._raw[self._at - 1]

    def varint(self) -> int:
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value
        raise PacketRecordError("packet record: a number is too long")

    def end(self) -> None:
        if self._at != len(self._raw):
            raise PacketRecordError("packet record: something follows the last packet")


def _direction(values: _Reader) -> DirectionRecord:
    flags = values.byte()
    if flags > 3:
        raise PacketRecordError("packet record: unknown flags")
    n_rows = values.varint()
    if n_rows > MAX_PACKETS:
        raise PacketRecordError(f"packet record: more than {MAX_PACKETS} packets in one direction")
    sequences = _read_deltas(values, n_rows)
    sizes = _read_deltas(values, n_rows)
    sent = _read_stamps(values, n_rows)
    transits = _read_stamps(values, n_rows)
    arrivals = [
        None if transit is None else transit + (sent_us or 0)
        for sent_us, transit in zip(sent, transits, strict=True)
    ]
    rows = tuple(map(PacketRow, sequences, sizes, sent, arrivals))
    direction = DirectionRecord(bool(flags & 1), bool(flags & 2), rows)
    _check(direction)
    return direction


def _read_deltas(values: _Reader, n_rows: int) -> list[int]:
    column: list[int] = []
    previous = 0
    for _ in range(n_rows):
        previous += _unzigzag(values.varint())
        column.append(previous)
    return column


def _read_stamps(values: _Reader, n_rows: int) -> list[int | None]:
    column: list[int | None] = []
    previous = 0
    for _ in range(n_rows):
        coded = values.varint()
        if coded:
            previous += _unzigzag(coded - 1)
        column.append(previous if coded else None)
    return column
