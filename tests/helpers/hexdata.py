"""Golden bytes kept as readable hexadecimal text under tests/data."""

from pathlib import Path

DATA = Path(__file__).parents[1] / "data"


def load_hex(name: str) -> bytes:
    """Return the bytes of ``tests/data/<name>.hex``; white space in the file means nothing."""
    return bytes.fromhex((DATA / f"{name}.hex").read_text(encoding="ascii"))
