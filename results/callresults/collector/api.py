"""The collector's HTTP interface as both sides know it: paths, limits, answers.

Import-light: the probe imports it to talk to a collector, without what a collector needs.
"""

from typing import Final, Literal

import msgspec

MEASUREMENTS_PATH: Final = "/v1/measurements"
"""POST the canonical bytes of one measurement."""
BATCH_PATH: Final = "/v1/measurements/batch"
"""POST canonical bytes of many, one per line."""
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
"""Carries the measurement id; must equal the hash of the body."""
MAX_MEASUREMENT_BYTES: Final = 512 * 1024
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024

Status = Literal["stored", "duplicate"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The collector has this measurement on disk."""

    measurement_id: str
    status: Status
    """``duplicate``: it was there already."""
    received_day: str
    """Day on which it came first, UTC ``YYYY-mm-dd``; finer would tell when a volunteer was online."""


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one line of a batch, in the order of the lines."""

    measurement_id: str
    """Hash of the line, also where the line was refused."""
    status: Literal["stored", "duplicate", "refused"]
    received_day: str | None = None
    error: str | None = None
    """One sentence; only where refused."""


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a batch."""

    receipts: tuple[LineAnswer, ...]


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to what was refused as a whole."""

    error: str
    """One sentence."""
