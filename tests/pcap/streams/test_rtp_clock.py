"""Which clock a stream has, and by what evidence."""

import pytest

from callprobe.pcap.streams.rtp_clock import Clock, infer, usual_payload_type, usual_step
from callprobe.pcap.streams.rtp_header import NO_EXTENSION, RtpHeader
from callprobe.pcap.streams.rtp_sample import SampleColumns
from callprobe.pcap.streams.rtp_state import Limits, StreamState, StreamTotals

MS = 1_000_000


def stream(packets: list[tuple[float, int]], *, payload_type: int = 111, size: int = 100) -> StreamTotals:
    """Return the figures of packets (ms, time stamp)."""
    state = StreamState(b"", 0, 0, Limits(rows=64, sample=512))
    for number, (at_ms, stamp) in enumerate(packets):
        state.add(round(at_ms * MS), RtpHeader(payload_type, number, stamp, 7, NO_EXTENSION), size)
    return state.totals()


def voice(step: int, ms: float, packets: int = 100) -> list[tuple[float, int]]:
    """Return regular packets."""
    return [(number * ms, number * step) for number in range(packets)]


@pytest.mark.parametrize(
    ("step", "ms", "clock_hz"),
    [
        (160, 20, 8000),
        (960, 60, 16000),
        (2560, 164, 16000),
        (640, 20, 32000),
        (960, 20, 48000),
        (960, 21.5, 48000),
        (3000, 33.4, 90000),
    ],
)
def test_slope(step: int, ms: float, clock_hz: int) -> None:
    """The likely clock nearest to the slope, if it is near enough."""
    found = infer(stream(voice(step, ms)))

    assert (found.rate_hz, found.evidence) == (clock_hz, "slope")
    assert found.kind == ("video" if clock_hz == 90000 else "audio")
    assert found.slope_hz == pytest.approx(step * 1000 / ms, rel=1e-6)


@pytest.mark.parametrize(
    ("payload_type", "clock_hz", "kind"),
    [
        (0, 8000, "audio"),
        (8, 8000, "audio"),
        (9, 8000, "audio"),
        (10, 44100, "audio"),
        (14, 90000, "audio"),
        (18, 8000, "audio"),
        (34, 90000, "video"),
    ],
)
def test_static_payload_type_has_the_last_word(payload_type: int, clock_hz: int, kind: str) -> None:
    """RFC 3551 says it, whatever a queue does to the slope."""
    found = infer(stream(voice(160, 27), payload_type=payload_type))

    assert (found.rate_hz, found.evidence, found.kind) == (clock_hz, "payload type", kind)


def test_video_behind_a_queue_is_not_audio() -> None:
    """90 kHz at half speed looks like 48 kHz; packets of one frame share their stamp."""
    packets = [(frame * 80.0 + place, frame * 3600) for frame in range(60) for place in range(4)]
    found = infer(stream(packets, payload_type=96, size=1200))

    assert found.slope_hz == pytest.approx(45_000, rel=0.02)
    assert (found.rate_hz, found.evidence, found.kind) == (90000, "frames", "video")


def test_small_packets_of_one_stamp_are_no_video() -> None:
    """Digits on a telephone repeat their stamp (RFC 4733) in small packets."""
    packets = [(number * 20.0, number // 4 * 4 * 160) for number in range(100)]

    assert infer(stream(packets, payload_type=101, size=60)).evidence == "slope"


def test_spacing_serves_where_the_slope_does_not() -> None:
    """A sender whose stamps rest while it is silent has a slope that fits nothing."""
    packets = [(number * 20.0 + number // 10 * 400.0, number * 160) for number in range(100)]
    found = infer(stream(packets))

    assert (found.rate_hz, found.evidence) == (8000, "spacing")


@pytest.mark.parametrize(
    "packets", [[(number * 5.0, 0) for number in range(50)], [(0.0, 960 * n) for n in range(20)]]
)
def test_no_evidence_is_no_clock(packets: list[tuple[float, int]]) -> None:
    """Padding probes whose stamp rests, or packets all at one time, tell nothing."""
    found = infer(stream(packets, payload_type=99, size=260))

    assert (found.rate_hz, found.evidence, found.kind) == (None, None, None)


def test_usual_is_what_is_met_most() -> None:
    """Of equals the smallest, so that all tiers agree."""
    totals = stream([(0, 0), (20, 960), (40, 1920), (60, 8640), (80, 15_360)])

    assert usual_step(totals.times.sample) == 960
    assert usual_step(SampleColumns(*[()] * 6)) is None
    assert usual_payload_type(totals._replace(payload_types={9: 3, 8: 3, 0: 1})) == 8
    assert isinstance(infer(totals), Clock)
