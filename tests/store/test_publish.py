"""Publication withholds small crowds, keeps kinds apart, and is the same bytes every time."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from callresults.codec import canonical_bytes, measurement_id
from callresults.measurement import Measurement
from callresults.store.columns import Row
from callresults.store.publish import MANIFEST, Manifest, PublishError, publish_stored, schema
from callresults.store.sqlite import Store, item_of
from helpers.collector_process import run_collector
from helpers.sample_measurement import call, service


def fill(directory: Path, measurements: list[Measurement]) -> None:
    items = []
    for measurement in measurements:
        canonical = canonical_bytes(measurement)
        items.append(item_of(measurement, measurement_id(canonical), canonical, "2025-09-01"))
    with Store(directory) as store:
        store.add(items)


def publish(directory: Path, out: Path, **options: str) -> Manifest:
    with Store.existing(directory) as store, store.snapshot() as snapshot:
        return publish_stored(snapshot, out, **options)  # type: ignore[arg-type]


def read(out: Path) -> pd.DataFrame:
    """Read the folder as a researcher would, without telling pandas anything."""
    return pd.read_parquet(out)


def crowd(country: str, asn: str, volunteers: int, first: int, month: str = "2025-08") -> list[Measurement]:
    """Return two calls of each of ``volunteers`` people on one network."""
    return [
        call(first + n, country=country, asn=asn, month=month, volunteer=f"{asn}-{n // 2}")
        for n in range(2 * volunteers)
    ]


@pytest.fixture
def mixed_crowds(tmp_path: Path) -> Path:
    """Four people on one network, two on another, in RU; two people in all of DE."""
    directory = tmp_path / "store"
    fill(
        directory,
        crowd("RU", "AS64500", 4, 0) + crowd("RU", "AS64501", 2, 100) + crowd("DE", "AS64502", 2, 200),
    )
    return directory


def test_network_below_three_people_is_withheld_with_its_bytes(mixed_crowds: Path, tmp_path: Path) -> None:
    publish(mixed_crowds, tmp_path / "out")
    frame = read(tmp_path / "out")

    assert Counter(frame["asn"]) == {"AS64500": 8, "AS0": 4}
    coarse = frame[frame["asn"] == "AS0"]
    assert coarse["coarsened"].all()
    assert coarse["canonical"].isna().all()
    assert not frame[frame["asn"] == "AS64500"]["coarsened"].any()


def test_withheld_volunteers_stay_distinct_but_cannot_be_recognised(
    mixed_crowds: Path, tmp_path: Path
) -> None:
    publish(mixed_crowds, tmp_path / "out")
    frame = read(tmp_path / "out")

    pseudonyms = set(frame[frame["asn"] == "AS0"]["probe_id"])
    assert len(pseudonyms) == 2
    assert not pseudonyms & {"AS64501-0", "AS64501-1"}


def test_country_below_three_people_is_withheld_and_counted(mixed_crowds: Path, tmp_path: Path) -> None:
    manifest = publish(mixed_crowds, tmp_path / "out")

    assert (manifest["rows"], manifest["rows_coarsened"], manifest["rows_withheld"]) == (12, 4, 4)
    assert not list((tmp_path / "out").rglob("country=DE"))
    assert "AS64501" not in "".join(map(str, read(tmp_path / "out").to_numpy().ravel()))


def test_crowds_are_counted_per_month(tmp_path: Path) -> None:
    fill(tmp_path / "store", crowd("RU", "AS64500", 3, 0) + crowd("RU", "AS64500", 2, 100, month="2025-09"))

    manifest = publish(tmp_path / "store", tmp_path / "out")

    assert (manifest["rows"], manifest["rows_withheld"]) == (6, 4)


def test_published_row_still_hashes_to_its_id(mixed_crowds: Path, tmp_path: Path) -> None:
    publish(mixed_crowds, tmp_path / "out")
    frame = read(tmp_path / "out").dropna(subset="canonical")

    assert len(frame) == 8
    assert [measurement_id(text.encode()) for text in frame["canonical"]] == list(frame["measurement_id"])


def test_every_field_of_the_row_is_a_plain_column(mixed_crowds: Path, tmp_path: Path) -> None:
    publish(mixed_crowds, tmp_path / "out")

    file = next((tmp_path / "out").rglob("*.parquet"))
    assert schema().equals(pq.ParquetFile(file).schema_arrow)
    assert set(Row.__struct_fields__) == set(read(tmp_path / "out").columns)
    assert {"string", "double", "int64", "bool"} == {str(field.type) for field in schema()}


def test_services_stand_beside_calls(tmp_path: Path) -> None:
    people = [service(n, volunteer=f"v{n % 3}") for n in range(6)]
    fill(tmp_path / "store", [*people, *crowd("RU", "AS64500", 3, 100)])
    publish(tmp_path / "store", tmp_path / "out")

    frame = read(tmp_path / "out")
    assert Counter(frame["nettest"]) == {"service_reachability": 6, "call": 6}
    assert {"domestic-front"} == set(frame["target_id"].dropna())


def test_same_store_gives_the_same_bytes(mixed_crowds: Path, tmp_path: Path) -> None:
    publish(mixed_crowds, tmp_path / "first")
    publish(mixed_crowds, tmp_path / "second")

    def contents(root: Path) -> dict[str, bytes]:
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_manifest_names_every_file_with_its_hash(mixed_crowds: Path, tmp_path: Path) -> None:
    publish(mixed_crowds, tmp_path / "out", as_of="2025-10-01")

    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    files = {file["path"]: file["sha256"] for file in manifest["files"]}
    found = sorted((tmp_path / "out").rglob("*.parquet"))
    assert {
        str(path.relative_to(tmp_path / "out")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    } == files
    assert (manifest["as_of"], manifest["kind"], manifest["k"]) == ("2025-10-01", "emulated", 3)


def test_republishing_replaces_the_old_data_set_as_a_whole(mixed_crowds: Path, tmp_path: Path) -> None:
    publish(mixed_crowds, tmp_path / "out")
    stale = tmp_path / "out" / "month=2020-01" / "country=XX" / "part-0.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")

    publish(mixed_crowds, tmp_path / "out")

    assert not stale.exists()
    assert {"out", "store"} == {path.name for path in tmp_path.iterdir()}


def test_folder_with_something_else_is_never_replaced(mixed_crowds: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("mine")

    with pytest.raises(PublishError, match="something else"):
        publish(mixed_crowds, tmp_path / "home")
    assert (tmp_path / "home" / "letter.txt").read_text() == "mine"


def test_emulated_and_real_are_never_published_together(tmp_path: Path) -> None:
    real = [call(n, volunteer=f"v{n}", emulated=False) for n in range(4)]
    fill(tmp_path / "store", [*real, *crowd("RU", "AS64500", 3, 100)])

    with pytest.raises(PublishError, match="--only"):
        publish(tmp_path / "store", tmp_path / "out")
    publish(tmp_path / "store", tmp_path / "out", only="real")

    assert {False} == set(read(tmp_path / "out")["emulated"])


def test_empty_store_publishes_an_empty_data_set(tmp_path: Path) -> None:
    Store(tmp_path / "store").close()

    manifest = publish(tmp_path / "store", tmp_path / "out")

    assert (manifest["rows"], manifest["as_of"], manifest["files"]) == (0, None, [])


def test_command_says_in_one_sentence_that_the_store_is_mixed(tmp_path: Path) -> None:
    fill(tmp_path / "store", [call(1), call(2, emulated=False)])

    ended = run_collector("publish", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Error: The store holds emulated and real measurements")
    assert ended.stderr.count("\n") == 1


def test_command_prints_the_manifest(mixed_crowds: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run_collector("publish", "--store", str(mixed_crowds), "--out", str(out), "--json")

    assert json.loads(ended.stdout) == json.loads((out / MANIFEST).read_text())
