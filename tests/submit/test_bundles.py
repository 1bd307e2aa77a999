"""Files become request bodies, or one sentence."""

import gzip
from pathlib import Path

import pytest

from callprobe.submit.bundles import BUNDLE_BYTES, UnreadableFileError, bundles
from callresults.codec import measurement_id
from callresults.collector.api import MAX_BATCH_BYTES, MAX_MEASUREMENT_BYTES
from helpers.sample_measurement import canonical_call

LINES = [canonical_call(n) for n in range(5)]


def test_folder_gives_its_plain_and_packed_lines_in_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(LINES[:2]))
    (tmp_path / "deep" / "b.jsonl.gz").write_bytes(gzip.compress(b"\n\n".join(LINES[2:]) + b"\r\n"))
    (tmp_path / "truth.json").write_bytes(b"{}")

    (bundle,) = bundles([tmp_path])

    assert b"\n".join(LINES) == bundle.body
    assert [measurement_id(line) for line in LINES] == bundle.ids
    assert bundle.places == ["a.jsonl:1", "a.jsonl:2", "b.jsonl.gz:1", "b.jsonl.gz:3", "b.jsonl.gz:5"]


def test_long_files_are_cut_below_the_collectors_limit(tmp_path: Path) -> None:
    line = b"x" * (MAX_MEASUREMENT_BYTES - 1)
    (tmp_path / "a.jsonl").write_bytes(
        b"\n".join([b"y" * 700_000, *[line] * 3]).replace(b"y" * 700_000, line)
    )

    made = list(bundles([tmp_path]))

    assert sum(len(bundle.ids) for bundle in made) == 4
    assert all(BUNDLE_BYTES <= len(bundle.body) <= MAX_BATCH_BYTES for bundle in made)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"x", "not a \\*.jsonl"),
        ("a.jsonl.gz", b"no gzip", "cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"x" * 9_000, mtime=0)[:-12], "cannot be read"),
        ("a.jsonl", b"x\n" + b"x" * (MAX_MEASUREMENT_BYTES + 1), "line 2"),
    ],
)
def test_unfit_file_is_named_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UnreadableFileError, match=f"{name}.*{sentence}"):
        list(bundles([tmp_path / name]))


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no such file"):
        list(bundles([tmp_path / "none"]))
    with pytest.raises(UnreadableFileError, match=r"no \*\.jsonl"):
        list(bundles([tmp_path]))
