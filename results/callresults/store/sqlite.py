"""The durable store: one SQLite file in WAL mode; what ``add`` has answered for is on disk.

One writer thread owns the only writing connection and commits everything that has piled up in one transaction
with ``synchronous=FULL``: the WAL is synced before any of the callers hears back, so a SIGKILL or a power cut
after a receipt loses nothing, and one sync serves many receipts. Readers take a snapshot.
"""

import queue
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self

from callresults.measurement import Measurement
from callresults.store.snapshot import Snapshot

FILE_NAME: Final = "measurements.sqlite3"
SCHEMA_VERSION: Final = 1
_BUSY_TIMEOUT_S: Final = 30.0
_MOST_PER_COMMIT: Final = 5_000

_SCHEMA: Final = """
CREATE TABLE measurement (
    measurement_id TEXT PRIMARY KEY,
    canonical BLOB NOT NULL,
    received_day TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'stored',
    month TEXT NOT NULL,
    country TEXT NOT NULL,
    asn TEXT NOT NULL,
    probe_id TEXT NOT NULL,
    emulated INTEGER NOT NULL
);
CREATE INDEX cell ON measurement (emulated, month, country, asn, probe_id);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StoreError(Exception):
    """The store cannot be opened or written; the sentence says where and why."""


class Item(NamedTuple):
    """What is stored of one measurement: its bytes, and the columns that publication groups by."""

    measurement_id: str
    canonical: bytes
    received_day: str
    """UTC ``YYYY-mm-dd``."""
    month: str
    country: str
    asn: str
    probe_id: str
    emulated: bool


class Stored(NamedTuple):
    """What ``add`` answers for one item, after the sync."""

    new: bool
    received_day: str
    """Day on which it came first."""


def item_of(measurement: Measurement, measurement_id: str, canonical: bytes, received_day: str) -> Item:
    """Return the item that stores ``measurement``."""
    return Item(
        measurement_id=measurement_id,
        canonical=canonical,
        received_day=received_day,
        month=measurement.measurement_start_time[:7],
        country=measurement.probe_cc,
        asn=measurement.probe_asn,
        probe_id=measurement.test_keys.probe_id,
        emulated=measurement.annotations.emulated,
    )


_Job = tuple[Sequence[Item], "Future[list[Stored]]"]


class Store:
    """The measurements of one collector, in ``directory``."""

    def __init__(self, directory: Path) -> None:
        """Open the store, creating it where there is none.

        Raises:
            StoreError: the directory or its database cannot be used.
        """
        self._path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self._path}: cannot open the store: {error}.") from error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write_all, name="store-writer")
        self._writer.start()

    @classmethod
    def existing(cls, directory: Path) -> Self:
        """Open a store that must be there already.

        Raises:
            StoreError: there is none, or it cannot be used.
        """
        if not (directory / FILE_NAME).is_file():
            raise StoreError(
                f"{directory}: no store there; a collector makes one with `callcollector serve`."
            )
        return cls(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what was handed in, then close; safe to call twice."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._writer.join()

    def submit(self, items: Sequence[Item]) -> "Future[list[Stored]]":
        """Hand in items of one transaction; the future is done when they are synced to disk.

        It fails with StoreError where they could not be written; then none of them is claimed to be stored.
        """
        future: Future[list[Stored]] = Future()
        with self._closing:
            if self._closed:
                future.set_exception(StoreError(f"{self._path}: the store is closed."))
            else:
                self._jobs.put((items, future))
        return future

    def add(self, items: Sequence[Item]) -> list[Stored]:
        """Store items and wait for the disk. Raises StoreError."""
        return self.submit(items).result()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Give one consistent view of what is stored, for the thread that asks; writing goes on beside it."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")
            yield Snapshot(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self) -> None:
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._create(connection)
            connection.execute("COMMIT")
        if version not in {0, SCHEMA_VERSION}:
            raise StoreError(
                f"{self._path}: written by another version (schema {version}; known is {SCHEMA_VERSION})."
            )

    def _create(self, connection: sqlite3.Connection) -> None:
        # executescript would commit the transaction that keeps a second starting collector out.
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('salt', ?)", (secrets.token_hex(32),))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _write_all(self) -> None:
        with closing(self._connect()) as connection:
            open_end = True
            while open_end:
                jobs, open_end = self._next_jobs()
                if jobs:
                    self._commit(connection, jobs)

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        """Wait for one job, then take all that wait: the next commit serves them together."""
        jobs: list[_Job] = []
        waiting = 0
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            waiting += len(job[0])
            if waiting >= _MOST_PER_COMMIT or self._jobs.empty():
                return jobs, True
            job = self._jobs.get()
        return jobs, False

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            answers = [[_insert(connection, item) for item in items] for items, _ in jobs]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for _, future in jobs:
                future.set_exception(StoreError(f"{self._path}: cannot write: {error}."))
            return
        for (_, future), answer in zip(jobs, answers, strict=True):
            future.set_result(answer)


def _insert(connection: sqlite3.Connection, item: Item) -> Stored:
    cursor = connection.execute(
        "INSERT INTO measurement"
        " (measurement_id, canonical, received_day, month, country, asn, probe_id, emulated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (measurement_id) DO NOTHING",
        item,
    )
    if cursor.rowcount == 1:
        return Stored(new=True, received_day=item.received_day)
    query = "SELECT received_day FROM measurement WHERE measurement_id = ?"
    (day,) = connection.execute(query, (item.measurement_id,)).fetchone()
    return Stored(new=False, received_day=day)
