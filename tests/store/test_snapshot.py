"""A snapshot counts what publication has to decide by."""

from pathlib import Path

from callresults.codec import canonical_bytes, measurement_id
from callresults.store.snapshot import Cell
from callresults.store.sqlite import Store, item_of
from helpers.sample_measurement import call


def fill(store: Store) -> None:
    measurements = [
        call(0, volunteer="a"),
        call(1, volunteer="a"),
        call(2, volunteer="b"),
        call(3, volunteer="c", asn="AS64501"),
        call(4, volunteer="d", country="DE"),
        call(5, volunteer="e", emulated=False),
    ]
    bodies = [canonical_bytes(one) for one in measurements]
    days = [f"2025-09-0{n}" for n in range(1, 7)]
    store.add(
        [
            item_of(one, measurement_id(body), body, day)
            for one, body, day in zip(measurements, bodies, days, strict=True)
        ]
    )


def test_cells_count_people_and_rows_of_one_kind(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        with store.snapshot() as snapshot:
            assert snapshot.cells(emulated=True) == [
                Cell("2025-08", "DE", "AS64500", 1, 1),
                Cell("2025-08", "RU", "AS64500", 2, 3),
                Cell("2025-08", "RU", "AS64501", 1, 1),
            ]
            assert snapshot.volunteers("2025-08", "RU", emulated=True) == 3
            assert snapshot.volunteers("2025-08", "RU", emulated=False) == 1


def test_measurements_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        with store.snapshot() as snapshot:
            kept = list(snapshot.measurements("2025-08", "RU", emulated=True))

    assert len(kept) == 4
    assert [one.measurement_id for one in kept] == sorted(measurement_id(one.canonical) for one in kept)


def test_whole_is_described(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        with store.snapshot() as snapshot:
            assert (6, {True, False}, "2025-09-06") == (
                snapshot.count(),
                snapshot.kinds(),
                snapshot.latest_day(),
            )


def test_salt_is_the_stores_own_and_stays(tmp_path: Path) -> None:
    def salt(directory: Path) -> bytes:
        with Store(directory) as store, store.snapshot() as snapshot:
            return snapshot.salt()

    assert salt(tmp_path / "a") == salt(tmp_path / "a")
    assert salt(tmp_path / "a") != salt(tmp_path / "b")
    assert len(salt(tmp_path / "a")) == 32
