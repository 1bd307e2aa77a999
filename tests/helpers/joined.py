"""What the arms of a pair share, for tests of the record's assembly."""

from typing import Any

from callprobe.media.session import FlowView, SessionRecord
from callprobe.run.assemble import Joined
from callprobe.scenario.model import CallScenario
from helpers.worlds import SURROUNDINGS


def joined_for(
    scenario: CallScenario, *, views: tuple[FlowView, ...] | None = None, **changes: Any
) -> Joined:
    """Return what joins the arms of ``scenario``; ``views`` None = the far end's record never came."""
    record = None if views is None else SessionRecord(session_id="s", kernel_timestamps=True, flows=views)
    joined = Joined(
        scenario=scenario,
        surroundings=SURROUNDINGS,
        duration_s=scenario.media_duration_s,
        pair_id="pair",
        probe_id="probe",
        ip_version="ipv4",
        grant=None,
        record=record,
        before=(),
        void_reason=None,
    )
    return joined._replace(**changes)
