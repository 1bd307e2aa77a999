"""Publication: the store as Parquet files by month and country, with no network below k volunteers.

Rows, not aggregates. Layout: ``month=YYYY-MM/country=CC/part-0.parquet`` and ``_manifest.json``. Month and
country stand in the path and not in the files, and the manifest's name begins as it does, so that pandas,
pyarrow and DuckDB read the folder as it is. The same store gives the same bytes.
"""

import hashlib
import hmac
import itertools
import json
import shutil
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from callresults.codec import measurement_id
from callresults.measurement import Measurement
from callresults.store.columns import COLUMNS_VERSION, Row, row_of
from callresults.store.snapshot import Kept, Snapshot

K_VOLUNTEERS: Final = 3
"""Fewer volunteers than this are never told apart by network, nor published as a country."""
WITHHELD_NETWORK: Final = "AS0"
MANIFEST: Final = "_manifest.json"
PARTITION_KEYS: Final = ("month", "country")
"""Columns that the path of a file gives."""
ROWS_PER_GROUP: Final = 4096
"""Rows held in memory at once and written as one row group."""

Kind = Literal["emulated", "real"]
Manifest = dict[str, Any]

_ARROW: Final = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}


class PublishError(Exception):
    """The store cannot be published as asked; the sentence says why and what to do."""


def _arrow_field(name: str, hint: Any) -> pa.Field:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    (kind,) = [option for option in options if option is not types.NoneType]
    if typing.get_origin(kind) is Literal:
        kind = str
    return pa.field(name, _ARROW[kind], nullable=len(options) > 1)


def schema() -> pa.Schema:
    """Return the Arrow schema of the files: the fields of ``Row`` in its order, less the partition keys."""
    hints = typing.get_type_hints(Row)
    names = [name for name in Row.__struct_fields__ if name not in PARTITION_KEYS]
    return pa.schema(
        [_arrow_field(name, hints[name]) for name in names],
        metadata={"callresults.columns_version": str(COLUMNS_VERSION)},
    )


class Part(NamedTuple):
    """One file of the data set."""

    path: str
    """Relative to the data set, with slashes."""
    month: str
    country: str
    rows: int
    rows_coarsened: int
    sha256: str


class _Group(NamedTuple):
    """One country in one month: what is published of it and how."""

    month: str
    country: str
    withheld_networks: frozenset[str]
    rows: int
    publishable: bool


def _groups(snapshot: Snapshot, *, emulated: bool) -> Iterator[_Group]:
    cells = snapshot.cells(emulated=emulated)
    for (month, country), group in itertools.groupby(cells, key=lambda cell: (cell.month, cell.country)):
        members = list(group)
        few = frozenset(cell.asn for cell in members if cell.probe_ids < K_VOLUNTEERS)
        yield _Group(
            month=month,
            country=country,
            withheld_networks=few,
            rows=sum(cell.rows for cell in members),
            publishable=snapshot.volunteers(month, country, emulated=emulated) >= K_VOLUNTEERS,
        )


def _coarse(row: Row, salt: bytes) -> Row:
    """Withhold the network.

    The pseudonym is one per network, and may stand beside the network's name in a month in which more people
    measured there: it is replaced by one that holds for this month only.
    """
    pseudonym = hmac.digest(salt, f"{row.month} {row.country} {row.probe_id}".encode(), "sha256").hex()[:32]
    return msgspec.structs.replace(
        row, asn=WITHHELD_NETWORK, probe_id=pseudonym, coarsened=True, canonical=None
    )


def _row(kept: Kept, group: _Group, salt: bytes) -> Row:
    if measurement_id(kept.canonical) != kept.measurement_id:
        raise PublishError(
            f"{kept.measurement_id} is damaged in the store; `callcollector verify` names all."
        )
    measurement = msgspec.json.decode(kept.canonical, type=Measurement)
    row = row_of(measurement, kept.measurement_id, kept.canonical)
    return _coarse(row, salt) if row.asn in group.withheld_networks else row


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(itertools.islice(rows, ROWS_PER_GROUP)):
        yield chunk


def _table(rows: list[Row], arrow: pa.Schema) -> pa.Table:
    columns = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in arrow]
    return pa.Table.from_arrays(columns, schema=arrow)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_part(snapshot: Snapshot, group: _Group, root: Path, *, emulated: bool) -> Part:
    relative = f"month={group.month}/country={group.country}/part-0.parquet"
    path = root / relative
    path.parent.mkdir(parents=True)
    salt = snapshot.salt()
    arrow = schema()
    rows = coarsened = 0
    kept = snapshot.measurements(group.month, group.country, emulated=emulated)
    with pq.ParquetWriter(path, arrow, compression="zstd") as writer:
        for chunk in _chunks(_row(one, group, salt) for one in kept):
            writer.write_table(_table(chunk, arrow), row_group_size=ROWS_PER_GROUP)
            rows += len(chunk)
            coarsened += sum(row.coarsened for row in chunk)
    return Part(relative, group.month, group.country, rows, coarsened, _sha256(path))


def _kind(snapshot: Snapshot, only: Kind | None) -> Kind:
    kinds = snapshot.kinds()
    if only is None and len(kinds) > 1:
        raise PublishError(
            "The store holds emulated and real measurements, which are never published together:"
            " choose with --only emulated or --only real."
        )
    return only or ("emulated" if True in kinds else "real")


def _data_hash(parts: list[Part]) -> str:
    """Return one SHA-256 over names and contents of all files, hex; the analysis computes the same."""
    lines = "".join(f"{part.path} {part.sha256}\n" for part in parts)
    return hashlib.sha256(lines.encode()).hexdigest()


def _write(snapshot: Snapshot, root: Path, kind: Kind, as_of: str | None) -> Manifest:
    emulated = kind == "emulated"
    groups = list(_groups(snapshot, emulated=emulated))
    parts = [_write_part(snapshot, group, root, emulated=emulated) for group in groups if group.publishable]
    manifest = {
        "columns_version": COLUMNS_VERSION,
        "kind": kind,
        "as_of": as_of or snapshot.latest_day(),
        "k": K_VOLUNTEERS,
        "rows": sum(part.rows for part in parts),
        "rows_coarsened": sum(part.rows_coarsened for part in parts),
        # Not by country: that somebody measured there is what is withheld.
        "rows_withheld": sum(group.rows for group in groups if not group.publishable),
        "data_hash": _data_hash(parts),
        "files": [part._asdict() for part in parts],
    }
    (root / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _check_target(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise PublishError(f"{out} is a file; give a folder.")
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise PublishError(f"{out} holds something else than a data set; give a new or an empty folder.")


def _put_in_place(fresh: Path, out: Path) -> None:
    """Rename ``fresh`` to ``out``; a reader sees one data set, for a moment none, never a mixture."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def publish_stored(
    snapshot: Snapshot, out: Path, *, only: Kind | None = None, as_of: str | None = None
) -> Manifest:
    """Publish ``snapshot`` to the folder ``out`` and return the manifest that was written there.

    Args:
        snapshot: what to publish, at one moment: its counts decide what is withheld of its rows.
        out: a new or empty folder, or an earlier publication, which is replaced as a whole.
        only: which kind of measurement; needed where the store has emulated and real ones.
        as_of: day for the manifest, UTC ``YYYY-mm-dd``; default the day of the last receipt.

    Raises:
        PublishError: both kinds without ``only``, a target that is something else, or a damaged store.
        OSError: the target cannot be written.
    """
    target = out.absolute()
    _check_target(target)
    kind = _kind(snapshot, only)
    fresh = target.with_name(f".{target.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        manifest = _write(snapshot, fresh, kind, as_of)
        _put_in_place(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def summary(manifest: Manifest, out: Path) -> str:
    """Return what was published as text for people."""
    return (
        f"{manifest['rows']} {manifest['kind']} measurements in {len(manifest['files'])} files under {out};"
        f" network withheld in {manifest['rows_coarsened']}, {manifest['rows_withheld']} rows withheld"
        f" (fewer than {manifest['k']} volunteers). Data hash {manifest['data_hash']}."
    )
