"""The figures of a capture's page as inline SVG: no script; colours are classes that the page's style fills.

What colour says, shape or words say too.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from callprobe.pcap.tell.markup import Markup, element, join, tame
from callprobe.pcap.tell.time_axis import Span, TimeAxis, clock_text

if TYPE_CHECKING:
    from callprobe.pcap.streams.rtp_streams import RtpStream, StreamSecond

WIDTH: Final = 960.0
LABELS: Final = 292.0
"""Where the timeline's axis begins."""
PLOT_LEFT: Final = 64.0
RIGHT: Final = WIDTH - 14.0
MOST_BINS: Final = 400
"""Of a stream with more seconds, several share a bar."""
_ROW: Final = 23.0
_TOP: Final = 8.0
_AXIS: Final = 38.0
_LEAST_BAR: Final = 3.0
_LABEL_CHARACTERS: Final = 46
_RECEIVED_HEIGHT: Final = 92.0
_JITTER_HEIGHT: Final = 62.0
_GAP: Final = 16.0
_LETTER: Final = 6.0
"""Width of a letter, generously."""
_LEAST_SCALE, _MOST_SCALE = 1e-9, 1e100
_FEWEST_LETTERS: Final = 24
_TOLD_AFTER_S: Final = 2.0

_OFFSETS: Final = {"up": 4.0, "down": 12.0, "both": 8.0}
"""Both ways of a flow share a row."""

BarKind = Literal["ok", "failed", "partial", "not_seen", "up", "down", "both"]
_GLYPHS: Final = {"ok": "✓", "failed": "✗", "partial": "~", "not_seen": "–"}


class Bar(NamedTuple):
    """Something that lasted."""

    start_s: float
    end_s: float
    kind: BarKind
    says: str
    """What is told of it where the pointer rests."""


class Row(NamedTuple):
    """One line of the timeline."""

    label: str
    bars: tuple[Bar, ...]
    says: str = ""
    """Written beside the last bar, if there is room."""


class Bin(NamedTuple):
    """One bar of a stream's figure."""

    start_s: float
    end_s: float
    received: float
    """Packets per second."""
    lost: float
    jitter_ms: float | None


class Band(NamedTuple):
    """The heights between which something is drawn."""

    top: float
    bottom: float
    most: float
    """The value at the top."""

    def y(self, value: float) -> float:
        """Return the height of a value; larger ones lie at the top."""
        return self.bottom - (self.bottom - self.top) * min(max(value / self.most, 0.0), 1.0)


def timeline(title: str, groups: Sequence[tuple[str, Sequence[Row]]], axis: TimeAxis) -> Markup:
    """Return rows of bars below named headings; ``axis`` from ``LABELS`` to ``RIGHT``."""
    parts: list[Markup] = []
    y = _TOP
    for name, rows in groups:
        if not rows:
            continue
        parts.append(_text(0, y + 14, name, class_="heading"))
        y += _ROW
        for row in rows:
            parts.append(_row(row, y, axis))
            y += _ROW
    grid = _grid(axis, _TOP, y)
    return _figure(title, y + _AXIS, [grid, *parts, _axis_line(axis, y, "Seconds from the first packet")])


def stream_figure(
    title: str, stream: "RtpStream", direction: str | None, axis: TimeAxis, until_s: float
) -> Markup:
    """Return received and lost packets per second, and jitter below; ``axis`` from ``PLOT_LEFT``.

    After the last packet the figure shows that nothing came ``until_s``.
    """
    bins = binned(stream)
    received = Band(_TOP + 10, _TOP + 10 + _RECEIVED_HEIGHT, _nice(max(_totals(bins), default=1.0)))
    jitters = [item.jitter_ms for item in bins if item.jitter_ms is not None]
    jitter = Band(
        received.bottom + _GAP, received.bottom + _GAP + _JITTER_HEIGHT, _nice(max(jitters, default=1.0))
    )
    bottom = jitter.bottom if jitters else received.bottom
    kind = direction if direction in {"up", "down"} else "both"
    parts = [
        _grid(axis, received.top, bottom),
        *_silences(bins, received, axis),
        *_after(bins, until_s, received, axis),
        *_scale(received, "packets/s"),
        *(_loss_bar(item, received, axis, kind) for item in bins),
    ]
    if jitters:
        parts += [*_scale(jitter, "jitter, ms"), *_jitter_lines(bins, jitter, axis)]
    parts.append(_axis_line(axis, bottom, "Seconds from the first packet"))
    return _figure(title, bottom + _AXIS, parts)


def round_trips(title: str, series: Sequence[tuple[float, float]], axis: TimeAxis) -> Markup:
    """Return a mark for each round trip, ms; ``axis`` from ``PLOT_LEFT``."""
    band = Band(_TOP + 10, _TOP + 10 + _RECEIVED_HEIGHT, _nice(max((ms for _, ms in series), default=1.0)))
    marks = [
        element("circle", cx=_number(axis.x(at_s)), cy=_number(band.y(ms)), r="2.5", class_="rtt")
        for at_s, ms in _thinned(series)
    ]
    parts = [_grid(axis, band.top, band.bottom), *_scale(band, "round trip, ms"), *marks]
    parts.append(_axis_line(axis, band.bottom, "Seconds from the first packet"))
    return _figure(title, band.bottom + _AXIS, parts)


def binned(stream: "RtpStream") -> list[Bin]:
    """Return at most ``MOST_BINS`` bars over a stream's time, those without a packet included."""
    start, end = math.floor(stream.first_s), math.floor(stream.last_s) + 1
    row_s = max(stream.second_row_s, 1)
    width = row_s * max(math.ceil((end - start) / row_s / MOST_BINS), 1)
    by_bin = {
        number: tuple(members)
        for number, members in groupby(
            sorted(stream.seconds, key=lambda item: item.second),
            key=lambda item: (item.second - start) // width,
        )
    }
    bars = -(-(end - start) // width)
    return [_bin(start + number * width, width, by_bin.get(number, ())) for number in range(bars)]


def _bin(start_s: int, width: int, members: Sequence["StreamSecond"]) -> Bin:
    jitters = [item.jitter_ms for item in members if item.jitter_ms is not None]
    return Bin(
        start_s=start_s,
        end_s=start_s + width,
        received=sum(item.received for item in members) / width,
        lost=sum(max(item.lost, 0) for item in members) / width,
        jitter_ms=max(jitters, default=None),
    )


def _totals(bins: Iterable[Bin]) -> list[float]:
    return [item.received + item.lost for item in bins]


def _row(row: Row, y: float, axis: TimeAxis) -> Markup:
    bars = [_bar(bar, y, axis) for bar in row.bars]
    return element(
        "g",
        _text(14, y + 14, _fitted(row.label), class_="label", title=row.label),
        *bars,
        _beside(row, y, axis),
    )


def _beside(row: Row, y: float, axis: TimeAxis) -> Markup | None:
    """Return the words of a row, or their beginning, where they lie on no bar; none without a place."""
    if not row.says or not row.bars:
        return None
    end, start = axis.x(row.bars[-1].end_s) + 22, axis.x(row.bars[0].start_s) - 6
    after, before = int((axis.right - end) / _LETTER), int((start - axis.left) / _LETTER)
    if max(after, before) < _FEWEST_LETTERS:
        return None
    if after >= min(before, len(row.says)):
        return _text(end, y + 14, tame(row.says, after), class_="beside")
    return _text(start, y + 14, tame(row.says, before), class_="beside", text_anchor="end")


def _bar(bar: Bar, y: float, axis: TimeAxis) -> Markup:
    left, right = axis.x(bar.start_s), axis.x(bar.end_s)
    width = max(right - left, _LEAST_BAR)
    thin = bar.kind not in _GLYPHS
    box = element(
        "rect",
        element("title", bar.says),
        x=_number(left),
        y=_number(y + _OFFSETS.get(bar.kind, 3.0)),
        width=_number(width),
        height="6" if thin else "14",
        rx="2",
        class_=f"bar {bar.kind}",
    )
    if thin:
        return box
    mark = _text(left + width + 5, y + 14, _GLYPHS[bar.kind], class_=f"mark {bar.kind}")
    return join((box, mark))


def _loss_bar(item: Bin, band: Band, axis: TimeAxis, kind: str) -> Markup:
    left, right = axis.x(item.start_s), axis.x(item.end_s)
    gap = 1.0 if right - left > 4 else 0.0
    place = {"x": _number(left), "width": _number(max(right - left - gap, 0.5))}
    top = band.y(item.received)
    boxes = [_box(top, band.bottom, f"received {kind}", place)]
    if item.lost > 0:
        boxes.append(_box(band.y(item.received + item.lost), top, "lost", place))
    span = clock_text(item.start_s)
    lost, received = _number(item.lost), _number(item.received)
    return element(
        "g", element("title", f"From {span}: {received} received and {lost} lost per second"), *boxes
    )


def _box(top: float, bottom: float, kind: str, place: dict[str, str]) -> Markup:
    height = max(bottom - top, 1.5 if kind == "lost" else 0.0)
    return element(
        "rect",
        x=place["x"],
        width=place["width"],
        y=_number(bottom - height),
        height=_number(height),
        class_=kind,
    )


def _silences(bins: Sequence[Bin], band: Band, axis: TimeAxis) -> list[Markup]:
    """Return a shade for each run of bars without a packet."""
    shades = []
    for silent, members in groupby(bins, key=lambda item: item.received == 0):
        if silent:
            run = list(members)
            left, right = axis.x(run[0].start_s), axis.x(run[-1].end_s)
            shades.append(
                element(
                    "rect",
                    element("title", f"No packet from {clock_text(run[0].start_s)} on"),
                    x=_number(left),
                    y=_number(band.top),
                    width=_number(max(right - left, 0.0)),
                    height=_number(band.bottom - band.top),
                    class_="silence",
                )
            )
    return shades


def _after(bins: Sequence[Bin], until_s: float, band: Band, axis: TimeAxis) -> list[Markup]:
    """Return a shade from the last packet to the end of the call, if that is long, and words on it."""
    last_s = bins[-1].end_s if bins else until_s
    if until_s - last_s < _TOLD_AFTER_S:
        return []
    left, right = axis.x(last_s), axis.x(until_s)
    words = "no more packets"
    shade = element(
        "rect",
        element("title", f"No packet from {clock_text(last_s)} on"),
        x=_number(left),
        y=_number(band.top),
        width=_number(max(right - left, 0.0)),
        height=_number(band.bottom - band.top),
        class_="silence",
    )
    if right - left < 7 * len(words):
        return [shade]
    middle = _text(
        (left + right) / 2, (band.top + band.bottom) / 2 + 4, words, class_="unit", text_anchor="middle"
    )
    return [shade, middle]


def _jitter_lines(bins: Sequence[Bin], band: Band, axis: TimeAxis) -> list[Markup]:
    """Return one line for each run of bars that have a jitter; a dot where the run is one bar long."""
    lines = []
    for known, members in groupby(bins, key=lambda item: item.jitter_ms is not None):
        if not known:
            continue
        points = [
            (axis.x((item.start_s + item.end_s) / 2), band.y(item.jitter_ms or 0.0)) for item in members
        ]
        if len(points) == 1:
            ((x, y),) = points
            lines.append(element("circle", cx=_number(x), cy=_number(y), r="1.8", class_="jitter-dot"))
        else:
            path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
            lines.append(element("polyline", points=path, class_="jitter"))
    return lines


def _scale(band: Band, unit: str) -> list[Markup]:
    """Return the vertical axis of a band: nothing, half and the most, and the unit."""
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = band.bottom - share * (band.bottom - band.top)
        parts += [
            element(
                "line", x1=_number(PLOT_LEFT), x2=_number(RIGHT), y1=_number(y), y2=_number(y), class_="grid"
            ),
            _text(PLOT_LEFT - 6, y + 4, f"{share * band.most:g}", class_="tick", text_anchor="end"),
        ]
    middle = (band.top + band.bottom) / 2
    parts.append(
        element(
            "text",
            unit,
            transform=f"translate(12 {_number(middle)}) rotate(-90)",
            class_="unit",
            text_anchor="middle",
        )
    )
    return parts


def _grid(axis: TimeAxis, top: float, bottom: float) -> Markup:
    lines = [
        element(
            "line", x1=_number(tick.x), x2=_number(tick.x), y1=_number(top), y2=_number(bottom), class_="grid"
        )
        for tick in axis.ticks()
    ]
    cuts = [
        element(
            "rect",
            element("title", "time without traffic, left out"),
            x=_number(left),
            y=_number(top),
            width=_number(right - left),
            height=_number(bottom - top),
            class_="cut",
        )
        for left, right in axis.cuts()
    ]
    return element("g", *lines, *cuts)


def _axis_line(axis: TimeAxis, y: float, caption: str) -> Markup:
    lines = [
        element(
            "line",
            x1=_number(piece.left),
            x2=_number(piece.right),
            y1=_number(y),
            y2=_number(y),
            class_="axis",
        )
        for piece in axis.pieces
    ]
    labels = []
    free = -math.inf
    for tick in axis.ticks():
        half = 3.3 * len(tick.label)
        x = min(tick.x, RIGHT + 12 - half)
        if x - half >= free:
            labels.append(_text(x, y + 15, tick.label, class_="tick", text_anchor="middle"))
            free = x + half + 6
    middle = (axis.left + axis.right) / 2
    return element("g", *lines, *labels, _text(middle, y + 32, caption, class_="unit", text_anchor="middle"))


def _figure(title: str, height: float, parts: Sequence[Markup]) -> Markup:
    return element(
        "svg",
        element("title", title),
        *parts,
        viewBox=f"0 0 {_number(WIDTH)} {_number(height)}",
        role="img",
        aria_label=title,
        xmlns="http://www.w3.org/2000/svg",
    )


def _text(
    x: float, y: float, text: str, *, class_: str, text_anchor: str | None = None, title: str = ""
) -> Markup:
    tooltip = element("title", title) if title and title != text else None
    return element("text", tooltip, text, x=_number(x), y=_number(y), class_=class_, text_anchor=text_anchor)


def _fitted(label: str) -> str:
    """Return a label that fits its column; of an address the end tells most, so the middle gives way."""
    shown = tame(label)
    half = (_LABEL_CHARACTERS - 1) // 2
    return shown if len(shown) <= _LABEL_CHARACTERS else f"{shown[:half]}…{shown[-half:]}"


def _thinned(series: Sequence[Span]) -> Sequence[Span]:
    step = max(-(-len(series) // MOST_BINS), 1)
    return series[::step]


def _nice(most: float) -> float:
    """Return the next of 1, 2, 5, 10 … that is not below; 1 for nothing, and for what is no figure."""
    if not _LEAST_SCALE < most < _MOST_SCALE:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next((step * power for step in (1, 2, 5, 10) if step * power >= most), 10 * power)


def _number(value: float) -> str:
    """Return a short form, the same on every machine."""
    return f"{value:.1f}".removesuffix(".0") if math.isfinite(value) else "0"
