"""One stream: what jumps, what goes astray, what begins anew."""

import pytest

from callprobe.pcap.streams.rtp_header import NO_EXTENSION, RtpHeader
from callprobe.pcap.streams.rtp_numbers import NumberTotals
from callprobe.pcap.streams.rtp_state import MAX_PROFILES, OTHER_PROFILE, Limits, StreamState, StreamTotals

STEP = 960
GAP_NS = 20_000_000
LIMITS = Limits(rows=64, sample=64)


def stream(
    numbers: list[int], *, stamps: list[int] | None = None, profiles: list[int] | None = None
) -> StreamTotals:
    """Return the figures of a stream that sends a packet every 20 ms."""
    state = StreamState(b"", 0, 0, LIMITS)
    for index, number in enumerate(numbers):
        stamp = STEP * number if stamps is None else stamps[index]
        profile = NO_EXTENSION if profiles is None else profiles[index]
        header = RtpHeader(111, number & 0xFFFF, stamp & 0xFFFFFFFF, 7, profile)
        state.add(index * GAP_NS, header, 100)
    return state.totals()


def losses(numbers: NumberTotals) -> tuple[int, int, int]:
    """Return segments, what came and what was lost."""
    return numbers.segments, numbers.unique, numbers.losses.lost


def test_long_outage_is_loss() -> None:
    """Numbers 4000 further on, stamps as well: eighty seconds of voice were lost."""
    found = stream([*range(100), *range(4100, 4200)])

    assert losses(found.numbers) == (1, 200, 4000)
    assert found.strays == 0
    assert found.numbers.losses.run_max == 4000


def test_outage_of_more_than_half_a_round_is_loss() -> None:
    """40 000 numbers are closer backwards than forwards; the stamps say that time went on."""
    found = stream([*range(100), *range(40_100, 40_200)])

    assert losses(found.numbers) == (1, 200, 40_000)


@pytest.mark.parametrize("leap", [-20_000, -3_500, 5_000, 30_000, 60_000])
def test_new_beginning_is_no_loss(leap: int) -> None:
    """A sender that starts again with numbers and stamps of chance has lost nothing."""
    numbers = [*range(100), *range(100 + leap, 200 + leap)]
    stamps = [*range(0, 100 * STEP, STEP), *range(123_456_789, 123_456_789 + 100 * STEP, STEP)]
    found = stream(numbers, stamps=stamps)

    assert losses(found.numbers) == (2, 200, 0)
    assert found.numbers.expected == 200
    assert max(found.times.jitter_max) < GAP_NS


def test_young_segment_proves_no_outage() -> None:
    """Two packets tell nothing of how stamps go: what leaps then is a new beginning."""
    found = stream([*range(100), 9_000, 9_001, 20_000, 20_001], stamps=[*range(0, 104 * STEP, STEP)])

    assert losses(found.numbers) == (3, 104, 0)


def test_losses_around_a_new_beginning_count() -> None:
    """What is missing within a segment is missing."""
    numbers = [*range(50), *range(53, 100), *range(9_000, 9_050), *range(9_051, 9_100)]
    found = stream(numbers, stamps=[0] * len(numbers))

    assert losses(found.numbers) == (2, 97 + 99, 4)


def test_stray_packet_invents_nothing() -> None:
    """One packet far off, as a corrupted one, enters no figure but sizes, types and times."""
    found = stream([*range(50), 20_000, *range(50, 100)])

    assert losses(found.numbers) == (1, 100, 0)
    assert (found.packets, found.strays, found.bytes) == (101, 1, 10_100)
    assert found.times.differences == 99


def test_strays_in_a_row_are_strays_each() -> None:
    """Two that do not follow one another prove nothing, nor does one at the end."""
    found = stream([*range(50), 20_000, 40_000, *range(50, 100), 30_000])

    assert losses(found.numbers) == (1, 100, 0)
    assert found.strays == 3


def test_new_beginning_needs_no_perfect_neighbour() -> None:
    """The second packet may miss a few before it (MAX_MISORDER of RFC 3550 appendix A.1)."""
    stamps = [*range(0, 50 * STEP, STEP), *range(50)]
    found = stream([*range(50), 30_000, *range(30_090, 30_139)], stamps=stamps)

    assert losses(found.numbers) == (2, 100, 89)


def test_every_packet_has_its_place() -> None:
    """Packets are first copies, further copies or strays."""
    found = stream([*range(60), 59, 58, 20_000, *range(60, 80), 50])

    assert found.packets == found.numbers.unique + 3 + found.strays
    assert (found.numbers.reordered, found.numbers.late) == (2, 0)


def test_profiles_beyond_the_first_are_others() -> None:
    """A sender may invent profiles without end."""
    found = stream(list(range(40)), profiles=[NO_EXTENSION, *range(39)])

    assert len(found.profiles) == MAX_PROFILES + 1
    assert found.profiles[OTHER_PROFILE] == 39 - MAX_PROFILES


def test_traffic_counts_every_packet() -> None:
    """Sizes, types, marker, extremes of time and the longest gap."""
    state = StreamState(b"first", 10, 0, LIMITS)
    for at_ns, second, size in ((10, 0x80 | 96, 50), (30, 97, 20), (5, 96, 90), (25, 96, 20)):
        state.add(at_ns, RtpHeader(second, 1, 0, 7, 0xBEDE), size)
    found = state.totals()

    assert (found.first_header, found.first_ns, found.last_ns, found.max_gap_ns) == (b"first", 5, 30, 20)
    assert (found.bytes, found.size_min, found.size_max, found.markers) == (180, 20, 90, 1)
    assert (found.payload_types, found.profiles) == ({96: 3, 97: 1}, {0xBEDE: 4})
