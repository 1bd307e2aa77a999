"""The journal of measurements on this machine: saved once, never lost, marked when a collector has them.

``results/<hash>.json`` holds the canonical bytes as they are sent, ``receipts/<hash>.json`` the receipt.
Every write is whole or absent, and every name is derived from the content, so that processes need not know of
each other.
"""

import re
from pathlib import Path
from typing import Final

from callprobe.submit.files import write_durably
from callresults.codec import ID_PREFIX, measurement_id

_ID: Final = re.compile(rf"{ID_PREFIX}[0-9a-f]{{64}}")
_SUFFIX: Final = ".json"


class UnknownMeasurementError(LookupError):
    """No saved measurement has this id; the message is one sentence."""


class Outbox:
    """The saved measurements below ``home``."""

    def __init__(self, home: Path) -> None:
        self._results = home / "results"
        self._receipts = home / "receipts"

    def save(self, canonical: bytes) -> str:
        """Save the canonical bytes of a measurement and return its id; they are on disk when this returns.

        Saving the same bytes again changes nothing. Raises OSError where the disk refuses.
        """
        identifier = measurement_id(canonical)
        path = self._result_path(identifier)
        if not path.is_file():
            write_durably(path, canonical)
        return identifier

    def all(self) -> list[str]:
        """Return the ids of all saved measurements, in the order in which they were saved.

        What somebody else put into the folder is none.
        """
        if not self._results.is_dir():
            return []
        files = [path for path in self._results.glob(f"*{_SUFFIX}") if _ID.fullmatch(ID_PREFIX + path.stem)]
        files.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [ID_PREFIX + path.stem for path in files]

    def pending(self) -> list[str]:
        """Return the ids of those that no collector has answered for, in the same order."""
        return [identifier for identifier in self.all() if not self._receipt_path(identifier).is_file()]

    def read(self, identifier: str) -> bytes:
        """Return the canonical bytes of a measurement. Raises UnknownMeasurementError."""
        try:
            return self._result_path(identifier).read_bytes()
        except FileNotFoundError:
            raise UnknownMeasurementError(f"No measurement {identifier} is saved here.") from None

    def mark_delivered(self, identifier: str, receipt: bytes) -> None:
        """Keep a collector's receipt. Raises OSError where the disk refuses."""
        write_durably(self._receipt_path(identifier), receipt)

    def receipt(self, identifier: str) -> bytes | None:
        """Return the receipt, or None while undelivered. Raises UnknownMeasurementError for what is no id."""
        path = self._receipt_path(identifier)
        return path.read_bytes() if path.is_file() else None

    def find(self, text: str) -> str:
        """Return the one id that ``text`` begins, with or without ``sha256:``.

        Raises:
            UnknownMeasurementError: none begins so, or more than one.
        """
        start = text.removeprefix(ID_PREFIX)
        found = [
            identifier for identifier in self.all() if identifier.removeprefix(ID_PREFIX).startswith(start)
        ]
        if not start or not found:
            raise UnknownMeasurementError(
                f"No measurement {text!r} is saved here; `callprobe list` shows them."
            )
        if len(found) > 1:
            raise UnknownMeasurementError(
                f"{len(found)} measurements begin with {text!r}: give more of the id."
            )
        return found[0]

    def _result_path(self, identifier: str) -> Path:
        return self._results / _file_name(identifier)

    def _receipt_path(self, identifier: str) -> Path:
        return self._receipts / _file_name(identifier)


def _file_name(identifier: str) -> str:
    if not _ID.fullmatch(identifier):
        raise UnknownMeasurementError(f"{identifier!r} is no measurement id (sha256: and 64 hex digits).")
    return identifier.removeprefix(ID_PREFIX) + _SUFFIX
