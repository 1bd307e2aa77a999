"""Keys of the ``call`` nettest: a flow of call-shaped packets, each direction measured apart."""

from typing import Literal

import msgspec

from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.common import CommonKeys

ControlNature = Literal["random", "inverted", "allow-listed"]


class Second(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One second of the media, by the sender's schedule."""

    second: int
    """Seconds since the first scheduled media packet."""
    sent_up: int
    received_up: int | None
    """Null when the responder's record never arrived."""
    sent_down: int | None
    received_down: int


class ResponderView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the far end recorded of the flow, handed over afterwards."""

    packets_received: int
    packets_sent: int
    kernel_timestamps: bool
    complete: bool
    """False when the record was cut short on its way."""


class CallKeys(
    CommonKeys, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="nettest", tag="call"
):
    """One flow between probe and responder."""

    dialect: str
    """Whose look the packets have: telegram-v2, whatsapp-2023, webrtc-aiortc, random."""
    dialect_version: str
    dialect_capture_date: str | None
    """Date of the capture that the dialect follows, ISO; null for looks that are nobody's."""
    control_nature: ControlNature | None = None
    responder_id: str
    """Stable name of the responder (its catalogue name, never an address)."""
    responder_network: str = "AS0"
    responder_kind: str = "unknown"
    responder_port: int | None = None
    media_duration_s: float
    metrics_up: DirectionMetrics | None
    """Probe to responder; null when the responder's record never arrived."""
    metrics_down: DirectionMetrics | None
    """Responder to probe; null when what was sent is not known."""
    series: tuple[Second, ...] = ()
    packet_record: str | None = None
    """Per-packet record, see ``results/spec/packet-record.md``; null when not kept."""
    packet_record_resolution_us: int | None = None
    responder_view: ResponderView | None = None
