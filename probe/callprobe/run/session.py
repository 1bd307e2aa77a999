"""The probe's side of a responder session over HTTP: open, fetch the far end's record, end."""

import random
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from callprobe.media.flow import Address
from callprobe.media.session import SESSIONS_PATH, SessionGrant, SessionRecord, SessionRequest
from callprobe.net.contract import Net, NetError
from callresults.failure import Failure

TIMEOUT_S: Final = 10.0
RECORD_TRIES: Final = 3
BEGIN_TIMEOUT_S: Final = 2.0


class ResponderUrl(NamedTuple):
    """A responder's URL, taken apart."""

    text: str
    host: str
    port: int


class SessionError(Exception):
    """The session could not be had; ``failure`` is from the closed list, the text is one sentence."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


def parse_url(text: str) -> ResponderUrl:
    """Take a responder's URL apart. Raises ValueError with one sentence."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(
            f"{text!r} is not a URL of a responder: give http://HOST:PORT or https://HOST[:PORT]"
        )
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"{text!r} has no usable port: give a number between 1 and 65535") from None
    return ResponderUrl(text.rstrip("/"), parts.hostname, port or (443 if parts.scheme == "https" else 80))


class Session:
    """One open session with one responder."""

    def __init__(self, url: ResponderUrl, host: str, grant: SessionGrant, client: httpx.AsyncClient) -> None:
        """Keep what ``open_session`` was granted; ``host`` is the address that media go to."""
        self.url = url
        self.host = host
        self.grant = grant
        self._client = client

    def draw_peer(self, rng: random.Random) -> tuple[Address, int]:
        """Draw one of the granted ports: (address that the probe sends to, the responder's own port)."""
        port = rng.choice(self.grant.ports)
        return (self.host, port + self.port_shift), port

    @property
    def port_shift(self) -> int:
        """What to add to a granted port: how far the URL's port is from the responder's own."""
        base = self.grant.base_port
        return 0 if base is None else self.url.port - base

    async def begin_media(self) -> None:
        """Ask the far end to begin its media; when this cannot be said, the first arriving packet says it."""
        path = f"{SESSIONS_PATH}/{self.grant.session_id}/media"
        with suppress(httpx.HTTPError, NetError):
            await self._client.post(path, timeout=BEGIN_TIMEOUT_S)

    async def record(self) -> SessionRecord | None:
        """Return the far end's record, or None when it cannot be had."""
        path = f"{SESSIONS_PATH}/{self.grant.session_id}/record"
        for _ in range(RECORD_TRIES):
            try:
                response = await self._client.get(path)
                if response.status_code == httpx.codes.OK:
                    return msgspec.json.decode(response.content, type=SessionRecord)
            except (httpx.HTTPError, NetError):
                continue
            except msgspec.DecodeError:
                return None
        return None

    async def close(self) -> None:
        """End the session; a responder that is gone is no error."""
        try:
            await self._client.delete(f"{SESSIONS_PATH}/{self.grant.session_id}")
        except (httpx.HTTPError, NetError):
            pass
        finally:
            await self._client.aclose()


async def open_session(net: Net, url: ResponderUrl, host: str, request: SessionRequest) -> Session:
    """Open a session; media will go to the address ``host``. Raises SessionError."""
    client = httpx.AsyncClient(transport=net.http(), base_url=url.text, timeout=TIMEOUT_S)
    try:
        response = await client.post(
            SESSIONS_PATH,
            content=msgspec.json.encode(request),
            headers={"Content-Type": "application/json"},
        )
        if response.status_code != httpx.codes.CREATED:
            raise SessionError(
                Failure.SESSION_REFUSED, f"the responder refused the session: {_said(response)}"
            )
        grant = msgspec.json.decode(response.content, type=SessionGrant)
        if len(grant.flows) != len(request.flows) or not grant.ports:
            raise SessionError(Failure.SESSION_REFUSED, "the responder's grant does not fit the request")
    except httpx.HTTPError as error:
        await client.aclose()
        name = type(error).__name__
        raise SessionError(Failure.SESSION_UNREACHABLE, f"the responder did not answer ({name})") from error
    except NetError as error:
        await client.aclose()
        raise SessionError(error.failure, f"the responder could not be reached ({error.failure})") from error
    except msgspec.DecodeError as error:
        await client.aclose()
        raise SessionError(Failure.SESSION_REFUSED, "the responder's answer is no session grant") from error
    except SessionError:
        await client.aclose()
        raise
    return Session(url, host, grant, client)


def _said(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"HTTP status {response.status_code}"
