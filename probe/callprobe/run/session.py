"""The probe's side of a responder session over HTTP: open, fetch the far end's record, end."""

import random
from contextlib import suppress
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from callprobe.media.flow import Address
from callprobe.media.session import SESSIONS_PATH, FlowView, SessionGrant, SessionRecord, SessionRequest
from callprobe.net.contract import Net, NetError
from callresults.failure import Failure

TIMEOUT_S: Final = 10.0
RECORD_TRIES: Final = 3
BEGIN_TIMEOUT_S: Final = 2.0
CLOSE_TIMEOUT_S: Final = 2.0
KEY_BYTES: Final = 32
HIGHEST_PORT: Final = 65535
LIMIT: Final = 1 << 48
"""Sequence numbers and times (us) beyond are nobody's."""


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
        """Return the far end's record, or None when it cannot be had or cannot be true."""
        path = f"{SESSIONS_PATH}/{self.grant.session_id}/record"
        for _ in range(RECORD_TRIES):
            with suppress(httpx.HTTPError, NetError):
                response = await self._client.get(path)
                if response.status_code == httpx.codes.OK:
                    return _sound_record(response.content)
        return None

    async def close(self) -> None:
        """End the session; a responder that is gone is no error."""
        path = f"{SESSIONS_PATH}/{self.grant.session_id}"
        try:
            with suppress(httpx.HTTPError, NetError):
                await self._client.delete(path, timeout=CLOSE_TIMEOUT_S)
        finally:
            await self._client.aclose()


async def open_session(net: Net, url: ResponderUrl, host: str, request: SessionRequest) -> Session:
    """Open a session; media will go to the address ``host``. Raises SessionError."""
    try:
        client = httpx.AsyncClient(transport=net.http(), base_url=url.text, timeout=TIMEOUT_S)
    except NetError as error:
        raise _unreachable(error) from error
    try:
        session = Session(url, host, await _ask(client, request), client)
        _check(session, request)
    except BaseException:
        await client.aclose()
        raise
    return session


async def _ask(client: httpx.AsyncClient, request: SessionRequest) -> SessionGrant:
    headers = {"Content-Type": "application/json"}
    try:
        response = await client.post(SESSIONS_PATH, content=msgspec.json.encode(request), headers=headers)
    except httpx.HTTPError as error:
        name = type(error).__name__
        raise SessionError(Failure.SESSION_UNREACHABLE, f"the responder did not answer ({name})") from error
    except NetError as error:
        raise _unreachable(error) from error
    if response.status_code != httpx.codes.CREATED:
        raise SessionError(Failure.SESSION_REFUSED, f"the responder refused the session: {_said(response)}")
    try:
        return msgspec.json.decode(response.content, type=SessionGrant)
    except msgspec.DecodeError as error:
        raise SessionError(Failure.SESSION_REFUSED, "the responder's answer is no session grant") from error


def _check(session: Session, request: SessionRequest) -> None:
    """Refuse a grant that does not fit the request or that names no usable port."""
    grant = session.grant
    ports = {port for own in grant.ports for port in (own, own + session.port_shift)}
    keys_fit = all(len(flow.key) == KEY_BYTES for flow in grant.flows)
    ids_fit = len({flow.flow_id for flow in grant.flows}) == len(grant.flows) == len(request.flows)
    if not (keys_fit and ids_fit and ports and all(0 < port <= HIGHEST_PORT for port in ports)):
        raise SessionError(Failure.SESSION_REFUSED, "the responder's grant does not fit the request")


def _unreachable(error: NetError) -> SessionError:
    return SessionError(error.failure, f"the responder could not be reached ({error.failure})")


def _sound_record(content: bytes) -> SessionRecord | None:
    try:
        record = msgspec.json.decode(content, type=SessionRecord)
    except msgspec.DecodeError:
        return None
    return record if all(is_sound(view) for view in record.flows) else None


def is_sound(view: FlowView) -> bool:
    """Say whether a far end's view of a flow can be true: whole columns, numbers in range, each sent once."""
    columns = (view.received_sequence, view.received_us, view.sent_sequence, view.sent_us)
    rising = all(earlier < later for earlier, later in pairwise(view.sent_sequence))
    return (
        len(columns[0]) == len(columns[1])
        and len(columns[2]) == len(columns[3])
        and rising
        and all(0 <= sequence < LIMIT for column in columns[::2] for sequence in column)
        and all(-LIMIT < at_us < LIMIT for column in columns[1::2] for at_us in column)
    )


def _said(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"HTTP status {response.status_code}"
