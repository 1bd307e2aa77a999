"""The collector over HTTP: a Starlette application around ``receive`` and the store.

It reads no client address, neither to log nor to store it.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from callresults import __version__
from callresults.collector.api import (
    BATCH_PATH,
    IDEMPOTENCY_HEADER,
    MAX_BATCH_BYTES,
    MAX_MEASUREMENT_BYTES,
    MEASUREMENTS_PATH,
    BatchAnswer,
    ErrorAnswer,
    LineAnswer,
    Receipt,
)
from callresults.collector.receive import Accepted, Refused, examine
from callresults.store.sqlite import Item, Store, Stored, StoreError, item_of

RETRY_AFTER_S: Final = 5
"""What a client is told to wait when the disk refused."""

Today = Callable[[], str]

_PAGE: Final = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>callcollector</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 3em auto; line-height: 1.5">
<h1>callcollector</h1>
<p>This server collects measurements of whether a network lets people call each other. Volunteers' probes send
them here; they are published as open data.</p>
<p>A measurement says what happened to test packets, in which country and network, rounded to five minutes. It
holds no address of anybody, and this server neither logs nor stores from where a measurement came. Every
measurement is answered with a receipt that names it by its SHA-256.</p>
<p>For machines: <code>POST {MEASUREMENTS_PATH}</code> (one measurement, at most
{MAX_MEASUREMENT_BYTES // 1024} KiB) and <code>POST {BATCH_PATH}</code> (one per line, at most
{MAX_BATCH_BYTES // 1024} KiB); version {__version__}.</p>
</body></html>
"""


class _UnfitRequestError(Exception):
    """The request is not even to be examined; becomes one JSON sentence."""

    def __init__(self, http_status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.http_status = http_status


def utc_today() -> str:
    """Return the day, UTC ``YYYY-mm-dd``: the only time that is stored of an arrival."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _json(content: msgspec.Struct, http_status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), http_status, headers, media_type="application/json")


def _error(http_status: int, sentence: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if http_status == 503 else None
    return _json(ErrorAnswer(error=sentence), http_status, headers)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request, media_types: frozenset[str], most_bytes: int) -> bytes:
    """Return the request's body, never reading more than ``most_bytes`` of it. Raises _UnfitRequestError."""
    if _media_type(request) not in media_types:
        raise _UnfitRequestError(415, f"Content-Type must be {' or '.join(sorted(media_types))}.")
    if "content-encoding" in request.headers:
        raise _UnfitRequestError(415, "The body must be sent as it is, without a Content-Encoding.")
    too_long = _UnfitRequestError(413, f"The body may have at most {most_bytes} bytes.")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise too_long
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most_bytes:
            raise too_long
    return bytes(body)


class Collector:
    """The two ways in, on one store."""

    def __init__(self, store: Store, today: Today = utc_today) -> None:
        self._store = store
        self._today = today

    async def one(self, request: Request) -> Response:
        """Take one measurement: 201 stored, 200 already there, 4xx refused, 503 not stored."""
        body = await _body(request, frozenset({"application/json"}), MAX_MEASUREMENT_BYTES)
        claimed_id = request.headers.get(IDEMPOTENCY_HEADER)
        if claimed_id is None:
            return _error(400, f"The header {IDEMPOTENCY_HEADER} must carry the measurement id (sha256:...).")
        examined = examine(body, claimed_id)
        if isinstance(examined, Refused):
            return _error(examined.http_status, examined.error)
        (stored,) = await self._keep([examined])
        receipt = Receipt(
            measurement_id=examined.measurement_id,
            status="stored" if stored.new else "duplicate",
            received_day=stored.received_day,
        )
        return _json(receipt, 201 if stored.new else 200)

    async def batch(self, request: Request) -> Response:
        """Take many lines in one commit; each gets its own answer."""
        body = await _body(request, frozenset({"application/x-ndjson"}), MAX_BATCH_BYTES)
        lines = [line for line in body.split(b"\n") if line]
        # A full batch takes a good part of a second to verify: not in the event loop.
        examined = await asyncio.to_thread(lambda: [examine(line) for line in lines])
        stored = iter(await self._keep([one for one in examined if isinstance(one, Accepted)]))
        answers = [
            _refusal(one) if isinstance(one, Refused) else _answer(one, next(stored)) for one in examined
        ]
        return _json(BatchAnswer(receipts=tuple(answers)), 200)

    async def _keep(self, accepted: list[Accepted]) -> list[Stored]:
        return await asyncio.wrap_future(self._store.submit([self._item(one) for one in accepted]))

    def _item(self, accepted: Accepted) -> Item:
        return item_of(accepted.measurement, accepted.measurement_id, accepted.canonical, self._today())


def _refusal(refused: Refused) -> LineAnswer:
    return LineAnswer(measurement_id=refused.measurement_id, status="refused", error=refused.error)


def _answer(accepted: Accepted, stored: Stored) -> LineAnswer:
    return LineAnswer(
        measurement_id=accepted.measurement_id,
        status="stored" if stored.new else "duplicate",
        received_day=stored.received_day,
    )


async def _explain(_: Request) -> Response:
    return HTMLResponse(_PAGE)


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _unfit(_: Request, error: Exception) -> Response:
    assert isinstance(error, _UnfitRequestError)
    return _error(error.http_status, str(error))


async def _not_stored(_: Request, __: Exception) -> Response:
    # The sentence of a StoreError names a path of this machine: not for the other side.
    return _error(503, "The store cannot be written just now; nothing was stored, try again later.")


def application(store: Store, today: Today = utc_today) -> Starlette:
    """Return the collector's application on ``store``; ``today`` gives the UTC day ``YYYY-mm-dd``."""
    collector = Collector(store, today)
    return Starlette(
        routes=[
            Route("/", _explain),
            Route("/healthz", _healthz),
            Route(MEASUREMENTS_PATH, collector.one, methods=["POST"]),
            Route(BATCH_PATH, collector.batch, methods=["POST"]),
        ],
        exception_handlers={_UnfitRequestError: _unfit, StoreError: _not_stored},
    )
