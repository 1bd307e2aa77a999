"""The client's side of WHIP (RFC 9725): an offer is posted, an answer returned, a resource deleted."""

from typing import Final, NamedTuple

import httpx

from callprobe.net.contract import NetError
from callprobe.net.exchange import ExchangeError, Reply, exchange
from callresults.failure import Failure

SDP_TYPE: Final = "application/sdp"
CREATED: Final = 201
MAX_ANSWER_BYTES: Final = 65_536


class Answer(NamedTuple):
    """What the responder returned."""

    sdp: str
    resource_url: str


async def post_offer(client: httpx.AsyncClient, whip_url: str, sdp: str, deadline_s: float) -> Answer:
    """Post an offer (RFC 9725 4.2). Raises NetError: refused, unreachable, or not an answer."""
    try:
        reply = await exchange(
            client,
            "POST",
            whip_url,
            deadline_s=deadline_s,
            max_bytes=MAX_ANSWER_BYTES,
            content=sdp.encode(),
            headers={"Content-Type": SDP_TYPE},
        )
    except ExchangeError as error:
        refused = Failure.SESSION_REFUSED if error.answered else Failure.SESSION_UNREACHABLE
        raise NetError(refused) from error
    return _answer(reply, whip_url)


async def hang_up(client: httpx.AsyncClient, resource_url: str, deadline_s: float) -> bool:
    """Delete the resource; False when the responder did not confirm it in time."""
    try:
        reply = await exchange(
            client, "DELETE", resource_url, deadline_s=deadline_s, max_bytes=MAX_ANSWER_BYTES
        )
    except (ExchangeError, NetError):
        return False
    return httpx.codes.is_success(reply.status)


def _answer(reply: Reply, whip_url: str) -> Answer:
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status != CREATED or media_type != SDP_TYPE:
        raise NetError(Failure.SESSION_REFUSED)
    resource_url = _resource_url(reply.headers.get("location", ""), httpx.URL(whip_url))
    return Answer(reply.body.decode("utf-8", "replace"), resource_url)


def _resource_url(location: str, whip_url: httpx.URL) -> str:
    """Return where the resource is: deleted where it was made, never at a host that the answer names."""
    try:
        resource = whip_url.join(location)
    except httpx.InvalidURL:
        raise NetError(Failure.SESSION_REFUSED) from None
    if (resource.scheme, resource.netloc) != (whip_url.scheme, whip_url.netloc):
        raise NetError(Failure.SESSION_REFUSED)
    return str(resource)
