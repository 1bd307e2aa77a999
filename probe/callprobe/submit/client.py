"""Sends measurements to a collector: each exactly once, whatever fails between.

The id of a measurement is the hash of its bytes and the key under which the collector stores it, so sending
again is harmless; a measurement counts as delivered only with a receipt that names it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

import httpx
import msgspec

from callprobe.net.contract import NetError
from callprobe.submit.bundles import Bundle, bundles
from callprobe.submit.outbox import Outbox
from callprobe.submit.report import Problem, UploadReport
from callresults.collector.api import (
    BATCH_PATH,
    IDEMPOTENCY_HEADER,
    MEASUREMENTS_PATH,
    BatchAnswer,
    ErrorAnswer,
    LineAnswer,
    Receipt,
)

Sleep = Callable[[float], Awaitable[None]]
_Job = TypeVar("_Job")
_Kind = Literal["delivered", "already_there", "refused", "left"]

WAITS_S: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each send of one request; after the last the collector counts as away."""
CONNECTIONS: Final = 3
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_WORTH_RETRYING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Unanswered(NamedTuple):
    """No attempt was answered in a way that settles the matter."""

    error: str


class _Sender:
    """One collector, and whether it still answers."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, sleep: Sleep) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep
        self._away: _Unanswered | None = None

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response | _Unanswered:
        """Send until there is an answer; once the collector is away, everything else is left at once."""
        for wait_s in WAITS_S:
            if self._away:
                return self._away
            await self._sleep(wait_s)
            answer = await self._post_once(path, body, headers)
            if isinstance(answer, httpx.Response):
                return answer
            unanswered = answer
        self._away = unanswered
        return unanswered

    async def _post_once(
        self, path: str, body: bytes, headers: dict[str, str]
    ) -> httpx.Response | _Unanswered:
        try:
            answer = await self._client.post(self._base_url + path, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, NetError) as error:
            # The type, not the text: a text may hold an address.
            return _Unanswered(f"The collector did not answer ({type(error).__name__}).")
        if answer.status_code in _WORTH_RETRYING:
            return _Unanswered(f"The collector cannot take it now (HTTP {answer.status_code}).")
        return answer


def _said(answer: httpx.Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=ErrorAnswer).error
    except msgspec.MsgspecError:
        return f"HTTP {answer.status_code} without a reason."


def _count(kind: _Kind, what: str, error: str | None = None, *, count: int = 1) -> UploadReport:
    problems = () if error is None else (Problem(what=what, error=error),)
    return UploadReport(**{kind: count}, problems=problems)


def _receipt(answer: httpx.Response, identifier: str) -> Receipt | None:
    try:
        receipt = msgspec.json.decode(answer.content, type=Receipt)
    except msgspec.MsgspecError:
        return None
    return receipt if receipt.measurement_id == identifier else None


async def _deliver(sender: _Sender, outbox: Outbox, identifier: str) -> UploadReport:
    headers = {"Content-Type": "application/json", IDEMPOTENCY_HEADER: identifier}
    answer = await sender.post(MEASUREMENTS_PATH, outbox.read(identifier), headers)
    if isinstance(answer, _Unanswered):
        return _count("left", identifier, answer.error)
    if answer.is_client_error:
        return _count("refused", identifier, _said(answer))
    receipt = _receipt(answer, identifier)
    if receipt is None:
        return _count(
            "left", identifier, f"HTTP {answer.status_code} without a receipt: is that a collector?"
        )
    outbox.mark_delivered(identifier, msgspec.json.encode(receipt))
    return _count("delivered" if receipt.status == "stored" else "already_there", identifier)


def _line_report(line: LineAnswer, place: str) -> UploadReport:
    if line.status == "refused":
        return _count("refused", place, line.error or "No reason given.")
    return _count("delivered" if line.status == "stored" else "already_there", place)


def _batch_report(bundle: Bundle, answers: Sequence[LineAnswer]) -> UploadReport:
    report = UploadReport()
    for place, answer in zip(bundle.places, answers, strict=True):
        report = report.plus(_line_report(answer, place))
    return report


def _whole(bundle: Bundle, kind: _Kind, error: str) -> UploadReport:
    return _count(kind, f"{bundle.places[0]} to {bundle.places[-1]}", error, count=len(bundle.ids))


def _answers(answer: httpx.Response, bundle: Bundle) -> Sequence[LineAnswer] | None:
    try:
        receipts = msgspec.json.decode(answer.content, type=BatchAnswer).receipts
    except msgspec.MsgspecError:
        return None
    return receipts if bundle.ids == [receipt.measurement_id for receipt in receipts] else None


async def _deliver_bundle(sender: _Sender, bundle: Bundle) -> UploadReport:
    answer = await sender.post(BATCH_PATH, bundle.body, {"Content-Type": "application/x-ndjson"})
    if isinstance(answer, _Unanswered):
        return _whole(bundle, "left", answer.error)
    if answer.is_client_error:
        return _whole(bundle, "refused", _said(answer))
    answers = _answers(answer, bundle)
    if answers is None:
        return _whole(
            bundle,
            "left",
            f"HTTP {answer.status_code} without receipts for these lines: is that a collector?",
        )
    return _batch_report(bundle, answers)


async def _all(jobs: Iterator[_Job], deliver: Callable[[_Job], Awaitable[UploadReport]]) -> UploadReport:
    """Run ``deliver`` over ``jobs``, a few at a time, and sum up; a failing iterator ends it afterwards."""

    async def work() -> UploadReport:
        report = UploadReport()
        for job in jobs:
            report = report.plus(await deliver(job))
        return report

    total = UploadReport()
    # What is under way is let finish, so that nothing sent goes uncounted.
    for report in await asyncio.gather(*(work() for _ in range(CONNECTIONS)), return_exceptions=True):
        if isinstance(report, BaseException):
            raise report
        total = total.plus(report)
    return total


async def upload(
    outbox: Outbox,
    collector_url: str,
    transport: httpx.AsyncBaseTransport,
    *,
    sleep: Sleep = asyncio.sleep,
) -> UploadReport:
    """Deliver what is pending in ``outbox``; a failing network leaves it there and is told in the report.

    Args:
        outbox: whose pending measurements are sent, and where receipts are kept.
        collector_url: base URL of the collector.
        transport: the network; closed afterwards.
        sleep: waits between attempts, seconds.

    Raises:
        OSError: the outbox cannot be read or written.
    """
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT) as client:
        sender = _Sender(client, collector_url, sleep)
        return await _all(iter(outbox.pending()), lambda identifier: _deliver(sender, outbox, identifier))


async def upload_files(
    paths: Sequence[Path],
    collector_url: str,
    transport: httpx.AsyncBaseTransport,
    *,
    sleep: Sleep = asyncio.sleep,
) -> UploadReport:
    """Deliver every line of ``*.jsonl`` and ``*.jsonl.gz``, in batches, from files or whole folders.

    A line that the collector refuses, and a collector that goes away, are told in the report.

    Raises:
        callprobe.submit.bundles.UnreadableFileError: a path holds nothing to send or is damaged; what was
            sent before stays sent.
    """
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT) as client:
        sender = _Sender(client, collector_url, sleep)
        return await _all(bundles(paths), lambda bundle: _deliver_bundle(sender, bundle))
