"""What a run would send where: the text of ``callprobe run --dry-run``."""

from collections.abc import Sequence
from typing import Final

from callprobe.dialect.registry import UnknownDialectError, find
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


def plan_text(
    scenarios: Sequence[Scenario],
    responders: Sequence[ResponderUrl],
    *,
    repeat: int,
    duration_s: float | None,
) -> str:
    """Return the plan, one line per scenario, then the totals in bytes and minutes."""
    lines, total_bytes, total_s = [], 0, 0.0
    for scenario in scenarios:
        where, size, lasts = _cost(scenario, responders, duration_s)
        lines.append(f"{scenario.id:<28} {size / 1e6:6.2f} MB {lasts:5.1f} s  to {where}")
        total_bytes += size
        total_s += lasts
    total = f"about {repeat * total_bytes / 1e6:.1f} MB in {repeat * total_s / 60:.1f} minutes"
    times = "once" if repeat == 1 else f"{repeat} times"
    return "\n".join([*lines, f"In all, {times}: {total}. Nothing was sent."])


def _cost(
    scenario: Scenario, responders: Sequence[ResponderUrl], duration_s: float | None
) -> tuple[str, int, float]:
    if isinstance(scenario, ServiceScenario):
        where = ", ".join(f"{target.host}:{target.port} ({target.protocol})" for target in scenario.targets)
        return where, TLS_BYTES * len(scenario.targets), 0.5 * len(scenario.targets)
    lasts = duration_s or scenario.media_duration_s
    size = sum(_arm_bytes(scenario, arm, lasts) for arm in scenario.arms)
    where = " or ".join(f"{url.host}:{url.port}" for url in responders)
    return f"{where} (signalling TCP, media UDP)", size, lasts + OVERHEAD_S


def _arm_bytes(scenario: CallScenario, arm: str, duration_s: float) -> int:
    if arm == "webrtc":
        return int(WEBRTC_BYTES_PER_S * duration_s)
    try:
        dialect = find(scenario.dialect)
    except UnknownDialectError:
        return 0
    both = (
        *dialect.schedule(scenario.medium, duration_s, SEED),
        *dialect.schedule(scenario.medium, duration_s, down_seed(SEED)),
    )
    return SETUP_BYTES + sum(slot.size + IP_UDP_BYTES for slot in both)
