"""Reads the published folder (Parquet, ``month=YYYY-MM/country=CC``) into one documented DataFrame.

File by file; what cannot be used is named in the quality table. Only a folder with nothing usable in it
is an error, and then one sentence.
"""

import hashlib
import json
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from callanalysis.columns import COLUMNS, DTYPES, OPTIONAL, REQUIRED, Kind
from callanalysis.quality import Finding, sift

MANIFEST = "_manifest.json"
Basis = Literal["emulated", "public-series", "volunteers"]


class DataError(Exception):
    """The data set cannot be judged; the message is one sentence for the user."""


class Dataset(NamedTuple):
    """What is judged: rows that passed every check, and what was set aside on the way."""

    rows: pd.DataFrame
    """Columns of ``callanalysis.columns.COLUMNS`` and ``start`` (UTC timestamp)."""
    quality: tuple[Finding, ...]
    data_hash: str
    """SHA-256 over the relative paths and contents of the Parquet files, hex."""
    basis: Basis
    history: str | None
    """Name of the emulated history that the rows belong to."""
    observed: pd.DataFrame
    """Likewise, calls that people made and recorded: nothing ran beside them, so they cast no vote."""


def _hash(data: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        inner = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(data).as_posix()} {inner}\n".encode())
    return digest.hexdigest()


def _fits(kind: Kind, dtype: pa.DataType) -> bool:
    if pa.types.is_null(dtype):
        return True
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if kind == "text":
        return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))
    if kind == "flag":
        return bool(pa.types.is_boolean(dtype))
    return bool(pa.types.is_floating(dtype) or pa.types.is_integer(dtype))


def _partition(where: str) -> dict[str, str]:
    """Return the columns that a file's path gives (``month=…/country=…``)."""
    pairs = (part.partition("=") for part in where.split("/")[:-1])
    return {key: value for key, equals, value in pairs if equals and key in COLUMNS}


def _trouble(schema: pa.Schema, where: str, rows: int) -> list[Finding]:
    """Return findings about a file's schema; the effect says whether the file can still be used."""
    given = _partition(where)
    found: list[tuple[str, Literal["file-set-aside", "noted"], str]] = []
    for name, kind in COLUMNS.items():
        if name not in schema.names and name in given:
            continue
        if name not in schema.names:
            lost = name in REQUIRED
            outcome = "the file is set aside" if lost else "taken as not known"
            effect: Literal["file-set-aside", "noted"] = "file-set-aside" if lost else "noted"
            found.append(("missing-column", effect, f"{where} has no column {name}: {outcome}."))
        elif not _fits(kind, schema.field(name).type):
            holds = schema.field(name).type
            text = f"{where} column {name} holds {holds}, not {kind}: the file is set aside."
            found.append(("wrong-type", "file-set-aside", text))
    return [
        Finding(code=code, where=where, rows=rows, effect=effect, text=text) for code, effect, text in found
    ]


def _frame(table: pa.Table, partition: dict[str, str]) -> pd.DataFrame:
    frame = table.to_pandas()
    for name, value in partition.items():
        if name not in frame:
            frame[name] = value
    for name in OPTIONAL:
        if name not in frame:
            frame[name] = None
    typed: pd.DataFrame = frame[list(COLUMNS)].astype({name: DTYPES[kind] for name, kind in COLUMNS.items()})
    return typed


def _read(data: Path, file: Path) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Return one file's rows, or None and the reason why not."""
    where = file.relative_to(data).as_posix()
    try:
        parquet = pq.ParquetFile(file)
        rows = parquet.metadata.num_rows
        if rows == 0:
            text = f"{where} holds no row."
            return None, [Finding(code="empty-partition", where=where, rows=0, effect="noted", text=text)]
        findings = _trouble(parquet.schema_arrow, where, rows)
        if any(finding.effect == "file-set-aside" for finding in findings):
            return None, findings
        present = [name for name in COLUMNS if name in parquet.schema_arrow.names]
        return _frame(parquet.read(columns=present), _partition(where)), findings
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")[:160]
        text = f"{where} cannot be read as Parquet ({reason}): the file is set aside."
        return None, [Finding(code="corrupt-file", where=where, rows=0, effect="file-set-aside", text=text)]


def _manifest(data: Path) -> list[Finding]:
    """Return what the publisher's manifest says was withheld, or that it is unreadable; absence is fine."""
    path = data / MANIFEST
    if not path.is_file():
        return []
    try:
        json.loads(path.read_bytes())
    except ValueError:
        text = f"{MANIFEST} is no JSON document; it is not used."
        return [Finding(code="bad-manifest", where=MANIFEST, rows=0, effect="noted", text=text)]
    return []


def _apart(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Return what probes measured and what was observed, each by itself."""
    observed = rows["arm"] == "observed"
    if not observed.any():
        return rows, rows[observed], []
    counts = rows.loc[observed, "service"].value_counts()
    named = ", ".join(f"{service} {count}" for service, count in sorted(counts.items()))
    finding = _aside(
        "observed", observed, f"calls that were observed ({named}) and have no control beside them"
    )
    return rows[~observed], rows[observed], [finding]


def _one_world(rows: pd.DataFrame) -> tuple[pd.DataFrame, Basis, str | None, list[Finding]]:
    """Keep real rows alone, or else the emulated rows of one history: worlds are never judged together."""
    findings = []
    emulated = rows["emulated"].fillna(value=True).astype(bool)
    if not emulated.all():
        if emulated.any():
            findings.append(_aside("mixed-emulated", emulated, "emulated rows beside real ones"))
        return rows[~emulated], "volunteers", None, findings
    names = rows["history"].fillna("")
    counts = names.value_counts()
    name = min(counts[counts == counts.max()].index)
    other = names != name
    if other.any():
        findings.append(_aside("other-history", other, f"not part of the history judged ({name or 'none'})"))
    return rows[~other], "emulated", str(name) or None, findings


def _aside(code: str, mask: "pd.Series[bool]", meaning: str) -> Finding:
    count = int(mask.sum())
    text = f"{count} rows set aside: {meaning}."
    return Finding(code=code, where="all rows", rows=count, effect="rows-set-aside", text=text)


def load(data: Path) -> Dataset:
    """Return the data set below ``data``.

    Raises:
        DataError: When there is no folder, no Parquet file, or no usable row; one sentence.
    """
    if not data.is_dir():
        raise DataError(f"{data} is no folder: give the folder that `callcollector publish` wrote.")
    files = sorted(data.rglob("*.parquet"))
    if not files:
        raise DataError(f"{data} holds no Parquet file: give the folder that `callcollector publish` wrote.")
    read = [_read(data, file) for file in files]
    findings = _manifest(data) + [finding for _, found in read for finding in found]
    frames = [frame for frame, _ in read if frame is not None]
    if not frames:
        detail = f"; first: {findings[0].text}" if findings else "."
        raise DataError(f"{data} holds {len(files)} Parquet files and none can be used{detail}")
    rows = pd.concat(frames, ignore_index=True)
    rows["start"] = pd.to_datetime(
        rows["measurement_start_time"], format="%Y-%m-%d %H:%M:%S", utc=True, errors="coerce"
    )
    rows, sifted = sift(rows)
    if rows.empty:
        raise DataError(f"{data} holds no usable row; first: {sifted[0].text}")
    rows, observed, apart = _apart(rows)
    if rows.empty:
        raise DataError(f"{data} holds observed calls only: nothing ran beside them that they compare with.")
    rows, basis, history, worlds = _one_world(rows)
    quality = tuple(findings + sifted + apart + worlds)
    return Dataset(
        rows.reset_index(drop=True),
        quality,
        _hash(data, files),
        basis,
        history,
        observed.reset_index(drop=True),
    )
