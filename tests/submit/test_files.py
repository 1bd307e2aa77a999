"""A file written durably is whole or absent."""

from pathlib import Path

import pytest

from callprobe.submit.files import write_durably


def test_folder_is_made_and_content_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    write_durably(path, b"one")
    write_durably(path, b"two")

    assert path.read_bytes() == b"two"
    assert [path] == list(path.parent.iterdir())


def test_failure_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    (path / "inside").touch()

    with pytest.raises(OSError, match="directory"):
        write_durably(path, b"new")
    assert [path] == list(tmp_path.iterdir())
