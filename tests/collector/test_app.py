"""The collector's HTTP answers, on the application itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from callresults.codec import measurement_id
from callresults.collector.api import (
    BATCH_PATH,
    IDEMPOTENCY_HEADER,
    MAX_BATCH_BYTES,
    MAX_MEASUREMENT_BYTES,
    MEASUREMENTS_PATH,
)
from callresults.collector.app import application
from callresults.store.sqlite import Store
from helpers.sample_measurement import canonical_call

DAY = "2025-08-12"


class Client:
    """Talks to an application on a store of its own."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        self._app = application(self.store, lambda: DAY)

    def request(self, method: str, path: str, **options: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
                return await client.request(method, path, **options)  # type: ignore[arg-type]

        return asyncio.run(send())

    def post_one(self, body: bytes, **headers: str) -> httpx.Response:
        sent = {"Content-Type": "application/json", IDEMPOTENCY_HEADER: measurement_id(body)}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", MEASUREMENTS_PATH, content=body, headers={**sent, **named})

    def post_batch(self, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
        headers = {"Content-Type": "application/x-ndjson"}
        return self.request("POST", BATCH_PATH, content=body, headers=headers)

    def count(self) -> int:
        with self.store.snapshot() as snapshot:
            return snapshot.count()


@pytest.fixture
def client(tmp_path: Path) -> AsyncIterator[Client]:
    made = Client(tmp_path)
    yield made
    made.store.close()


def test_first_arrival_is_201_and_the_second_200(client: Client) -> None:
    body = canonical_call(1)
    first, second = client.post_one(body), client.post_one(body)

    named = {"measurement_id": measurement_id(body), "received_day": DAY}
    assert (201, {**named, "status": "stored"}) == (first.status_code, first.json())
    assert (200, {**named, "status": "duplicate"}) == (second.status_code, second.json())
    assert client.count() == 1


def test_key_is_demanded(client: Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.request("POST", MEASUREMENTS_PATH, content=canonical_call(1), headers=headers)

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]


def test_wrong_key_is_422_and_nothing_is_stored(client: Client) -> None:
    answer = client.post_one(canonical_call(1), Idempotency_Key=measurement_id(b""))

    assert (answer.status_code, client.count()) == (422, 0)


@pytest.mark.parametrize("header", [{"Content_Type": "text/plain"}, {"Content_Encoding": "gzip"}])
def test_other_contents_are_415(client: Client, header: dict[str, str]) -> None:
    assert client.post_one(canonical_call(1), **header).status_code == 415


def test_announced_length_above_the_limit_is_413(client: Client) -> None:
    assert client.post_one(b"x" * (MAX_MEASUREMENT_BYTES + 1)).status_code == 413


def test_unannounced_length_above_the_limit_is_413(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BATCH_BYTES // 65_536 + 1):
            yield b"x" * 65_536

    answer = client.post_batch(endless())

    assert answer.status_code == 413
    assert answer.json() == {"error": f"The body may have at most {MAX_BATCH_BYTES} bytes."}


def test_every_line_of_a_batch_has_its_answer(client: Client) -> None:
    lines = [canonical_call(1), b'{"no": "measurement"}', canonical_call(2), canonical_call(1)]
    client.post_one(canonical_call(2))

    answer = client.post_batch(b"\n".join(lines) + b"\n")

    receipts = answer.json()["receipts"]
    assert answer.status_code == 200
    assert [measurement_id(line) for line in lines] == [receipt["measurement_id"] for receipt in receipts]
    assert [receipt["status"] for receipt in receipts] == ["stored", "refused", "duplicate", "duplicate"]
    assert receipts[1]["error"].startswith("The body is not a measurement")
    assert client.count() == 2


def test_empty_batch_has_an_empty_answer(client: Client) -> None:
    assert client.post_batch(b"\n").json() == {"receipts": []}


def test_store_that_cannot_write_is_503_and_tells_no_path(client: Client, tmp_path: Path) -> None:
    client.store.close()
    answer = client.post_one(canonical_call(1))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert str(tmp_path) not in answer.text


def test_page_explains_itself_and_health_is_ok(client: Client) -> None:
    page = client.request("GET", "/")

    assert "neither logs nor stores from where" in page.text
    assert client.request("GET", "/healthz").text == "ok\n"


def test_other_paths_and_methods_are_refused(client: Client) -> None:
    assert client.request("GET", "/v2").status_code == 404
    assert client.request("GET", MEASUREMENTS_PATH).status_code == 405


def test_stored_bytes_hold_no_client_address(client: Client, tmp_path: Path) -> None:
    body = canonical_call(1)
    client.post_one(body, X_Forwarded_For="198.51.100.7", Forwarded="for=198.51.100.7")
    client.store.close()

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert json.dumps(measurement_id(body)).strip('"').encode() in stored
    assert b"198.51.100.7" not in stored
