"""The probe's side of a session: what a far end says is taken only if it can be true."""

import asyncio
import random
import re
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.media.session import (
    FlowGrant,
    FlowRequest,
    FlowView,
    SessionGrant,
    SessionRecord,
    SessionRequest,
)
from callprobe.net.contract import NetError
from callprobe.run.session import (
    RECORD_TRIES,
    ResponderUrl,
    Session,
    SessionError,
    is_sound,
    open_session,
    parse_url,
)
from callresults.failure import Failure

REQUEST = SessionRequest(
    software_version="0",
    flows=(FlowRequest(dialect="open", medium="voice", media_duration_s=0.0, schedule_seed=0),),
)
GRANT = SessionGrant(
    session_id="abc",
    responder_id="lab",
    responder_network="AS65550",
    responder_kind="lab",
    base_port=3478,
    ports=(3478, 3479),
    max_media_duration_s=180.0,
    flows=(FlowGrant(flow_id=0, key=bytes(32)),),
)
VIEW = FlowView(
    flow_id=0,
    first_control_us=None,
    control_received=0,
    control_answered=0,
    received_sequence=(0, 2, 1),
    received_us=(0, 5, 4),
    sent_sequence=(0, 1),
    sent_us=(0, 20_000),
)
RECORD = SessionRecord(session_id="abc", kernel_timestamps=True, flows=(VIEW,))
URL = ResponderUrl("http://responder.lab:4000", "responder.lab", 4000)
Answer = Callable[[httpx.Request], httpx.Response]


class Net:
    """A network whose only inhabitant is a web server."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def http(self) -> httpx.AsyncBaseTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append((request.method, request.url.path))
            return self.answer(request)

        return httpx.MockTransport(handle)


def created(grant: Any) -> Answer:
    return lambda _request: httpx.Response(201, content=msgspec.json.encode(grant))


def opened(net: Any) -> Session:
    return asyncio.run(open_session(net, URL, "192.0.2.1", REQUEST))


def refused(net: Any) -> SessionError:
    with pytest.raises(SessionError) as caught:
        opened(net)
    return caught.value


def raising(error: Exception) -> Answer:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080/", ("http://127.0.0.1:8080", "127.0.0.1", 8080)),
        ("https://far.example", ("https://far.example", "far.example", 443)),
        ("http://[::1]", ("http://[::1]", "::1", 80)),
    ],
)
def test_url_is_taken_apart(text: str, url: tuple[str, str, int]) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "ftp://x", "http://", "http://x:99999", "http://x:y"])
def test_what_is_no_url_is_one_sentence_naming_it(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))) as caught:
        parse_url(text)
    assert "\n" not in str(caught.value)


def test_ports_are_shifted_as_far_as_the_url_is_from_the_responder() -> None:
    """A relay forwards consecutive ports one to one."""
    session = opened(Net(created(GRANT)))
    for _ in range(10):
        peer, own = session.draw_peer(random.Random())
        assert peer == ("192.0.2.1", own + 522)
        assert own in GRANT.ports


def test_ports_behind_a_proxy_stand_as_they_are() -> None:
    session = opened(Net(created(msgspec.structs.replace(GRANT, base_port=None))))
    assert session.port_shift == 0


@pytest.mark.parametrize(
    "change",
    [
        {"flows": ()},
        {"flows": (FlowGrant(flow_id=0, key=bytes(31)),)},
        {"flows": (FlowGrant(flow_id=0, key=bytes(32)), FlowGrant(flow_id=1, key=bytes(32)))},
        {"ports": ()},
        {"ports": (0,), "base_port": None},
        {"ports": (65_535,)},
        {"ports": (70_000,), "base_port": None},
        {"base_port": 70_000},
    ],
)
def test_grant_that_cannot_be_used_is_a_refusal(change: dict[str, Any]) -> None:
    error = refused(Net(created(msgspec.structs.replace(GRANT, **change))))
    assert error.failure == Failure.SESSION_REFUSED
    assert str(error) == "the responder's grant does not fit the request"


@pytest.mark.parametrize(
    ("answer", "failure", "sentence"),
    [
        (lambda _: httpx.Response(429, json={"error": "busy"}), Failure.SESSION_REFUSED, "busy"),
        (lambda _: httpx.Response(500, text="<html>"), Failure.SESSION_REFUSED, "HTTP status 500"),
        (lambda _: httpx.Response(500, json=[]), Failure.SESSION_REFUSED, "HTTP status 500"),
        (lambda _: httpx.Response(201, text="no"), Failure.SESSION_REFUSED, "no session grant"),
        (raising(httpx.ReadTimeout("slow")), Failure.SESSION_UNREACHABLE, "ReadTimeout"),
        (raising(NetError(Failure.CONNECTION_REFUSED)), Failure.CONNECTION_REFUSED, "connection_refused"),
    ],
)
def test_session_that_cannot_be_had_has_a_failure_and_a_sentence(
    answer: Answer, failure: Failure, sentence: str
) -> None:
    error = refused(Net(answer))
    assert error.failure == failure
    assert sentence in str(error)


def test_network_without_the_web_is_a_failure_too() -> None:
    class NoWeb:
        def http(self) -> httpx.AsyncBaseTransport:
            raise NetError(Failure.SESSION_UNREACHABLE)

    assert refused(NoWeb()).failure == Failure.SESSION_UNREACHABLE


def fetched(answer: Answer) -> tuple[SessionRecord | None, int]:
    """Open a session, then ask for the record; return it and how often it was asked for."""
    net = Net(created(GRANT))

    async def fetch() -> SessionRecord | None:
        session = await open_session(net, URL, "192.0.2.1", REQUEST)  # type: ignore[arg-type]
        net.answer = answer
        record = await session.record()
        await session.begin_media()
        await session.close()
        return record

    record = asyncio.run(fetch())
    assert net.asked[-2:] == [("POST", "/v1/sessions/abc/media"), ("DELETE", "/v1/sessions/abc")]
    return record, net.asked.count(("GET", "/v1/sessions/abc/record"))


def test_record_comes_at_the_first_call() -> None:
    assert fetched(lambda _: httpx.Response(200, content=msgspec.json.encode(RECORD))) == (RECORD, 1)


@pytest.mark.parametrize(
    "answer",
    [raising(httpx.ConnectError("gone")), raising(NetError(Failure.EOF)), lambda _: httpx.Response(404)],
)
def test_far_end_that_is_gone_has_no_record_and_ending_its_session_is_no_error(answer: Answer) -> None:
    assert fetched(answer) == (None, RECORD_TRIES)


@pytest.mark.parametrize(
    "change",
    [
        {"received_us": (0, 5)},
        {"sent_us": ()},
        {"received_sequence": (0, -1, 1)},
        {"sent_sequence": (1, 1)},
        {"sent_sequence": (1, 0)},
        {"received_us": (0, 5, 1 << 60)},
        {"sent_sequence": (0, 1 << 60)},
    ],
)
def test_record_that_cannot_be_true_is_none(change: dict[str, Any]) -> None:
    flawed = msgspec.structs.replace(RECORD, flows=(msgspec.structs.replace(VIEW, **change),))
    assert fetched(lambda _: httpx.Response(200, content=msgspec.json.encode(flawed)))[0] is None


def test_record_that_is_no_json_is_none() -> None:
    assert fetched(lambda _: httpx.Response(200, text="?"))[0] is None


@given(st.lists(st.integers(0, 1 << 40), unique=True).map(sorted), st.lists(st.integers(0, 99), max_size=9))
def test_whole_columns_with_every_packet_sent_once_are_sound(sent: list[int], received: list[int]) -> None:
    view = msgspec.structs.replace(
        VIEW,
        sent_sequence=tuple(sent),
        sent_us=tuple(sent),
        received_sequence=tuple(received),
        received_us=tuple(received),
    )
    assert is_sound(view)
