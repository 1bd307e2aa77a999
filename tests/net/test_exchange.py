"""One exchange over HTTP: what is too long, too slow, encoded or no text at all is an error with a name."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.media.session import SessionRecord
from callprobe.net.contract import NetError
from callprobe.net.exchange import (
    MOST_SAID_CHARS,
    ExchangeError,
    Reply,
    decoded,
    exchange,
    one_line,
    reason,
)
from callresults.failure import Failure

URL = "http://far.example/x"


class Endless(httpx.AsyncByteStream):
    """A body that never ends, ``piece`` by ``piece``."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.closed = False
        self.begun = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.begun.set()
            await asyncio.sleep(0)
            yield self.piece

    async def aclose(self) -> None:
        self.closed = True


def asked(answer: httpx.Response | Exception, *, deadline_s: float = 5.0, url: str = URL) -> Reply:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return asyncio.run(exchange(client, "GET", url, deadline_s=deadline_s, max_bytes=100))


def test_answer_comes_whole() -> None:
    reply = asked(httpx.Response(404, headers={"x": "y"}, content=b"z" * 100))
    assert (reply.status, reply.headers["x"], reply.body) == (404, "y", b"z" * 100)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=bytes(101)),
        httpx.Response(200, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"}),
        httpx.Response(
            200, content=b"{}", headers=[("content-encoding", "identity"), ("content-encoding", "x")]
        ),
    ],
    ids=["too-long", "encoded", "encoded-twice"],
)
def test_answer_that_is_not_to_be_read_is_an_error_of_one_who_answered(answer: httpx.Response) -> None:
    with pytest.raises(ExchangeError) as raised:
        asked(answer)
    assert raised.value.answered


def test_body_without_an_end_is_cut_at_the_limit_and_closed() -> None:
    body = Endless(b"x" * 30)
    with pytest.raises(ExchangeError, match="more than 100 bytes"):
        asked(httpx.Response(200, stream=body))
    assert body.closed


def test_body_that_drips_is_cut_at_the_deadline_and_closed() -> None:
    body = Endless(b"")
    with pytest.raises(ExchangeError, match=r"no whole answer within 0\.01 s") as raised:
        asked(httpx.Response(200, stream=body), deadline_s=0.01)
    assert not raised.value.answered
    assert body.closed


@pytest.mark.parametrize("error", [httpx.ConnectError("203.0.113.7 refused"), httpx.RemoteProtocolError("?")])
def test_failure_is_named_by_its_type_and_not_by_its_text(error: Exception) -> None:
    with pytest.raises(ExchangeError, match=f"^{type(error).__name__}$") as raised:
        asked(error)
    assert not raised.value.answered


def test_url_that_is_none_is_an_error() -> None:
    with pytest.raises(ExchangeError):
        asked(httpx.Response(200), url="http://far.example/a\x00b")


def test_failure_of_the_network_beneath_is_passed_on() -> None:
    with pytest.raises(NetError):
        asked(NetError(Failure.EOF))


def test_cancelling_from_outside_is_not_swallowed() -> None:
    body = Endless(b"")

    async def main() -> None:
        client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=body)))
        waiting = asyncio.ensure_future(exchange(client, "GET", URL, deadline_s=60, max_bytes=1))
        await body.begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert body.closed


@given(st.binary())
def test_any_bytes_are_a_record_or_none(body: bytes) -> None:
    assert decoded(body, SessionRecord) is None


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"session_id":"\xff"}', b'{"x":' + b"[" * 100_000])
def test_hostile_json_is_none(body: bytes) -> None:
    assert decoded(body, SessionRecord) is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error": "busy", "more": 1}', "busy"),
        (b'{"error": "\\u001b[2J evil\\n"}', "[2J evil"),
        (b'{"error": "\\u0000"}', None),
        (b'{"error": 1}', None),
        (b'{"error":"\xff"}', None),
    ],
)
def test_reason_is_the_sentence_of_the_answer(body: bytes, sentence: str | None) -> None:
    assert reason(Reply(400, httpx.Headers(), body)) == sentence


@given(st.text())
def test_one_line_is_short_and_printable(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable()
    assert len(shown) <= MOST_SAID_CHARS
