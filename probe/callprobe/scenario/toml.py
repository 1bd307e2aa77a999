"""Reads the TOML files that people give: scenarios, endpoints, policies, histories, a responder's config."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
"""Tables and lists inside each other; no file of ours goes deeper than 5."""


class TomlError(ValueError):
    """The file cannot be read, or is not TOML; the message is one sentence that names it."""


def read_toml(path: Path) -> dict[str, Any]:
    """Return what is in the file. Raises TomlError."""
    return parse_toml(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file of at most ``MAX_BYTES``. Raises TomlError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TomlError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise TomlError(f"{str(path)!r}: cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise TomlError(f"{path}: is too large; allowed are {MAX_BYTES} bytes")
    return data


def parse_toml(data: bytes, name: str) -> dict[str, Any]:
    """Return what ``data`` says; ``name`` stands for the file in messages. Raises TomlError."""
    try:
        document = tomllib.loads(data.decode())
    except RecursionError as error:
        raise _too_deep(name) from error
    except ValueError as error:  # also of a number with too many digits, which is no TOMLDecodeError
        raise TomlError(f"{name}: is not TOML: {error}") from error
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
    if level:
        raise _too_deep(name)
    return document


def _too_deep(name: str) -> TomlError:
    return TomlError(
        f"{name}: is nested too deep; allowed are {MAX_DEPTH} tables and lists inside each other"
    )


def _children(item: dict[str, Any] | list[Any]) -> Iterator[Any]:
    values = item.values() if isinstance(item, dict) else item
    return (value for value in values if isinstance(value, dict | list))
