"""Golden bytes kept as readable hexadecimal text under tests/data."""

import re
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"


def load_hex(name: str) -> bytes:
    """Return the bytes of ``tests/data/<name>.hex``; white space in the file means nothing."""
    return bytes.fromhex((DATA / f"{name}.hex").read_text(encoding="ascii"))


def load_template(name: str) -> tuple[int | None, ...]:
    """Return the bytes of a template in which ``?`` is any byte and ``x*n`` is x, n times; None for any."""
    text = (DATA / f"{name}.template").read_text(encoding="ascii")
    out: list[int | None] = []
    for token in text.split():
        match = re.fullmatch(r"(\?|[0-9a-f]{2})\*(\d+)", token)
        if match:
            out += [None if match[1] == "?" else int(match[1], 16)] * int(match[2])
        else:
            out += bytes.fromhex(token)
    return tuple(out)


def masked(data: bytes, template: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return ``data`` with None where ``template`` says any byte, so that the two compare."""
    known = (*template, *[0] * (len(data) - len(template)))
    return tuple(None if known[index] is None else byte for index, byte in enumerate(data))
