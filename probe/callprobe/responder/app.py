"""The responder's HTTP side: sessions, records, WHIP and an explaining page. Ports only, no address."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from callprobe.dialect.trace import Trace, TraceError
from callprobe.media.session import (
    MEDIA_LEAD_NS,
    SESSIONS_PATH,
    TRACES_PATH,
    WHIP_PATH,
    Refusal,
    SessionRequest,
)
from callprobe.responder.limits import BusyError, RefusedError
from callprobe.responder.plane import ResponderPlane

MAX_BODY_BYTES: Final = 64 * 1024
MAX_UPLOADS: Final = 4
"""Traces that may be on their way in at once."""
NO_TRACES: Final = "this responder replays no traces"
PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>callprobe responder</title>
<body style="font-family:sans-serif;max-width:40em;margin:2em auto">
<h1>This is a callprobe responder</h1>
<p>Volunteers' probes exchange call-shaped packets with this machine to find out whether a network lets
people call each other. It answers only probes that opened a session here, never sends a source that has
proved nothing more than it received, and keeps no address: what it records of a session is sequence numbers
and times, and it forgets them within minutes. So it does with the packets of a recorded call that a probe may
have it play back.</p>
<p>If you see traffic from here that you did not ask for, please tell the operator of this host.</p>
</body></html>"""


class Calls(Protocol):
    """The WebRTC peer behind WHIP (``callprobe.rtc``), kept out of this module."""

    async def answer(
        self, session_id: str, sdp_offer: str, port: int, media_duration_s: float | None = None
    ) -> tuple[str, str]:
        """Return (resource id, SDP answer). Raises ValueError with one sentence for a bad offer."""
        ...

    async def hang_up(self, resource_id: str) -> bool:
        """End a call; False when there is none of that name."""
        ...

    def record_json(self, session_id: str) -> bytes | None:
        """Return the receive record of a session's call as JSON, or None."""
        ...


def build_app(
    plane: ResponderPlane,
    *,
    now_ns: Callable[[], int],
    draw_port: Callable[[], int],
    calls: Calls | None = None,
) -> Starlette:
    """Return the ASGI application of one responder."""
    routes = _Routes(plane, now_ns, draw_port, calls)
    traces = _Traces(plane, now_ns)
    session = SESSIONS_PATH + "/{session_id}"
    return Starlette(
        routes=[
            Route("/", routes.page, methods=["GET"]),
            Route(SESSIONS_PATH, _bounded(routes.open), methods=["POST"]),
            Route(TRACES_PATH, traces.offer, methods=["GET"]),
            Route(TRACES_PATH + "/{digest}", traces.has, methods=["GET"]),
            Route(TRACES_PATH + "/{digest}", traces.lay, methods=["PUT"]),
            Route(session + "/media", routes.begin_media, methods=["POST"]),
            Route(session + "/record", routes.record, methods=["GET"]),
            Route(session, routes.close, methods=["DELETE"]),
            Route(WHIP_PATH + "/{session_id}", _bounded(routes.whip), methods=["POST"]),
            Route(WHIP_PATH + "/{session_id}/record", routes.whip_record, methods=["GET"]),
            Route(WHIP_PATH + "/{session_id}/{resource_id}", routes.hang_up, methods=["DELETE"]),
        ]
    )


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _refused(sentence: str, status: int) -> Response:
    return _json(Refusal(error=sentence), status)


def _bounded(
    handler: Callable[[Request, bytes], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def read_then_handle(request: Request) -> Response:
        body = await _body(request, MAX_BODY_BYTES)
        return _too_large(MAX_BODY_BYTES) if body is None else await handler(request, body)

    return read_then_handle


async def _body(request: Request, max_bytes: int) -> bytes | None:
    """Return the body, or None when it has more than ``max_bytes``."""
    body = bytearray()
    with suppress(ClientDisconnect):
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                return None
    return bytes(body)


def _too_large(max_bytes: int) -> Response:
    return _refused(f"the request is larger than {max_bytes} bytes", 413)


class _Traces:
    """The handlers of what is laid down to be replayed; nothing of it is written anywhere."""

    def __init__(self, plane: ResponderPlane, now_ns: Callable[[], int]) -> None:
        self._plane = plane
        self._now_ns = now_ns
        self._uploads = 0

    async def offer(self, request: Request) -> Response:
        del request
        offer = self._plane.trace_offer()
        return _refused(NO_TRACES, 403) if offer is None else _json(offer)

    async def has(self, request: Request) -> Response:
        known = self._plane.has_trace(request.path_params["digest"], self._now_ns())
        return Response(status_code=204) if known else _refused("no such trace", 404)

    async def lay(self, request: Request) -> Response:
        offer = self._plane.trace_offer()
        if offer is None:
            return _refused(NO_TRACES, 403)
        if self._uploads >= MAX_UPLOADS:
            return _refused("the responder is busy with other traces; try again in a few minutes", 429)
        self._uploads += 1
        try:
            packed = await _body(request, offer.max_bytes)
            return _too_large(offer.max_bytes) if packed is None else await self._lay(request, packed)
        finally:
            self._uploads -= 1

    async def _lay(self, request: Request, packed: bytes) -> Response:
        try:
            # In a thread: a big one takes longer than the media of others can wait.
            trace = await asyncio.to_thread(Trace.unpack, packed)
            if trace.digest != request.path_params["digest"]:
                return _refused("the trace is not the one of that name", 422)
            self._plane.lay_trace(trace, self._now_ns())
        except BusyError as error:
            return _refused(str(error), 429)
        except (TraceError, RefusedError) as error:
            return _refused(str(error), 422)
        return Response(status_code=204)


class _Routes:
    """The handlers, one per route."""

    def __init__(
        self,
        plane: ResponderPlane,
        now_ns: Callable[[], int],
        draw_port: Callable[[], int],
        calls: Calls | None,
    ) -> None:
        self._plane = plane
        self._now_ns = now_ns
        self._draw_port = draw_port
        self._calls = calls

    async def page(self, request: Request) -> Response:
        del request
        return HTMLResponse(PAGE)

    async def open(self, request: Request, body: bytes) -> Response:
        del request
        try:
            wanted = msgspec.json.decode(body, type=SessionRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _refused(f"not a session request: {error}", 400)
        try:
            return _json(self._plane.open_session(wanted, self._now_ns()), 201)
        except BusyError as error:
            return _refused(str(error), 429)
        except RefusedError as error:
            return _refused(str(error), 422)

    async def begin_media(self, request: Request) -> Response:
        at_ns = self._now_ns() + MEDIA_LEAD_NS
        begun = self._plane.begin_media(request.path_params["session_id"], at_ns)
        return Response(status_code=204) if begun else _refused("no such session", 404)

    async def record(self, request: Request) -> Response:
        record = self._plane.record(request.path_params["session_id"])
        return _refused("no such session", 404) if record is None else _json(record)

    async def close(self, request: Request) -> Response:
        closed = self._plane.close_session(request.path_params["session_id"])
        return Response(status_code=204) if closed else _refused("no such session", 404)

    async def whip(self, request: Request, body: bytes) -> Response:
        session_id = request.path_params["session_id"]
        duration_s = self._plane.whip_media_duration_s(session_id)
        if self._calls is None or duration_s is None:
            return _refused("no session of that name asked for a WebRTC call", 404)
        if request.headers.get("content-type", "").split(";")[0] != "application/sdp":
            return _refused("the offer must be application/sdp", 415)
        try:
            port = self._draw_port()
            resource, answer = await self._calls.answer(session_id, body.decode(), port, duration_s)
        except (ValueError, UnicodeDecodeError) as error:
            return _refused(f"not an offer that can be answered: {error}", 400)
        location = f"{WHIP_PATH}/{session_id}/{resource}"
        return Response(answer, 201, {"Location": location}, media_type="application/sdp")

    async def whip_record(self, request: Request) -> Response:
        record = self._calls.record_json(request.path_params["session_id"]) if self._calls else None
        if record is None:
            return _refused("no such call", 404)
        return Response(record, media_type="application/json")

    async def hang_up(self, request: Request) -> Response:
        ended = self._calls is not None and await self._calls.hang_up(request.path_params["resource_id"])
        return Response(status_code=200) if ended else _refused("no such call", 404)
