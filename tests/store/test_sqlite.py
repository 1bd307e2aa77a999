"""The store keeps what it answered for, once."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from callresults.store.sqlite import FILE_NAME, Store, Stored, StoreError
from helpers.sample_measurement import item

TESTS = Path(__file__).parents[1]


def stored_ids(directory: Path) -> list[str]:
    with Store.existing(directory) as store, store.snapshot() as snapshot:
        return sorted(kept.measurement_id for kept in snapshot.everything())


def test_what_was_added_is_there_after_reopening(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        answer = store.add([item(0), item(1)])

    assert [Stored(new=True, received_day="2025-08-11")] * 2 == answer
    assert sorted(item(n).measurement_id for n in (0, 1)) == stored_ids(tmp_path)


def test_second_arrival_is_a_duplicate_with_the_first_day(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add([item(0)])
        answer = store.add([item(0, day="2025-09-01"), item(0, day="2025-09-02")])

    assert [Stored(new=False, received_day="2025-08-11")] * 2 == answer
    assert len(stored_ids(tmp_path)) == 1


def test_many_submissions_at_once_are_all_answered(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        futures = [store.submit([item(n)]) for n in range(200)]
        answers = [future.result(timeout=10) for future in futures]

    assert all(one.new for answer in answers for one in answer)
    assert len(stored_ids(tmp_path)) == 200


def test_snapshot_does_not_see_what_comes_later(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add([item(0)])
        with store.snapshot() as snapshot:
            before = snapshot.count()
            store.add([item(1)])

            assert (before, snapshot.count()) == (1, 1)


def test_failing_disk_is_told_to_every_waiting_caller_and_the_next_write_works(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        unfit = item(0)._replace(received_day=None)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="cannot write"):
            store.add([item(1), unfit])
        store.add([item(2)])

    assert [item(2).measurement_id] == stored_ids(tmp_path)


def test_closed_store_refuses_in_a_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.add([item(0)])


def test_store_of_another_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StoreError, match="another version"):
        Store(tmp_path)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 100)

    with pytest.raises(StoreError, match="cannot open"):
        Store(tmp_path)


def test_missing_store_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store there"):
        Store.existing(tmp_path / "none")
    assert not (tmp_path / "none").exists()


_WRITE_FOREVER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from helpers.sample_measurement import item
from callresults.store.sqlite import Store
store = Store(Path(sys.argv[1]))
for number in range(100_000):
    one = item(number)
    store.add([one])
    print(one.measurement_id, flush=True)
"""


def test_sigkill_loses_nothing_that_was_answered_for(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOREVER, str(tmp_path), str(TESTS)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    answered = [writer.stdout.readline().strip() for _ in range(30)]
    os.kill(writer.pid, signal.SIGKILL)
    answered += writer.stdout.read().split()
    writer.communicate()

    assert set(answered) <= set(stored_ids(tmp_path))
