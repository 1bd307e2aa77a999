"""Calls over a simulated lossy line: ladders whose set-ups are retried as on the wire, and their media."""

import random
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from callresults.failure import Failure
from callresults.nettests.call import CallKeys
from callresults.observation import Stage, StageName
from helpers.synthetic import Losses, call_keys

MEDIA: Final[tuple[StageName, ...]] = ("media_first_packet", "media_hold")
ECHO_S: Final = (0.0, 0.25, 0.75, 1.75, 2.75)
"""When the shared echo is asked for."""


class Look(NamedTuple):
    """The set-up of an arm: rungs above the echo and when each sends its requests, seconds."""

    rungs: Mapping[StageName, tuple[float, ...]]
    media_need_setup: bool = False


TELEGRAM: Final = Look({"relay_ping": tuple(index / 2 for index in range(8))})
WHATSAPP: Final = Look({"relay_allocation": (0.0, 0.5, 1.0, 2.0)})
WEBRTC: Final = Look(
    {"ice_connectivity": (0.0, 0.5, 1.5, 3.5, 7.5), "dtls_handshake": (0.0, 1.0, 3.0, 7.0)},
    media_need_setup=True,
)


def ladder_of(rungs: Mapping[StageName, bool]) -> tuple[Stage, ...]:
    """Return a ladder whose every rung was tried, whatever came of the one before; media not named are ok."""
    outcomes: dict[StageName, bool] = {**rungs, **{name: rungs.get(name, True) for name in MEDIA}}
    return tuple(
        Stage(
            name=name,
            t0=float(index),
            t=index + (0.08 if ok else 0.9),
            outcome="ok" if ok else "failed",
            failure=None if ok else Failure.GENERIC_TIMEOUT,
            attempts=1,
        )
        for index, (name, ok) in enumerate(outcomes.items())
    )


def pair_on(
    loss_ratio: float, media: Losses, look: Look, seed: int, **fields: Any
) -> tuple[CallKeys, CallKeys]:
    """Return a target and its control that one line served alike: it loses each way what it loses."""
    draw = random.Random(f"{seed}/{loss_ratio}")

    def answered(requests: tuple[float, ...]) -> bool:
        return any(min(draw.random(), draw.random()) >= loss_ratio for _ in requests)

    def arm(name: str, rungs: Mapping[StageName, tuple[float, ...]]) -> CallKeys:
        outcomes = {rung: answered(requests) for rung, requests in rungs.items()}
        up = all(ok for rung, ok in outcomes.items() if rung != "udp_open")
        if look.media_need_setup and name == "shaped" and not up:
            outcomes |= dict.fromkeys(MEDIA, False)
            return call_keys(arm=name, failing="ice_connectivity", stages=ladder_of(outcomes), **fields)
        return call_keys(arm=name, up=media, down=media, seed=seed, stages=ladder_of(outcomes), **fields)

    control = {"udp_open": next(iter(look.rungs.values()))}
    return arm("shaped", {"udp_open": ECHO_S, **look.rungs}), arm("control", control)
