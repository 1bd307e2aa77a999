"""The probe's pseudonym on each network: random, kept here, and worth nothing elsewhere."""

import hashlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Final

_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")


def probe_id(home: Path, network: str) -> str:
    """Return this probe's pseudonym on ``network`` (any stable name of it), making one at the first time.

    128 random bits per network: none can be computed from another, from the network, or from the machine.
    Processes that ask at once agree. Raises OSError where ``home`` cannot be written.
    """
    path = home / "identity" / hashlib.sha256(network.encode()).hexdigest()[:32]
    known = _read(path)
    if known is not None:
        return known
    _write_first(path, secrets.token_hex(16))
    return _read(path) or _write_anew(path)


def _read(path: Path) -> str | None:
    try:
        text = path.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if _PSEUDONYM.fullmatch(text) else None


def _written_beside(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return Path(name)


def _write_first(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` unless another process was first: a link, unlike a rename, never replaces."""
    temporary = _written_beside(path, text)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def _write_anew(path: Path) -> str:
    """Replace a damaged pseudonym (a power cut can leave an empty file)."""
    text = secrets.token_hex(16)
    _written_beside(path, text).replace(path)
    return text
