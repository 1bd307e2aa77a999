"""Keys that every nettest of this project shares."""

from typing import Final, Literal

import msgspec

from callresults.observation import Stage
from callresults.verdict import Verdict

Arm = Literal["shaped", "webrtc", "fallback", "control", "aa", "service", "domestic", "neutral", "observed"]
OBSERVED: Final = "observed"
"""The arm of a call that people made and somebody recorded: nothing ran beside it, so it gets no verdict."""
Medium = Literal["voice", "video", "messaging"]
AccessType = Literal["wired", "home-wifi", "phone-hotspot", "mobile-modem", "other"]
IpVersion = Literal["ipv4", "ipv6"]


class LocalConditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the probe's own machine did to the measurement."""

    kernel_timestamps: bool
    """Whether arrival times are the kernel's (SO_TIMESTAMPNS) rather than the process's."""
    local_drops_packets: int = 0
    """Packets dropped by the own socket buffer or failing send; never counted as network loss."""
    send_late_ms_p50: float | None = None
    """Median lateness of sends against their absolute deadlines."""
    send_late_ms_p99: float | None = None
    """Lateness of sends against their absolute deadlines."""
    load_1m: float | None = None
    """Run queue average over one minute, per core."""


class CommonKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every arm says of itself."""

    scenario_id: str
    """Path below ``scenarios/`` without suffix; ``observed`` where no scenario was run."""
    scenario_digest: str
    """SHA-256 of the scenario file, hex; empty where none was run."""
    service: str
    """Stable service name: telegram, whatsapp, signal, webrtc, or a domestic or neutral service; of a call
    that was observed, what it was recognised as, ``unknown`` when as nothing."""
    medium: Medium
    """What the scenario carries."""
    arm: Arm
    """What this measurement is in the comparison (``docs/architecture.md``); ``observed`` is of none."""
    pair_id: str
    """Joins the arms that ran beside each other."""
    session_id: str | None
    """The responder's session, where there was one."""
    probe_id: str
    """Random pseudonym per (probe, network)."""
    access_type: AccessType = "other"
    """How the volunteer says the machine is connected."""
    ip_version: IpVersion = "ipv4"
    """Of the measured path."""
    stages: tuple[Stage, ...]
    """The ladder, in order."""
    valid: bool = True
    """False when the measurement must not be used."""
    void_reason: str | None = None
    """Why the measurement must not be used; it is kept and counted all the same."""
    local: LocalConditions | None = None
    """What the probe's own machine did to it; null when not observed."""
    verdict: Verdict | None = None
    """Only in the non-control record of a pair."""
