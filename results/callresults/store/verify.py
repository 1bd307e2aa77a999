"""Does the store still hold what its receipts named?"""

from typing import NamedTuple

from callresults.codec import InvalidMeasurementError, decode, measurement_id
from callresults.store.snapshot import Kept, Snapshot


class VerifyReport(NamedTuple):
    """What was checked, and one sentence for each measurement that is not what it was."""

    checked: int
    damaged: tuple[str, ...]


def _damage(kept: Kept) -> str | None:
    found = measurement_id(kept.canonical)
    if found != kept.measurement_id:
        return f"{kept.measurement_id}: the stored bytes hash to {found}."
    try:
        decode(kept.canonical)
    except InvalidMeasurementError as error:
        return f"{kept.measurement_id}: {error}."
    return None


def verify_stored(snapshot: Snapshot) -> VerifyReport:
    """Hash and decode every stored measurement again."""
    checked = 0
    damaged = []
    for checked, kept in enumerate(snapshot.everything(), start=1):  # noqa: B007
        if sentence := _damage(kept):
            damaged.append(sentence)
    return VerifyReport(checked, tuple(damaged))
