"""A real WebRTC call, both ends, on one shared UDP port of loopback."""

import asyncio
import functools
import time
from typing import NamedTuple

import httpx
import pytest

from callprobe.media.session import FlowView
from callprobe.net.contract import NetError
from callprobe.rtc.caller import RtcResult, call
from callresults.failure import Failure
from callresults.observation import first_failing
from helpers.webrtc_world import World, is_dtls, is_media, is_stun, run


def failed(result: RtcResult) -> tuple[str, str | None]:
    stage = first_failing(result.stages)
    assert stage is not None
    return stage.name, stage.failure


class GoodCall(NamedTuple):
    """One call over an open network, looked at by several tests."""

    result: RtcResult
    view: FlowView | None
    requests: list[tuple[str, str]]
    seen: set[tuple[str, str]]
    begin_ns: int
    end_ns: int


class Watch:
    """Tells which protocols passed in which direction."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def on_packet(self, direction: str, at_ns: int, data: bytes, peer: tuple[str, int]) -> None:
        self.seen.add((direction, "stun" if is_stun(data) else "dtls" if is_dtls(data) else "srtp"))


@functools.cache
def good_call() -> GoodCall:
    async def main() -> GoodCall:
        watch = Watch()
        async with World() as world:
            begin_ns = time.monotonic_ns()
            result = await world.call(start_ns=begin_ns, tap=watch)
            view = world.calls.view("session")
            return GoodCall(result, view, world.requests, watch.seen, begin_ns, time.monotonic_ns())

    return run(main)


def test_media_flow_both_ways_and_the_records_of_both_ends_join() -> None:
    """Each packet that one end sent is found by its sequence number at the other."""
    result, view, requests, *_ = good_call()
    assert [(s.name, s.outcome) for s in result.stages] == [
        ("ice_connectivity", "ok"),
        ("dtls_handshake", "ok"),
        ("media_first_packet", "ok"),
        ("media_hold", "ok"),
    ]
    assert result.signalling.outcome == "ok"
    assert view is not None
    assert len(result.sent) == 30
    assert tuple(p.sequence for p in result.sent) == view.received_sequence
    assert tuple(p.sequence for p in result.received) == view.sent_sequence
    assert len(view.sent_sequence) == 30
    assert result.kernel_timestamps
    assert result.hung_up
    assert [method for method, _ in requests] == ["POST", "DELETE"]


def test_packets_are_stamped_in_order_on_the_monotonic_clock_and_sent_near_their_grid() -> None:
    """Stages and packets lie on one clock, and each packet has the time at which it was due."""
    result, *_, begin_ns, end_ns = good_call()
    stamps = [p.at_ns for p in result.received]
    assert stamps == sorted(stamps)
    assert begin_ns < stamps[0] <= stamps[-1] < end_ns
    assert all(p.at_ns >= due for p, due in zip(result.sent, result.due_ns, strict=True))
    assert {later - earlier for earlier, later in zip(result.due_ns, result.due_ns[1:], strict=False)} == {
        20_000_000
    }
    ends = [stage.t for stage in result.stages]
    assert ends == sorted(ends)
    assert all(stage.t0 <= stage.t for stage in result.stages)
    assert all(40 < p.size_bytes < 200 for p in result.sent)


@pytest.mark.parametrize(
    ("swallowed", "stage", "failure"),
    [
        (is_stun, "ice_connectivity", Failure.STUN_TIMEOUT),
        (is_dtls, "dtls_handshake", Failure.DTLS_TIMEOUT),
        (is_media, "media_first_packet", Failure.MEDIA_NEVER_ARRIVED),
    ],
)
def test_a_dropped_protocol_is_the_first_failing_stage_within_its_deadline(swallowed, stage, failure) -> None:
    async def main() -> RtcResult:
        async with World(lambda _direction, data: swallowed(data)) as world:
            return await world.call(0.4)

    result = run(main)
    assert failed(result) == (stage, failure)
    rung = first_failing(result.stages)
    assert rung is not None
    assert rung.deadline_s is not None
    assert rung.t - rung.t0 < rung.deadline_s + 0.4
    assert len(result.stages) == 4


def test_a_direction_that_is_cut_alone_leaves_the_other_one_measured() -> None:
    """Without any media down, those up still run for the whole call."""

    async def main() -> tuple[RtcResult, FlowView | None]:
        async with World(lambda direction, data: direction == "down" and is_media(data)) as world:
            return await world.call(0.4), world.calls.view("session")

    result, view = run(main)
    assert failed(result) == ("media_first_packet", Failure.MEDIA_NEVER_ARRIVED)
    assert view is not None
    assert len(result.sent) == len(view.received_sequence) == 20
    assert result.received == ()
    assert len(view.sent_sequence) > 15


def test_media_that_are_cut_in_the_middle_fail_to_hold() -> None:
    """The silence timer, not the end of the call, says when they stalled."""
    seen = 0

    def drop(direction: str, data: bytes) -> bool:
        nonlocal seen
        seen += direction == "down" and is_media(data)
        return seen > 10

    async def main() -> RtcResult:
        async with World(drop) as world:
            return await world.call()

    result = run(main)
    assert failed(result) == ("media_hold", Failure.MEDIA_STALLED)
    assert len(result.received) == 10
    hold = result.stages[3]
    assert 0.3 < hold.t - hold.t0 < 0.6


def test_a_responder_that_goes_away_in_the_middle_is_a_result() -> None:
    """Port and signalling vanish: the ladder is whole, the farewell unconfirmed."""

    async def main() -> RtcResult:
        async with World() as world:
            forward = lambda *asgi: world.app(*asgi)  # noqa: E731, PLW0108 - exchanged below

            async def vanish() -> None:
                await asyncio.sleep(0.25)
                world.drop = lambda _direction, _data: True
                world.app = unreachable  # type: ignore[method-assign]

            async def unreachable(*_: object) -> None:
                raise httpx.ConnectError("gone")

            vanishing = asyncio.create_task(vanish())
            result = await world.call(http=httpx.ASGITransport(forward))
            await vanishing
            return result

    result = run(main)
    assert failed(result) == ("media_hold", Failure.MEDIA_STALLED)
    assert not result.hung_up


@pytest.mark.parametrize("status", [403, 404, 500, 200])
def test_a_refused_offer_is_a_failed_signalling_and_an_unreached_ladder(status: int) -> None:
    async def main() -> tuple[RtcResult, World]:
        async with World() as world:
            world.refuse_with = status
            return await world.call(), world

    result, world = run(main)
    assert (result.signalling.outcome, result.signalling.failure) == ("failed", Failure.SESSION_REFUSED)
    assert {stage.outcome for stage in result.stages} == {"not_reached"}
    assert {stage.failure for stage in result.stages} == {Failure.SESSION_REFUSED}
    assert result.sent == result.received == ()
    assert [method for method, _ in world.requests] == ["POST"]


@pytest.mark.parametrize(
    ("raised", "failure"),
    [
        (httpx.ConnectError("refused"), Failure.SESSION_UNREACHABLE),
        (NetError(Failure.NOT_ALLOWED_BY_LOCAL_GUARD), Failure.NOT_ALLOWED_BY_LOCAL_GUARD),
    ],
)
def test_an_unreachable_responder_is_named(raised: Exception, failure: Failure) -> None:
    class Away(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise raised

    async def main() -> RtcResult:
        async with World() as world:
            return await world.call(http=Away())

    assert run(main).signalling.failure == failure


def test_the_local_guard_refuses_a_responder_elsewhere_before_anything_is_sent() -> None:
    async def main() -> RtcResult:
        return await call(
            "http://192.0.2.7/v1/whip/session",
            httpx.ASGITransport(lambda *_: None),  # type: ignore[arg-type, return-value]
            responder_host="192.0.2.7",
            port_shift=0,
            media_duration_s=1,
            now_ns=time.monotonic_ns,
            start_ns=time.monotonic_ns(),
        )

    assert run(main).signalling.failure == Failure.NOT_ALLOWED_BY_LOCAL_GUARD


def test_the_port_that_the_answer_names_is_shifted_as_the_session_says() -> None:
    """A relay may stand in between on other ports."""

    async def main() -> RtcResult:
        async with World() as world:
            world.named_port_shift = -7
            return await world.call(0.3, port_shift=7)

    assert first_failing(run(main).stages) is None


def test_two_calls_share_one_port_without_mixing() -> None:
    """Each end of each call finds its own packets only."""

    async def main() -> list[RtcResult]:
        async with World() as world:
            names = iter(("first", "second"))
            answer = world.calls.answer

            async def named(_session: str, *rest: object) -> tuple[str, str]:
                return await answer(next(names), *rest)  # type: ignore[arg-type]

            world.calls.answer = named  # type: ignore[method-assign]
            results = await asyncio.gather(world.call(0.4), world.call(0.4))
            views = [world.calls.view(name) for name in ("first", "second")]
            assert {tuple(p.sequence for p in r.sent) for r in results} == {
                v.received_sequence for v in views if v
            }
            return results

    assert [first_failing(result.stages) for result in run(main)] == [None, None]


def test_a_tap_sees_every_datagram_of_the_call() -> None:
    """A pcap writer needs STUN and DTLS as well as media."""
    assert good_call().seen == {(d, k) for d in ("in", "out") for k in ("stun", "dtls", "srtp")}


def test_a_call_on_another_loop_is_a_bug_and_says_so() -> None:
    """Without our loop no packet would be recorded, and silence would look like a blocked network."""

    async def main() -> None:
        with pytest.raises(TypeError, match="StampedLoop"):
            await World().call()

    with asyncio.Runner() as runner:
        runner.run(main())
