"""What a scenario is: one question to a network, as data; of two kinds, a call and a service."""

from datetime import date
from typing import Annotated, Literal

import msgspec

CallArm = Literal["shaped", "webrtc", "control", "aa"]
ServiceArm = Literal["service", "domestic", "neutral"]

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(ge=0.5, le=600)]
Bytes = Annotated[int, msgspec.Meta(gt=0, le=1_000_000_000)]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]


class CallScenario(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="call", tag_field="kind"
):
    """A call-shaped exchange with our responder, beside flows of equal sizes and times without its look."""

    id: str
    """Path below ``scenarios/`` without suffix, or the stem of a file that lies elsewhere."""
    digest: str
    """SHA-256 of the file's bytes, hex."""
    title: Text
    """One line for people."""
    service: Name
    """Stable service name, as in the record."""
    medium: Literal["voice", "video"]
    dialect: Name
    """Registered look of the ``shaped`` or ``webrtc`` arm."""
    arms: Annotated[tuple[CallArm, ...], msgspec.Meta(min_length=1)]
    """Run beside each other on one grid; ``aa`` needs a ``control`` to be compared with."""
    media_duration_s: Seconds
    max_bytes: Bytes
    """Most UDP payload that one run may send and receive, all arms and both directions together."""
    default: bool = False
    """Whether a run without arguments includes it."""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint that answers anybody, without an account."""

    id: Name
    """Stable name; this, never the address, stands in the record."""
    protocol: Literal["https", "tcp", "stun"]
    host: Text
    """Host name or textual IP address."""
    port: Port
    path: Annotated[str, msgspec.Meta(pattern="^/")] = "/"
    """Path of the HTTPS request."""
    server_name: str | None = None
    """TLS server name; null: ``host``."""
    expected_status: tuple[Status, ...] = ()
    """HTTP status codes that the service itself gives; empty: any answer will do."""
    source: Text
    """Who publishes this endpoint as the service's."""
    source_date: date
    """Date of the source."""
    verified: date | None = None
    """Day on which it is documented to have answered as expected; null: nobody has shown that yet."""
    ca_file: str | None = None
    """Certificates trusted besides the system's; set by ``--endpoints`` only."""


class ServiceScenario(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="service", tag_field="kind"
):
    """What a service answers without an account."""

    id: str
    """Path below ``scenarios/`` without suffix, or the stem of a file that lies elsewhere."""
    digest: str
    """SHA-256 of the file's bytes, hex."""
    title: Text
    service: Name
    medium: Literal["voice", "video", "messaging"]
    arm: ServiceArm
    targets: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1)]
    default: bool = False
    """Whether a run without arguments includes it."""


Scenario = CallScenario | ServiceScenario


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in for a target's public name and address."""

    host: Text
    port: Port
    server_name: str | None = None
    """TLS server name; null: ``host``."""
    ca_file: str | None = None
    """PEM file of certificates to trust besides the system's."""
