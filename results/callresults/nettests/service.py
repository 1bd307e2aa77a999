"""Keys of the ``service_reachability`` nettest: what a service answers to anybody, without an account."""

from typing import Literal

from callresults.nettests.common import CommonKeys

ServiceProtocol = Literal["https", "tcp", "stun"]


class ServiceKeys(
    CommonKeys,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="nettest",
    tag="service_reachability",
):
    """One endpoint of a service."""

    target_id: str
    """Stable name of the endpoint as the scenario gives it, never an address."""
    protocol: ServiceProtocol
    """What was spoken."""
    http_status: int | None = None
    """Status of the answer; null without one, or where HTTP was not spoken."""
    bytes_received: int = 0
    """Bytes of the answer."""
