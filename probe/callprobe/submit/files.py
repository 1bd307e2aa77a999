"""Small files that are there wholly or not at all, whatever is killed when."""

import os
import tempfile
from pathlib import Path
from typing import Final

TEMPORARY_PREFIX: Final = ".writing-"


def _sync_directory(directory: Path) -> None:
    """Make a rename in ``directory`` durable: POSIX promises it only after the folder is synced too."""
    if os.name == "nt":  # Windows cannot open a folder, and needs no such sync
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, replacing what was there; on disk when this returns. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)
