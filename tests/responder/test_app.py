"""The HTTP side: sessions, refusals, records, WHIP; no address in anything that is said."""

import asyncio
import logging
import re
from typing import Any

import httpx
import msgspec
import pytest

from callprobe.media.session import (
    MEDIA_LEAD_NS,
    SESSIONS_PATH,
    TRACES_PATH,
    WHIP_PATH,
    SessionGrant,
    SessionRecord,
    TraceOffer,
)
from callprobe.responder.app import MAX_BODY_BYTES, MAX_UPLOADS, PAGE, build_app
from callprobe.responder.limits import Limits
from callprobe.responder.plane import ResponderPlane
from callresults.addresses import find_addresses
from helpers.recorded import recorded_trace
from helpers.worlds import PORTS, make_plane

CLIENT = ("203.0.113.77", 51_515)
WANTED = {
    "software_version": "0",
    "flows": [{"dialect": "telegram-v2", "medium": "voice", "media_duration_s": 1.0, "schedule_seed": 1}],
    "whip_media_duration_s": 2.0,
}


class FakeCalls:
    """A WebRTC peer that answers one offer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float | None]] = []

    async def answer(
        self, session_id: str, sdp_offer: str, port: int, media_duration_s: float | None = None
    ) -> tuple[str, str]:
        if sdp_offer != "v=0":
            raise ValueError("no media in it")
        self.asked.append((session_id, port, media_duration_s))
        return "call-1", "v=0 answer"

    async def hang_up(self, resource_id: str) -> bool:
        return resource_id == "call-1"

    def record_json(self, session_id: str) -> bytes | None:
        return b"{}" if self.asked and self.asked[0][0] == session_id else None


class Site:
    """A responder's app without a network."""

    def __init__(self, plane: ResponderPlane | None = None, calls: FakeCalls | None = None) -> None:
        self.plane = plane or make_plane()
        self.now_ns = 0
        self.app = build_app(self.plane, now_ns=lambda: self.now_ns, draw_port=lambda: PORTS[1], calls=calls)

    def ask(self, method: str, path: str, content: Any = b"", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=CLIENT)
            async with httpx.AsyncClient(transport=transport, base_url="http://responder.lab") as client:
                body = content if isinstance(content, bytes) else msgspec.json.encode(content)
                return await client.request(method, path, content=body, headers=headers)

        return asyncio.run(ask())

    def open(self) -> SessionGrant:
        response = self.ask("POST", SESSIONS_PATH, WANTED)
        assert response.status_code == 201
        return msgspec.json.decode(response.content, type=SessionGrant)


def refusal(response: httpx.Response) -> str:
    (sentence,) = response.json().values()
    return str(sentence)


def test_session_is_granted_with_ports_and_keys_only() -> None:
    grant = Site().open()
    assert (grant.responder_id, grant.ports, grant.base_port) == ("lab-a", PORTS, PORTS[0])
    assert [len(flow.key) for flow in grant.flows] == [32]


def test_record_is_handed_over_until_the_session_is_closed() -> None:
    site = Site()
    path = f"{SESSIONS_PATH}/{site.open().session_id}"
    record = msgspec.json.decode(site.ask("GET", path + "/record").content, type=SessionRecord)
    assert record.flows[0].received_sequence == ()
    assert site.ask("DELETE", path).status_code == 204
    assert site.ask("GET", path + "/record").status_code == 404
    assert site.ask("DELETE", path).status_code == 404


def test_media_begin_a_lead_after_they_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    begun = []
    monkeypatch.setattr(site.plane, "begin_media", lambda name, at_ns: begun.append((name, at_ns)) or True)
    site.now_ns = 5
    assert site.ask("POST", f"{SESSIONS_PATH}/abc/media").status_code == 204
    assert begun == [("abc", 5 + MEDIA_LEAD_NS)]


def test_media_of_no_session_cannot_begin() -> None:
    assert Site().ask("POST", f"{SESSIONS_PATH}/abc/media").status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"not json", 400, "not a session request"),
        (b"\xff\xfe", 400, "not a session request"),
        ({"flows": []}, 400, "not a session request: .*software_version"),
        (WANTED | {"more": 1}, 400, "unknown field `more`"),
        (WANTED | {"whip_media_duration_s": 1000.0}, 422, "media_duration_s must be within"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "larger than"),
    ],
)
def test_bad_request_gets_one_sentence(content: Any, status: int, sentence: str) -> None:
    response = Site().ask("POST", SESSIONS_PATH, content)
    assert response.status_code == status
    assert httpx.Response(200, content=response.content).json().keys() == {"error"}
    assert re.search(sentence, refusal(response))


def test_busy_responder_says_so_with_another_status() -> None:
    site = Site(make_plane(limits=Limits(max_sessions=0)))
    response = site.ask("POST", SESSIONS_PATH, WANTED)
    assert response.status_code == 429
    assert "busy" in refusal(response)


def test_offer_is_answered_for_a_session_that_asked_for_a_call() -> None:
    calls = FakeCalls()
    site = Site(calls=calls)
    path = f"{WHIP_PATH}/{site.open().session_id}"
    answer = site.ask("POST", path, b"v=0", **{"Content-Type": "application/sdp"})
    assert (answer.status_code, answer.text) == (201, "v=0 answer")
    assert answer.headers["location"] == f"{path}/call-1"
    assert calls.asked[0][1:] == (PORTS[1], 2.0)
    assert site.ask("GET", f"{path}/record").status_code == 200
    assert site.ask("DELETE", f"{path}/call-1").status_code == 200
    assert site.ask("DELETE", f"{path}/call-2").status_code == 404


def test_offer_without_session_or_type_or_sense_is_refused() -> None:
    site = Site(calls=FakeCalls())
    path = f"{WHIP_PATH}/{site.open().session_id}"
    sdp = {"Content-Type": "application/sdp"}
    assert site.ask("POST", f"{WHIP_PATH}/abc", b"v=0", **sdp).status_code == 404
    assert site.ask("POST", path, b"v=0", **{"Content-Type": "text/plain"}).status_code == 415
    assert "no media in it" in refusal(site.ask("POST", path, b"v=1", **sdp))
    assert site.ask("POST", path, b"\xff", **sdp).status_code == 400
    assert site.ask("GET", f"{path}/record").status_code == 404


def test_responder_without_webrtc_says_there_is_no_call() -> None:
    site = Site()
    path = f"{WHIP_PATH}/{site.open().session_id}"
    assert site.ask("POST", path, b"v=0", **{"Content-Type": "application/sdp"}).status_code == 404
    assert site.ask("GET", f"{path}/record").status_code == 404
    assert site.ask("DELETE", f"{path}/call-1").status_code == 404


def test_nothing_that_is_said_or_logged_holds_the_askers_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site = Site(calls=FakeCalls())
    path = f"{SESSIONS_PATH}/{site.open().session_id}"
    said = [
        site.ask("GET", path + "/record"),
        site.ask("POST", SESSIONS_PATH, b"?"),
        site.ask("GET", "/nowhere"),
    ]
    for response in said:
        assert not find_addresses(response.content + str(response.headers).encode(), [CLIENT[0]])
    assert CLIENT[0] not in caplog.text


def test_page_explains_the_machine() -> None:
    response = Site().ask("GET", "/")
    assert response.text == PAGE
    assert "call-shaped packets" in PAGE


# --- traces -------------------------------------------------------------------------------------------

TRACE = recorded_trace()
TRACE_PATH = f"{TRACES_PATH}/{TRACE.digest}"


def wanting(dialect: str) -> dict[str, Any]:
    flow = {"dialect": dialect, "medium": "voice", "media_duration_s": 60.0, "schedule_seed": 1}
    return {"software_version": "0", "flows": [flow]}


def test_a_trace_is_laid_down_once_and_then_replayed() -> None:
    site = Site()
    assert site.ask("GET", TRACE_PATH).status_code == 404
    assert "no trace of that name" in refusal(
        site.ask("POST", SESSIONS_PATH, wanting(f"replay:{TRACE.digest}"))
    )
    assert site.ask("PUT", TRACE_PATH, TRACE.pack()).status_code == 204
    assert site.ask("GET", TRACE_PATH).status_code == 204
    response = site.ask("POST", SESSIONS_PATH, wanting(f"replay:{TRACE.digest}"))
    grant = msgspec.json.decode(response.content, type=SessionGrant)
    assert grant.flows[0].port in PORTS


def test_a_flow_with_a_token_is_granted_as_ever() -> None:
    """Whoever does not know of ports of their own finds none."""
    assert "port" not in Site().ask("POST", SESSIONS_PATH, WANTED).json()["flows"][0]


def test_the_offer_says_what_traces_are_taken() -> None:
    response = Site().ask("GET", TRACES_PATH)
    offer = msgspec.json.decode(response.content, type=TraceOffer)
    assert (offer.max_packets, offer.max_duration_s) == (20_000, 90.0)


@pytest.mark.parametrize(("method", "path"), [("GET", TRACES_PATH), ("PUT", TRACE_PATH)])
def test_a_responder_that_takes_none_says_so(method: str, path: str) -> None:
    site = Site(make_plane(limits=Limits(max_traces=0)))
    response = site.ask(method, path, TRACE.pack())
    assert (response.status_code, refusal(response)) == (403, "this responder replays no traces")


@pytest.mark.parametrize(
    ("limits", "content", "status", "sentence"),
    [
        (Limits(), b"junk", 422, "no compressed trace"),
        (Limits(), recorded_trace(seed=2).pack(), 422, "not the one of that name"),
        (Limits(max_trace_bytes=100), TRACE.pack(), 413, "larger than 100 bytes"),
        (Limits(max_trace_packets=10), TRACE.pack(), 422, "over 10"),
        (Limits(max_traces_bytes=10), TRACE.pack(), 429, "try again"),
    ],
)
def test_a_trace_that_is_not_taken_gets_one_sentence(
    limits: Limits, content: bytes, status: int, sentence: str
) -> None:
    response = Site(make_plane(limits=limits)).ask("PUT", TRACE_PATH, content)
    assert response.status_code == status
    assert sentence in refusal(response)


def test_only_so_many_traces_are_on_their_way_in_at_once() -> None:
    """Each takes memory before anybody knows what it is."""
    site = Site()
    gate = asyncio.Event()

    async def slowly() -> Any:
        await gate.wait()
        yield TRACE.pack()

    async def ask_all() -> list[int]:
        transport = httpx.ASGITransport(site.app, client=CLIENT)
        async with httpx.AsyncClient(transport=transport, base_url="http://responder.lab") as client:
            slow = [
                asyncio.ensure_future(client.put(TRACE_PATH, content=slowly())) for _ in range(MAX_UPLOADS)
            ]
            await asyncio.sleep(0)
            one_more = await client.put(TRACE_PATH, content=TRACE.pack())
            gate.set()
            return [one_more.status_code, *[(await one).status_code for one in slow]]

    assert asyncio.run(ask_all()) == [429, *[204] * MAX_UPLOADS]


def test_nothing_of_a_trace_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site = Site()
    site.ask("PUT", TRACE_PATH, TRACE.pack())
    site.ask("PUT", TRACE_PATH, TRACE.pack()[:-9])
    assert not any(payload.hex() in caplog.text for payload in TRACE.down.payloads or ())
