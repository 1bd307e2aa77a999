"""The NumPy tier: many packets at once, with the figures that plain Python gives.

Pieces of the file become columns, one row a packet. What is RTP of a stream that is known waits until there
is enough of it, then brings its streams forward all together (``column_streams``). Every other frame is
taken on its own by ``Tally``, in the order of the file; so is the beginning of each stream.
"""

import socket
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from callprobe.pcap.packets import Address, Frame, Sink, UdpDatagram
from callprobe.pcap.reading.container import Container, Interface
from callprobe.pcap.reading.one_block import BROKEN, MORE, take_block
from callprobe.pcap.reading.piecewise import Piecewise
from callprobe.pcap.reading.read import open_capture
from callprobe.pcap.streams import column_frames, column_streams
from callprobe.pcap.streams.column_frames import Frames, Ints, RtpColumns
from callprobe.pcap.streams.column_keys import NOBODY, KeyTable
from callprobe.pcap.streams.column_streams import Known, Rows
from callprobe.pcap.streams.column_walk import BLOCK, Records, walk
from callprobe.pcap.streams.flows import FlowState, FlowTable
from callprobe.pcap.streams.rtp_header import read_header
from callprobe.pcap.streams.rtp_state import StreamState
from callprobe.pcap.streams.rtp_streams import StreamKey, StreamTable
from callprobe.pcap.tally import Tally, within_limit

PIECE_BYTES: Final = 1 << 22
FIRST_PIECE_BYTES: Final = 1 << 17
"""The first pieces are smaller, because every stream begins slowly."""
WAITING_ROWS: Final = 32_000
"""So many packets, or up to twice as many, are counted together."""
_ENOUGH: Final = 1 << 14
"""So many frames are worth their while together; more than four times as many take much memory."""
_FEW: Final = 24
"""So many frames are taken sooner one by one."""
_IPV4_WORDS: Final = 2
_IPV6_WORDS: Final = 5


class Counted(NamedTuple):
    """What was counted."""

    tally: Tally
    streams: StreamTable
    flows: FlowTable
    truncated_at_offset: int | None


def run(
    path: Path, sink: Sink, *, piece_bytes: int = PIECE_BYTES, waiting_rows: int = WAITING_ROWS
) -> Counted:
    """Read a capture up to where it breaks, so many bytes at a time. Raises CaptureError."""
    with open_capture(path) as capture, Piecewise(path, capture, piece_bytes) as pieces:
        reader = _Reader(pieces, sink, waiting_rows)
        truncated_at_offset = reader.run()
    return Counted(reader.tally, reader.media.streams, reader.media.flows, truncated_at_offset)


class _Flows(FlowTable):
    """Flows that can be looked at."""

    def state(self, source: Address, destination: Address) -> FlowState | None:
        """Return what is counted of a flow, unless it is left out."""
        return self._flows.get((source, destination))


class _Streams(StreamTable):
    """Streams that can be looked at."""

    def state(self, key: StreamKey) -> StreamState | None:
        """Return a stream, unless it is on probation or left out."""
        return self._streams.get(key)


class _Media:
    """Streams and flows."""

    def __init__(self, waiting_rows: int) -> None:
        self.streams = _Streams()
        self.flows = _Flows()
        self.known: list[Known] = []
        self._by_key: dict[StreamKey, int] = {}
        self.tables = {words: KeyTable(words) for words in (_IPV4_WORDS, _IPV6_WORDS)}
        self._limit = waiting_rows
        self._waiting: list[tuple[Ints, Rows]] = []
        self._n_waiting = 0
        self._apart: list[tuple[int, ...]] = []
        """Those that were taken on their own: number of the frame, fields of ``Rows``."""
        self.frame: int = 0
        """Number of the frame that is taken on its own."""

    def datagram(self, datagram: UdpDatagram, *, is_rtp: bool) -> None:
        """Take a UDP datagram, which is settled as RTP or is not."""
        source, destination = datagram.source, datagram.destination
        header = read_header(datagram.payload, datagram.size) if is_rtp else None
        if header is None:
            self.flows.add(source, destination, datagram.epoch_ns, datagram.size, is_rtp=is_rtp)
            return
        key = StreamKey(source, destination, header.ssrc, "plain")
        place = self._by_key.get(key)
        if place is not None:
            row = (place, datagram.epoch_ns, header.sequence, header.timestamp, datagram.size)
            self._apart.append((self.frame, *row, header.second_byte, header.profile))
            self._n_waiting += 1
            return
        self.flows.add(source, destination, datagram.epoch_ns, datagram.size, is_rtp=is_rtp)
        self.streams.take(key, datagram.epoch_ns, header, datagram.size, datagram.payload)
        state = self.streams.state(key)
        if state is not None:
            self._enter(key, state)

    def wait(self, frames: Ints, rows: Rows) -> None:
        """Let packets of known streams wait, with the numbers of their frames."""
        self._waiting.append((frames, rows))
        self._n_waiting += len(frames)

    def take_waiting(self, *, at_end: bool = False) -> None:
        """Count the packets that wait, if there are enough or no more will come."""
        if not self._n_waiting or (self._n_waiting < self._limit and not at_end):
            return
        is_in_order = not self._apart
        if self._apart:
            frames, *columns = np.array(self._apart, dtype=np.int64).T
            self._waiting.append((frames, _typed(columns)))
        frames = np.concatenate([frames for frames, _ in self._waiting])
        rows = Rows(*map(np.concatenate, zip(*(rows for _, rows in self._waiting), strict=True)))
        self._waiting, self._apart, self._n_waiting = [], [], 0
        if not is_in_order:
            rows = rows.picked(np.argsort(frames, kind="stable"))
        edges = np.linspace(0, len(frames), 1 + -(-len(frames) // (2 * self._limit)), dtype=np.int64).tolist()
        for start, end in pairwise(edges):
            part = rows.picked(slice(start, end))
            column_streams.take(part, self.known, self.flows, self.streams.grid_ns or 0)

    def _enter(self, key: StreamKey, state: StreamState) -> None:
        place = self._by_key[key] = len(self.known)
        self.known.append(Known(state, self.flows.state(key.source, key.destination)))
        (source, source_port), (destination, destination_port) = key.source, key.destination
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        addresses = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
        tail = source_port << 48 | destination_port << 32 | key.ssrc
        words = (*np.frombuffer(addresses, dtype=np.uint64).tolist(), tail)
        self.tables[len(words)].add(words, place)


def _next_limit(limit: int, frames: int) -> int:
    """Return how many bytes to walk next, after so many held so many frames."""
    if frames < _ENOUGH:
        return min(4 * limit, 2 * PIECE_BYTES)
    return limit if frames <= 4 * _ENOUGH else max(limit // 4, FIRST_PIECE_BYTES)


def _typed(columns: list[Ints]) -> Rows:
    stream, epoch_ns, sequence, timestamp, size, second, profile = columns
    return Rows(
        stream.astype(np.uint16),
        epoch_ns,
        sequence.astype(np.uint16),
        timestamp.astype(np.uint32),
        size,
        second.astype(np.uint8),
        profile,
    )


class _Reader:
    """One pass over a capture."""

    def __init__(self, pieces: Piecewise, sink: Sink, waiting_rows: int) -> None:
        self._pieces = pieces
        self._container: Container = pieces.container
        self.media = _Media(waiting_rows)
        self.tally = Tally(sink, self.media)
        self._previous_ns = 0
        self._limit = FIRST_PIECE_BYTES

    def run(self) -> int | None:
        """Read to the end; return the offset of the first record that is not whole."""
        broken_at = self._read()
        self.media.take_waiting(at_end=True)
        return broken_at

    def _read(self) -> int | None:
        pieces = self._pieces
        while pieces.fill():
            if not self._take():
                return pieces.offset
        return pieces.rest()

    def _take(self) -> bool:
        """Take what is at hand; False where the file breaks."""
        pieces = self._pieces
        while True:
            view = pieces.view
            walked = walk(view, self._container, self._limit)
            if walked.records is not None:
                self._take_records(view, walked.records)
            pieces.advance(walked.consumed)
            self.media.take_waiting()
            was_limited = self._limit < len(view)
            self._limit = _next_limit(self._limit, 0 if walked.records is None else len(walked.records.start))
            if walked.reason == MORE and walked.consumed and was_limited:
                continue
            if walked.reason != BLOCK:
                return walked.reason == MORE
            size = self._take_block()
            if size in {MORE, BROKEN}:
                return size == MORE
            pieces.advance(size)

    def _take_block(self) -> int:
        """Take a block that is no enhanced packet; return its size."""
        block = take_block(self._container, self._pieces.view, 0)
        if block.frame is not None:
            epoch_ns = self._previous_ns if block.is_timeless else within_limit(block.frame.epoch_ns)
            self._note(epoch_ns, epoch_ns, epoch_ns, 1)
            self.tally.note_link_type(block.frame.link_type, 1)
            self._hand_on(block.frame._replace(number=self.tally.frames, epoch_ns=epoch_ns))
        return block.size

    def _note(self, origin_ns: int, first_ns: int, last_ns: int, frames: int) -> None:
        if self.tally.origin_ns is None:
            self.media.streams.grid_ns = origin_ns
        self.tally.note_times(origin_ns, first_ns, last_ns)
        self.tally.frames += frames

    def _hand_on(self, frame: Frame) -> None:
        self.media.frame = frame.number
        self.tally.hand_on(frame)

    def _take_records(self, view: memoryview, records: Records) -> None:
        first_frame = self.tally.frames + 1
        epoch_ns = records.epoch_ns
        self._previous_ns = int(epoch_ns[-1])
        self._note(int(epoch_ns[0]), int(epoch_ns.min()), int(epoch_ns.max()), len(epoch_ns))
        chunk = _Chunk(view, records, first_frame, self._container.interfaces)
        for link_type, frames in chunk.frames_by_link_type():
            self.tally.note_link_type(link_type, frames)
        singles = np.ones(len(epoch_ns), dtype=np.bool_)
        unknown: list[RtpColumns] = []
        if len(epoch_ns) > _FEW:
            for columns in chunk.rtp():
                places = self.media.tables[len(columns.key)].find(columns.key)
                is_known = places != NOBODY
                if is_known.all():
                    found = columns
                else:
                    found = _picked(columns, is_known)
                    unknown.append(_picked(columns, ~is_known))
                    places = places[is_known]
                singles[found.place] = False
                self._wait(chunk, found, places)
        self._take_singly(chunk, np.flatnonzero(singles), unknown)

    def _wait(self, chunk: "_Chunk", columns: RtpColumns, places: Ints) -> None:
        if not len(places):
            return
        self.tally.udp_datagrams += len(places)
        rows = Rows(
            places.astype(np.uint16),
            chunk.records.epoch_ns[columns.place],
            columns.sequence,
            columns.timestamp,
            columns.size,
            columns.second,
            columns.profile,
        )
        self.media.wait(columns.place + chunk.first_frame, rows)

    def _take_singly(self, chunk: "_Chunk", singles: Ints, unknown: Iterable[RtpColumns]) -> None:
        """Take frames one by one, until streams that are among them are known."""
        groups = np.full(len(chunk.records.start), NOBODY, dtype=np.int64)
        count = 0
        for columns in unknown:
            digests = self.media.tables[len(columns.key)].digests(columns.key)
            _, inverse = np.unique(digests, return_inverse=True)
            groups[columns.place] = inverse + count
            count += int(inverse.max()) + 1
        last_single = np.full(count, len(groups), dtype=np.int64)
        settled: set[int] = set()
        media = self.media
        for place, group in zip(singles.tolist(), groups[singles].tolist(), strict=True):
            if group in settled:
                continue
            before = len(media.known)
            self._hand_on(chunk.frame(place))
            if group >= 0 and len(media.known) > before:
                settled.add(group)
                last_single[group] = place
        if settled:
            for columns in unknown:
                left = columns.place > last_single[groups[columns.place]]
                self._take_settled(chunk, _picked(columns, left))

    def _take_settled(self, chunk: "_Chunk", columns: RtpColumns) -> None:
        """Let packets wait whose streams have become known while frames were taken one by one."""
        places = self.media.tables[len(columns.key)].find(columns.key)
        found = places != NOBODY
        self._wait(chunk, _picked(columns, found), places[found])
        # Two keys shared a digest: never, but for the seeds.
        for place in columns.place[~found].tolist():
            self._hand_on(chunk.frame(place))


class _Chunk:
    """Frames that are taken together."""

    def __init__(
        self, view: memoryview, records: Records, first_frame: int, interfaces: list[Interface]
    ) -> None:
        self._view = view
        self.records = records
        self.first_frame = first_frame
        kinds = [interface.link_type for interface in interfaces]
        self.link_types: Ints | int
        if isinstance(records.interface, int):
            self.link_types = kinds[records.interface]
        else:
            self.link_types = np.array(kinds, dtype=np.int64)[records.interface]

    def frames_by_link_type(self) -> Iterator[tuple[int, int]]:
        """Yield link types in the order in which they are met, with their frames."""
        if isinstance(self.link_types, int):
            yield self.link_types, len(self.records.start)
            return
        for link_type in dict.fromkeys(self.link_types.tolist()):
            yield link_type, int((self.link_types == link_type).sum())

    def frame(self, place: int) -> Frame:
        """Return one of them."""
        records = self.records
        start = int(records.start[place])
        data = bytes(self._view[start : start + int(records.captured[place])])
        link_type = self.link_types if isinstance(self.link_types, int) else int(self.link_types[place])
        wire_size = int(records.wire_size[place])
        return Frame(self.first_frame + place, int(records.epoch_ns[place]), link_type, data, wire_size)

    def rtp(self) -> list[RtpColumns]:
        """Return the packets of RTP among them."""
        records, buffer = self.records, np.frombuffer(self._view, dtype=np.uint8)
        enough = int(np.searchsorted(records.start, len(buffer) - column_frames.MARGIN_BYTES))
        if isinstance(self.link_types, int):
            which = slice(0, enough)
            frames = Frames(buffer, records.start[which], records.captured[which], records.wire_size[which])
            return column_frames.rtp_columns(frames, self.link_types) if enough else []
        found = []
        for link_type in np.unique(self.link_types).tolist():
            among = np.flatnonzero(self.link_types[:enough] == link_type)
            if len(among):
                frames = Frames(
                    buffer, records.start[among], records.captured[among], records.wire_size[among]
                )
                found += [
                    columns._replace(place=among[columns.place])
                    for columns in column_frames.rtp_columns(frames, link_type)
                ]
        return found


def _picked(columns: RtpColumns, which: np.ndarray) -> RtpColumns:
    return RtpColumns(
        columns.place[which],
        tuple(words[which] for words in columns.key),
        columns.sequence[which],
        columns.timestamp[which],
        columns.size[which],
        columns.second[which],
        columns.profile[which],
    )
