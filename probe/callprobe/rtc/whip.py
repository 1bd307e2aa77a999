"""The client's side of WHIP (RFC 9725): an offer is posted, an answer returned, a resource deleted."""

import asyncio
from typing import Final, NamedTuple

import httpx

from callprobe.net.contract import NetError
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
        async with (
            asyncio.timeout(deadline_s),
            client.stream("POST", whip_url, content=sdp, headers={"Content-Type": SDP_TYPE}) as response,
        ):
            return await _answer(response, whip_url)
    except (httpx.HTTPError, TimeoutError) as error:
        raise NetError(Failure.SESSION_UNREACHABLE) from error


async def hang_up(client: httpx.AsyncClient, resource_url: str, deadline_s: float) -> bool:
    """Delete the resource; False when the responder did not confirm it in time."""
    try:
        async with asyncio.timeout(deadline_s):
            return (await client.delete(resource_url)).is_success
    except (httpx.HTTPError, NetError, TimeoutError):
        return False


async def _answer(response: httpx.Response, whip_url: str) -> Answer:
    if response.status_code != CREATED:
        raise NetError(Failure.SESSION_REFUSED)
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise NetError(Failure.SESSION_REFUSED)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    location = httpx.URL(whip_url).join(response.headers.get("location", ""))
    # The resource is deleted where it was made, never at a host that the answer names.
    if media_type != SDP_TYPE or location.netloc != httpx.URL(whip_url).netloc:
        raise NetError(Failure.SESSION_REFUSED)
    return Answer(body.decode("utf-8", "replace"), str(location))
