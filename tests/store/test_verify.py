"""Verification finds what is no longer what its receipt named."""

import sqlite3
from pathlib import Path

from callresults.store.sqlite import FILE_NAME, Store
from callresults.store.verify import verify_stored
from helpers.collector_process import run_collector
from helpers.sample_measurement import item


def damage(directory: Path, identifier: str) -> None:
    connection = sqlite3.connect(directory / FILE_NAME)
    with connection:
        connection.execute(
            "UPDATE measurement SET canonical = CAST(replace(CAST(canonical AS TEXT), 'RU', 'US') AS BLOB)"
            " WHERE measurement_id = ?",
            (identifier,),
        )
    connection.close()


def test_untouched_store_is_whole(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add([item(n) for n in range(3)])
        with store.snapshot() as snapshot:
            assert verify_stored(snapshot) == (3, ())


def test_changed_bytes_are_named_and_end_in_exit_1(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add([item(n) for n in range(3)])
    damage(tmp_path, item(1).measurement_id)

    ended = run_collector("verify", "--store", str(tmp_path))

    assert (ended.returncode, ended.stderr) == (1, "")
    assert "3 measurements checked, 1 damaged." in ended.stdout
    assert item(1).measurement_id in ended.stdout
