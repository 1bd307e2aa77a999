"""Each measurement arrives exactly once, whatever fails between; failing networks are data."""

import asyncio
import gzip
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from callprobe.submit.bundles import UnreadableFileError
from callprobe.submit.client import WAITS_S, upload, upload_files
from callprobe.submit.outbox import Outbox
from callprobe.submit.report import UploadReport
from callresults.codec import measurement_id
from callresults.collector.app import application
from callresults.store.sqlite import Store
from helpers.collector_process import collector, run_collector, start
from helpers.sample_measurement import canonical_call

URL = "http://collector.example"


class Network(httpx.AsyncBaseTransport):
    """A network to an application that does to the n-th request what ``fate(n)`` says."""

    def __init__(self, store: Store, fate: Callable[[int], str] = lambda _: "pass") -> None:
        self._inner = httpx.ASGITransport(application(store, lambda: "2025-08-12"))
        self._fate = fate
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        fate = self._fate(self.requests)
        if fate == "lose-request":
            raise httpx.ConnectTimeout("", request=request)
        if fate == "busy":
            return httpx.Response(503)
        if fate == "portal":
            return httpx.Response(200, text="<html>Welcome to our network</html>")
        answer = await self._inner.handle_async_request(request)
        if fate == "lose-answer":
            raise httpx.ReadTimeout("", request=request)
        return answer


class Waits:
    """A clock that only notes how long it was asked to wait."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited_s.append(seconds)


class KillingTransport(httpx.AsyncHTTPTransport):
    """Kills a process when it is asked once more after so many requests, while those before are in work."""

    def __init__(self, pid: int, after_requests: int) -> None:
        super().__init__()
        self._pid = pid
        self._requests_left = after_requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._requests_left == 0:
            os.kill(self._pid, signal.SIGKILL)
        self._requests_left -= 1
        return await super().handle_async_request(request)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    made = Outbox(tmp_path / "home")
    for number in range(5):
        made.save(canonical_call(number))
    return made


def count(store: Store) -> int:
    with store.snapshot() as snapshot:
        return snapshot.count()


def send(outbox: Outbox, network: httpx.AsyncBaseTransport) -> UploadReport:
    return asyncio.run(upload(outbox, URL, network, sleep=Waits()))


def test_everything_pending_is_delivered_with_its_receipt(store: Store, outbox: Outbox) -> None:
    assert UploadReport(delivered=5) == send(outbox, Network(store))
    assert (outbox.pending(), count(store)) == ([], 5)
    assert b'"received_day":"2025-08-12"' in (outbox.receipt(outbox.all()[0]) or b"")


def test_delivered_ones_are_not_sent_again(store: Store, outbox: Outbox) -> None:
    send(outbox, Network(store))
    network = Network(store)

    assert UploadReport() == send(outbox, network)
    assert network.requests == 0


def test_lost_answers_do_not_make_two_of_one(store: Store, outbox: Outbox) -> None:
    report = send(outbox, Network(store, lambda n: "lose-answer" if n % 2 else "pass"))

    assert (count(store), report.delivered + report.already_there, report.complete) == (5, 5, True)
    assert report.already_there > 0
    assert outbox.pending() == []


def test_lost_and_refused_connections_are_tried_again(store: Store, outbox: Outbox) -> None:
    fates = ["lose-request", "busy", "pass"]
    report = send(outbox, Network(store, lambda n: fates[n % 3]))

    assert UploadReport(delivered=5) == report


def test_collector_that_is_away_leaves_everything_after_bounded_waits(store: Store, outbox: Outbox) -> None:
    network, waits = Network(store, lambda _: "lose-request"), Waits()
    report = asyncio.run(upload(outbox, URL, network, sleep=waits))

    assert (report.delivered, report.left, report.complete) == (0, 5, False)
    assert len(outbox.pending()) == 5
    assert network.requests <= 3 * len(WAITS_S)
    assert sum(waits.waited_s) <= 3 * sum(WAITS_S)
    assert "ConnectTimeout" in report.problems[0].error


def test_captive_portal_is_no_collector(store: Store, outbox: Outbox) -> None:
    report = send(outbox, Network(store, lambda _: "portal"))

    assert (report.left, len(outbox.pending())) == (5, 5)
    assert "is that a collector?" in report.problems[0].error


def test_refusal_is_kept_as_data_and_the_others_are_delivered(store: Store, outbox: Outbox) -> None:
    bad = outbox.save(b'{"not": "a measurement"}')
    report = send(outbox, Network(store))

    assert (5, 1, [bad]) == (report.delivered, report.refused, outbox.pending())
    assert report.problems[0].what == bad
    assert "not a measurement" in report.problems[0].error


class Rude(httpx.AsyncBaseTransport):
    """A collector that answers everything with one thing."""

    def __init__(self, status: int, body: bytes | httpx.AsyncByteStream) -> None:
        self._status, self._body = status, body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = httpx.ByteStream(self._body) if isinstance(self._body, bytes) else self._body
        return httpx.Response(self._status, stream=body, request=request)


NO_TEXT = [b'{"measurement_id":"\xff"}', b'{"receipts":["\xff"]}', b'{"error":"\xff"}', b"[" * 100_000]


@pytest.mark.parametrize("body", [*NO_TEXT, b" " * (1 << 20)])
@pytest.mark.parametrize("status", [201, 400])
def test_answer_that_is_no_text_is_no_receipt_and_no_reason(
    outbox: Outbox, tmp_path: Path, status: int, body: bytes
) -> None:
    unanswered = status == 201 or len(body) == 1 << 20
    report = send(outbox, Rude(status, body))
    bundled = send_files([history(tmp_path, 0, 10)], Rude(status, body))

    assert (report.left, report.refused) == ((5, 0) if unanswered else (0, 5))
    assert (bundled.left, bundled.refused) == ((10, 0) if unanswered else (0, 10))
    assert len(outbox.pending()) == 5


class Dripping(httpx.AsyncByteStream):
    """A body without an end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b""


def test_answer_that_never_ends_is_left(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callprobe.submit.client.TIMEOUT_S", 0.01)
    monkeypatch.setattr("callprobe.submit.client.SLOWEST_BYTES_PER_S", 1e9)
    report = send(outbox, Rude(201, Dripping()))

    assert (report.left, len(outbox.pending())) == (5, 5)
    assert "no whole answer" in report.problems[0].error


def test_what_a_collector_says_is_shown_short_and_without_what_steers_a_terminal(
    outbox: Outbox, tmp_path: Path
) -> None:
    said = "\x1b[2J evil\n" + "A" * 3000
    whole = send(outbox, Rude(400, msgspec.json.encode({"error": said})))
    path = history(tmp_path, 0, 1)
    line = {"measurement_id": measurement_id(canonical_call(0)), "status": "refused", "error": said}
    lines = send_files([path], Rude(200, msgspec.json.encode({"receipts": [line]})))

    assert (whole.refused, lines.refused) == (5, 1)
    for problem in (*whole.problems, *lines.problems):
        assert problem.error.isprintable()
        assert problem.error.startswith("[2J evil A")
        assert len(problem.error) == 200


def history(folder: Path, first: int, last: int) -> Path:
    path = folder / f"{first}.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(canonical_call(n) for n in range(first, last)) + b"\n"))
    return path


def send_files(paths: list[Path], network: httpx.AsyncBaseTransport) -> UploadReport:
    return asyncio.run(upload_files(paths, URL, network, sleep=Waits()))


def test_files_are_delivered_in_batches(store: Store, tmp_path: Path) -> None:
    history(tmp_path, 0, 300)
    (tmp_path / "more.jsonl").write_bytes(canonical_call(299) + b"\n" + canonical_call(300))
    network = Network(store)
    report = send_files([tmp_path], network)

    assert (report.delivered, report.already_there) == (301, 1)
    assert (count(store), report.complete) == (301, True)
    assert network.requests <= 3


def test_refused_line_is_named_by_file_and_line(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(canonical_call(1) + b"\nnonsense\n" + canonical_call(2))
    report = send_files([path], Network(store))

    assert (report.delivered, report.refused, report.problems[0].what) == (2, 1, "a.jsonl:2")


@pytest.mark.parametrize("fate", ["lose-request", "portal"])
def test_undelivered_bundle_is_counted_by_lines(store: Store, tmp_path: Path, fate: str) -> None:
    report = send_files([history(tmp_path, 0, 10)], Network(store, lambda _: fate))

    assert UploadReport(left=10, problems=report.problems) == report
    assert report.problems[0].what == "0.jsonl.gz:1 to 0.jsonl.gz:10"


def test_damaged_file_is_one_sentence_and_what_came_before_stays_sent(store: Store, tmp_path: Path) -> None:
    whole = history(tmp_path, 0, 400)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(history(tmp_path, 400, 500).read_bytes()[:-20])

    with pytest.raises(UnreadableFileError, match=r"cut\.jsonl\.gz"):
        send_files([whole, cut], Network(store))
    assert count(store) >= 300


def test_collector_killed_during_upload_has_everything_exactly_once_afterwards(tmp_path: Path) -> None:
    """SIGKILL in the middle, restart, upload again: nothing lost, nothing twice."""
    folder = tmp_path / "history"
    folder.mkdir()
    history(folder, 0, 900)
    outbox = Outbox(tmp_path / "home")
    for number in range(890, 910):
        outbox.save(canonical_call(number))
    process, url = start(tmp_path / "store")
    transport = KillingTransport(process.pid, after_requests=3)
    first = asyncio.run(upload_files([folder], url, transport, sleep=Waits()))
    process.communicate(timeout=10)
    assert first.left > 0
    assert first.delivered > 0

    with collector(tmp_path / "store") as again:
        second = asyncio.run(upload_files([folder], again, httpx.AsyncHTTPTransport()))
        third = asyncio.run(upload(outbox, again, httpx.AsyncHTTPTransport()))

    assert (second.delivered + second.already_there, second.left) == (900, 0)
    assert second.already_there >= first.delivered
    assert (third.delivered, third.already_there) == (10, 10)
    with Store.existing(tmp_path / "store") as store:
        assert count(store) == 910
    assert run_collector("verify", "--store", str(tmp_path / "store")).returncode == 0
