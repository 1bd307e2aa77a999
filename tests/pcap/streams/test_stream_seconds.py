"""The seconds of a stream."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.streams.stream_seconds import SecondRow, SecondRows


def rows_of(seconds: list[int], limit: int) -> SecondRows:
    """Return the rows of one packet in each of these seconds; jitter is the packet's place."""
    rows = SecondRows(limit, 1)
    for place, second in enumerate(seconds):
        rows.move(second)
        rows.add(1, second % 3, [float(place)])
    return rows


def test_rows_are_in_order_of_time() -> None:
    """A capture whose clock jumped gives rows in order; each has the jitter of its last packet."""
    rows = rows_of([5, 6, 5, 2], 16)

    assert rows.rows() == [
        SecondRow(2, 1, 2, (3000,)),
        SecondRow(5, 2, 4, (2000,)),
        SecondRow(6, 1, 0, (1000,)),
    ]


@given(st.lists(st.integers(-50, 500), max_size=60), st.integers(4, 20))
def test_rows_stay_few_and_lose_nothing(seconds: list[int], limit: int) -> None:
    """However many seconds there are: at most so many rows, in which every packet is counted in its time."""
    rows = rows_of(seconds, limit)
    found, each = rows.rows(), rows.seconds_each

    assert len(found) <= limit
    assert {row.number: row.received for row in found} == Counter(second // each for second in seconds)
    assert each == 1 or len({second // (each // 2) for second in seconds}) >= limit


def test_absurd_jitter_is_capped() -> None:
    """A row holds 32 bits of microseconds."""
    rows = SecondRows(4, 2)
    rows.move(0)
    rows.add(1, 0, [1e12, 0.0005])

    assert rows.rows()[0].jitter_us == (2**32 - 1, 0)
