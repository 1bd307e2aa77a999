"""Bad data is named, counted and set aside; only a folder with nothing usable is an error."""

import pytest

from callanalysis.load import DataError, load
from helpers import published


@pytest.fixture(scope="module")
def frame():
    return published.rows(7, published.World(home_volunteers=12, abroad_volunteers=9))


def _codes(data):
    return {finding.code: finding for finding in data.quality}


def test_clean_data_has_no_findings(frame, tmp_path):
    """Rows that stand every check arrive whole, with their history and a hash of the files."""
    data = load(published.write(frame, tmp_path))
    assert (len(data.rows), data.quality, data.basis, data.history) == (
        len(frame),
        (),
        "emulated",
        "2025-08-russia",
    )
    assert len(data.data_hash) == 64


def test_corrupt_file_is_named_and_the_rest_judged(frame, tmp_path):
    """A file that is no Parquet is set aside by name."""
    published.write(frame, tmp_path)
    broken = tmp_path / "month=2025-08" / "country=DE" / "part-0.parquet"
    broken.write_bytes(broken.read_bytes()[:500])
    data = load(tmp_path)
    finding = _codes(data)["corrupt-file"]
    assert (finding.where, finding.effect) == ("month=2025-08/country=DE/part-0.parquet", "file-set-aside")
    assert "DE" not in set(data.rows["country"])


def test_missing_needed_column_sets_the_file_aside(frame, tmp_path):
    """Without a column that votes need, a file is set aside and the column named."""
    published.write(frame[frame["country"] == "RU"].drop(columns="setup_ok"), tmp_path)
    published.write(frame[frame["country"] != "RU"], tmp_path)
    finding = _codes(load(tmp_path))["missing-column"]
    assert finding.text.endswith("country=RU/part-0.parquet has no column setup_ok: the file is set aside.")


def test_missing_describing_column_is_noted(frame, tmp_path):
    """Without a column that only describes, the file is used and the lack named."""
    data = load(published.write(frame.drop(columns="burst_r_up"), tmp_path))
    assert (_codes(data)["missing-column"].effect, len(data.rows)) == ("noted", len(frame))


def test_empty_partition_is_noted(frame, tmp_path):
    """A partition without a row is no trouble, and is said."""
    published.write(frame, tmp_path)
    import pyarrow.parquet as pq

    source = tmp_path / "month=2025-08" / "country=RU" / "part-0.parquet"
    empty = tmp_path / "month=2025-08" / "country=XX" / "part-0.parquet"
    empty.parent.mkdir()
    pq.write_table(pq.read_table(source).slice(0, 0), empty)
    assert _codes(load(tmp_path))["empty-partition"].effect == "noted"


@pytest.mark.parametrize(
    ("code", "column", "value"),
    [
        ("impossible-time", "measurement_start_time", "1970-01-01 00:00:00"),
        ("impossible-time", "measurement_start_time", "yesterday"),
        ("wrong-unit", "loss_ratio_up", 12.0),
        ("nameless", "probe_id", None),
        ("void", "valid", False),
        ("other-history", "history", "another"),
    ],
)
def test_bad_rows_are_counted_and_set_aside(frame, tmp_path, code, column, value):
    """Each kind of bad row has its code and its count."""
    bad = frame.copy()
    bad.loc[bad.index[:5], column] = value
    data = load(published.write(bad, tmp_path))
    assert (_codes(data)[code].rows, len(data.rows)) == (5, len(frame) - 5)


def test_duplicates_count_once(frame, tmp_path):
    """A measurement published twice is one measurement."""
    import pandas as pd

    data = load(published.write(pd.concat([frame, frame.head(4)]), tmp_path))
    assert (_codes(data)["duplicate"].rows, len(data.rows)) == (4, len(frame))


def test_emulated_rows_never_stand_beside_real_ones(frame, tmp_path):
    """In a mixed set the emulated rows are set aside and named."""
    mixed = frame.copy()
    mixed.loc[mixed.index[:10], ["emulated", "history"]] = [False, None]
    data = load(published.write(mixed, tmp_path))
    assert (data.basis, len(data.rows), _codes(data)["mixed-emulated"].rows) == (
        "volunteers",
        10,
        len(frame) - 10,
    )


def test_wrong_type_sets_the_file_aside(frame, tmp_path):
    """Text where a flag belongs is named with its type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    published.write(frame, tmp_path)
    path = tmp_path / "month=2025-08" / "country=DE" / "part-0.parquet"
    table = pq.read_table(path, partitioning=None)
    index = table.schema.get_field_index("setup_ok")
    pq.write_table(table.set_column(index, "setup_ok", table["setup_ok"].cast(pa.string())), path)
    assert "column setup_ok holds string, not flag" in _codes(load(tmp_path))["wrong-type"].text


def test_broken_manifest_is_noted(frame, tmp_path):
    """A manifest that is no JSON is named; the rows are judged all the same."""
    published.write(frame, tmp_path)
    (tmp_path / "_manifest.json").write_text("{")
    assert _codes(load(tmp_path))["bad-manifest"].effect == "noted"


def test_nothing_usable_is_one_sentence(frame, tmp_path):
    """No folder, no file, no row: each is one sentence that says what to do or what is wrong."""
    with pytest.raises(DataError, match="is no folder: give the folder"):
        load(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no Parquet file"):
        load(tmp_path)
    published.write(frame.drop(columns="arm"), tmp_path)
    with pytest.raises(DataError, match=r"none can be used; first: .* has no column arm"):
        load(tmp_path)


def test_hash_follows_the_content(frame, tmp_path):
    """The same files have the same hash; one changed value changes it."""
    one = load(published.write(frame, tmp_path / "a")).data_hash
    assert load(published.write(frame, tmp_path / "b")).data_hash == one
    assert load(published.write(frame.assign(setup_s=9.0), tmp_path / "c")).data_hash != one


def test_observed_calls_are_kept_apart_and_counted(frame, tmp_path):
    """A capture has no control beside it: it is read, named, and casts no vote."""
    some = frame.index[:3]
    mixed = frame.copy()
    mixed.loc[some, "arm"] = "observed"
    mixed.loc[some, "emulated"] = False
    mixed.loc[some, "service"] = ["telegram", "meet", "telegram"]
    data = load(published.write(mixed, tmp_path))
    assert (len(data.rows), len(data.observed), data.basis) == (len(frame) - 3, 3, "emulated")
    assert "observed" not in set(data.rows["arm"])
    assert _codes(data)["observed"].text == (
        "3 rows set aside: calls that were observed (meet 1, telegram 2) and have no control beside them."
    )


def test_observed_calls_alone_cannot_be_judged(frame, tmp_path):
    """Nothing ran beside them."""
    with pytest.raises(DataError, match="holds observed calls only"):
        load(published.write(frame.assign(arm="observed"), tmp_path))
