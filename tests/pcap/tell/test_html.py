"""The page of a capture."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from callprobe.pcap.analyze import Analysis, analyze
from callprobe.pcap.collect.relay import RelayPings
from callprobe.pcap.recognise.clues import Clues, ServerName
from callprobe.pcap.tell.html import page
from callresults.addresses import textual_addresses
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    analysis,
    blank,
    both_ways,
    findings,
    hostile,
    relay,
    service,
    stream,
)
from helpers.peers import shared_directory

VOID = {"meta", "br"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Reader(HTMLParser):
    """Reads a page as a browser does, and notes what it holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def call(**changes: object) -> Analysis:
    """Return the analysis of a call whose media died on their way in."""
    found = findings(
        flows=both_ways(OWN, RELAY, 0, 30),
        relays=(relay(answered=2, first_answered_s=0.01, pings=3, ping_answers=3),),
        relay_pings=blank(RelayPings, interval_ms=3000.0, series=((1.0, 6.0), (4.0, 7.0))),
        rtp=(stream(OWN, RELAY, 0, 30), stream(RELAY, OWN, 0, 12)),
        service=service("whatsapp"),
        **changes,
    )
    return analysis(found)


def test_a_page_shows_the_story_and_the_figures() -> None:
    """Story on top, a timeline, a figure for each way, and round trips."""
    text = page(call())
    reader = Reader(text)

    assert reader.open == []
    assert text.index("Media in stopped") < text.index("<svg")
    assert reader.tags["svg"] == 4
    assert text.index("Out: 192.168.0.2:50000 to") < text.index("In: 203.0.113.7:3478 to")
    assert "no more packets" in text


def test_a_page_asks_for_nothing_from_outside() -> None:
    """No script, no link, no picture, and a policy that forbids them."""
    reader = Reader(page(call()))

    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "default-src 'none'" in page(call())
    assert "url(" not in page(call())


def test_a_page_can_be_read_aloud() -> None:
    """It has a language and a title, its figures have names, its tables have captions and heads."""
    text = page(call())
    reader = Reader(text)

    assert '<html lang="en">' in text
    assert "<title>WhatsApp call: call.pcap</title>" in text
    assert reader.tags["svg"] == len(re.findall(r'<svg [^>]*role="img" aria-label="[^"]+"', text))
    assert reader.tags["caption"] == reader.tags["table"]
    assert len(re.findall(r'<th scope="col"', text)) == reader.tags["th"]


def test_a_page_warns_of_its_addresses() -> None:
    """Until they are replaced; then it says that they were."""
    open_page, redacted_page = page(call()), page(call(), redact=True)

    assert "--redact before you pass it on" in open_page
    assert textual_addresses(redacted_page) == []
    assert "call.pcap" not in redacted_page
    assert "this device:50000 to relay 1:3478" in redacted_page
    assert "were replaced by names" in redacted_page


def test_hostile_names_stay_text() -> None:
    """What a capture calls itself is shown and never obeyed."""
    names = (ServerName(name=EVIL, source=EVIL, owner=None, count=1, first_s=0.0),)
    evil = analysis(findings(clues=blank(Clues, server_names=names)), file=EVIL)
    reader = Reader(page(evil))

    assert reader.open == []
    assert not {"script", "img"} & set(reader.tags)


def test_no_call_has_no_figures() -> None:
    """The page says what is there instead."""
    text = page(analysis(findings(service=service(None, is_call=False), quotes={"v4 3/3": 1})))

    assert "<svg" not in text
    assert "No call in this capture" in text
    assert "port unreachable" in text


def test_many_calls_and_streams_stay_a_page() -> None:
    """The first are drawn, the others stand in the tables."""
    streams = tuple(
        stream(OWN, FAR, 100.0 * number, 100.0 * number + 5, ssrc=f"0x{number:08x}{part}")
        for number in range(8)
        for part in range(8)
    )
    text = page(analysis(findings(rtp=streams, flows=both_ways(OWN, FAR, 0, 800), service=service("sip"))))

    assert "2 more calls stand in the tables only." in text
    assert "2 smaller streams stand in the table only." in text
    assert text.count("<svg") == 6 * 7


def test_the_same_analysis_gives_the_same_page() -> None:
    """Byte for byte."""
    assert page(call()) == page(call())


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile(Analysis))
def test_any_analysis_is_a_page(record: Analysis) -> None:
    """Whatever is in it, the page is whole, bounded and without a script."""
    text = page(record)
    reader = Reader(text)

    assert reader.open == []
    assert "script" not in reader.tags
    assert len(text.encode()) < 5_000_000


@pytest.mark.peer("shared")
def test_every_real_capture_is_a_page() -> None:
    """Open and redacted; of the redacted one no address is left."""
    folder = shared_directory() / "captures"
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".csv"]
    for path in map(Path, files):
        record = analyze(path)
        redacted_page = page(record, redact=True)

        assert Reader(page(record)).open == []
        assert (path.name, textual_addresses(redacted_page)) == (path.name, [])
