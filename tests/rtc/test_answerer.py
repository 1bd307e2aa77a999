"""The responder's end of WebRTC calls: whom it answers, with how much, and when it stops."""

import asyncio
import contextlib
import re
import time

import pytest
from aioice import stun
from hypothesis import given, settings
from hypothesis import strategies as st

from callprobe.media.flow import Address
from callprobe.rtc.answerer import CallLimits, OfferError, WhipCalls
from callprobe.rtc.opus import OpusTrack
from callprobe.rtc.peer import close_peer, new_peer
from helpers.loopback import until
from helpers.webrtc_world import World, run

PORT = 40_000
SOURCE = ("127.0.0.9", 5000)
CALLER = "cccc"


class Outbox:
    """Takes what the far end sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[Address, bytes]] = []

    def send(self, port: int, peer: Address, data: bytes) -> None:
        assert port == PORT
        self.sent.append((peer, data))


async def offer() -> str:
    peer = new_peer(OpusTrack(1, time.monotonic_ns))
    text = (await peer.createOffer()).sdp
    await close_peer(peer)
    return re.sub("a=ice-ufrag:.*", f"a=ice-ufrag:{CALLER}\r", text)


def check(answer: str, *, password: str | None = None, user: str | None = None) -> bytes:
    """Return a connectivity check (RFC 8445 7.1.1) towards the call that ``answer`` describes."""
    fragment = re.search("a=ice-ufrag:(.*)\r", answer)[1]
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{user or fragment}:{CALLER}"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 7
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or re.search("a=ice-pwd:(.*)\r", answer)[1]).encode())
    return bytes(message)


def exchange(act, limits: CallLimits | None = None) -> Outbox:
    """Answer one offer, run ``act(calls, answer)``, and return what was sent."""
    outbox = Outbox()

    async def main() -> None:
        calls = WhipCalls(outbox.send, time.monotonic_ns, limits)
        _, answer = await calls.answer("session", await offer(), PORT)
        await act(calls, answer)
        await calls.close()

    run(main)
    return outbox


def test_the_answer_names_the_port_and_no_host() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        candidates = re.findall("a=candidate:.*", answer)
        assert candidates == [f"a=candidate:1 1 udp 2130706431 0.0.0.0 {PORT} typ host\r"]
        assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", answer)) == {"0.0.0.0"}

    assert exchange(act).sent == []


def test_a_check_without_the_password_is_answered_by_nothing() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        for forged in (
            check(answer, password="x" * 22),
            check(answer, user="none"),
            check(answer)[:-8],
            bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)),
            b"\x16\xfe\xfd" + bytes(50),
            b"\x80\x60" + bytes(50),
            b"",
        ):
            calls.on_datagram(PORT, 0, SOURCE, forged)
        await asyncio.sleep(0.1)
        assert not calls.owns(b"\x80\x60" + bytes(50), SOURCE, PORT)

    assert exchange(act).sent == []


def test_a_source_that_never_answers_gets_no_more_than_it_sent() -> None:
    """A forged source address gains nothing, in bytes or packets, however often its check is repeated."""
    received: list[int] = []

    async def act(calls: WhipCalls, answer: str) -> None:
        for _ in range(5):
            request = check(answer)
            received.append(len(request))
            calls.on_datagram(PORT, time.monotonic_ns(), SOURCE, request)
            await asyncio.sleep(0.05)

    sent = exchange(act).sent
    assert 0 < len(sent) <= len(received)
    assert sum(len(data) for _, data in sent) <= sum(received)
    assert {peer for peer, _ in sent} == {SOURCE}
    assert {data[:2] for _, data in sent} == {b"\x00\x01"}


def test_a_check_that_is_answered_proves_the_source_and_is_then_answered_itself() -> None:
    outbox = Outbox()

    async def main() -> None:
        calls = WhipCalls(outbox.send, time.monotonic_ns)
        text = await offer()
        _, answer = await calls.answer("session", text, PORT)
        request = check(answer)
        calls.on_datagram(PORT, time.monotonic_ns(), SOURCE, request)
        await until(lambda: outbox.sent)
        ours = stun.parse_message(outbox.sent[0][1])
        reply = stun.Message(ours.message_method, stun.Class.RESPONSE, ours.transaction_id)
        reply.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", PORT)
        reply.add_message_integrity(re.search("a=ice-pwd:(.*)\r", text)[1].encode())
        calls.on_datagram(PORT, time.monotonic_ns(), SOURCE, bytes(reply))
        assert outbox.sent[1][1][:2] == b"\x01\x01"
        assert outbox.sent[1][1][8:20] == request[8:20]
        await calls.close()

    run(main)


def test_offered_candidates_are_ignored() -> None:
    """Whatever addresses an offer names, nothing is sent to them."""
    outbox = Outbox()

    async def main() -> None:
        calls = WhipCalls(outbox.send, time.monotonic_ns)
        planted = (
            "a=candidate:1 1 udp 99 127.0.0.77 7777 typ host\r\n"
            "a=candidate:2 1 udp 98 volunteer.local 7 typ host\r\n"
        )
        await calls.answer("session", await offer() + planted, PORT)
        await asyncio.sleep(0.2)
        await calls.close()

    run(main)
    assert outbox.sent == []


def test_a_call_owns_its_checks_and_then_its_source_only() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        request = check(answer)
        assert calls.owns(request, SOURCE, PORT)
        assert not calls.owns(request, SOURCE, PORT + 1)
        assert not calls.owns(bytes(60), SOURCE, PORT)
        calls.on_datagram(PORT, time.monotonic_ns(), SOURCE, request)
        assert calls.owns(bytes(60), SOURCE, PORT)
        assert not calls.owns(bytes(60), ("127.0.0.10", 5000), PORT)
        await calls.close()
        assert not calls.owns(request, SOURCE, PORT)

    exchange(act)


def test_a_call_has_few_sources() -> None:
    """Who knows the password cannot make the responder keep state without end."""

    async def act(calls: WhipCalls, answer: str) -> None:
        for port in range(5000, 5050):
            calls.on_datagram(PORT, time.monotonic_ns(), ("127.0.0.9", port), check(answer))
        assert sum(calls.owns(b"", ("127.0.0.9", port), PORT) for port in range(5000, 5050)) == 4

    exchange(act)


def test_a_call_that_brings_no_media_ends_by_itself_and_its_record_stays() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        await until(lambda: not calls.owns(check(answer), SOURCE, PORT))
        view = calls.view("session")
        assert view is not None
        assert (view.received_sequence, view.control_received) == ((), 0)
        assert calls.record_json("session") is not None
        calls.forget("session")
        assert calls.record_json("session") is None

    exchange(act, CallLimits(setup_s=0.1))


def test_a_call_ends_after_its_media_have_been_silent() -> None:
    """The responder does not wait for a farewell that the network swallows."""

    async def main() -> None:
        async with World(limits=CallLimits(silence_s=0.2)) as world:
            calling = asyncio.create_task(world.call(0.5))
            await asyncio.sleep(0.2)
            world.drop = lambda _direction, _data: True
            await calling
            method, path = world.requests[-1]
            assert method == "DELETE"
            assert not await world.calls.hang_up(path.rpartition("/")[2])

    run(main)


def test_media_are_bounded_by_the_limit() -> None:
    async def main() -> int:
        async with World(limits=CallLimits(max_media_duration_s=0.2)) as world:
            result = await world.call(0.4)
            assert len(result.sent) == 20
            return len(result.received)

    assert run(main) == 10


def test_a_second_offer_of_a_session_ends_its_first_call() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        await calls.answer("session", await offer(), PORT)
        assert not calls.owns(check(answer), SOURCE, PORT)

    exchange(act, CallLimits(max_calls=1))


def test_too_many_calls_are_refused_in_one_sentence() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        with pytest.raises(OfferError, match="busy"):
            await calls.answer("another session", await offer(), PORT)

    exchange(act, CallLimits(max_calls=1))


def test_hanging_up_a_call_of_no_such_name_says_so() -> None:
    async def act(calls: WhipCalls, answer: str) -> None:
        assert not await calls.hang_up("none")
        assert calls.view("nobody") is None

    exchange(act)


@settings(max_examples=25)
@given(st.integers(0, 60), st.text("abc=:/0129 \r\n", max_size=12), st.integers(0, 1))
def test_a_hostile_offer_is_refused_in_one_sentence_or_answered(line: int, text: str, replace: int) -> None:
    """No broken offer raises anything but OfferError, and none leaves a call behind."""

    async def main() -> None:
        calls = WhipCalls(Outbox().send, time.monotonic_ns)
        lines = (await offer()).split("\r\n")
        lines[line % len(lines) : line % len(lines) + replace] = [text]
        with contextlib.suppress(OfferError):
            resource, _ = await calls.answer("session", "\r\n".join(lines), PORT)
            assert await calls.hang_up(resource)
        assert calls._calls == {}

    run(main)


@given(
    st.binary(max_size=120), st.sampled_from([b"", b"\x00\x01\x00\x10\x21\x12\xa4\x42", b"\x01\x01\x00\x00"])
)
def test_no_datagram_makes_the_far_end_raise(data: bytes, start: bytes) -> None:
    calls = WhipCalls(Outbox().send, time.monotonic_ns)
    assert not calls.owns(start + data, SOURCE, PORT)
    calls.on_datagram(PORT, 0, SOURCE, start + data)
