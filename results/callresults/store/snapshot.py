"""One consistent view of a store, for publication and verification."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple


class Cell(NamedTuple):
    """How many volunteers and rows one network of one country has in one month."""

    month: str
    country: str
    asn: str
    probe_ids: int
    rows: int


class Kept(NamedTuple):
    """One stored measurement: its id and the bytes that the id was made from."""

    measurement_id: str
    canonical: bytes


class Snapshot:
    """What is stored at one moment, read in one transaction: counts and rows agree with each other."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def count(self) -> int:
        """Return how many measurements are stored."""
        return self._number("SELECT count(*) FROM measurement")

    def kinds(self) -> frozenset[bool]:
        """Return which values of ``emulated`` the measurements have."""
        rows = self._connection.execute("SELECT DISTINCT emulated FROM measurement WHERE state = 'stored'")
        return frozenset(bool(value) for (value,) in rows)

    def latest_day(self) -> str | None:
        """Return the last day on which something new came, or None for an empty store."""
        return self._text("SELECT max(received_day) FROM measurement")

    def salt(self) -> bytes:
        """Return this store's own random secret (32 bytes); it never leaves the store."""
        return bytes.fromhex(self._text("SELECT value FROM meta WHERE key = 'salt'") or "")

    def cells(self, *, emulated: bool) -> list[Cell]:
        """Return the networks of each country and month, in that order."""
        rows = self._connection.execute(
            "SELECT month, country, asn, count(DISTINCT probe_id), count(*) FROM measurement"
            " WHERE emulated = ? AND state = 'stored' GROUP BY month, country, asn"
            " ORDER BY month, country, asn",
            (emulated,),
        )
        return [Cell(*row) for row in rows]

    def volunteers(self, month: str, country: str, *, emulated: bool) -> int:
        """Return how many ``probe_id`` values a country has in a month."""
        return self._number(
            "SELECT count(DISTINCT probe_id) FROM measurement"
            " WHERE emulated = ? AND month = ? AND country = ? AND state = 'stored'",
            (emulated, month, country),
        )

    def measurements(self, month: str, country: str, *, emulated: bool) -> Iterator[Kept]:
        """Yield one country and month in the order of the ids, a row at a time."""
        return self._kept(
            "SELECT measurement_id, canonical FROM measurement"
            " WHERE emulated = ? AND month = ? AND country = ? AND state = 'stored' ORDER BY measurement_id",
            (emulated, month, country),
        )

    def everything(self) -> Iterator[Kept]:
        """Yield all that is stored, in no promised order."""
        return self._kept("SELECT measurement_id, canonical FROM measurement", ())

    def _kept(self, query: str, parameters: tuple[object, ...]) -> Iterator[Kept]:
        return (Kept(*row) for row in self._connection.execute(query, parameters))

    def _first_row(self, query: str, parameters: tuple[object, ...]) -> tuple[object, ...]:
        row: tuple[object, ...] = self._connection.execute(query, parameters).fetchone()
        return row

    def _number(self, query: str, parameters: tuple[object, ...] = ()) -> int:
        (value,) = self._first_row(query, parameters)
        return value if isinstance(value, int) else 0

    def _text(self, query: str, parameters: tuple[object, ...] = ()) -> str | None:
        (value,) = self._first_row(query, parameters)
        return value if isinstance(value, str) else None
