"""What a run would send where: the text of ``callprobe run --dry-run``."""

from collections.abc import Sequence
from typing import Final

import msgspec

from callprobe.dialect.registry import find
from callprobe.media.session import down_seed
from callprobe.run.session import ResponderUrl
from callprobe.scenario.model import CallScenario, Scenario, ServiceScenario

IP_UDP_BYTES: Final = 28
SETUP_BYTES: Final = 4_000
"""Set-up, keepalives and signalling of one arm, rounded up."""
WEBRTC_BYTES_PER_S: Final = 2 * 50 * 170
TLS_BYTES: Final = 12_000
OVERHEAD_S: Final = 3.0
SEED: Final = 1


class PlannedScenario(msgspec.Struct, frozen=True, kw_only=True):
    """What one scenario would send, once."""

    scenario: str
    to: tuple[str, ...]
    bytes: int
    """Both directions, IP headers included; an estimate."""
    seconds: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would send where."""

    scenarios: tuple[PlannedScenario, ...]
    repeat: int
    bytes: int
    minutes: float


def plan(
    scenarios: Sequence[Scenario],
    responders: Sequence[ResponderUrl],
    *,
    repeat: int,
    duration_s: float | None,
) -> Plan:
    """Return what a run would send where; ``duration_s`` replaces the scenarios' own."""
    planned = tuple(_planned(scenario, responders, duration_s) for scenario in scenarios)
    return Plan(
        scenarios=planned,
        repeat=repeat,
        bytes=repeat * sum(item.bytes for item in planned),
        minutes=round(repeat * sum(item.seconds for item in planned) / 60, 2),
    )


def plan_text(planned: Plan) -> str:
    """Return the plan for people: a line per scenario and destination, then the totals."""
    lines = [line for item in planned.scenarios for line in _lines(item)]
    times = "once" if planned.repeat == 1 else f"{planned.repeat} times"
    total = f"about {planned.bytes / 1e6:.1f} MB in {planned.minutes:.1f} minutes"
    return "\n".join([*lines, f"In all, {times}: {total}. Nothing was sent."])


def _lines(item: PlannedScenario) -> list[str]:
    head = f"{item.scenario:<24} {item.bytes / 1e6:5.2f} MB {item.seconds:5.1f} s  to "
    return [(head if number == 0 else " " * len(head)) + where for number, where in enumerate(item.to)]


def _planned(
    scenario: Scenario, responders: Sequence[ResponderUrl], duration_s: float | None
) -> PlannedScenario:
    where, size, lasts = _cost(scenario, responders, duration_s)
    return PlannedScenario(scenario=scenario.id, to=where, bytes=size, seconds=lasts)


def _cost(
    scenario: Scenario, responders: Sequence[ResponderUrl], duration_s: float | None
) -> tuple[tuple[str, ...], int, float]:
    if isinstance(scenario, ServiceScenario):
        where = tuple(f"{target.host}:{target.port} ({target.protocol})" for target in scenario.targets)
        return where, TLS_BYTES * len(scenario.targets), 0.5 * len(scenario.targets)
    lasts = duration_s or scenario.media_duration_s
    size = sum(_arm_bytes(scenario, arm, lasts) for arm in scenario.arms)
    where = tuple(f"{url.host}:{url.port} (signalling TCP, media UDP)" for url in responders)
    return where, size, lasts + OVERHEAD_S


def _arm_bytes(scenario: CallScenario, arm: str, duration_s: float) -> int:
    if arm == "webrtc":
        return int(WEBRTC_BYTES_PER_S * duration_s)
    dialect = find(scenario.dialect)
    both = (
        *dialect.schedule(scenario.medium, duration_s, SEED),
        *dialect.schedule(scenario.medium, duration_s, down_seed(SEED)),
    )
    return SETUP_BYTES + sum(slot.size + IP_UDP_BYTES for slot in both)
