"""Brings many streams forward by many packets at once, for ``columns``.

The figures are those of ``StreamState.add``, packet by packet. Streams whose packets do something rare
(jump, fall below the first one) are left to it.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from callprobe.pcap.streams.column_frames import Bools, Bytes, Ints
from callprobe.pcap.streams.column_jitter import Jitter, jitters
from callprobe.pcap.streams.flows import FlowState, FlowTable
from callprobe.pcap.streams.rtp_header import NO_EXTENSION, RtpHeader
from callprobe.pcap.streams.rtp_numbers import HALF_WINDOW, MAX_JUMP, MAX_MISORDER, WINDOW, Numbers
from callprobe.pcap.streams.rtp_sample import FACTOR, NO_STEP
from callprobe.pcap.streams.rtp_state import MAX_PROFILES, StreamState
from callprobe.pcap.streams.rtp_times import SECOND_NS, SILENCE_TICKS

Number = TypeVar("Number", bound=np.integer)
_FEW: Final = 4
"""So many packets of a stream are taken sooner one by one."""
_APART: Final = 1 << 40
"""Between the numbers of streams, when they are looked at as one column."""
_MOST_US: Final = (1 << 32) - 1
_WINDOW_BYTES: Final = WINDOW // 8


class Known(NamedTuple):
    """A stream that is no longer on probation."""

    state: StreamState
    flow: FlowState | None
    """None when it belongs to those that are left out."""


class Rows(NamedTuple):
    """Packets of known streams, in the order of the file."""

    stream: NDArray[np.uint16]
    epoch_ns: Ints
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    size: Ints
    second: Bytes
    profile: Ints

    def picked(self, which: Ints | Bools | slice) -> "Rows":
        """Return some of them."""
        return Rows(
            self.stream[which],
            self.epoch_ns[which],
            self.sequence[which],
            self.timestamp[which],
            self.size[which],
            self.second[which],
            self.profile[which],
        )


class _Segments:
    """The rows of each stream, one stream after the other."""

    def __init__(self, stream: NDArray[np.uint16]) -> None:
        size = len(stream)
        self.starts: Ints = np.concatenate(([0], np.flatnonzero(stream[1:] != stream[:-1]) + 1))
        self.ends: Ints = np.concatenate((self.starts[1:], [size]))
        self.counts: Ints = self.ends - self.starts
        self.streams: list[int] = stream[self.starts].tolist()
        self.of_row: Ints = np.repeat(np.arange(len(self.starts)), self.counts)

    def sums(self, values: NDArray[np.generic]) -> list[int]:
        """Return the sum for each stream."""
        if values.dtype != np.int64:
            values = values.astype(np.int64)
        found: list[int] = np.add.reduceat(values, self.starts).tolist()
        return found

    def least(self, values: Ints) -> list[int]:
        """Return the smallest value for each stream."""
        found: list[int] = np.minimum.reduceat(values, self.starts).tolist()
        return found

    def most(self, values: Ints) -> list[int]:
        """Return the greatest value for each stream."""
        found: list[int] = np.maximum.reduceat(values, self.starts).tolist()
        return found

    def spread(self, values: Sequence[int]) -> Ints:
        """Return for each row what its stream has."""
        return np.array(values, dtype=np.int64)[self.of_row]

    def running(self, values: Ints, before: Sequence[int]) -> Ints:
        """Return sums so far within each stream, on top of what was before."""
        sums: Ints = np.cumsum(values)
        return (
            sums + (np.array(before, dtype=np.int64) - sums[self.starts] + values[self.starts])[self.of_row]
        )

    def lagged(self, values: NDArray[Number], before: Sequence[int]) -> NDArray[Number]:
        """Return for each row the value of the row before it in its stream."""
        found = np.empty_like(values)
        found[1:] = values[:-1]
        found[self.starts] = np.array(before, dtype=np.int64).astype(values.dtype)
        return found


class _Numbers(NamedTuple):
    """What became of the numbers of the rows."""

    step: Ints
    above: Ints
    """Number minus the highest before the first row."""
    key: Ints
    """The same, streams apart."""
    rise: Ints
    """Number minus the highest before the row."""


def take(rows: Rows, known: Sequence[Known], flows: FlowTable, grid_ns: int) -> None:
    """Take packets of known streams, whose seconds are counted from ``grid_ns``."""
    if not len(rows.stream):
        return
    rows = rows.picked(np.argsort(rows.stream, kind="stable"))
    segments = _Segments(rows.stream)
    _count_flows(rows, segments, known, flows)
    _take_sorted(rows, segments, known, grid_ns)


def _take_sorted(rows: Rows, segments: _Segments, known: Sequence[Known], grid_ns: int) -> None:
    states = [known[stream].state for stream in segments.streams]
    numbers = _numbers(rows, segments, states)
    rare = _rare(numbers, segments, states)
    far = _far(numbers, segments) & ~rare
    if not (rare.any() or far.any()):
        _Batch(rows, segments, states, numbers, grid_ns).take()
        return
    one_by_one, halved = rare[segments.of_row], far[segments.of_row]
    _take_singly(rows.picked(one_by_one), known)
    for part in _halves(rows.picked(halved)):
        _take_sorted(part, _Segments(part.stream), known, grid_ns)
    rest = rows.picked(~(one_by_one | halved))
    if len(rest.stream):
        _take_sorted(rest, _Segments(rest.stream), known, grid_ns)


def _halves(rows: Rows) -> Iterator[Rows]:
    """Yield the first half of each stream's rows, then the second."""
    if len(rows.stream):
        segments = _Segments(rows.stream)
        rank = np.arange(len(rows.stream)) - segments.starts[segments.of_row]
        early = rank < (segments.counts // 2)[segments.of_row]
        yield rows.picked(early)
        yield rows.picked(~early)


def _take_singly(rows: Rows, known: Sequence[Known]) -> None:
    columns = (column.tolist() for column in rows)
    for stream, epoch_ns, sequence, timestamp, size, second, profile in zip(*columns, strict=True):
        known[stream].state.add(epoch_ns, RtpHeader(second, sequence, timestamp, 0, profile), size)


def _count_flows(rows: Rows, segments: _Segments, known: Sequence[Known], flows: FlowTable) -> None:
    counted = zip(
        segments.streams,
        segments.counts.tolist(),
        segments.sums(rows.size),
        segments.least(rows.epoch_ns),
        segments.most(rows.epoch_ns),
        segments.least(rows.size),
        segments.most(rows.size),
        segments.sums(rows.size & 15 != 0),
        strict=True,
    )
    for stream, packets, size, first_ns, last_ns, size_min, size_max, odd16 in counted:
        flow = known[stream].flow
        if flow is None:
            flows.packets_left_out += packets
            continue
        flow.packets += packets
        flow.bytes += size
        flow.first_ns = min(flow.first_ns, first_ns)
        flow.last_ns = max(flow.last_ns, last_ns)
        flow.size_min = min(flow.size_min, size_min)
        flow.size_max = max(flow.size_max, size_max)
        flow.odd16 += odd16
        flow.rtp_candidates += packets


def _numbers(rows: Rows, segments: _Segments, states: Sequence[StreamState]) -> _Numbers:
    before = segments.lagged(rows.sequence, [state.numbers.previous & 0xFFFF for state in states])
    step = (rows.sequence - before).view(np.int16).astype(np.int64)
    above = segments.running(step, [state.numbers.previous - state.numbers.highest for state in states])
    offset = segments.of_row * _APART
    key = above + offset
    highest = np.maximum(np.maximum.accumulate(key), offset)
    highest[1:] = highest[:-1]
    highest[segments.starts] = offset[segments.starts]
    return _Numbers(step, above, key, key - highest)


def _rare(numbers: _Numbers, segments: _Segments, states: Sequence[StreamState]) -> Bools:
    """Say of which streams the packets are to be taken one by one."""
    rare = segments.counts < _FEW
    if int(numbers.rise.max()) > MAX_JUMP or int(numbers.rise.min()) < -MAX_JUMP:
        rare[segments.of_row[np.abs(numbers.rise) > MAX_JUMP]] = True
    lowest = np.minimum.reduceat(numbers.above, segments.starts).tolist()
    for place, (state, least) in enumerate(zip(states, lowest, strict=True)):
        of_stream = state.numbers
        if state.held is not None or least < of_stream.lowest - of_stream.highest:
            rare[place] = True
    return rare


def _far(numbers: _Numbers, segments: _Segments) -> Bools:
    """Say which streams go on by more than the window has room for."""
    furthest = np.maximum.reduceat(numbers.above, segments.starts)
    far: Bools = furthest > HALF_WINDOW - 2 * MAX_JUMP
    return far


class _Batch:
    """Packets of streams that do nothing rare."""

    def __init__(
        self,
        rows: Rows,
        segments: _Segments,
        states: Sequence[StreamState],
        numbers: _Numbers,
        grid_ns: int,
    ) -> None:
        self._rows = rows
        self._segments = segments
        self._states = states
        self._numbers = numbers
        self._grid_ns = grid_ns
        self._gap_ns: Ints = rows.epoch_ns - segments.lagged(
            rows.epoch_ns, [state.times.arrival_ns for state in states]
        )
        stamps = segments.lagged(rows.timestamp, [state.times.timestamp for state in states])
        self._ticks: Ints = (rows.timestamp - stamps).view(np.int32).astype(np.int64)
        self._is_neighbour: Bools = numbers.step == 1

    def take(self) -> None:
        """Bring the streams forward."""
        self._count_traffic()
        received, lost = self._place()
        self._take_times(received, lost)

    def _count_traffic(self) -> None:
        rows, segments, states = self._rows, self._segments, self._states
        gap_ns = self._gap_ns.copy()
        previous = [state.traffic.previous_ns for state in states]
        gap_ns[segments.starts] = rows.epoch_ns[segments.starts] - np.array(previous, dtype=np.int64)
        counted = zip(
            states,
            segments.counts.tolist(),
            segments.sums(rows.size),
            segments.least(rows.size),
            segments.most(rows.size),
            segments.least(rows.epoch_ns),
            segments.most(rows.epoch_ns),
            segments.most(gap_ns),
            rows.epoch_ns[segments.ends - 1].tolist(),
            segments.sums(rows.second >> 7),
            strict=True,
        )
        for (
            state,
            packets,
            size,
            size_min,
            size_max,
            first_ns,
            last_ns,
            gap_max_ns,
            end_ns,
            markers,
        ) in counted:
            traffic = state.traffic
            traffic.packets += packets
            traffic.bytes += size
            traffic.size_min = min(traffic.size_min, size_min)
            traffic.size_max = max(traffic.size_max, size_max)
            traffic.first_ns = min(traffic.first_ns, first_ns)
            traffic.last_ns = max(traffic.last_ns, last_ns)
            traffic.max_gap_ns = max(traffic.max_gap_ns, gap_max_ns)
            traffic.previous_ns = end_ns
            traffic.markers += markers
        self._count_kinds()

    def _count_kinds(self) -> None:
        for state, payload_types, _ in self._tables(self._rows.second.astype(np.int64) & 0x7F):
            counts = state.traffic.payload_types
            for payload_type, packets in payload_types.items():
                counts[payload_type] = counts.get(payload_type, 0) + packets
        if int(self._rows.profile.max()) == NO_EXTENSION:
            return
        for state, profiles, in_order in self._tables(self._rows.profile):
            traffic = state.traffic
            if len(traffic.profiles.keys() | profiles.keys() - {NO_EXTENSION}) <= MAX_PROFILES:
                for profile, packets in profiles.items():
                    if profile != NO_EXTENSION:
                        traffic.count_profile(profile, packets)
                continue
            for profile in in_order.tolist():
                if profile != NO_EXTENSION:
                    traffic.count_profile(profile, 1)

    def _tables(self, values: Ints) -> Iterator[tuple[StreamState, dict[int, int], Ints]]:
        """Yield for each stream how often it has each value, and the values."""
        segments = self._segments
        least, most = segments.least(values), segments.most(values)
        bounds = zip(self._states, segments.starts.tolist(), segments.ends.tolist(), least, most, strict=True)
        for state, start, end, smallest, greatest in bounds:
            part = values[start:end]
            if smallest == greatest:
                yield state, {smallest: end - start}, part
            else:
                distinct, counts = np.unique(part, return_counts=True)
                yield state, dict(zip(distinct.tolist(), counts.tolist(), strict=True)), part

    def _place(self) -> tuple[Ints, Ints]:
        """Enter the numbers; return for each row what ``Placed`` calls received and lost."""
        numbers, segments = self._numbers, self._segments
        rises = numbers.rise > 0
        received = np.ones(len(rises), dtype=np.int64)
        lost = numbers.rise - 1
        late = self._place_back(np.flatnonzero(~rises), numbers.key[rises], received, lost)
        step = numbers.step
        orderly = ((step > 0) & (step <= MAX_JUMP)) | ((step < 0) & (step >= -MAX_MISORDER))
        counted = zip(
            self._states,
            segments.sums(received),
            segments.sums(step < 0),
            segments.sums(orderly),
            late,
            numbers.above[segments.ends - 1].tolist(),
            segments.most(numbers.above),
            self._came(received),
            strict=True,
        )
        for state, unique, reordered, in_order, n_late, last, furthest, came in counted:
            of_stream = state.numbers
            of_stream.unique += unique
            of_stream.reordered += reordered
            of_stream.orderly += in_order
            of_stream.late += n_late
            of_stream.previous = of_stream.highest + last
            if furthest > 0:
                of_stream.settle(of_stream.highest + furthest)
                _mark(of_stream.window, of_stream.highest + 1, of_stream.highest + furthest, came)
                of_stream.highest += furthest
        return received, lost

    def _place_back(self, back: Ints, rising: Ints, received: Ints, lost: Ints) -> list[int]:
        """Place rows that do not rise; return the late first copies of each stream."""
        late = [0] * len(self._states)
        if not len(back):
            return late
        keys = self._numbers.key[back]
        lost[back] = received[back] = 0
        at = np.searchsorted(rising, keys)
        at[at == len(rising)] = 0
        seen_before = rising[at] == keys if len(rising) else np.zeros(len(back), dtype=np.bool_)
        rest = back[~seen_before]
        came: set[int] = set()
        places, above = self._segments.of_row[rest].tolist(), self._numbers.above[rest].tolist()
        for row, place, number, key in zip(
            rest.tolist(), places, above, self._numbers.key[rest].tolist(), strict=True
        ):
            if key in came:
                continue
            came.add(key)
            if number <= 0 and not _marks(self._states[place].numbers, number):
                continue
            received[row], lost[row] = 1, -1
            late[place] += 1
        return late

    def _came(self, received: Ints) -> list[bytes]:
        """Return for each stream a bit for each number above the highest, from a whole byte on."""
        segments, numbers = self._segments, self._numbers
        first = np.array([state.numbers.highest + 1 & 7 for state in self._states], dtype=np.int64)
        furthest = np.maximum(np.maximum.reduceat(numbers.above, segments.starts), 0)
        sizes = (first + furthest + 7) >> 3
        ends = np.cumsum(sizes)
        bits = np.zeros(int(ends[-1]) * 8, dtype=np.uint8)
        at = ((ends - sizes) * 8 + first - 1)[segments.of_row] + numbers.above
        bits[at[(numbers.above > 0) & (received > 0)]] = 1
        data = np.packbits(bits, bitorder="little").tobytes()
        return [data[end - size : end] for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)]

    def _take_times(self, received: Ints, lost: Ints) -> None:
        segments, states = self._segments, self._states
        times = [state.times for state in states]
        elapsed = segments.running(self._gap_ns, [of_stream.elapsed_ns for of_stream in times])
        ticks = segments.running(self._ticks, [of_stream.ticks for of_stream in times])
        self._sample(elapsed, ticks)
        self._count_neighbours()
        found = jitters(self._gap_ns, self._ticks, segments.starts, segments.counts, times)
        self._enter_seconds(received, lost, found)
        self._note_highest(ticks)
        last = segments.ends - 1
        counted = zip(
            times,
            segments.counts.tolist(),
            self._rows.epoch_ns[last].tolist(),
            self._rows.timestamp[last].tolist(),
            elapsed[last].tolist(),
            ticks[last].tolist(),
            found.at(last).T.tolist(),
            found.sums.T.tolist(),
            found.most.T.tolist(),
            strict=True,
        )
        for (
            of_stream,
            packets,
            epoch_ns,
            timestamp,
            elapsed_ns,
            n_ticks,
            jitter,
            jitter_sum,
            jitter_max,
        ) in counted:
            of_stream.packets += packets
            of_stream.differences += packets
            of_stream.arrival_ns, of_stream.timestamp = epoch_ns, timestamp
            of_stream.elapsed_ns, of_stream.ticks = elapsed_ns, n_ticks
            of_stream.jitter = jitter
            of_stream.jitter_sum = [a + b for a, b in zip(of_stream.jitter_sum, jitter_sum, strict=True)]
            of_stream.jitter_max = list(map(max, of_stream.jitter_max, jitter_max))

    def _note_highest(self, ticks: Ints) -> None:
        """Note the stamps that go with the highest numbers."""
        rising = np.where(self._numbers.rise > 0, np.arange(len(ticks)), -1)
        for state, row in zip(self._states, self._segments.most(rising), strict=True):
            if row >= 0:
                state.times.highest_ticks = int(ticks[row])
                state.times.highest_timestamp = int(self._rows.timestamp[row])

    def _count_neighbours(self) -> None:
        segments = self._segments
        neighbours = self._is_neighbour
        counted = zip(
            self._states,
            segments.sums(neighbours),
            segments.sums(neighbours & (self._ticks == 0)),
            strict=True,
        )
        for state, packets, still in counted:
            state.times.neighbours += packets
            state.times.still += still
        silent = np.flatnonzero(neighbours & (self._ticks >= SILENCE_TICKS[0]))
        if not len(silent):
            return
        place, ticks = segments.of_row[silent], self._ticks[silent]
        for clock, least in enumerate(SILENCE_TICKS):
            counts = np.bincount(place[ticks >= least], minlength=len(self._states))
            for found in np.flatnonzero(counts).tolist():
                self._states[found].times.silences[clock] += int(counts[found])

    def _sample(self, elapsed: Ints, ticks: Ints) -> None:
        """Add to the samples what belongs to them."""
        segments, rows = self._segments, self._rows
        first = np.array([state.times.packets for state in self._states], dtype=np.int64) - segments.starts
        number = np.arange(len(ticks)) + first[segments.of_row]
        bounds = np.array([state.times.sample.bound for state in self._states], dtype=np.int64)
        wanted = np.flatnonzero(_hashed(number) < bounds[segments.of_row])
        step = np.where(self._is_neighbour[wanted], self._ticks[wanted], NO_STEP)
        columns = [
            column.tobytes()
            for column in (
                number[wanted],
                elapsed[wanted],
                ticks[wanted],
                rows.size[wanted],
                step,
                self._gap_ns[wanted],
            )
        ]
        edges = (np.searchsorted(wanted, [*segments.starts.tolist(), len(ticks)]) * 8).tolist()
        for state, start, end in zip(self._states, edges[:-1], edges[1:], strict=True):
            if start == end:
                continue
            sample = state.times.sample
            for kept, data in zip(sample.columns, columns, strict=True):
                kept.frombytes(data[start:end])
            if len(sample) > sample.limit:
                _thin_out(state)

    def _enter_seconds(self, received: Ints, lost: Ints, found: Jitter) -> None:
        segments = self._segments
        second = (self._rows.epoch_ns - self._grid_ns) // SECOND_NS
        shift = [state.times.rows.seconds_each.bit_length() - 1 for state in self._states]
        row = second >> segments.spread(shift) if any(shift) else second
        changes = np.empty(len(row), dtype=np.bool_)
        changes[1:] = row[1:] != row[:-1]
        changes[segments.starts] = True
        starts = np.flatnonzero(changes)
        ends = np.append(starts[1:], len(row)) - 1
        edges = np.searchsorted(starts, segments.starts)
        runs = _Runs(
            row[starts],
            second[ends],
            (np.add.reduceat(received, starts), np.add.reduceat(lost, starts)),
            found.at(ends),
            edges,
        )
        bounds = [*edges.tolist(), len(starts)]
        for state, start, end in zip(self._states, bounds[:-1], bounds[1:], strict=True):
            runs.enter(state, start, end)


class _Runs:
    """Packets of a stream that follow one another within one row of the stream's seconds."""

    def __init__(
        self,
        row: Ints,
        second: Ints,
        counts: tuple[Ints, Ints],
        jitter: NDArray[np.float64],
        edges: Ints,
    ) -> None:
        """Take, of each run: its row, the second of its last packet, what was received and lost.

        ``edges`` is where the runs of each stream begin.
        """
        received, lost = counts
        self._row: list[int] = row.tolist()
        self._second: list[int] = second.tolist()
        self._received: list[int] = received.tolist()
        self._lost: list[int] = lost.tolist()
        self._jitter: list[list[float]] = jitter.T.tolist()
        falls = row[1:] <= row[:-1]
        falls[edges[1:] - 1] = False
        self._falls: Ints = np.flatnonzero(falls) + 1
        written = np.array(counts)
        written[:, np.append(edges[1:], len(row)) - 1] = 0
        jitter_us = np.minimum(np.rint(jitter * 1000.0), _MOST_US).astype(np.uint32)
        self._columns: list[tuple[bytes, int]] = [
            (column.tobytes(), column.itemsize) for column in (row, *written, *jitter_us)
        ]

    def enter(self, state: StreamState, start: int, end: int) -> None:
        """Enter the runs of one stream."""
        times, rows = state.times, state.times.rows
        if self._row[start] == rows.last_index:
            times.row_received += self._received[start]
            times.row_lost += self._lost[start]
            times.second = self._second[start]
            times.jitter = self._jitter[start]
            start += 1
        if start == end:
            return
        times.end_row()
        if self._append(state, start, end):
            start = end - 1
        for run in range(start, end):
            if run > start:
                times.end_row()
            rows.move(self._second[run])
            times.second = self._second[run]
            times.row_received, times.row_lost = self._received[run], self._lost[run]
            times.jitter = self._jitter[run]

    def _append(self, state: StreamState, start: int, end: int) -> bool:
        """Append what is behind all rows, where there is room for it."""
        last = state.times.rows.last_index
        if last is None or self._row[start] <= last or self._falls_within(start + 1, end):
            return False
        return state.times.rows.extend([data[start * size : end * size] for data, size in self._columns])

    def _falls_within(self, start: int, end: int) -> bool:
        """Say whether a run lies before the one that precedes it."""
        if not len(self._falls):
            return False
        first, last = np.searchsorted(self._falls, (start, end))
        return bool(last > first)


def _marks(numbers: Numbers, above: int) -> bool:
    """Enter a number, counted from the highest; False if it had come before."""
    number = numbers.highest + above
    byte, bit = number >> 3 & _WINDOW_BYTES - 1, 1 << (number & 7)
    is_new = not numbers.window[byte] & bit
    numbers.window[byte] |= bit
    return is_new


def _hashed(number: Ints) -> Ints:
    product: Ints = (number.astype(np.uint32) * np.uint32(FACTOR)).astype(np.int64)
    return product


def _thin_out(state: StreamState) -> None:
    """Do what ``Sample`` does when it is too large."""
    sample = state.times.sample
    hashes = _hashed(np.array(sample.columns[0], dtype=np.int64))
    while int((hashes < sample.bound).sum()) > sample.limit:
        sample.bound //= 2
    stays = hashes < sample.bound
    for column in sample.columns:
        kept = np.array(column, dtype=np.int64)[stays].tobytes()
        del column[:]
        column.frombytes(kept)


def _mark(window: bytearray, first: int, last: int, came: bytes) -> None:
    """Write into a window which of the numbers from ``first`` to ``last`` came."""
    lower = (1 << (first & 7)) - 1
    at, end = first >> 3 & _WINDOW_BYTES - 1, last >> 3 & _WINDOW_BYTES - 1
    upper = 0xFF & ~((2 << (last & 7)) - 1)
    head = window[at] & lower
    tail = window[end] & upper
    room = _WINDOW_BYTES - at
    window[at : at + len(came)] = came[:room]
    if len(came) > room:
        window[: len(came) - room] = came[room:]
    window[at] |= head
    window[end] |= tail
