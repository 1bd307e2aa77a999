"""Measurements from a browser's dump: one for each connection that looked for a way to its far end.

The browser's figures stand in ``test_keys.browser`` under the browser's names. Ours (``metrics_up``,
``metrics_down``, ``series``) stay empty: they are computed from packets, and a dump has none.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from callprobe.pcap.donation import FAR_END, SCENARIO, Donor, Observed, given
from callprobe.pcap.dumps.ladder import ladder, last_state
from callprobe.pcap.dumps.model import Connection, Dump
from callresults.failure import Failure
from callresults.measurement import Measurement
from callresults.nettests.browser import BrowserCall
from callresults.nettests.call import CallKeys
from callresults.nettests.common import Medium
from callresults.observation import Stage

LOOK: Final = "browser-dump"
VOID_TRUNCATED: Final = "dump-truncated"
"""The file breaks while the connection was up."""
VOID_INTERRUPTED: Final = "interrupted"
"""People ended the call before the network had its time."""


def measurements(dump: Dump, donor: Donor) -> list[Measurement]:
    """Return the measurements, redacted; a connection without a readable time or without a try has none."""
    calls = list(_calls(dump, donor))
    return given(calls, donor, "browser-dump")


def _calls(dump: Dump, donor: Donor) -> Iterator[Observed]:
    for connection in dump.connections:
        stages = ladder(connection.call)
        if connection.start_ms is not None and stages:
            yield Observed(
                start=datetime.fromtimestamp(connection.start_ms / 1000, UTC),
                runtime_s=connection.call.duration_s,
                emulated=connection.emulated,
                keys=_keys(dump, connection, stages, donor),
            )


def _keys(dump: Dump, connection: Connection, stages: tuple[Stage, ...], donor: Donor) -> CallKeys:
    void_reason = _void_reason(dump, connection.call, stages)
    return CallKeys(
        scenario_id=SCENARIO,
        scenario_digest="",
        service=connection.service,
        medium=_medium(connection.call),
        arm="observed",
        pair_id="",
        session_id=None,
        probe_id=donor.probe_id,
        access_type=donor.access_type,
        ip_version=connection.ip_version,
        stages=stages,
        valid=void_reason is None,
        void_reason=void_reason,
        dialect=LOOK,
        dialect_version="",
        dialect_capture_date=None,
        responder_id=FAR_END,
        media_duration_s=_media_s(connection.call, stages),
        metrics_up=None,
        metrics_down=None,
        browser=connection.call,
    )


def _void_reason(dump: Dump, call: BrowserCall, stages: tuple[Stage, ...]) -> str | None:
    if dump.broken_at_line is not None and last_state(call) in {"checking", "connected", "completed"}:
        return VOID_TRUNCATED
    return VOID_INTERRUPTED if any(stage.failure == Failure.INTERRUPTED for stage in stages) else None


def _medium(call: BrowserCall) -> Medium:
    moving = [track for track in call.tracks if track.packets_received or track.packets_sent]
    return "video" if any(track.kind == "video" for track in moving) else "voice"


def _media_s(call: BrowserCall, stages: tuple[Stage, ...]) -> float:
    first = [stage.t for stage in stages if stage.name == "media_first_packet" and stage.outcome == "ok"]
    return round(max(0.0, call.duration_s - first[0]), 3) if first else 0.0
