"""What probe and responder say to each other over HTTP about one session. Ports only, no address.

The client uses the host of the URL it was given, and for UDP the port ``url_port + (port - base_port)`` when
``base_port`` is given (so a relay that forwards N consecutive ports one to one can stand in between), else
``port`` as it stands.
"""

from typing import Annotated, Literal

import msgspec

from callprobe.dialect.contract import CallMedium, Dialect, Schedule

TRACES_PATH = "/v1/traces"
"""GET says what traces are taken; ``/{digest}`` GET whether that one is there, PUT (a packed trace) lays it
down for the sessions that replay it."""
SESSIONS_PATH = "/v1/sessions"
"""POST opens; ``/{session_id}/media`` POST begins the far end's media; ``/{session_id}/record`` GET hands
over the receive record; DELETE ends."""
MEDIA_LEAD_NS = 100_000_000
"""Both ends send their first media packet this long after the probe asked for them to begin."""
WHIP_PATH = "/v1/whip"
"""``/{session_id}``: POST an SDP offer (RFC 9725), DELETE ends the call."""

SessionId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
"""It stands in the path of URLs."""
Label = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,64}\Z")]
"""A name that stands in every measurement and on people's screens."""
NetworkNumber = Annotated[str, msgspec.Meta(pattern=r"^AS[0-9]{1,10}\Z")]
NetworkName = Annotated[str, msgspec.Meta(max_length=128)]
CountryCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")]


class FlowRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One flow that the probe wants to run."""

    dialect: str
    """Registered look; for a control ``random:<look whose shape it mirrors>``; ``open`` for the UDP echo.

    For a replay ``replay:<digest of the trace>``, and ``replay-inverted:`` or ``replay-random:`` for its
    controls.
    """
    medium: CallMedium
    media_duration_s: float
    schedule_seed: int
    """Both ends draw the same schedule from it."""


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the probe asks for."""

    software_version: str
    flows: tuple[FlowRequest, ...]
    whip_media_duration_s: float | None = None
    """How long the media of a WebRTC call will last; null when none is wanted."""


class TraceOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What traces a responder takes."""

    max_bytes: int
    """Of the packed message."""
    max_packets: int
    """In one direction."""
    max_duration_s: float


class FlowGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One granted flow, in the order of the request."""

    flow_id: int
    key: bytes
    """32 bytes (base64 in JSON)."""
    port: int | None = None
    """The only one of ``ports`` at which this flow is known, for one that carries no token; null: any."""


class SessionGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the responder grants."""

    session_id: SessionId
    responder_id: Label
    responder_network: NetworkNumber
    responder_kind: Label
    base_port: int | None
    """The responder's own TCP port when UDP ports are to be taken relative to the URL's port."""
    ports: tuple[int, ...]
    """UDP ports; the probe draws one at random for each flow that has none of its own."""
    max_media_duration_s: float
    flows: tuple[FlowGrant, ...]


class FlowView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the responder sent and received of one flow. Columns of equal length, times relative.

    Times are microseconds since the responder's own start of the session (monotonic); they carry no wall
    clock and serve only for differences.
    """

    flow_id: int
    first_control_us: int | None
    """Arrival of the first set-up datagram, null when none arrived."""
    control_received: int
    control_answered: int
    received_sequence: tuple[int, ...]
    """Schedule sequence numbers of media in order of arrival, duplicates included."""
    received_us: tuple[int, ...]
    sent_sequence: tuple[int, ...]
    sent_us: tuple[int, ...]
    complete: bool = True
    """False when more arrived than the responder was willing to write down."""


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The responder's half of a session."""

    session_id: SessionId
    kernel_timestamps: bool
    network_asn: NetworkNumber = "AS0"
    """Network of the measured UDP path as the responder saw it (its own prefix table)."""
    network_cc: CountryCode = "ZZ"
    network_name: NetworkName = ""
    ip_version: Literal["ipv4", "ipv6"] = "ipv4"
    proved: bool = False
    """Whether the probe's host proved that it receives; else the responder held packets of its own back."""
    flows: tuple[FlowView, ...]


class Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the responder did not grant, one sentence."""

    error: str


def down_seed(schedule_seed: int) -> int:
    """Return the seed of the responder's own schedule, so that both directions differ."""
    return schedule_seed ^ 0x5A5A5A5A


def schedules_of(dialect: Dialect, wanted: FlowRequest) -> tuple[Schedule, Schedule]:
    """Return what the probe and the responder send in a flow of this look."""
    medium, duration_s, seed = wanted.medium, wanted.media_duration_s, wanted.schedule_seed
    return (
        dialect.schedule(medium, duration_s, seed, "up"),
        dialect.schedule(medium, duration_s, down_seed(seed), "down"),
    )
