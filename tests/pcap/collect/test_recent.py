"""A table that forgets."""

from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.collect.recent import Recent


@given(st.lists(st.integers(0, 30), max_size=100), st.integers(2, 12))
def test_the_last_half_is_remembered_and_no_more_than_the_limit(keys: list[int], limit: int) -> None:
    table: Recent[int, int] = Recent(limit)
    for at, key in enumerate(keys):
        table.put(key, at)
    last = {key: at for at, key in enumerate(keys)}
    youngest = list(dict.fromkeys(reversed(keys)))[: limit // 2]

    assert all(table.get(key) == last[key] for key in youngest)
    assert sum(table.get(key) is not None for key in range(31)) <= limit


def test_what_was_never_put_is_none() -> None:
    assert Recent[str, int](4).get("nothing") is None
