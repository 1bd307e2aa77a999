"""The probe's side of a session: what a far end says is taken only if it can be true."""

import asyncio
import gzip
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from callprobe.dialect.registry import Looks
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
    open_session,
    parse_url,
)
from callresults.failure import Failure
from helpers.recorded import recorded_trace

REQUEST = SessionRequest(
    software_version="0",
    flows=(FlowRequest(dialect="telegram-v2", medium="voice", media_duration_s=0.2, schedule_seed=0),),
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


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:8080",
        "ftp://x",
        "http://",
        "http://[",
        "http://x:99999",
        "http://x:y",
        "http://x:0",
        "http://x/a\x01b",
        "http://x/a\nb",
        "http://x/a b",
        "http://x/\u202e",
        "http://x?a=b",
        "http://x/?",
        "http://x/#a",
    ],
)
def test_what_is_no_url_is_one_sentence_naming_it(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))) as caught:
        parse_url(text)
    assert "\n" not in str(caught.value)


def test_ports_are_shifted_as_far_as_the_url_is_from_the_responder() -> None:
    """A relay forwards consecutive ports one to one."""
    session = opened(Net(created(GRANT)))
    for _ in range(10):
        peer, own = session.draw_peer(random.Random(), GRANT.flows[0])
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
        (
            lambda _: httpx.Response(201, content=b'{"session_id":"\xff"}'),
            Failure.SESSION_REFUSED,
            "no session",
        ),
        (lambda _: httpx.Response(201, content=bytes(2 << 20)), Failure.SESSION_REFUSED, "more than"),
        (lambda _: httpx.Response(429, content=b'{"error":"\xff"}'), Failure.SESSION_REFUSED, "status 429"),
        (lambda _: httpx.Response(429, content=b"[" * 100_000), Failure.SESSION_REFUSED, "status 429"),
        (lambda _: httpx.Response(302, headers={"location": "//:a"}), Failure.SESSION_UNREACHABLE, "Remote"),
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


@pytest.mark.parametrize(
    "change",
    [
        {"session_id": "a\x00b"},
        {"session_id": "../.."},
        {"session_id": "abc\n"},
        {"session_id": ""},
        {"session_id": "s" * 65},
        {"responder_id": "r" * 65},
        {"responder_id": "\x1b[2J"},
        {"responder_network": "AS99999999999999999"},
        {"responder_kind": "k" * 100_000},
    ],
)
def test_grant_whose_names_no_record_could_hold_is_a_refusal(change: dict[str, Any]) -> None:
    error = refused(Net(created(msgspec.structs.replace(GRANT, **change))))
    assert error.failure == Failure.SESSION_REFUSED


def test_what_a_responder_says_is_shown_without_what_steers_a_terminal() -> None:
    said = "\x1b[2J\x1b]0;pwn\x07" + "A" * 3000
    sentence = str(refused(Net(lambda _: httpx.Response(429, json={"error": said}))))
    assert sentence.isprintable()
    assert len(sentence) < 300


class Dripping(httpx.AsyncByteStream):
    """A body that goes on for ever, without ever letting anything else run for long."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b""


def test_answer_that_never_ends_is_a_session_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callprobe.run.session.TIMEOUT_S", 0.01)
    error = refused(Net(lambda _: httpx.Response(201, stream=Dripping())))
    assert error.failure == Failure.SESSION_UNREACHABLE


def test_url_that_is_none_is_a_refusal() -> None:
    bad = ResponderUrl("http://127.0.0.1:1/a\x01b", "127.0.0.1", 1)
    with pytest.raises(SessionError) as caught:
        asyncio.run(open_session(Net(created(GRANT)), bad, "192.0.2.1", REQUEST))  # type: ignore[arg-type]
    assert caught.value.failure == Failure.SESSION_REFUSED


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
    [
        raising(httpx.ConnectError("gone")),
        raising(NetError(Failure.EOF)),
        lambda _: httpx.Response(404),
        lambda _: httpx.Response(200, content=b" " * (9 << 20)),
        lambda _: httpx.Response(200, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"}),
    ],
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
        {"flow_id": 1},
    ],
)
def test_record_that_cannot_be_true_is_none(change: dict[str, Any]) -> None:
    flawed = msgspec.structs.replace(RECORD, flows=(msgspec.structs.replace(VIEW, **change),))
    assert fetched(lambda _: httpx.Response(200, content=msgspec.json.encode(flawed)))[0] is None


def test_record_of_another_session_is_none() -> None:
    other = msgspec.structs.replace(RECORD, session_id="abd")
    assert fetched(lambda _: httpx.Response(200, content=msgspec.json.encode(other)))[0] is None


@pytest.mark.parametrize("body", [b"?", b'{"session_id":"\xff"}', b'{"flows":' + b"[" * 100_000])
def test_record_that_is_none_of_ours_is_none(body: bytes) -> None:
    assert fetched(lambda _: httpx.Response(200, content=body))[0] is None


def test_record_that_never_ends_is_given_up_once_for_all_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callprobe.run.session.RECORD_DEADLINE_S", 0.01)
    monkeypatch.setattr("callprobe.run.session.BEGIN_TIMEOUT_S", 0.01)
    monkeypatch.setattr("callprobe.run.session.CLOSE_TIMEOUT_S", 0.01)
    record, tries = fetched(lambda _: httpx.Response(200, stream=Dripping()))
    assert record is None
    assert tries <= RECORD_TRIES


# --- replays ------------------------------------------------------------------------------------------

TRACE = recorded_trace()


def replaying(*answers: tuple[int, bytes]) -> Net:
    """Return a network whose server answers so in turn, and grants what is asked last."""
    left = [*answers, (201, msgspec.json.encode(GRANT))]

    def answer(_request: httpx.Request) -> httpx.Response:
        status, content = left.pop(0)
        return httpx.Response(status, content=content)

    return Net(answer)


def lay(net: Any) -> Session:
    return asyncio.run(open_session(net, URL, "192.0.2.1", REQUEST, Looks(TRACE)))


def test_a_trace_that_is_not_there_is_laid_down_before_the_session() -> None:
    net = replaying((404, b""), (204, b""))
    lay(net)
    path = f"/v1/traces/{TRACE.digest}"
    assert net.asked == [("GET", path), ("PUT", path), ("POST", "/v1/sessions")]


def test_a_trace_that_is_there_is_not_sent_again() -> None:
    net = replaying((204, b""))
    lay(net)
    assert [method for method, _ in net.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("answers", "failure", "sentence"),
    [
        ([(404, b""), (413, b'{"error":"too large"}')], Failure.SESSION_REFUSED, "replayed: too large"),
        ([(404, b""), (405, b"")], Failure.SESSION_REFUSED, "HTTP status 405"),
    ],
)
def test_a_trace_that_is_refused_is_a_refused_session(answers, failure, sentence) -> None:
    with pytest.raises(SessionError, match=sentence) as caught:
        lay(replaying(*answers))
    assert caught.value.failure is failure


def test_a_far_end_that_does_not_answer_for_a_trace_is_unreachable() -> None:
    with pytest.raises(SessionError) as caught:
        lay(Net(raising(httpx.ConnectError("refused"))))
    assert caught.value.failure is Failure.SESSION_UNREACHABLE


def test_a_flow_with_a_port_of_its_own_goes_there() -> None:
    flow = msgspec.structs.replace(GRANT.flows[0], port=3479)
    session = opened(Net(created(msgspec.structs.replace(GRANT, flows=(flow,)))))
    assert {session.draw_peer(random.Random(seed), flow)[1] for seed in range(9)} == {3479}


def test_a_grant_of_a_port_that_is_none_of_its_ports_is_refused() -> None:
    flow = msgspec.structs.replace(GRANT.flows[0], port=22)
    net = Net(created(msgspec.structs.replace(GRANT, flows=(flow,))))
    assert refused(net).failure is Failure.SESSION_REFUSED
