"""The responder's HTTP side: sessions, records, WHIP and an explaining page. Ports only, no address."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from callprobe.media.session import MEDIA_LEAD_NS, SESSIONS_PATH, WHIP_PATH, Refusal, SessionRequest
from callprobe.responder.plane import BusyError, RefusedError, ResponderPlane

MAX_BODY_BYTES: Final = 64 * 1024
PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>callprobe responder</title>
<body style="font-family:sans-serif;max-width:40em;margin:2em auto">
<h1>This is a callprobe responder</h1>
<p>Volunteers' probes exchange call-shaped packets with this machine to find out whether a network lets
people call each other. It answers only probes that opened a session here, never sends a source that has
proved nothing more than it received, and keeps no address: what it records of a session is sequence numbers
and times, and it forgets them within minutes.</p>
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
    session = SESSIONS_PATH + "/{session_id}"
    return Starlette(
        routes=[
            Route("/", routes.page, methods=["GET"]),
            Route(SESSIONS_PATH, _bounded(routes.open), methods=["POST"]),
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
        body = b""
        with suppress(ClientDisconnect):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return _refused(f"the request is larger than {MAX_BODY_BYTES} bytes", 413)
        return await handler(request, body)

    return read_then_handle


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
