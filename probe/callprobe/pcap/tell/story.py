"""The story of a capture: one screen that a person understands who has never seen a packet.

It says what was seen and when, and what cannot be told; it never says why.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from callprobe.pcap.recognise.service import TITLES
from callprobe.pcap.tell.calls import Call, calls
from callprobe.pcap.tell.markup import visible
from callprobe.pcap.tell.media_stages import STALL_S, is_one_way, paused_text, way
from callprobe.pcap.tell.media_wording import side_text
from callprobe.pcap.tell.sides import Side, Silence, sides
from callprobe.pcap.tell.time_axis import merge
from callprobe.pcap.tell.wording import ICMP, capitalised, count, length, say, share

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.tell.stages import CaptureStage

MOST_LINES: Final = 22
MOST_COLUMNS: Final = 78
"""With two columns of margin a screen of 80 by 24."""
MOST_CALLS_TOLD: Final = 3
JOINED_S: Final = 3600.0
"""Traffic that lies so far apart was hardly captured in one go."""
_EDGE_S: Final = 1.0
"""Media so near to the capture's first or last packet were cut by it."""
_MOST_MODELS: Final = 2
_TOLD_EVIDENCE: Final = 2
_INDENT: Final = " " * 12
_EVENT: Final = re.compile(r" *(?P<at>\d+(?:\.\d+)? s) (?P<mark>[ ~!-]) (?P<text>.*)")
_MARKS: Final = {"ok": " ", "partial": "~", "failed": "!", "not_seen": "-"}

# What gives way when the screen is full, the last first.
_ALWAYS, _TROUBLE, _MEDIA, _DOUBT, _STEP, _CAVEAT, _WHY = range(7)


class _Paragraph(NamedTuple):
    """Lines that stay together, and how dear they are."""

    weight: int
    lines: tuple[str, ...]


class Told(NamedTuple):
    """A paragraph of a story."""

    at: str
    """Since the call began; empty for what has no time."""
    mark: str
    """``!`` for what failed, ``~`` for what did in part, else empty."""
    text: str


def story(findings: "Findings") -> tuple[str, ...]:
    """Return at most ``MOST_LINES`` lines of at most ``MOST_COLUMNS`` columns."""
    found = calls(findings)
    paragraphs = [
        *_what(findings, len(found)),
        *_broken(findings),
        *_of_calls(findings, found),
        *_caveats(findings, found),
    ]
    return _fitted(paragraphs)


def paragraphs(lines: Iterable[str]) -> list[Told]:
    """Return a story's paragraphs as they were before they were broken into lines."""
    told: list[Told] = []
    for line in lines:
        event = _EVENT.fullmatch(line)
        if event:
            told.append(Told(event["at"], event["mark"].strip(), event["text"]))
        elif line.startswith("  ") and told:
            told[-1] = told[-1]._replace(text=f"{told[-1].text} {line.strip()}")
        else:
            told.append(Told("", "", line))
    return told


def call_name(findings: "Findings | Analysis", number: int = 1) -> str:
    """Return what the capture holds in a few words, without how sure that is."""
    service = findings.service
    title = TITLES.get(service.name or "", service.name)
    if title is not None:
        generation = say("generation", generation=service.generation) if service.generation else ""
        return say("call" if number < 2 else "calls", service=title, generation=generation, number=number)
    if not findings.packets:
        return say("empty")
    return say({True: "unknown-call", False: "no-call", None: "perhaps-call"}[service.is_call])


def _what(findings: "Findings", number: int) -> Iterator[_Paragraph]:
    what = call_name(findings, number)
    if findings.service.name is not None and findings.service.confidence is not None:
        what += say("certainty", certainty=share(findings.service.confidence))
    packets, lasted = count(findings.packets, "packet"), length(findings.duration_s)
    if findings.origin_ns is None:
        yield _paragraph(_ALWAYS, capitalised(what))
    else:
        when = _utc_text(findings.origin_ns)
        yield _paragraph(_ALWAYS, say("when", what=what, time=when, packets=packets, length=lasted))
    yield from _why(findings)
    if number and findings.endpoint:
        yield _paragraph(_CAVEAT, say("seen-from", hosts=", ".join(findings.endpoint)))
    elif number and (findings.rtp or findings.service.is_call):
        yield _paragraph(_CAVEAT, say("seen-from-nobody"))


def _why(findings: "Findings") -> Iterator[_Paragraph]:
    """Yield the evidence: for a call the two best sentences, else all, since they are the whole story."""
    evidence = findings.service.evidence
    if findings.service.name is None:
        for at, text in enumerate(evidence):
            yield _paragraph(_WHY if at else _TROUBLE, capitalised(say("as-is", text=text)))
    elif evidence:
        yield _paragraph(_WHY, say("told-by", evidence=" ".join(evidence[:_TOLD_EVIDENCE])))


def _broken(findings: "Findings") -> Iterator[_Paragraph]:
    if findings.truncated_at_offset is not None:
        yield _paragraph(_ALWAYS, say("broken", offset=findings.truncated_at_offset))


def _of_calls(findings: "Findings", found: Sequence[Call]) -> Iterator[_Paragraph]:
    for number, call in enumerate(found[:MOST_CALLS_TOLD], start=1):
        heading = {"number": number, "count": len(found), "start": length(call.start_s)}
        if len(found) > 1:
            lasted = length(call.end_s - call.start_s)
            is_call = findings.service.is_call is not False
            yield _paragraph(_ALWAYS, say("one-call" if is_call else "one-part", length=lasted, **heading))
        elif call.start_s >= _EDGE_S:
            yield _paragraph(_STEP, say("call-begins", **heading))
        yield from _of_call(findings, call, [stage for stage in findings.stages if stage.call == number])
    if len(found) > MOST_CALLS_TOLD:
        yield _paragraph(_ALWAYS, say("more-calls", count=len(found) - MOST_CALLS_TOLD))


def _of_call(findings: "Findings", call: Call, stages: "Sequence[CaptureStage]") -> Iterator[_Paragraph]:
    found = sides(call, findings.endpoint)
    begun = [(side.first_s, _event(call, side.first_s, " ", side_text(side), _MEDIA)) for side in found]
    silences = [(side, side.silence) for side in found if side.silence and side.silence.length_s > STALL_S]
    quiet = [(silence.start_s, _quiet(call, side, silence)) for side, silence in silences]
    paused = {paused_text(call, side, silence) for side, silence in silences}
    told = [
        (_moment(stage), _stage(call, stage))
        for stage in stages
        if _is_told(stage) and stage.detail not in paused
    ]
    yield from (paragraph for _, paragraph in sorted([*told, *begun, *quiet], key=lambda item: item[0]))
    yield from _end(findings, call)


def _quiet(call: Call, side: Side, silence: Silence) -> _Paragraph:
    """Return that media were silent, at the time when they fell silent."""
    said = say("media-quiet", way=way(side), silence=length(silence.length_s))
    return _event(call, silence.start_s, "~", said, _MEDIA)


def _is_told(stage: "CaptureStage") -> bool:
    """Media that began and held are told by their side's figures."""
    return stage.outcome != "ok" if stage.name.startswith("media_") else True


def _moment(stage: "CaptureStage") -> float:
    return stage.t_s if stage.name.startswith("media_") else stage.t0_s


def _stage(call: Call, stage: "CaptureStage") -> _Paragraph:
    weight = {"failed": _TROUBLE, "partial": _MEDIA}.get(stage.outcome, _STEP)
    return _event(call, _moment(stage), _MARKS[stage.outcome], stage.detail, weight)


def _end(findings: "Findings", call: Call) -> Iterator[_Paragraph]:
    end = call.last_end
    if end is not None:
        yield _event(call, end.at_s, " ", say(end.kind), _STEP)
        return
    last_media_s = max((side.last_s for side in sides(call, findings.endpoint)), default=None)
    if last_media_s is not None and last_media_s >= findings.duration_s - _EDGE_S:
        yield _paragraph(_CAVEAT, say("open-end"))


def _event(call: Call, at_s: float, mark: str, text: str, weight: int) -> _Paragraph:
    """Return something that happened, its time since the call began in front."""
    since_s = max(at_s - call.start_s, 0.0)
    when = f"{since_s:.2f} s" if since_s < 100 else f"{since_s:.0f} s"
    return _paragraph(weight, capitalised(text), first=f"{when:>9} {mark} ", rest=_INDENT)


def _caveats(findings: "Findings", found: Sequence[Call]) -> Iterator[_Paragraph]:
    if findings.quotes:
        kinds = ", ".join(f"{ICMP.get(kind, kind)} ({number})" for kind, number in findings.quotes.items())
        undeliverable = count(sum(findings.quotes.values()), "datagram")
        yield _paragraph(_DOUBT, say("icmp", count=undeliverable, kinds=kinds))
    yield from _far_reports(findings)
    apart_s = _longest_pause_s(findings)
    if apart_s >= JOINED_S:
        yield _paragraph(_DOUBT, say("joined", length=length(apart_s)))
    if any(is_one_way(call, sides(call, findings.endpoint)) for call in found):
        yield _paragraph(_DOUBT, say("one-way"))
    if any(_begins_in_the_middle(findings, call) for call in found[:1]):
        yield _paragraph(_DOUBT, say("open-beginning"))
    gone = any(
        stage.outcome == "failed" or (stage.outcome == "partial" and stage.name.startswith("media_"))
        for stage in findings.stages
    )
    if gone or any(stream.lost for stream in findings.rtp):
        yield _paragraph(_DOUBT, say("cut-or-lost"))
    models = dict.fromkeys(stream.mos_model for stream in findings.rtp if stream.mos_model)
    if models:
        yield _paragraph(_CAVEAT, say("models", models=", ".join(list(models)[:_MOST_MODELS])))
    if any(stream.jitter_ms is None for stream in findings.rtp):
        yield _paragraph(_WHY, say("no-clock"))
    elif findings.rtp:
        yield _paragraph(_WHY, say("clock"))


def _far_reports(findings: "Findings") -> Iterator[_Paragraph]:
    """Yield what far ends reported in clear to have missed: loss that the capture cannot see itself."""
    sent = {stream.ssrc for stream in findings.rtp if stream.direction == "up"}
    losses = [
        report.loss_ratio
        for report in findings.rtcp.reports
        if report.source_ssrc in sent and report.loss_ratio is not None
    ]
    if losses:
        yield _paragraph(_MEDIA, say("far-report", ratio=share(max(losses))))


def _begins_in_the_middle(findings: "Findings", call: Call) -> bool:
    """Say whether media were there at once, and nothing that sets a call up."""
    media_s = min((side.first_s for side in sides(call, findings.endpoint)), default=None)
    prepared = call.relays or call.reflectors or call.turn_servers or call.ice or call.dtls
    return media_s is not None and not prepared and findings.clues.sip is None and media_s < _EDGE_S


def _longest_pause_s(findings: "Findings") -> float:
    busy = merge((flow.first_s, flow.last_s) for flow in findings.flows)
    return max((later[0] - earlier[1] for earlier, later in pairwise(busy)), default=0.0)


def _paragraph(weight: int, text: str, *, first: str = "", rest: str = "") -> _Paragraph:
    wrapped = textwrap.wrap(
        text,
        MOST_COLUMNS,
        initial_indent=first,
        subsequent_indent=rest or "  ",
        break_on_hyphens=False,
    )
    return _Paragraph(weight, tuple(wrapped))


def _fitted(paragraphs: Iterable[_Paragraph]) -> tuple[str, ...]:
    """Return the lines of the dearest paragraphs, as many as fit, in their order."""
    kept = list(enumerate(paragraphs))
    while sum(len(paragraph.lines) for _, paragraph in kept) > MOST_LINES and len(kept) > 1:
        kept.remove(max(kept, key=lambda item: (item[1].weight, item[0])))
    return tuple(visible(line) for _, paragraph in kept for line in paragraph.lines)[:MOST_LINES]


def _utc_text(epoch_ns: int) -> str:
    """Return a time as text; one that no calendar reaches as seconds."""
    seconds = epoch_ns // 1_000_000_000
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"
