"""Keys of the ``call`` nettest: a flow of call-shaped packets, each direction measured apart."""

from typing import Literal

import msgspec

from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.browser import BrowserCall
from callresults.nettests.capture import CaptureCall
from callresults.nettests.common import CommonKeys

ControlNature = Literal["random", "inverted", "allow-listed"]


class Second(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One second of the media, by the sender's schedule."""

    second: int
    """Seconds since the first scheduled media packet."""
    sent_up: int
    """Packets that the probe sent in this second."""
    received_up: int | None
    """Null when the responder's record never arrived; a capture has none."""
    sent_down: int | None
    """Packets that the responder sent in this second; null when its record never arrived. In a capture by the
    gaps between sequence numbers, and in the second of their arrival."""
    received_down: int
    """Of those, packets that the probe received in time."""


class ResponderView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the far end recorded of the flow, handed over afterwards."""

    packets_received: int
    """Media packets of the probe that arrived, unique sequence numbers."""
    packets_sent: int
    """Media packets that the responder sent."""
    kernel_timestamps: bool
    """Whether its arrival times are the kernel's."""
    complete: bool
    """False when the record was cut short on its way."""


# A field that came later is absent where it does not apply: a null in its place would make the bytes of every
# older measurement uncanonical.
class CallKeys(
    CommonKeys, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="nettest", tag="call"
):
    """One flow between probe and responder."""

    dialect: str
    """Whose look the packets have: telegram-v2, whatsapp-2023, webrtc-aiortc, random; of a recording's
    replay ``replay:`` and its digest; of a call that was observed, how: capture, browser-dump."""
    dialect_version: str
    """Version of the look; empty for an observed call, which has none of ours."""
    dialect_capture_date: str | None
    """Date of the capture that the dialect follows, ISO; null for looks that are nobody's."""
    control_nature: ControlNature | None = None
    """What kind of control this is; null for arms that are none."""
    responder_id: str
    """Stable name of the responder (its catalogue name, never an address)."""
    responder_network: str = "AS0"
    """AS number of the responder's network; ``AS0`` unknown."""
    responder_kind: str = "unknown"
    """Kind of that network, as the catalogue has it."""
    responder_port: int | None = None
    """UDP port of the responder; null when no flow was opened."""
    media_duration_s: float
    """Media asked for, seconds; of an observed call, how long they lasted there."""
    metrics_up: DirectionMetrics | None
    """Probe to responder; null when the responder's record never arrived. Of a capture, what the far end told
    by RTCP in clear."""
    metrics_down: DirectionMetrics | None
    """Responder to probe; null when what was sent is not known. Of a capture, by the sequence numbers."""
    series: tuple[Second, ...] = ()
    """One row per second of the schedule."""
    packet_record: str | None = None
    """Per-packet record, see ``results/spec/packet-record.md``; null when not kept."""
    packet_record_resolution_us: int | None = None
    """Resolution of its stamps; null without a record."""
    responder_view: ResponderView | None = None
    """Summary of the far end's record; null when it never arrived."""
    browser: BrowserCall | msgspec.UnsetType = msgspec.UNSET
    """What a browser told of the call; absent, never null, in what was not read from a browser's dump."""
    capture: CaptureCall | msgspec.UnsetType = msgspec.UNSET
    """How a capture shows the call; absent, never null, in what was not read from one."""
