"""What a run would send where, and whether it may: the text of ``callprobe run --dry-run``, and bounds."""

from collections.abc import Sequence
from math import ceil
from statistics import fmean, pstdev
from typing import Final

import msgspec

from callprobe.cli.errors import WrongInputError
from callprobe.dialect.registry import LOOKS, find
from callprobe.run.session import ResponderUrl
from callprobe.scenario.model import CallScenario, Scenario, ServiceScenario

IP_UDP_BYTES: Final = 28
SETUP_BYTES: Final = 4_000
"""Set-up, keepalives and signalling of one arm, rounded up."""
WEBRTC_LOOK: Final = "webrtc-aiortc"
"""What aiortc sends; the look of the ``webrtc`` arm and of its controls, and of nothing else."""
WEBRTC_PACKETS_PER_S: Final = 2 * 50
WEBRTC_PACKET_BYTES: Final = 280
"""Opus at aiortc's 96 kbit/s is 240 bytes in 20 ms; with RTP header, its extensions and the SRTP tag."""
TLS_BYTES: Final = 12_000
OVERHEAD_S: Final = 3.0
SEEDS: Final = range(32)
DEVIATIONS: Final = 4
"""A run draws its schedules; it is planned with the mean of so many, and so many standard deviations more."""


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
    payload, packets = _media(scenario, lasts)
    where = tuple(f"{url.host}:{url.port} (signalling TCP, media UDP)" for url in responders)
    return where, payload + packets * IP_UDP_BYTES, lasts + OVERHEAD_S


def check_playable(scenario: Scenario, named: str, duration_s: float | None = None) -> None:
    """Refuse a call that cannot be run as its file says, or costs more than it promises.

    ``named`` is how the person named the scenario; ``duration_s`` replaces its own. Raises WrongInputError.
    """
    if isinstance(scenario, ServiceScenario):
        return
    if scenario.dialect not in LOOKS:
        raise WrongInputError(
            f"{named}: dialect: {scenario.dialect!r} is no look of an application; "
            f"allowed are {', '.join(LOOKS)}"
        )
    wrong_arm = "shaped" if scenario.dialect == WEBRTC_LOOK else "webrtc"
    if wrong_arm in scenario.arms:
        raise WrongInputError(
            f"{named}: arms: {wrong_arm!r} cannot have the dialect {scenario.dialect!r}; "
            f"{WEBRTC_LOOK!r} is for the arm 'webrtc', the other dialects are for 'shaped'"
        )
    if "webrtc" in scenario.arms and scenario.medium != "voice":
        raise WrongInputError(
            f"{named}: medium: the arm 'webrtc' is a voice call; allowed is \"voice\", or other arms"
        )
    _check_bound(scenario, named, duration_s or scenario.media_duration_s)


def _check_bound(scenario: CallScenario, named: str, duration_s: float) -> None:
    planned, _ = _media(scenario, duration_s)
    if planned > scenario.max_bytes:
        raise WrongInputError(
            f"{named}: {duration_s:g} s of media would send {planned} bytes, over its max_bytes of "
            f"{scenario.max_bytes}; choose a shorter --media-duration-s, "
            "or raise max_bytes in a file of your own"
        )


def _media(scenario: CallScenario, duration_s: float) -> tuple[int, int]:
    """Return UDP payload bytes and packets of one run: all arms, both directions, an upper bound."""
    schedules = [find(scenario.dialect).schedule(scenario.medium, duration_s, seed) for seed in SEEDS]
    sizes, counts = (
        [sum(slot.size for slot in drawn) for drawn in schedules],
        [len(drawn) for drawn in schedules],
    )
    own = 2 * _upper(sizes) + SETUP_BYTES, 2 * _upper(counts)
    packets = int(WEBRTC_PACKETS_PER_S * duration_s)
    webrtc = packets * WEBRTC_PACKET_BYTES + SETUP_BYTES, packets
    arms = [webrtc if arm == "webrtc" else own for arm in scenario.arms]
    return sum(payload for payload, _ in arms), sum(count for _, count in arms)


def _upper(figures: Sequence[int]) -> int:
    return ceil(fmean(figures) + DEVIATIONS * pstdev(figures))
