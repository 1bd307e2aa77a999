"""The probe's side of a responder session over HTTP: open, fetch the far end's record, end."""

import asyncio
import random
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from callprobe.dialect.registry import REGISTERED, Looks
from callprobe.dialect.trace import Trace
from callprobe.media.flow import Address
from callprobe.media.session import (
    SESSIONS_PATH,
    TRACES_PATH,
    FlowGrant,
    SessionGrant,
    SessionRecord,
    SessionRequest,
)
from callprobe.net.contract import Net, NetError
from callprobe.net.exchange import ExchangeError, Reply, decoded, exchange, reason
from callprobe.run.soundness import due_of, is_sound_record
from callresults.failure import Failure

TIMEOUT_S: Final = 10.0
RECORD_TRIES: Final = 3
RECORD_DEADLINE_S: Final = 30.0
"""For all tries together: the record of a minute's call comes over 64 kbit/s."""
TRACE_DEADLINE_S: Final = 120.0
"""A megabyte over 64 kbit/s takes as long."""
BEGIN_TIMEOUT_S: Final = 2.0
CLOSE_TIMEOUT_S: Final = 2.0
KEY_BYTES: Final = 32
HIGHEST_PORT: Final = 65535
MAX_ANSWER_BYTES: Final = 1 << 20
MAX_RECORD_BYTES: Final = 8 << 20
"""Of the longest session that a responder grants, with every packet received four times, there are less."""


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
    try:
        parts = urlsplit(text)
        httpx.URL(text)
    except (ValueError, httpx.InvalidURL):
        raise ValueError(f"{text!r} is not a URL of a responder: {_FORM}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not _is_plain(text):
        raise ValueError(f"{text!r} is not a URL of a responder: {_FORM}")
    if "?" in text or "#" in text:
        raise ValueError(f"{text!r} has a query or a fragment, and a responder's URL has none: {_FORM}")
    return ResponderUrl(text.rstrip("/"), parts.hostname, _port(text))


_FORM: Final = "give http://HOST:PORT or https://HOST[:PORT]"


def _is_plain(text: str) -> bool:
    return text.isprintable() and " " not in text


def _port(text: str) -> int:
    parts = urlsplit(text)
    with suppress(ValueError):
        port = parts.port
        if port is None:
            return 443 if parts.scheme == "https" else 80
        if port:
            return port
    raise ValueError(f"{text!r} has no usable port: give a number between 1 and {HIGHEST_PORT}")


class Session:
    """One open session with one responder."""

    def __init__(
        self,
        url: ResponderUrl,
        host: str,
        request: SessionRequest,
        grant: SessionGrant,
        client: httpx.AsyncClient,
        *,
        looks: Looks = REGISTERED,
    ) -> None:
        """Keep what ``open_session`` was granted; ``host`` is the address that media go to."""
        self.url = url
        self.host = host
        self.grant = grant
        self._request = request
        self._client = client
        self._looks = looks

    def draw_peer(self, rng: random.Random, flow: FlowGrant) -> tuple[Address, int]:
        """Draw a flow's port: (address that the probe sends to, the responder's own port)."""
        port = rng.choice(self.grant.ports) if flow.port is None else flow.port
        return (self.host, port + self.port_shift), port

    @property
    def port_shift(self) -> int:
        """What to add to a granted port: how far the URL's port is from the responder's own."""
        base = self.grant.base_port
        return 0 if base is None else self.url.port - base

    async def begin_media(self) -> None:
        """Ask the far end to begin its media; when this cannot be said, the first arriving packet says it."""
        await self._tell("POST", "/media", BEGIN_TIMEOUT_S)

    async def record(self) -> SessionRecord | None:
        """Return the far end's record, or None when it cannot be had or cannot be true."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_DEADLINE_S):
                return self._sound(await self._fetch_record())
        return None

    async def close(self) -> None:
        """End the session; a responder that is gone is no error."""
        try:
            await self._tell("DELETE", "", CLOSE_TIMEOUT_S)
        finally:
            await self._client.aclose()

    @property
    def _path(self) -> str:
        return f"{SESSIONS_PATH}/{self.grant.session_id}"

    async def _tell(self, method: str, below: str, deadline_s: float) -> None:
        """Say something to which any answer will do, or none."""
        with suppress(ExchangeError, NetError):
            await exchange(
                self._client,
                method,
                self._path + below,
                deadline_s=deadline_s,
                max_bytes=MAX_ANSWER_BYTES,
            )

    async def _fetch_record(self) -> SessionRecord | None:
        for _ in range(RECORD_TRIES):
            with suppress(ExchangeError, NetError):
                reply = await exchange(
                    self._client,
                    "GET",
                    f"{self._path}/record",
                    deadline_s=RECORD_DEADLINE_S,
                    max_bytes=MAX_RECORD_BYTES,
                )
                if reply.status == httpx.codes.OK:
                    return decoded(reply.body, SessionRecord)
        return None

    def _sound(self, record: SessionRecord | None) -> SessionRecord | None:
        grants, wanted = self.grant.flows, self._request.flows
        due = {grant.flow_id: due_of(flow, self._looks) for grant, flow in zip(grants, wanted, strict=True)}
        return record if record and is_sound_record(record, self.grant.session_id, due) else None


async def open_session(
    net: Net, url: ResponderUrl, host: str, request: SessionRequest, looks: Looks = REGISTERED
) -> Session:
    """Open a session; media will go to the address ``host``. Raises SessionError.

    A trace that ``looks`` replay is laid down at the responder first.
    """
    try:
        client = httpx.AsyncClient(transport=net.http(), base_url=url.text, timeout=TIMEOUT_S)
    except NetError as error:
        raise _unreachable(error) from error
    except httpx.InvalidURL as error:
        raise _refused("the responder's URL cannot be asked for") from error
    try:
        if looks.trace is not None:
            await _lay(client, looks.trace)
        session = Session(url, host, request, await _ask(client, request), client, looks=looks)
        _check(session, request)
    except BaseException:
        await client.aclose()
        raise
    return session


async def _lay(client: httpx.AsyncClient, trace: Trace) -> None:
    """Make sure that the responder has a trace. Raises SessionError."""
    path = f"{TRACES_PATH}/{trace.digest}"
    known = await _exchange(client, "GET", path, TIMEOUT_S)
    if known.status == httpx.codes.NO_CONTENT:
        return
    laid = await _exchange(client, "PUT", path, TRACE_DEADLINE_S, trace.pack())
    if laid.status != httpx.codes.NO_CONTENT:
        said = reason(laid) or f"HTTP status {laid.status}"
        raise _refused(f"the responder did not take the call to be replayed: {said}")


async def _exchange(
    client: httpx.AsyncClient, method: str, path: str, deadline_s: float, content: bytes | None = None
) -> Reply:
    """Ask for anything. Raises SessionError where no whole answer comes."""
    try:
        return await exchange(
            client, method, path, deadline_s=deadline_s, max_bytes=MAX_ANSWER_BYTES, content=content
        )
    except ExchangeError as error:
        raise SessionError(Failure.SESSION_UNREACHABLE, f"the responder did not answer ({error})") from error
    except NetError as error:
        raise _unreachable(error) from error


async def _ask(client: httpx.AsyncClient, request: SessionRequest) -> SessionGrant:
    try:
        reply = await exchange(
            client,
            "POST",
            SESSIONS_PATH,
            deadline_s=TIMEOUT_S,
            max_bytes=MAX_ANSWER_BYTES,
            content=msgspec.json.encode(request),
            headers={"Content-Type": "application/json"},
        )
    except ExchangeError as error:
        if error.answered:
            raise _refused(f"the responder's answer is no session grant: {error}") from error
        raise SessionError(Failure.SESSION_UNREACHABLE, f"the responder did not answer ({error})") from error
    except NetError as error:
        raise _unreachable(error) from error
    if reply.status != httpx.codes.CREATED:
        said = reason(reply) or f"HTTP status {reply.status}"
        raise _refused(f"the responder refused the session: {said}")
    grant = decoded(reply.body, SessionGrant)
    if grant is None:
        raise _refused("the responder's answer is no session grant")
    return grant


def _check(session: Session, request: SessionRequest) -> None:
    """Refuse a grant that does not fit the request or that names no usable port."""
    grant = session.grant
    ports = {port for own in grant.ports for port in (own, own + session.port_shift)}
    own_ports = {flow.port for flow in grant.flows} - {None}
    keys_fit = all(len(flow.key) == KEY_BYTES for flow in grant.flows)
    ids_fit = len({flow.flow_id for flow in grant.flows}) == len(grant.flows) == len(request.flows)
    ports_fit = own_ports <= set(grant.ports) and all(0 < port <= HIGHEST_PORT for port in ports)
    if not (keys_fit and ids_fit and ports and ports_fit):
        raise _refused("the responder's grant does not fit the request")


def _refused(sentence: str) -> SessionError:
    return SessionError(Failure.SESSION_REFUSED, sentence)


def _unreachable(error: NetError) -> SessionError:
    return SessionError(error.failure, f"the responder could not be reached ({error.failure})")
