"""What a run knows of itself before it measures: who measures, from what kind of access, emulated or not."""

from collections.abc import Callable
from dataclasses import dataclass

from callprobe import __version__
from callresults.nettests.common import AccessType


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Everything of the envelope that the network does not say."""

    probe_id_for: Callable[[str], str]
    """Pseudonym of this probe for a network (``AS`` number and country)."""
    emulated: bool
    """Whether what is measured does not cross a real network."""
    access_type: AccessType = "other"
    history: str | None = None
    software_version: str = __version__
    network: tuple[str, str, str] | None = None
    """(asn, country, name) when the lab dictates it; None = as the responder saw it."""
    media_duration_s: float | None = None
    """Replaces the scenario's duration."""
    keep_packet_records: bool = True
    interface: str | None = None
    """The only network interface to use."""
