"""The client's side of WHIP (RFC 9725)."""

import asyncio

import httpx
import pytest

from callprobe.net.contract import NetError
from callprobe.rtc.whip import hang_up, post_offer
from callresults.failure import Failure
from helpers.webrtc_world import run

URL = "http://127.0.0.1:9/v1/whip/s"
GOOD = {"content-type": "application/sdp; charset=utf-8", "location": "/v1/whip/s/42"}


def client(*answers: httpx.Response, seen: list[httpx.Request] | None = None) -> httpx.AsyncClient:
    left = list(answers)

    def reply(request: httpx.Request) -> httpx.Response:
        (seen if seen is not None else []).append(request)
        return left.pop(0)

    return httpx.AsyncClient(transport=httpx.MockTransport(reply))


def test_an_offer_is_posted_as_sdp_and_the_resource_is_found_beside_it() -> None:
    seen: list[httpx.Request] = []
    answer = run(
        lambda: post_offer(client(httpx.Response(201, headers=GOOD, text="v=0"), seen=seen), URL, "offer", 1)
    )
    assert answer == ("v=0", "http://127.0.0.1:9/v1/whip/s/42")
    assert (seen[0].method, seen[0].headers["content-type"], seen[0].content) == (
        "POST",
        "application/sdp",
        b"offer",
    )


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, headers=GOOD, text="v=0"),
        httpx.Response(307, headers={"location": "http://127.0.0.1:10/"}),
        httpx.Response(201, headers=GOOD | {"content-type": "text/html"}, text="v=0"),
        httpx.Response(201, headers=GOOD | {"location": "http://127.0.0.2:9/x"}, text="v=0"),
        httpx.Response(201, headers=GOOD | {"location": "https://127.0.0.1:9/x"}, text="v=0"),
        httpx.Response(201, headers=GOOD | {"location": "http://127.0.0.1:abc/"}, text="v=0"),
        httpx.Response(201, headers=GOOD | {"location": "http://["}, text="v=0"),
        httpx.Response(201, headers=GOOD, content=bytes(70_000)),
        httpx.Response(201, headers=GOOD | {"content-encoding": "br"}, stream=httpx.ByteStream(b"v=0")),
    ],
    ids=[
        "status",
        "redirect",
        "type",
        "resource-elsewhere",
        "resource-by-other-scheme",
        "resource-at-no-port",
        "resource-at-no-url",
        "too-long",
        "encoded",
    ],
)
def test_what_is_no_answer_is_a_refusal(response: httpx.Response) -> None:
    with pytest.raises(NetError) as raised:
        run(lambda: post_offer(client(response), URL, "offer", 1))
    assert raised.value.failure == Failure.SESSION_REFUSED


def test_responder_that_never_answers_is_unreachable_and_cannot_be_hung_up_on() -> None:
    async def handle(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    def silent() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(handle))

    with pytest.raises(NetError) as raised:
        run(lambda: post_offer(silent(), URL, "offer", 0.01))
    assert raised.value.failure == Failure.SESSION_UNREACHABLE
    assert not run(lambda: hang_up(silent(), URL, 0.01))


def test_hanging_up_reports_whether_it_was_confirmed() -> None:
    assert run(lambda: hang_up(client(httpx.Response(200)), URL, 1))
    assert not run(lambda: hang_up(client(httpx.Response(404)), URL, 1))
