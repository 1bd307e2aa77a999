"""The page of a capture: one static HTML file, no script, light and dark, fit for paper.

Everything in a capture is hostile: texts are escaped by ``markup``, and the page forbids scripts and every
outside resource besides.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

from callprobe import __version__
from callprobe.pcap.tell import page_tables as tables
from callprobe.pcap.tell.endpoint import direction_of, host_of
from callprobe.pcap.tell.figures import (
    LABELS,
    PLOT_LEFT,
    RIGHT,
    Bar,
    Row,
    round_trips,
    stream_figure,
    timeline,
)
from callprobe.pcap.tell.markup import Child, Markup, element, join, tame
from callprobe.pcap.tell.page_wording import DIRECTIONS, LIMITS, STAGES
from callprobe.pcap.tell.redaction import redacted
from callprobe.pcap.tell.story import Told, call_name, paragraphs
from callprobe.pcap.tell.time_axis import Span, TimeAxis, time_axis
from callprobe.pcap.tell.wording import count, length, share

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis
    from callprobe.pcap.collect.dtls import DtlsHandshake
    from callprobe.pcap.collect.ice import IcePair
    from callprobe.pcap.collect.reflector import ReflectorPath
    from callprobe.pcap.streams.flows import FlowStats
    from callprobe.pcap.streams.rtp_streams import RtpStream
    from callprobe.pcap.tell.stages import CaptureStage

MOST_CALLS: Final = 6
"""With figures; the tables have all."""
MOST_FIGURES: Final = 6
"""Streams of a call that are drawn, those with most packets."""
MOST_FLOWS: Final = 12
"""Pairs of addresses in a timeline."""

_MARK_WIDTH: Final = 16.0
"""Right of the last bar stands how it ended."""
_MARKS: Final = {"!": ("failed", "✗ "), "~": ("partial", "~ ")}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_OPEN: Final = (
    "This page holds the addresses of this call, which may lead to people. Keep it to yourself, or write it "
    "again with --redact before you pass it on."
)
_REDACTED: Final = (
    "Addresses and private names were replaced by names that mean nothing outside this page. Times, sizes "
    "and counts are as captured."
)


class _CallView(NamedTuple):
    """What is drawn of one call."""

    number: int
    span: Span
    stages: "tuple[CaptureStage, ...]"
    streams: "tuple[RtpStream, ...]"
    flows: "tuple[FlowStats, ...]"
    pings: tuple[tuple[float, float], ...]


def page(analysis: "Analysis", *, redact: bool = False) -> str:
    """Return the page of a capture; with ``redact`` no address stands in it."""
    shown = redacted(analysis) if redact else analysis
    title = f"{_heading(shown)}: {tame(shown.file)}"
    head = element(
        "head",
        _void('<meta charset="utf-8">'),
        _void('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        _void(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        _void('<meta name="referrer" content="no-referrer">'),
        element("title", title),
        element("style", Markup(_style())),
    )
    body = element("body", *_top(shown, redact=redact), *_sections(shown), _foot(shown))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _heading(analysis: "Analysis") -> str:
    return call_name(analysis, len({stage.call for stage in analysis.stages}))


def _void(markup: str) -> Markup:
    """Return an element without an end tag."""
    return Markup(markup)


@cache
def _style() -> str:
    return resources.files("callprobe.pcap.tell").joinpath("page.css").read_text(encoding="utf-8")


def _top(analysis: "Analysis", *, redact: bool) -> Iterator[Markup]:
    yield element("h1", _heading(analysis))
    facts = [
        tame(analysis.file),
        analysis.first_packet_time,
        f"{count(analysis.packets, 'packet')} in {length(analysis.duration_s)}",
        f"callprobe {__version__}",
    ]
    yield element("p", " · ".join(fact for fact in facts if fact), class_="soft")
    banner = "banner quiet" if redact else "banner"
    yield element("p", _REDACTED if redact else _OPEN, class_=banner, role="note")
    yield element("h2", "In short")
    yield element("div", *map(_told, paragraphs(analysis.story)), class_="story")


def _told(paragraph: Told) -> Markup:
    """Return a paragraph of the story, its time in front if it has one."""
    if not paragraph.at:
        heading = "call" if paragraph.text.endswith(":") else None
        return element("p", paragraph.text, class_=heading)
    kind, says = _MARKS.get(paragraph.mark, (None, ""))
    text = element("span", element("b", says) if says else None, paragraph.text)
    time = element("span", paragraph.at, class_="at")
    return element("p", time, text, class_=f"event {kind}" if kind else "event")


def _sections(analysis: "Analysis") -> Iterator[Markup]:
    yield from _calls(analysis)
    yield from _section("Whose call", _whose(analysis))
    yield from _section("Stages one by one", [tables.stage_table(analysis.stages)])
    yield from _section("Who answered", tables.stun_tables(analysis))
    yield from _section("Keys", [tables.dtls_table(analysis.dtls)])
    media = [tables.stream_table(analysis.rtp), *tables.rtcp_tables(analysis)]
    yield from _section("Media", media)
    yield from _section("Flows", [tables.flow_table(analysis.flows, analysis.endpoint)])
    yield from _section("Distance to what callprobe plays", _aged(analysis))
    yield from _section("Everything else", tables.other_tables(analysis))
    limits = (element("li", limit) for limit in LIMITS)
    yield from _section("What this page cannot tell", [element("ul", *limits)])


def _section(title: str, parts: Iterable[Child]) -> Iterator[Markup]:
    """Yield a heading and what follows, or nothing if nothing does."""
    there = [part for part in parts if part]
    if there:
        yield element("section", element("h2", title), *there)


def _foot(analysis: "Analysis") -> Markup:
    broken = analysis.truncated_at_offset
    said = "Times are seconds from the capture's first packet, by the clock of the machine that captured."
    if broken is not None:
        said += f" The file breaks at byte {broken}; what comes after is not counted."
    return element("footer", element("p", said))


def _whose(analysis: "Analysis") -> Iterator[Markup | None]:
    service = analysis.service
    if service.name is not None and service.confidence is not None:
        yield element("p", f"{_heading(analysis)}, {share(service.confidence)} sure. What speaks for it:")
    yield element("ul", *(element("li", tame(text)) for text in service.evidence))


def _aged(analysis: "Analysis") -> Iterator[Markup | None]:
    yield tables.distance_table(analysis)
    if analysis.distance is not None:
        yield element(
            "p",
            "The dialects are what this program plays when it measures. Where they differ from what the "
            "application does today, they have aged.",
            class_="soft",
        )


def _calls(analysis: "Analysis") -> Iterator[Markup]:
    views = list(_views(analysis))
    for view in views[:MOST_CALLS]:
        yield element("section", *_call(analysis, view, alone=len(views) == 1))
    if len(views) > MOST_CALLS:
        yield element("p", f"{len(views) - MOST_CALLS} more calls stand in the tables only.", class_="soft")


def _views(analysis: "Analysis") -> Iterator[_CallView]:
    """Yield the calls, put together from their stages and from what else lies before the next one."""
    numbers = list(dict.fromkeys(stage.call for stage in analysis.stages))
    if not numbers:
        return
    by_call = [tuple(stage for stage in analysis.stages if stage.call == number) for number in numbers]
    starts = [min(stage.t0_s for stage in stages) for stages in by_call]
    for number, stages, start_s, next_s in zip(
        numbers, by_call, starts, [*starts[1:], math.inf], strict=True
    ):
        later = [at_s for at_s in _moments(analysis) if start_s <= at_s < next_s]
        end_s = max(later, default=max(stage.t_s for stage in stages))
        yield _CallView(
            number=number,
            span=(start_s, end_s),
            stages=stages,
            streams=tuple(stream for stream in analysis.rtp if start_s <= stream.first_s <= end_s),
            flows=tuple(flow for flow in analysis.flows if flow.first_s <= end_s and flow.last_s >= start_s),
            pings=tuple(ping for ping in analysis.relay_pings.series if start_s <= ping[0] <= end_s),
        )


def _moments(analysis: "Analysis") -> list[float]:
    """Return moments at which something of a call was still there."""
    servers = (*analysis.turn.servers, *analysis.turn_tcp.servers)
    lasts: Iterable[RtpStream | IcePair | DtlsHandshake | ReflectorPath]
    lasts = (*analysis.rtp, *analysis.ice, *analysis.dtls, *analysis.reflector.reflectors)
    moments = [stage.t_s for stage in analysis.stages]
    moments += [item.last_s for item in lasts]
    moments += [at_s for at_s, _ in analysis.relay_pings.series]
    moments += [relay.ended_s for relay in analysis.relays if relay.ended_s is not None]
    moments += [server.released_s for server in servers if server.released_s is not None]
    return moments


def _call(analysis: "Analysis", view: _CallView, *, alone: bool) -> Iterator[Markup | None]:
    start_s, end_s = view.span
    yield element("h2", "The call" if alone else f"Call {view.number}")
    if not alone:
        said = f"From {length(start_s)} after the first packet on, {length(end_s - start_s)} long."
        yield element("p", said, class_="soft")
    yield _timeline(analysis, view)
    drawn = sorted(view.streams, key=lambda stream: -stream.packets)[:MOST_FIGURES]
    if drawn:
        yield element("h3", "Media, second by second")
        yield _key()
        axis = time_axis([view.span], PLOT_LEFT, RIGHT)
        for direction in ("up", "down", None):
            for stream in (stream for stream in drawn if stream.direction == direction):
                yield _stream(stream, axis, end_s)
        yield _left_out(len(view.streams) - len(drawn))
    if len(view.pings) > 1:
        title = "Round trips of the relay's pings"
        yield _figure(title, round_trips(title, view.pings, time_axis([view.span], PLOT_LEFT, RIGHT)))


def _left_out(number: int) -> Markup | None:
    if number <= 0:
        return None
    return element("p", f"{number} smaller streams stand in the table only.", class_="soft")


def _key() -> Markup:
    """Return what the colours of the figures mean."""
    keys = (
        ("up", "seen on its way out"),
        ("down", "seen on its way in"),
        ("both", "seen, way not known"),
        ("lost", "lost, above what came"),
        ("silence", "no packet"),
    )
    return element(
        "p",
        *(join((element("span", class_=f"key {kind}", aria_hidden="true"), says)) for kind, says in keys),
        class_="soft",
    )


def _stream(stream: "RtpStream", axis: TimeAxis, until_s: float) -> Markup:
    types = ", ".join(map(str, stream.payload_types))
    way = DIRECTIONS[stream.direction].capitalize()
    title = f"{way}: {stream.src} to {stream.dst}, SSRC {stream.ssrc}, payload type {types}"
    said = (
        f"{count(stream.packets, 'packet')}, {stream.lost} of {stream.expected} lost. Jitter by RFC 3550"
        + (
            f" with a clock of {stream.clock_rate_hz} Hz, inferred."
            if stream.clock_rate_hz
            else ": no clock fits."
        )
    )
    return _figure(title, stream_figure(title, stream, stream.direction, axis, until_s), said)


def _figure(title: str, svg: Markup, caption: str | None = None) -> Markup:
    return element(
        "figure",
        element("h4", title),
        element("div", svg, class_="scroll"),
        element("figcaption", caption) if caption else None,
    )


def _timeline(analysis: "Analysis", view: _CallView) -> Markup:
    axis = time_axis([view.span], LABELS, RIGHT - _MARK_WIDTH)
    groups = [
        ("Stages", _stage_rows(view.stages)),
        ("Packets out (above) and in (below)", _flow_rows(analysis, view)),
    ]
    return _figure("What happened when", timeline("Stages and flows of the call over time", groups, axis))


def _stage_rows(stages: "Sequence[CaptureStage]") -> list[Row]:
    return [
        Row(
            label=f"{STAGES[stage.name]}{_way(stage)}",
            bars=(Bar(stage.t0_s, stage.t_s, stage.outcome, stage.detail),),
            says=stage.detail,
        )
        for stage in stages
    ]


def _way(stage: "CaptureStage") -> str:
    return "" if stage.direction is None else f", {DIRECTIONS[stage.direction]}"


def _flow_rows(analysis: "Analysis", view: _CallView) -> list[Row]:
    """Return a row for each far end, its flows both ways in it."""
    ends: dict[tuple[str, str], list[FlowStats]] = {}
    for flow in view.flows:
        ends.setdefault(_ends(flow, analysis.endpoint), []).append(flow)
    busiest = sorted(ends.items(), key=lambda item: -sum(flow.packets for flow in item[1]))[:MOST_FLOWS]
    return [
        Row(
            label=_row_label(pair, analysis.endpoint),
            bars=tuple(_flow_bar(flow, pair, analysis.endpoint) for flow in flows),
            says="",
        )
        for pair, flows in sorted(busiest, key=lambda item: min(flow.first_s for flow in item[1]))
    ]


def _ends(flow: "FlowStats", endpoints: Sequence[str]) -> tuple[str, str]:
    """Return both ends of a flow, the near one first if it is known."""
    if direction_of(flow.src, flow.dst, endpoints) == "down":
        return flow.dst, flow.src
    if host_of(flow.src) in endpoints:
        return flow.src, flow.dst
    return (flow.src, flow.dst) if flow.src <= flow.dst else (flow.dst, flow.src)


def _row_label(pair: tuple[str, str], endpoints: Sequence[str]) -> str:
    return pair[1] if host_of(pair[0]) in endpoints else f"{pair[0]} – {pair[1]}"


def _flow_bar(flow: "FlowStats", pair: tuple[str, str], endpoints: Sequence[str]) -> Bar:
    kind = direction_of(flow.src, flow.dst, endpoints) or ("up" if flow.src == pair[0] else "down")
    says = f"{flow.src} to {flow.dst}: {count(flow.packets, 'packet')}, {flow.bytes} bytes"
    return Bar(flow.first_s, flow.last_s, kind, says)
