"""The measurement: OONI's envelope (df-000) around this project's test keys.

One measurement is one arm of one scenario, run once by one probe. The record is frozen; what a network did
is data in it, and an arm that got nowhere still has one.
"""

from typing import Literal

import msgspec

from callresults.nettests.call import CallKeys
from callresults.nettests.service import ServiceKeys
from callresults.observation import Stage

DATA_FORMAT_VERSION = "0.2.0"
"""OONI's envelope version that this record follows."""

TestKeys = CallKeys | ServiceKeys


class Annotations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What qualifies the whole measurement."""

    emulated: bool
    """True for everything that did not cross a real network: loopback, namespaces, virtual time."""
    source: Literal["probe", "capture", "browser-dump"] = "probe"
    """Measured by a probe, read from a capture, or told by a browser (``results/spec/capture.md``,
    ``browser-dump.md``)."""
    history: str | None = None
    """Name of the emulated history that this measurement is part of, if any."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One arm, measured once. Field names are OONI's (df-000) where OONI has them."""

    report_id: str
    """Joins the measurements of one scenario's run."""
    test_name: str
    """The nettest: ``call`` or ``service_reachability``."""
    test_version: str
    """Version of the nettest."""
    test_start_time: str
    """Start of the run, UTC ``YYYY-mm-dd HH:MM:SS``, rounded down to 5 minutes."""
    measurement_start_time: str
    """Start of this arm, UTC ``YYYY-mm-dd HH:MM:SS``, rounded down to 5 minutes; relative times are exact."""
    test_runtime: float
    """Seconds that this arm took (OONI's name for the measurement's runtime)."""
    probe_cc: str
    """ISO 3166-1 alpha-2 country of the measured UDP path as the responder saw it; ``ZZ`` unknown."""
    probe_asn: str
    """``AS`` and number, likewise; ``AS0`` unknown or withheld."""
    probe_network_name: str
    """Name of that network; empty when unknown or withheld."""
    probe_ip: str = "127.0.0.1"
    """Always OONI's placeholder."""
    software_name: str
    """``callprobe``."""
    software_version: str
    """Version of the probe."""
    input: str | None
    """A stable target name or null; never an address."""
    annotations: Annotations
    """What qualifies the whole measurement."""
    test_keys: TestKeys
    """What was measured, by nettest."""
    test_helpers: dict[str, str] = {}
    """OONI's test helpers: role to stable name, never an address."""
    data_format_version: str = DATA_FORMAT_VERSION
    """Version of the envelope."""
    extensions: dict[str, int] = {}
    """OONI's data formats in use and their versions."""


def stages_of(measurement: Measurement) -> tuple[Stage, ...]:
    """Return the ladder of a measurement, in the order of the ladder."""
    return measurement.test_keys.stages
