"""The published row: one measurement as flat columns, the contract between collector and analysis.

Plain strings, float64 and integers only (no dictionary type in the file schema). Null = not known.
"""

from typing import Any, Literal

import msgspec

from callresults.measurement import Measurement
from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.call import CallKeys
from callresults.nettests.common import OBSERVED
from callresults.nettests.service import ServiceKeys
from callresults.observation import MEDIA_STAGES, Stage, first_failing, obstacles

COLUMNS_VERSION = 1


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the data set. Partition keys ``month`` and ``country`` are columns too."""

    measurement_id: str
    report_id: str
    measurement_start_time: str
    """UTC ``YYYY-mm-dd HH:MM:SS``, rounded to 5 minutes by the probe."""
    month: str
    """``YYYY-mm`` of the start, UTC."""
    country: str
    """``probe_cc``."""
    asn: str
    """``AS`` and number; ``AS0`` unknown or withheld."""
    access_type: str
    probe_id: str
    software_version: str
    emulated: bool
    history: str | None
    source: str
    """``probe``, ``capture`` or ``browser-dump``; what is not of a probe has the arm ``observed``."""
    nettest: Literal["call", "service_reachability"]
    scenario_id: str
    service: str
    medium: str
    arm: str
    pair_id: str
    dialect: str | None
    dialect_version: str | None
    control_nature: str | None
    responder_id: str | None
    responder_network: str | None
    target_id: str | None
    valid: bool
    void_reason: str | None
    first_failing_stage: str | None
    """The first of the stages that ``callresults.observation.obstacles`` counts."""
    setup_ok: bool
    """None of these was before the media (for a service: there was none)."""
    setup_s: float | None
    """Seconds from the first stage's start to the end of the last set-up stage that succeeded.

    Null unless ``setup_ok``, and where the last one failed and only the media show that the way was open.
    """
    media_ok: bool | None
    """Both media stages succeeded; null for a service, and for an observed call without a stage of media."""
    failure: str | None
    """Failure of the first failing stage."""
    packets_sent_up: int | None
    packets_sent_down: int | None
    loss_ratio_up: float | None
    loss_ratio_down: float | None
    late_ratio_up: float | None
    late_ratio_down: float | None
    jitter_ms_up: float | None
    jitter_ms_down: float | None
    pdv_ms_p95_up: float | None
    pdv_ms_p95_down: float | None
    burst_duration_ms_up: float | None
    burst_duration_ms_down: float | None
    burst_density_ratio_up: float | None
    burst_density_ratio_down: float | None
    loss_run_packets_mean_up: float | None
    loss_run_packets_mean_down: float | None
    burst_r_up: float | None
    burst_r_down: float | None
    longest_silence_ms_up: float | None
    longest_silence_ms_down: float | None
    r_factor_up: float | None
    r_factor_down: float | None
    mos_cq_up: float | None
    mos_cq_down: float | None
    verdict: str | None
    """The probe's own verdict: kept, not trusted."""
    verdict_rule_id: str | None
    verdict_scope: str | None
    coarsened: bool
    """True when the network was withheld (fewer than k volunteers); then ``canonical`` is null."""
    canonical: str | None
    """The canonical bytes as text; their SHA-256 is ``measurement_id``."""


def _direction(metrics: DirectionMetrics | None, suffix: str) -> dict[str, Any]:
    names = (
        "packets_sent",
        "loss_ratio",
        "late_ratio",
        "jitter_ms",
        "pdv_ms_p95",
        "burst_duration_ms",
        "burst_density_ratio",
        "loss_run_packets_mean",
        "burst_r",
        "longest_silence_ms",
        "r_factor",
        "mos_cq",
    )
    return {f"{name}_{suffix}": None if metrics is None else getattr(metrics, name) for name in names}


def _setup(stages: tuple[Stage, ...]) -> tuple[bool, float | None]:
    setup = [stage for stage in stages if stage.name not in MEDIA_STAGES]
    # Of a call that was observed from its middle on there are rungs of the media only: its set-up succeeded.
    ok = bool(stages) and all(stage.name in MEDIA_STAGES for stage in obstacles(stages))
    if not ok or not setup or setup[-1].outcome != "ok":
        return ok, None
    return ok, max(stage.t for stage in setup if stage.outcome == "ok") - setup[0].t0


def _media_ok(keys: CallKeys | ServiceKeys) -> bool | None:
    if isinstance(keys, ServiceKeys):
        return None
    media = [stage for stage in keys.stages if stage.name in MEDIA_STAGES]
    if not media and keys.arm == OBSERVED:
        return None
    return bool(media) and all(stage.outcome == "ok" for stage in media)


def row_of(measurement: Measurement, measurement_id: str, canonical: bytes) -> Row:
    """Return the published row of a measurement, nothing withheld."""
    keys = measurement.test_keys
    call = keys if isinstance(keys, CallKeys) else None
    failing = first_failing(keys.stages)
    setup_ok, setup_s = _setup(keys.stages)
    return Row(
        measurement_id=measurement_id,
        report_id=measurement.report_id,
        measurement_start_time=measurement.measurement_start_time,
        month=measurement.measurement_start_time[:7],
        country=measurement.probe_cc,
        asn=measurement.probe_asn,
        access_type=keys.access_type,
        probe_id=keys.probe_id,
        software_version=measurement.software_version,
        emulated=measurement.annotations.emulated,
        history=measurement.annotations.history,
        source=measurement.annotations.source,
        nettest="call" if call else "service_reachability",
        scenario_id=keys.scenario_id,
        service=keys.service,
        medium=keys.medium,
        arm=keys.arm,
        pair_id=keys.pair_id,
        dialect=call.dialect if call else None,
        dialect_version=call.dialect_version if call else None,
        control_nature=call.control_nature if call else None,
        responder_id=call.responder_id if call else None,
        responder_network=call.responder_network if call else None,
        target_id=keys.target_id if isinstance(keys, ServiceKeys) else None,
        valid=keys.valid,
        void_reason=keys.void_reason,
        first_failing_stage=failing.name if failing else None,
        setup_ok=setup_ok,
        setup_s=setup_s,
        media_ok=_media_ok(keys),
        failure=str(failing.failure) if failing and failing.failure else None,
        **_direction(call.metrics_up if call else None, "up"),
        **_direction(call.metrics_down if call else None, "down"),
        verdict=keys.verdict.verdict if keys.verdict else None,
        verdict_rule_id=keys.verdict.rule_id if keys.verdict else None,
        verdict_scope=keys.verdict.scope if keys.verdict else None,
        coarsened=False,
        canonical=canonical.decode(),
    )
