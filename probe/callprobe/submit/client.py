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
from callprobe.net.exchange import ExchangeError, Reply, decoded, exchange, one_line, reason
from callprobe.submit.bundles import Bundle, bundles
from callprobe.submit.outbox import Outbox
from callprobe.submit.report import Problem, UploadReport
from callresults.collector.api import (
    BATCH_PATH,
    IDEMPOTENCY_HEADER,
    MEASUREMENTS_PATH,
    BatchAnswer,
    LineAnswer,
    Receipt,
)

Sleep = Callable[[float], Awaitable[None]]
_Job = TypeVar("_Job")
_Kind = Literal["delivered", "already_there", "refused", "left"]

WAITS_S: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each send of one request; after the last the collector counts as away."""
CONNECTIONS: Final = 3
TIMEOUT_S: Final = 30.0
TIMEOUT: Final = httpx.Timeout(TIMEOUT_S, connect=10.0)
SLOWEST_BYTES_PER_S: Final = 8_000
"""An upload gets the time that it takes at this pace, beside ``TIMEOUT_S``, and no more."""
MAX_ANSWER_BYTES: Final = 256 << 10
MAX_LINE_ANSWER_BYTES: Final = 1 << 10
"""More of the answer to a bundle, for each line of it."""
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

    async def post(
        self, path: str, body: bytes, headers: dict[str, str], *, max_bytes: int = MAX_ANSWER_BYTES
    ) -> Reply | _Unanswered:
        """Send until there is an answer; once the collector is away, everything else is left at once."""
        for wait_s in WAITS_S:
            if self._away:
                return self._away
            await self._sleep(wait_s)
            answer = await self._post_once(path, body, headers, max_bytes)
            if isinstance(answer, Reply):
                return answer
            unanswered = answer
        self._away = unanswered
        return unanswered

    async def _post_once(
        self, path: str, body: bytes, headers: dict[str, str], max_bytes: int
    ) -> Reply | _Unanswered:
        try:
            reply = await exchange(
                self._client,
                "POST",
                self._base_url + path,
                deadline_s=TIMEOUT_S + len(body) / SLOWEST_BYTES_PER_S,
                max_bytes=max_bytes,
                content=body,
                headers=headers,
            )
        except (ExchangeError, NetError) as error:
            return _Unanswered(f"The collector did not answer ({error}).")
        if reply.status in _WORTH_RETRYING:
            return _Unanswered(f"The collector cannot take it now (HTTP {reply.status}).")
        return reply


def _said(reply: Reply) -> str:
    return reason(reply) or f"HTTP {reply.status} without a reason."


def _count(kind: _Kind, what: str, error: str | None = None, *, count: int = 1) -> UploadReport:
    problems = () if error is None else (Problem(what=what, error=error),)
    return UploadReport(**{kind: count}, problems=problems)


def _receipt(reply: Reply, identifier: str) -> Receipt | None:
    receipt = decoded(reply.body, Receipt)
    return receipt if receipt and receipt.measurement_id == identifier else None


async def _deliver(sender: _Sender, outbox: Outbox, identifier: str) -> UploadReport:
    headers = {"Content-Type": "application/json", IDEMPOTENCY_HEADER: identifier}
    answer = await sender.post(MEASUREMENTS_PATH, outbox.read(identifier), headers)
    if isinstance(answer, _Unanswered):
        return _count("left", identifier, answer.error)
    if httpx.codes.is_client_error(answer.status):
        return _count("refused", identifier, _said(answer))
    receipt = _receipt(answer, identifier)
    if receipt is None:
        return _count("left", identifier, f"HTTP {answer.status} without a receipt: is that a collector?")
    outbox.mark_delivered(identifier, msgspec.json.encode(receipt))
    return _count("delivered" if receipt.status == "stored" else "already_there", identifier)


def _line_report(line: LineAnswer, place: str) -> UploadReport:
    if line.status == "refused":
        return _count("refused", place, one_line(line.error or "") or "No reason given.")
    return _count("delivered" if line.status == "stored" else "already_there", place)


def _batch_report(bundle: Bundle, answers: Sequence[LineAnswer]) -> UploadReport:
    report = UploadReport()
    for place, answer in zip(bundle.places, answers, strict=True):
        report = report.plus(_line_report(answer, place))
    return report


def _whole(bundle: Bundle, kind: _Kind, error: str) -> UploadReport:
    return _count(kind, f"{bundle.places[0]} to {bundle.places[-1]}", error, count=len(bundle.ids))


def _answers(reply: Reply, bundle: Bundle) -> Sequence[LineAnswer] | None:
    batch = decoded(reply.body, BatchAnswer)
    if batch is None or bundle.ids != [receipt.measurement_id for receipt in batch.receipts]:
        return None
    return batch.receipts


async def _deliver_bundle(sender: _Sender, bundle: Bundle) -> UploadReport:
    answer = await sender.post(
        BATCH_PATH,
        bundle.body,
        {"Content-Type": "application/x-ndjson"},
        max_bytes=MAX_ANSWER_BYTES + MAX_LINE_ANSWER_BYTES * len(bundle.ids),
    )
    if isinstance(answer, _Unanswered):
        return _whole(bundle, "left", answer.error)
    if httpx.codes.is_client_error(answer.status):
        return _whole(bundle, "refused", _said(answer))
    answers = _answers(answer, bundle)
    if answers is None:
        return _whole(
            bundle,
            "left",
            f"HTTP {answer.status} without receipts for these lines: is that a collector?",
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
