"""The reader of every TOML file that a person gives: bounded, and one sentence for what it refuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.scenario.toml import MAX_BYTES, MAX_DEPTH, TomlError, parse_toml, read_toml


def nested(depth: int) -> bytes:
    """Return a document of that many lists inside its one table."""
    return b"a = " + b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (nested(5000), "is nested too deep"),
        (nested(MAX_DEPTH), "is nested too deep"),
        (b"a" + b".a" * 5000 + b" = 1", "is nested too deep"),
        (b"a = " + b"9" * 5000, "is not TOML"),
        (b"a = 2026-02-30", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"a =", "is not TOML"),
        (b"#" * (MAX_BYTES + 1), f"is too large; allowed are {MAX_BYTES} bytes"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_its_file(tmp_path: Path, data: bytes, part: str) -> None:
    """Whether by its form, its depth, its size or its numbers."""
    file = tmp_path / "some.toml"
    file.write_bytes(data)

    with pytest.raises(TomlError) as caught:
        read_toml(file)

    assert str(caught.value).startswith(f"{file}: {part}")
    assert "\n" not in str(caught.value)


def test_what_is_within_the_bounds_is_read(tmp_path: Path) -> None:
    """The deepest and the largest that is allowed."""
    file = tmp_path / "some.toml"
    deepest = nested(MAX_DEPTH - 1) + b"\n#"
    file.write_bytes(deepest.ljust(MAX_BYTES, b"#"))

    assert list(read_toml(file)) == ["a"]


@pytest.mark.parametrize("name", ["missing.toml", ".", "a\0b.toml"])
def test_what_is_no_file_is_said_to_be_unreadable(tmp_path: Path, name: str) -> None:
    """Missing, a folder, or no name at all."""
    with pytest.raises(TomlError, match="cannot be read: "):
        read_toml(tmp_path / name)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_sentence(data: bytes) -> None:
    """Nothing else comes out of it."""
    try:
        said: object = parse_toml(data, "some.toml")
    except TomlError as error:
        said = str(error)

    assert isinstance(said, dict) or str(said).startswith("some.toml: is ")
