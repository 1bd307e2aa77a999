"""The WebRTC arm beside its control on loopback, and its keys."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from callprobe.media.session import FlowView
from callprobe.net import clock
from callprobe.net.guard import Guard
from callprobe.net.loop import StampedLoop
from callprobe.net.sockets import SocketNet
from callprobe.responder.app import build_app
from callprobe.responder.plane import ResponderPlane
from callprobe.responder.server import UdpPorts, bind_ports
from callprobe.run.events import Silent
from callprobe.run.runner import Runner
from callprobe.run.session import ResponderUrl
from callprobe.run.soundness import Due
from callprobe.run.webrtc import WebrtcOutcome, fetch_view, webrtc_keys
from callresults.codec import decode
from callresults.failure import Failure
from callresults.measurement import Measurement
from callresults.metrics.summary import Arrival, SentPacket
from callresults.nettests.call import CallKeys
from callresults.observation import Stage
from helpers.joined import joined_for
from helpers.worlds import IDENTITY, SURROUNDINGS, call_scenario, make_plane, stages

LOOPBACK = "127.0.0.1"
SCENARIO = call_scenario("webrtc-aiortc", arms=("webrtc", "control"))


class LoopbackNet(SocketNet):
    """Real UDP on loopback; the web of the far end is reached within the process."""

    def __init__(self, app: Any) -> None:
        super().__init__(Guard(only_local=True), random.Random(1))
        self.app = app

    def http(self) -> httpx.AsyncBaseTransport:
        return httpx.ASGITransport(self.app)


@asynccontextmanager
async def runner_on_loopback(**changes: Any) -> AsyncIterator[tuple[Runner, ResponderUrl, list[bytes]]]:
    listener, sockets = bind_ports(LOOPBACK, 0, 2)
    first = listener.getsockname()[1]
    plane = ResponderPlane(
        IDENTITY,
        base_port=first,
        ports=(first, first + 1),
        entropy=make_plane()._entropy,
        utc_offset_ns=0,
    )
    ports = UdpPorts(plane, sockets)
    app = build_app(plane, now_ns=clock.now_ns, draw_port=ports.draw_port, calls=ports.calls)
    kept: list[bytes] = []
    with listener:
        ports.start()
        try:
            runner = Runner(LoopbackNet(app), SURROUNDINGS, random.Random(1), keep=kept.append, **changes)
            runner.surroundings = type(SURROUNDINGS)(
                probe_id_for=lambda network: network, emulated=True, media_duration_s=0.6
            )
            yield runner, ResponderUrl(f"http://{LOOPBACK}:{first}", LOOPBACK, first), kept
        finally:
            await ports.stop()


def on_the_loop(main: Any) -> Any:
    with asyncio.Runner(loop_factory=StampedLoop) as runner:
        return runner.run(main)


def call_keys(measurement: Measurement) -> CallKeys:
    assert isinstance(measurement.test_keys, CallKeys)
    return measurement.test_keys


def test_real_call_and_its_control_get_through_side_by_side() -> None:
    async def main() -> list[bytes]:
        async with runner_on_loopback() as (runner, url, kept):
            await runner.run(SCENARIO, [url])
        return kept

    webrtc, control = (decode(data) for data in on_the_loop(main()))
    for measurement in (webrtc, control):
        keys = call_keys(measurement)
        assert set(stages(measurement).values()) == {"ok"}
        assert keys.metrics_up is not None
        assert keys.metrics_up.packets_received > 20
        assert keys.local is not None
        assert keys.local.load_1m is not None
    assert (call_keys(webrtc).dialect, call_keys(webrtc).dialect_version) == ("webrtc-aiortc", "1.16.0")
    assert call_keys(control).dialect == "random:webrtc-aiortc"
    assert list(stages(webrtc)) == [stage.name for stage in call_keys(webrtc).stages]
    assert {"udp_open", "ice_connectivity", "dtls_handshake"} <= stages(webrtc).keys()
    (echo,) = [stage for stage in call_keys(control).stages if stage.name == "udp_open"]
    assert echo.rtt_ms is not None


class Notices(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def notice(self, sentence: str) -> None:
        self.sentences.append(sentence)


def test_call_whose_far_ends_record_is_no_record_is_told_and_kept() -> None:
    listener = Notices()

    def lying(app: Any) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if not (scope["path"].startswith("/v1/whip") and scope["path"].endswith("/record")):
                return await app(scope, receive, send)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return await send({"type": "http.response.body", "body": b'{"\xff'})

        return answer

    async def main() -> list[bytes]:
        async with runner_on_loopback(listener=listener) as (runner, url, kept):
            assert isinstance(runner.net, LoopbackNet)
            runner.net.app = lying(runner.net.app)
            await runner.run(SCENARIO, [url])
        return kept

    webrtc, control = (call_keys(decode(data)) for data in on_the_loop(main()))
    assert (webrtc.responder_view, webrtc.metrics_up) == (None, None)
    assert control.responder_view is not None
    (sentence,) = listener.sentences
    assert sentence.startswith("the responder's record of the WebRTC call never came or cannot be true")


class Impatient(Silent):
    """Presses Ctrl-C once media flow."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None

    def phase(self, phase: Any) -> None:
        if phase.name == "media" and self.task is not None:
            self.task.cancel()


def test_interrupted_run_keeps_both_arms_and_leaves_no_task_behind() -> None:
    listener = Impatient()

    async def main() -> tuple[list[bytes], int]:
        async with runner_on_loopback(listener=listener) as (runner, url, kept):
            listener.task = asyncio.ensure_future(runner.run(SCENARIO, [url]))
            with pytest.raises(asyncio.CancelledError):
                await listener.task
        return kept, len(asyncio.all_tasks()) - 1

    kept, left = on_the_loop(main())
    measurements = [decode(data) for data in kept]
    assert [call_keys(item).arm for item in measurements] == ["webrtc", "control"]
    assert {call_keys(item).void_reason for item in measurements} == {"interrupted"}
    assert left == 0


VIEW = FlowView(
    flow_id=0,
    first_control_us=None,
    control_received=0,
    control_answered=0,
    received_sequence=(20_000, 20_001),
    received_us=(0, 20_000),
    sent_sequence=(9_000, 9_001),
    sent_us=(0, 20_000),
)


def viewed(answer: httpx.Response) -> FlowView | None:
    transport = httpx.MockTransport(lambda _request: answer)
    return asyncio.run(fetch_view("http://127.0.0.1:9/v1/whip/s", transport, Due(up=2, down=2)))


def test_view_of_the_far_end_is_taken_if_it_can_be_true() -> None:
    assert viewed(httpx.Response(200, content=msgspec.json.encode(VIEW))) == VIEW


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(200, content=b'{"\xff'),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b" " * (9 << 20)),
        httpx.Response(
            200, content=msgspec.json.encode(msgspec.structs.replace(VIEW, sent_us=(-(2**47), 0)))
        ),
        httpx.Response(
            200, content=msgspec.json.encode(msgspec.structs.replace(VIEW, sent_sequence=(9_000, 9_002)))
        ),
    ],
    ids=["none", "no-text", "deep", "too-long", "before-the-call", "invented"],
)
def test_view_that_cannot_be_true_is_none(answer: httpx.Response) -> None:
    assert viewed(answer) is None


OPENED = Stage(name="session_open", t0=0.1, t=0.2, outcome="ok")
OUTCOME = WebrtcOutcome(
    signalling=Stage(name="session_open", t0=0.3, t=0.5, outcome="ok"),
    stages=(),
    sent=[SentPacket(number, number * 20_000_000) for number in range(100)],
    received=[Arrival(number, number * 20_000_000) for number in range(50)],
    sizes_up=dict.fromkeys(range(100), 90),
    sizes_down=dict.fromkeys(range(50), 90),
    late_ns=[1_000_000, 3_000_000, 2_000_000],
    kernel_timestamps=True,
    local_drops=2,
    view=None,
)


def test_session_is_open_when_the_call_is_signalled_and_not_before() -> None:
    refused = Stage(name="session_open", t0=0.3, t=0.5, outcome="failed", failure=Failure.SESSION_REFUSED)
    joined = joined_for(SCENARIO, before=(OPENED,))
    (stage,) = webrtc_keys(OUTCOME, joined, None).stages
    assert (stage.t0, stage.t, stage.outcome) == (0.1, 0.5, "ok")
    (stage,) = webrtc_keys(OUTCOME._replace(signalling=refused), joined, None).stages
    assert (stage.outcome, stage.failure) == ("failed", Failure.SESSION_REFUSED)


def test_keys_without_the_far_ends_view_have_counts_and_no_metrics() -> None:
    keys = webrtc_keys(OUTCOME, joined_for(SCENARIO), None)
    assert (keys.metrics_up, keys.metrics_down, keys.responder_view) == (None, None, None)
    assert sum(second.received_down for second in keys.series) == 50
    assert keys.local is not None
    assert (keys.local.send_late_ms_p50, keys.local.local_drops_packets) == (2.0, 2)


def test_keys_with_the_far_ends_view_have_both_directions() -> None:
    times = tuple(number * 20_000 for number in range(100))
    view = FlowView(
        flow_id=0,
        first_control_us=None,
        control_received=0,
        control_answered=0,
        received_sequence=tuple(range(90)),
        received_us=times[:90],
        sent_sequence=tuple(range(100)),
        sent_us=times,
    )
    keys = webrtc_keys(OUTCOME._replace(view=view), joined_for(SCENARIO, views=(view,)), None)
    assert keys.metrics_up is not None
    assert keys.metrics_down is not None
    assert (keys.metrics_up.loss_ratio, keys.metrics_down.loss_ratio) == (0.1, 0.5)
    assert keys.void_reason is None
    assert Failure.MEDIA_NEVER_ARRIVED not in {stage.failure for stage in keys.stages}
