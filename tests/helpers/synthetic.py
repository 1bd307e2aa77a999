"""Synthetic measurements: whole records from seeded loss, for samples and for tests of what reads them."""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from callresults.codec import canonical_bytes
from callresults.failure import Failure
from callresults.measurement import Annotations, Measurement
from callresults.metrics.summary import Arrival, MetricOptions, SentPacket, direction_metrics, per_second
from callresults.nettests.browser import BrowserCall, ConnectionChange, IceChange
from callresults.nettests.call import CallKeys, ResponderView
from callresults.nettests.capture import CaptureCall
from callresults.nettests.common import LocalConditions
from callresults.nettests.series import series_of
from callresults.nettests.service import ServiceKeys
from callresults.observation import Stage, StageName
from callresults.packet_record import FlowRecord, direction_record, encode
from callresults.rules.pairs import judge

SAMPLES: Final = Path(__file__).parents[2] / "results" / "samples"
PTIME_NS: Final = 20_000_000
CALL_STAGES: Final[tuple[StageName, ...]] = ("udp_open", "relay_ping", "media_first_packet", "media_hold")
SERVICE_STAGES: Final[tuple[StageName, ...]] = ("resolve", "tcp_connect", "tls_handshake", "http_response")

Losses = Callable[[random.Random], Iterator[bool]]
"""An endless pattern of losses, True = lost."""


def no_loss(_: random.Random) -> Iterator[bool]:
    """Nothing is lost."""
    while True:
        yield False


def random_loss(ratio: float) -> Losses:
    """Each packet is lost by itself."""

    def pattern(draw: random.Random) -> Iterator[bool]:
        while True:
            yield draw.random() < ratio

    return pattern


def gilbert_loss(ratio: float, burst_packets: float) -> Losses:
    """Runs of losses of a mean length (Gilbert's two states)."""
    leave_bad = 1 / burst_packets
    leave_good = leave_bad * ratio / (1 - ratio)

    def pattern(draw: random.Random) -> Iterator[bool]:
        bad = draw.random() < ratio
        while True:
            yield bad
            bad = draw.random() >= leave_bad if bad else draw.random() < leave_good

    return pattern


def cut_after(packets: int) -> Losses:
    """Nothing arrives after so many packets."""

    def pattern(_: random.Random) -> Iterator[bool]:
        index = 0
        while True:
            yield index >= packets
            index += 1

    return pattern


def packets(
    duration_s: float, losses: Iterable[bool], draw: random.Random
) -> tuple[list[SentPacket], list[Arrival]]:
    """One direction at 50 packets a second: 40 ms of delay and some jitter on an unrelated clock."""
    sent = [SentPacket(index, index * PTIME_NS) for index in range(round(duration_s * 50))]
    arrivals = [
        Arrival(packet.sequence, packet.sent_ns + 7_040_000_000 + round(draw.expovariate(1 / 500_000)))
        for packet, lost in zip(sent, losses, strict=False)
        if not lost
    ]
    return sent, sorted(arrivals, key=lambda arrival: arrival.arrival_ns)


def ladder(
    names: Iterable[StageName], failing: StageName | None = None, failure: Failure = Failure.GENERIC_TIMEOUT
) -> tuple[Stage, ...]:
    """Return a ladder that fails at one rung; those above it are not reached."""
    stages: list[Stage] = []
    t0 = 0.0
    for name in names:
        if stages and stages[-1].outcome != "ok":
            stages.append(Stage(name=name, t0=t0, t=t0, outcome="not_reached", failure=failure))
        elif name == failing:
            stages.append(Stage(name=name, t0=t0, t=t0 + 5, outcome="failed", failure=failure, attempts=5))
        else:
            stages.append(Stage(name=name, t0=t0, t=t0 + 0.08, outcome="ok", attempts=1))
        t0 = stages[-1].t
    return tuple(stages)


def call_keys(
    *,
    arm: str = "shaped",
    up: Losses = no_loss,
    down: Losses = no_loss,
    duration_s: float = 20.0,
    failing: StageName | None = None,
    responder_view: bool = True,
    seed: int = 1,
    record: bool = False,
    **fields: Any,
) -> CallKeys:
    """Return the keys of one call with given losses; nothing of the media exists below a failed set-up."""
    draw = random.Random(f"{seed}/{arm}")
    media = failing in {None, "media_hold", "media_first_packet"}
    flows = [packets(duration_s if media else 0.0, losses(draw), draw) for losses in (up, down)]
    options = MetricOptions()
    metrics = (
        [direction_metrics(*flow, options) for flow in flows] if media and responder_view else [None, None]
    )
    counts = [per_second(*flow) for flow in flows]
    sizes = dict.fromkeys(range(round(duration_s * 50)), 160)
    base = CallKeys(
        scenario_id="calls/telegram-voice",
        scenario_digest="0" * 64,
        service="telegram",
        medium="voice",
        arm=arm,
        pair_id="pair-1",
        session_id="session-1",
        probe_id="probe-1",
        stages=ladder(CALL_STAGES, failing),
        local=LocalConditions(
            kernel_timestamps=True, send_late_ms_p50=0.02, send_late_ms_p99=0.4, load_1m=0.2
        ),
        dialect="telegram-v2" if arm == "shaped" else "random",
        dialect_version="1",
        dialect_capture_date="2025-09-01" if arm == "shaped" else None,
        control_nature="random" if arm in {"control", "aa"} else None,
        responder_id="responder-a",
        responder_network="AS64500",
        responder_kind="hosting",
        responder_port=3478,
        media_duration_s=duration_s,
        metrics_up=metrics[0],
        metrics_down=metrics[1],
        series=series_of(*counts, responder_view=responder_view) if media else (),
        packet_record=encode(FlowRecord(*(direction_record(*flow, sizes) for flow in flows)))
        if record
        else None,
        packet_record_resolution_us=1 if record else None,
        responder_view=ResponderView(
            packets_received=len(flows[0][1]),
            packets_sent=len(flows[1][0]),
            kernel_timestamps=True,
            complete=True,
        )
        if responder_view
        else None,
    )
    return msgspec.structs.replace(base, **fields)


def service_keys(*, arm: str = "service", failing: StageName | None = None, **fields: Any) -> ServiceKeys:
    """Return the keys of one endpoint of a service."""
    base = ServiceKeys(
        scenario_id="services/telegram",
        scenario_digest="1" * 64,
        service="telegram",
        medium="messaging",
        arm=arm,
        pair_id="pair-1",
        session_id=None,
        probe_id="probe-1",
        stages=ladder(SERVICE_STAGES, failing),
        target_id="telegram-web",
        protocol="https",
        http_status=200 if failing is None else None,
        bytes_received=4096 if failing is None else 0,
    )
    return msgspec.structs.replace(base, **fields)


def measurement(keys: CallKeys | ServiceKeys, **fields: Any) -> Measurement:
    """Wrap keys in an envelope."""
    base = Measurement(
        report_id="20250812T101500Z_call_ZZ_64501_n1_0123456789abcdef",
        test_name="call" if isinstance(keys, CallKeys) else "service_reachability",
        test_version="0.1.0",
        test_start_time="2025-08-12 10:15:00",
        measurement_start_time="2025-08-12 10:15:00",
        test_runtime=21.5,
        probe_cc="ZZ",
        probe_asn="AS64501",
        probe_network_name="Example Network",
        software_name="callprobe",
        software_version="0.1.0",
        input=keys.target_id if isinstance(keys, ServiceKeys) else None,
        annotations=Annotations(emulated=True),
        test_keys=keys,
    )
    return msgspec.structs.replace(base, **fields)


def samples() -> dict[str, Measurement]:
    """Return the canonical samples of ``results/samples``, by the stem of their file."""
    control = call_keys(arm="control", duration_s=10.0)
    bursty = call_keys(duration_s=10.0, up=gilbert_loss(0.4, 12), down=gilbert_loss(0.4, 12), record=True)
    blocked = call_keys(failing="relay_ping")
    cut = call_keys(duration_s=10.0, up=cut_after(150), down=cut_after(150), failing="media_hold")
    viewless = call_keys(duration_s=10.0, responder_view=False)
    service, neutral = service_keys(failing="tcp_connect"), service_keys(arm="neutral", service="example")
    judged = {
        "call-shaped-bursty-loss": (bursty, control),
        "call-shaped-handshake-blocked": (blocked, control),
        "call-shaped-cut": (cut, control),
        "call-shaped-no-responder-view": (viewless, control),
        "service-tcp-blocked": (service, neutral),
    }
    found = {
        stem: measurement(msgspec.structs.replace(target, verdict=judge(target, [beside])))
        for stem, (target, beside) in judged.items()
    }
    void = call_keys(duration_s=2.0, valid=False, void_reason="path-altered")
    found |= {"call-control": measurement(control), "call-void": measurement(void)}
    return found | {"call-observed-capture": _captured(), "call-observed-browser": _told_by_browser()}


def _observed(source: Literal["capture", "browser-dump"], **fields: Any) -> Measurement:
    """Return a call that people made and somebody recorded: nobody's arm, without a verdict."""
    keys = call_keys(
        arm="observed",
        duration_s=4.0,
        responder_view=False,
        scenario_id="observed",
        scenario_digest="",
        session_id=None,
        local=None,
        dialect=source,
        dialect_version="",
        dialect_capture_date=None,
        responder_id="unknown",
        responder_network="AS0",
        responder_kind="unknown",
        responder_port=None,
        **fields,
    )
    return measurement(keys, annotations=Annotations(emulated=True, source=source))


def _captured() -> Measurement:
    arrived = direction_metrics(
        *packets(4.0, gilbert_loss(0.1, 4)(random.Random(1)), random.Random(1)), MetricOptions()
    )
    unknown = {
        "packets_late": None,
        "late_ratio": None,
        "loss_wait_s": None,
        "playout_ms": None,
        "r_factor": None,
    }
    capture = CaptureCall(
        service_confidence=0.99,
        generation="tgcalls v2",
        nearest_look="telegram-v2",
        nearest_look_version="1",
        nearest_look_matching_ratio=0.9,
        refuted_stages=("stun_binding",),
        encapsulations=("reflector",),
        streams_up=1,
        streams_down=1,
        opaque_packets=0,
        ended_by=None,
    )
    return _observed(
        "capture",
        stages=ladder(("relay_ping", "media_first_packet", "media_hold")),
        metrics_down=msgspec.structs.replace(arrived, **unknown),
        capture=capture,
    )


def _told_by_browser() -> Measurement:
    browser = BrowserCall(
        format="webrtc-internals",
        browser="chrome",
        browser_version=149,
        duration_s=4.0,
        ice_states=(IceChange(at_s=0.1, state="checking"), IceChange(at_s=5.1, state="failed")),
        connection_states=(ConnectionChange(at_s=5.1, state="failed"),),
        local_candidates={"host": 1, "srflx": 1},
        remote_candidates={"relay": 1},
        candidate_errors=0,
        pair=None,
        transport=None,
        tracks=(),
    )
    stages = ladder(("ice_connectivity", "dtls_handshake"), "ice_connectivity", Failure.ICE_FAILED)
    return _observed("browser-dump", stages=stages, series=(), media_duration_s=0.0, browser=browser)


if __name__ == "__main__":
    for stem, sample in samples().items():
        (SAMPLES / f"{stem}.json").write_bytes(canonical_bytes(sample))
