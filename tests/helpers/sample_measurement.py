"""Whole, valid measurements for tests of the store, the collector, the outbox and the redaction."""

import random

from callresults.codec import canonical_bytes, measurement_id
from callresults.measurement import Annotations, Measurement
from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.call import CallKeys, ResponderView, Second
from callresults.nettests.service import ServiceKeys
from callresults.observation import Stage
from callresults.store.sqlite import Item, item_of
from callresults.verdict import Verdict


def _metrics(rng: random.Random) -> DirectionMetrics:
    lost = rng.randrange(0, 200)
    return DirectionMetrics(
        packets_sent=500,
        packets_received=500 - lost,
        packets_lost=lost,
        loss_ratio=lost / 500,
        loss_wait_s=3.0,
        packets_late=0,
        late_ratio=0.0,
        playout_ms=150.0,
        packets_duplicated=0,
        duplicated_ratio=0.0,
        packets_reordered=0,
        reordered_ratio=0.0,
        jitter_ms=rng.random(),
        jitter_ms_mean=rng.random(),
        jitter_ms_max=rng.random() * 9,
        ipdv_ms_p95=rng.random(),
        pdv_ms_p50=rng.random(),
        pdv_ms_p95=rng.random(),
        gmin_packets=16,
        burst_density_ratio=None,
        burst_duration_ms=None,
        gap_density_ratio=0.0,
        gap_duration_ms=10_000.0,
        loss_run_packets_mean=rng.random() * 4,
        loss_run_packets_max=3,
        burst_r=1.0,
        longest_silence_ms=60.0,
        r_factor=88.2,
        mos_cq=4.2,
        mos_cq_low=4.0,
        mos_cq_high=4.3,
        mos_model="g107_2015",
    )


def _stages() -> tuple[Stage, ...]:
    names = ("udp_open", "relay_ping", "turn_allocation", "media_first_packet", "media_hold")
    return tuple(
        Stage(name=name, t0=float(n), t=n + 0.5, outcome="ok", deadline_s=5.0, attempts=1, rtt_ms=31.5)  # type: ignore[arg-type]
        for n, name in enumerate(names)
    )


def call(
    number: int = 0,
    *,
    country: str = "RU",
    asn: str = "AS64500",
    month: str = "2025-08",
    volunteer: str = "",
    emulated: bool = True,
) -> Measurement:
    """Return a shaped call, different for every ``number``."""
    rng = random.Random(number)
    start = f"{month}-{1 + number % 28:02d} {number // 12 % 24:02d}:{number % 12 * 5:02d}:00"
    return Measurement(
        report_id=f"report-{number:08d}",
        test_name="call",
        test_version="0.1.0",
        test_start_time=start,
        measurement_start_time=start,
        test_runtime=12.25,
        probe_cc=country,
        probe_asn=asn,
        probe_network_name="",
        software_name="callprobe",
        software_version="0.1.0",
        input=None,
        annotations=Annotations(emulated=emulated, history="test" if emulated else None),
        test_keys=CallKeys(
            scenario_id="calls/telegram-voice",
            scenario_digest="00" * 32,
            service="telegram",
            medium="voice",
            arm="shaped",
            pair_id=f"pair-{number:08d}",
            session_id=None,
            probe_id=volunteer or f"volunteer-{number % 7}",
            stages=_stages(),
            verdict=Verdict(
                verdict="ok", scope="look", rule_id="call.ok", first_failing_stage=None, n_packets=1000
            ),
            dialect="telegram-v2",
            dialect_version="1",
            dialect_capture_date="2025-08-01",
            responder_id="responder-one",
            responder_port=40_000,
            media_duration_s=10.0,
            metrics_up=_metrics(rng),
            metrics_down=_metrics(rng),
            series=tuple(
                Second(second=n, sent_up=50, received_up=50, sent_down=50, received_down=50)
                for n in range(10)
            ),
            responder_view=ResponderView(
                packets_received=500, packets_sent=500, kernel_timestamps=True, complete=True
            ),
        ),
    )


def service(number: int = 0, *, volunteer: str = "volunteer-0") -> Measurement:
    """Return a reachability measurement of a domestic endpoint."""
    whole = call(number)
    keys = ServiceKeys(
        scenario_id="services/domestic",
        scenario_digest="11" * 32,
        service="domestic",
        medium="messaging",
        arm="domestic",
        pair_id=f"pair-{number:08d}",
        session_id=None,
        probe_id=volunteer,
        stages=(Stage(name="tcp_connect", t0=0.0, t=0.04, outcome="ok", attempts=1, rtt_ms=40.0),),
        target_id="domestic-front",
        protocol="https",
        http_status=200,
        bytes_received=512,
    )
    return Measurement(
        **{
            **{name: getattr(whole, name) for name in whole.__struct_fields__},
            "test_name": "service_reachability",
            "test_keys": keys,
        }
    )


def canonical_call(number: int = 0, **kwargs: str | bool) -> bytes:
    """Return the canonical bytes of ``call(number, ...)``."""
    return canonical_bytes(call(number, **kwargs))  # type: ignore[arg-type]


def item(number: int, day: str = "2025-08-11") -> Item:
    """Return what the store keeps of ``call(number)``."""
    measurement = call(number)
    canonical = canonical_bytes(measurement)
    return item_of(measurement, measurement_id(canonical), canonical, day)
