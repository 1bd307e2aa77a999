"""What qualifies a call that was read from a capture; see ``results/spec/capture.md``."""

from typing import Literal

import msgspec

from callresults.observation import StageName

Generation = Literal["libtgvoip", "tgcalls v1", "tgcalls v2"]
CallEnd = Literal["relay_end", "turn_release", "rtcp_bye", "dtls_close", "sip_bye"]


class CaptureCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the capture shows the call; its figures stand in the metrics, the series and the stages."""

    service_confidence: float | None
    """How sure the guess of the service is, 0..1; null without one."""
    generation: Generation | None
    """Which of the service's protocols; null where it is not told."""
    nearest_look: str | None
    """The look of ours that comes nearest; null when none comes near."""
    nearest_look_version: str | None
    """Its version."""
    nearest_look_matching_ratio: float | None
    """Share of compared features in which capture and look agree, 0..1."""
    refuted_stages: tuple[StageName, ...]
    """Rungs that failed and did not keep the call from working: media came all the same."""
    encapsulations: tuple[str, ...]
    """What RTP lay in: ``plain``, ``turn-channel`` …, ``a+b`` for b within a; empty where none was read."""
    streams_up: int
    """RTP streams of this medium that the capturing end sent."""
    streams_down: int
    """RTP streams of this medium that it received."""
    opaque_packets: int
    """Packets of media whose headers cannot be read: they are counted, no metric rests on them."""
    ended_by: CallEnd | None
    """How the end of the call was said aloud, if it was."""
