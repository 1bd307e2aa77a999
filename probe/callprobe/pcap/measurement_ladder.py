"""The ladder of a capture's call in the form of a measurement's: a name once, times from the start."""

from typing import TYPE_CHECKING, Final

from callresults.failure import Failure
from callresults.observation import MEDIA_STAGES, Stage, StageName

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.streams.rtp_streams import RtpStream
    from callprobe.pcap.tell.calls import Call
    from callprobe.pcap.tell.stages import CaptureStage

_BEST_FIRST: Final = {"ok": 0, "partial": 1, "failed": 2}
"""``not_seen`` is none of a measurement's outcomes: what is not seen is left out."""


def ladder(
    findings: "Findings", number: int, call: "Call", down: "tuple[RtpStream, ...]", *, opaque: bool
) -> tuple[Stage, ...]:
    """Return the stages of a call; media are those that were received.

    A rung that failed and did not keep the media away is left out: it was no obstacle (``refuted``).

    Args:
        findings: of the capture.
        number: of the call, from 1.
        call: the call.
        down: streams of the medium that were received.
        opaque: whether its media may be such as have no readable headers.
    """
    away = set(refuted(findings, number))
    if not down and not opaque:
        # What came was of another medium.
        away |= {name for name, stage in _best(findings, number).items() if _came(stage)}
    kept = _best(findings, number)
    return tuple(_stage(stage, call, down) for name, stage in kept.items() if name not in away)


def refuted(findings: "Findings", number: int) -> tuple[StageName, ...]:
    """Return the rungs of the set-up that failed although media of the far end came."""
    kept = _best(findings, number)
    first = kept.get("media_first_packet")
    if first is None or first.outcome == "failed":
        return ()
    return tuple(
        name for name, stage in kept.items() if name not in MEDIA_STAGES and stage.outcome == "failed"
    )


def _came(stage: "CaptureStage") -> bool:
    return stage.name in MEDIA_STAGES and stage.outcome != "failed"


def _best(findings: "Findings", number: int) -> "dict[StageName, CaptureStage]":
    """Return the best of the stages of each name: a call needs one relay, one path, one handshake."""
    best: dict[StageName, CaptureStage] = {}
    for stage in findings.stages:
        if stage.call != number or stage.outcome not in _BEST_FIRST:
            continue
        if stage.name in MEDIA_STAGES and stage.direction != "down":
            continue
        known = best.get(stage.name)
        if known is None or _BEST_FIRST[stage.outcome] < _BEST_FIRST[known.outcome]:
            best[stage.name] = stage
    return best


def _stage(stage: "CaptureStage", call: "Call", down: "tuple[RtpStream, ...]") -> Stage:
    t0_s, t_s = stage.t0_s, stage.t_s
    if _came(stage) and down:
        first_s, last_s = min(item.first_s for item in down), max(item.last_s for item in down)
        t0_s, t_s = (call.start_s, first_s) if stage.name == "media_first_packet" else (first_s, last_s)
    t0 = round(max(t0_s - call.start_s, 0.0), 6)
    failed = stage.outcome == "failed"
    return Stage(
        name=stage.name,
        t0=t0,
        t=max(t0, round(t_s - call.start_s, 6)),
        outcome="failed" if failed else "ok",
        failure=(stage.failure or Failure.UNKNOWN) if failed else None,
    )
