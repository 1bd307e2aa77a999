"""The figures of a capture's page."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callprobe.pcap.streams.rtp_streams import RtpStream, StreamSecond
from callprobe.pcap.tell.figures import (
    LABELS,
    MOST_BINS,
    PLOT_LEFT,
    RIGHT,
    Bar,
    Row,
    binned,
    round_trips,
    stream_figure,
    timeline,
)
from callprobe.pcap.tell.time_axis import time_axis
from helpers.findings import FAR, OWN, hostile, stream

AXIS = time_axis([(0, 20)], PLOT_LEFT, RIGHT)


def parts(svg: str, kind: str) -> list[ET.Element]:
    """Return the elements of a class."""
    return [item for item in ET.fromstring(svg).iter() if kind in (item.get("class") or "").split()]


def second(number: int, lost: int = 0, jitter_ms: float | None = None, received: int = 50) -> StreamSecond:
    return StreamSecond(second=number, received=received, lost=lost, jitter_ms=jitter_ms)


def test_lost_packets_stand_above_received_ones() -> None:
    """One bar a second, and one more where packets were lost; the words are there without colour."""
    seconds = (second(0), second(1, lost=5), second(2))
    svg = stream_figure("s", stream(FAR, OWN, 0, 2.5, seconds=seconds), "down", AXIS, 3)
    received, lost = parts(svg, "received"), parts(svg, "lost")

    assert [len(received), len(lost)] == [3, 1]
    assert float(lost[0].get("y") or 0) < float(received[1].get("y") or 0)
    assert "50 received and 5 lost per second" in svg


def test_silence_is_shaded() -> None:
    """Within a stream, and from its last packet to the end of the call."""
    seconds = (second(0), second(1), second(6))
    svg = stream_figure("s", stream(FAR, OWN, 0, 6.5, seconds=seconds), "down", AXIS, 20)

    assert len(parts(svg, "silence")) == 2
    assert "no more packets" in svg


def test_jitter_is_a_line_where_it_is_known() -> None:
    """A break in what is known is a break in the line; alone it is a dot."""
    known = (second(0, jitter_ms=2.0), second(1, jitter_ms=3.0), second(2), second(3, jitter_ms=9.0))
    svg = stream_figure("s", stream(FAR, OWN, 0, 3.5, seconds=known), None, AXIS, 4)
    unknown = stream_figure("s", stream(FAR, OWN, 0, 1.5, seconds=(second(0), second(1))), None, AXIS, 2)

    assert [len(parts(svg, "jitter")), len(parts(svg, "jitter-dot"))] == [1, 1]
    assert "jitter, ms" not in unknown


def test_long_streams_share_bars() -> None:
    """Hours fit on a page, and their mean is the same."""
    seconds = tuple(second(number, received=10) for number in range(5000))
    bins = binned(stream(FAR, OWN, 0, 4999.5, seconds=seconds))

    assert len(bins) <= MOST_BINS
    assert {item.received for item in bins[:-1]} == {10}


def test_rows_of_several_seconds_leave_no_holes() -> None:
    """A stream that was kept in rows of four seconds has no silence between them."""
    seconds = tuple(second(number, received=40) for number in range(0, 40, 4))
    bins = binned(stream(FAR, OWN, 0, 39.5, seconds=seconds, second_row_s=4))

    assert [item.received for item in bins] == [10] * 10


def test_a_timeline_names_its_rows() -> None:
    """Outcomes are told by a sign, not by colour alone; what a row says is left out where it has no room."""
    rows = [Row("Relay pings", (Bar(0, 5, "failed", "never answered"),), "never answered")]
    full = [Row("Media", (Bar(0, 20, "ok", "x"),), "y" * 200)]
    axis = time_axis([(0, 20)], LABELS, RIGHT)
    svg = timeline("What happened", [("Stages", rows), ("None", []), ("Full", full)], axis)

    assert "✗" in svg
    assert len(parts(svg, "beside")) == 1
    assert [item.text for item in parts(svg, "heading")] == ["Stages", "Full"]


def test_labels_are_cut_in_the_middle() -> None:
    """Of a long address both ends stay; the whole of it is a tooltip."""
    label = "[2001:db8:1111:2222:3333:4444:5555:6666]:50000 – 203.0.113.7:3478"
    svg = timeline("t", [("Flows", [Row(label, (Bar(0, 1, "up", "x"),))])], AXIS)
    (text,) = parts(svg, "label")

    assert "…" in "".join(text.itertext())
    assert text[0].text == label


def test_round_trips_are_marks() -> None:
    """One for each, but never more than a page can hold."""
    series = [(number / 100, 20.0 + number % 7) for number in range(3000)]
    svg = round_trips("Round trips", series, AXIS)

    assert 300 <= len(parts(svg, "rtt")) <= MOST_BINS


@pytest.mark.parametrize("most_ms", [0.0, 5e-324, 1e300, float("inf")])
def test_absurd_figures_have_a_scale(most_ms: float) -> None:
    """The axis does not divide by nothing."""
    svg = round_trips("Round trips", [(1.0, most_ms), (2.0, -1.0)], AXIS)

    assert len(parts(svg, "rtt")) == 2


@settings(max_examples=50, deadline=None)
@given(hostile(RtpStream), st.floats(-2e19, 2e19))
def test_any_stream_can_be_drawn(hostile_stream: RtpStream, until_s: float) -> None:
    """Whatever the figures are, the figure is well-formed and bounded."""
    svg = stream_figure(hostile_stream.src, hostile_stream, hostile_stream.direction, AXIS, until_s)

    assert ET.fromstring(svg).tag.endswith("svg")
    assert len(svg) < 400_000
