"""Which clock the time stamps of an RTP stream follow, and what kind of media that makes it.

Nothing on the wire says so but static payload types. Evidence in order of trust:

- ``payload type``: most packets have one type to which RFC 3551 gives a clock.
- ``frames``: packets in a row share their stamp and are too large for speech: video, whose clock is 90 kHz.
  Asked before the slope, because a queue that grows makes stamps seem slow: 90 kHz at half speed looks like
  48 kHz.
- ``slope``: what stamps rose by, over the time that passed, is near to a likely clock.
- ``spacing``: the usual step of stamps over the usual time between such packets is.
"""

from collections import Counter
from typing import Final, Literal, NamedTuple

from callprobe.pcap.streams.rtp_sample import NO_STEP, SampleColumns
from callprobe.pcap.streams.rtp_state import StreamTotals
from callprobe.pcap.streams.rtp_times import CLOCKS_HZ
from callresults.metrics.variation import percentile

ClockEvidence = Literal["payload type", "frames", "slope", "spacing"]
MediaKind = Literal["audio", "video"]

TOLERANCE: Final = 0.15
"""How far a slope may lie from a clock, as a share of it."""
VIDEO_HZ: Final = 90000
STATIC_CLOCKS_HZ: Final = {
    **dict.fromkeys((0, 3, 4, 5, 7, 8, 9, 12, 13, 15, 18), 8000),
    6: 16000,
    10: 44100,
    11: 44100,
    14: 90000,
    16: 11025,
    17: 22050,
    **dict.fromkeys((25, 26, 28, 31, 32, 33, 34), 90000),
}
"""RFC 3551 section 6, tables 4 and 5, by payload type; 14 is audio at 90 kHz, 33 may be either."""
_STATIC_AUDIO: Final = frozenset({0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18})
_MIN_ELAPSED_NS: Final = 100_000_000
_STILL_SHARE: Final = 0.1
_SPEECH_BYTES: Final = 500
"""Packets of speech are smaller: 60 ms of G.711 are 492 bytes with their header."""


class Clock(NamedTuple):
    """A clock, and why it is believed."""

    rate_hz: int | None
    evidence: ClockEvidence | None
    kind: MediaKind | None
    slope_hz: float | None
    """What the stamps rose by in a second of arrival; None when no time passed."""


def infer(totals: StreamTotals) -> Clock:
    """Return the clock of a stream; nothing where no evidence reaches."""
    times = totals.times
    slope_hz = times.ticks / (times.elapsed_ns / 1e9) if times.elapsed_ns > 0 else None
    payload_type = usual_payload_type(totals)
    rate_hz = STATIC_CLOCKS_HZ.get(payload_type)
    if rate_hz is not None:
        kind: MediaKind = "audio" if payload_type in _STATIC_AUDIO else "video"
        return Clock(rate_hz, "payload type", kind, slope_hz)
    if times.ticks > 0 and _has_frames(totals):
        return Clock(VIDEO_HZ, "frames", "video", slope_hz)
    if slope_hz is not None and times.elapsed_ns >= _MIN_ELAPSED_NS:
        rate_hz = _nearest(slope_hz)
    evidence: ClockEvidence | None = "slope" if rate_hz else None
    if rate_hz is None:
        rate_hz = _from_spacing(times.sample)
        evidence = "spacing" if rate_hz else None
    return Clock(rate_hz, evidence, _kind(rate_hz), slope_hz)


def usual_payload_type(totals: StreamTotals) -> int:
    """Return the payload type of most packets; the smallest of equals."""
    packets = totals.payload_types
    return min(packets, key=lambda payload_type: (-packets[payload_type], payload_type))


def usual_step(sample: SampleColumns) -> int | None:
    """Return the step between neighbours, other than none, that is met most often; the smallest of equals."""
    steps = Counter(sample.steps)
    likely = [step for step in steps if 0 < step < NO_STEP]
    return min(likely, key=lambda step: (-steps[step], step), default=None)


def _has_frames(totals: StreamTotals) -> bool:
    times = totals.times
    return totals.size_max > _SPEECH_BYTES and times.still >= max(_STILL_SHARE * times.neighbours, 1)


def _from_spacing(sample: SampleColumns) -> int | None:
    step = usual_step(sample)
    if step is None:
        return None
    gaps_ns = (gap_ns for gap_ns, each in zip(sample.gaps_ns, sample.steps, strict=True) if each == step)
    gap_ns = percentile(sorted(gaps_ns), 0.5)
    return _nearest(step / (gap_ns / 1e9)) if gap_ns is not None and gap_ns > 0 else None


def _nearest(slope_hz: float) -> int | None:
    nearest_hz = min(CLOCKS_HZ, key=lambda clock_hz: abs(slope_hz - clock_hz))
    return nearest_hz if abs(slope_hz - nearest_hz) <= TOLERANCE * nearest_hz else None


def _kind(rate_hz: int | None) -> MediaKind | None:
    if rate_hz is None:
        return None
    return "video" if rate_hz == VIDEO_HZ else "audio"
