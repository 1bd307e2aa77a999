"""From the keys of an observed call to a measurement: the envelope of one that no probe made.

Names are taken from the content: the same recording, given twice by the same person, is the same measurement.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from callresults.codec import canonical_bytes
from callresults.measurement import Annotations, Measurement
from callresults.nettests.call import CallKeys
from callresults.nettests.common import AccessType

TEST_VERSION: Final = "0.1.0"
SCENARIO: Final = "observed"
"""Stands for a scenario's id: none was run."""
FAR_END: Final = "unknown"
"""Stands for a responder's id: the far end was somebody else's."""
ROUNDING_S: Final = 300
"""A start says no more of a person's day than that of a probe's run."""
_ID_DIGITS: Final = 32


class Donor(Struct, frozen=True, kw_only=True):
    """Who gives a recording, as far as the record says: where it was made is known to the giver only."""

    probe_id: str
    """The giver's pseudonym on that network."""
    software_version: str
    country: str = "ZZ"
    """ISO 3166-1 alpha-2; ``ZZ`` unknown."""
    asn: str = "AS0"
    """``AS`` and number; ``AS0`` unknown."""
    access_type: AccessType = "other"


class Observed(Struct, frozen=True, kw_only=True):
    """One call of a recording."""

    start: datetime
    """Aware; not rounded yet."""
    runtime_s: float
    emulated: bool
    keys: CallKeys
    """Without ``pair_id``."""


def given(
    calls: Sequence[Observed], donor: Donor, source: Literal["capture", "browser-dump"]
) -> list[Measurement]:
    """Return one measurement for each call of a recording; times rounded down to five minutes."""
    named = [_named(_enveloped(call, calls[0], donor, source), place) for place, call in enumerate(calls)]
    report_id = _digest(" ".join(item.test_keys.pair_id for item in named).encode())
    return [replace(item, report_id=report_id) for item in named]


def _enveloped(
    call: Observed, first: Observed, donor: Donor, source: Literal["capture", "browser-dump"]
) -> Measurement:
    return Measurement(
        report_id="",
        test_name="call",
        test_version=TEST_VERSION,
        test_start_time=rounded(first.start),
        measurement_start_time=rounded(call.start),
        test_runtime=round(call.runtime_s, 3),
        probe_cc=donor.country,
        probe_asn=donor.asn,
        probe_network_name="",
        software_name="callprobe",
        software_version=donor.software_version,
        input=None,
        annotations=Annotations(emulated=call.emulated, source=source),
        test_keys=call.keys,
    )


def _named(measurement: Measurement, place: int) -> Measurement:
    pair_id = _digest(b"%d %b" % (place, canonical_bytes(measurement)))
    return replace(measurement, test_keys=replace(measurement.test_keys, pair_id=pair_id))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_ID_DIGITS]


def rounded(moment: datetime) -> str:
    """Return an aware moment as UTC ``YYYY-mm-dd HH:MM:SS``, rounded down to five minutes."""
    seconds = int(moment.timestamp()) // ROUNDING_S * ROUNDING_S
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
