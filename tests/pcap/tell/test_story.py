"""One screen that a person understands."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from callprobe.pcap.analyze import analyze
from callprobe.pcap.collect.rtcp import ReceptionReport, Rtcp
from callprobe.pcap.dissect import Findings
from callprobe.pcap.recognise.service import Service
from callprobe.pcap.tell.story import MOST_COLUMNS, MOST_LINES, call_name, paragraphs, story
from helpers.findings import (
    FAR,
    OWN,
    RELAY,
    blank,
    both_ways,
    findings,
    hostile,
    reflector,
    relay,
    service,
    stream,
)
from helpers.peers import shared_directory

UNANSWERED = blank(type(findings().reflector), reflectors=(reflector(), reflector(server=RELAY)))


def told(**changes: Any) -> str:
    """Return the story as one text, lines joined where they were broken."""
    lines = story(findings(**changes))
    return " ".join(" ".join(lines).split())


def test_a_call_that_dies_at_its_relay() -> None:
    """The sentence says what was sent how often, and that nothing came."""
    text = told(
        reflector=UNANSWERED,
        flows=(*both_ways(OWN, FAR), *both_ways(OWN, RELAY)),
        service=service("telegram"),
    )

    assert text.startswith("Telegram call, 90 % sure; 2023-11-14 22:13:20 UTC, 1000 packets in 60.0 s.")
    assert "! 40-byte reflector pings every 0.5 s to 2 reflectors: 42 sent, never answered." in text


def test_a_call_whose_media_die() -> None:
    """When, and what went on meanwhile; and that a file may have been cut."""
    streams = (stream(OWN, RELAY, 0, 30), stream(RELAY, OWN, 0, 12.3))
    text = told(flows=both_ways(OWN, RELAY), rtp=streams, service=service("whatsapp"))

    assert (
        "12.30 s ! Media in stopped 12.3 s after the call began and did not come back, while ours went on"
        in text
    )
    assert "A packet that somebody cut out of the file looks like one that was lost." in text
    assert "The capture starts in the middle" in text


def test_two_calls_have_headings_and_times_of_their_own() -> None:
    """Times count from each call's beginning."""
    found = findings(
        flows=(*both_ways(OWN, RELAY), *both_ways(OWN, FAR, 30, 40)),
        relays=(relay(0.0, ended_s=10.0), relay(30.0, FAR, "192.168.0.2:50001", ended_s=40.0)),
        service=service("whatsapp"),
    )
    lines = story(found)

    assert lines[0].startswith("2 WhatsApp calls, 90 % sure;")
    assert "Call 2 of 2, from 30.0 s on, 10.0 s long:" in lines
    assert [line for line in lines if line.endswith("Ended: the relays were told so (0x0800).")] == [
        "  10.00 s   Ended: the relays were told so (0x0800)."
    ] * 2


def test_no_call_says_what_it_is_instead() -> None:
    """The evidence is the story."""
    nothing = Service(
        evidence=("Nothing of a call was found.", "Other traffic, in datagrams: WireGuard (51)."),
        is_call=False,
    )
    lines = story(findings(service=nothing))

    assert lines[0].startswith("No call in this capture; ")
    assert lines[1:] == nothing.evidence


def test_the_first_words_say_how_much_is_known() -> None:
    """A service with its generation, an unknown application, nothing."""
    names = [
        call_name(
            findings(service=Service(name="telegram", confidence=0.9, is_call=True, generation="tgcalls v2"))
        ),
        call_name(findings(service=service(None))),
        call_name(findings(service=service(None, is_call=None))),
        call_name(findings(service=service(None, is_call=False))),
    ]

    assert names == [
        "Telegram call (tgcalls v2)",
        "A call of an application that is not recognised",
        "Perhaps a call, of an application that nothing names",
        "No call in this capture",
    ]


def test_what_limits_the_story_is_told() -> None:
    """A broken file with its offset, ICMP in words, files that were joined, a capture that ends too early."""
    text = told(
        truncated_at_offset=4711,
        quotes={"v4 3/3": 2, "v4 77/1": 1},
        flows=(*both_ways(OWN, RELAY, 0, 59.9), *both_ways(OWN, FAR, 9e6, 9e6 + 1)),
        rtp=(stream(RELAY, OWN, 0, 59.9),),
    )

    assert "The file breaks at byte 4711; what comes after is not counted." in text
    assert "ICMP reported 3 datagrams as undeliverable: port unreachable (2), v4 77/1 (1)." in text
    assert "Some traffic lies 104 days apart" in text
    assert "The capture stops while media still flows." in text


def test_what_the_far_end_missed_is_told() -> None:
    """Its reports are the only witness of loss behind the capture; those on other streams do not count."""
    report = blank(ReceptionReport, source_ssrc="0x00000001", loss_ratio=0.031)
    other = blank(ReceptionReport, source_ssrc="0x00000002", loss_ratio=0.5)
    text = told(
        flows=both_ways(OWN, RELAY),
        rtp=(stream(OWN, RELAY, 0, 30),),
        rtcp=blank(Rtcp, reports=(report, other)),
    )

    assert "The far end reported that 3.1 % of what was sent to it got lost on the way." in text


def test_an_empty_capture_is_one_line() -> None:
    """Nothing in it is an answer."""
    empty = blank(Findings)

    assert story(empty)[0] == "Nothing in this capture."


def test_a_full_screen_keeps_what_matters_most() -> None:
    """Five calls, each dead: the failures stay, the caveats go."""
    relays = tuple(relay(100.0 * n, client=f"192.168.0.2:{n}") for n in range(1, 6))
    lines = story(findings(relays=relays, quotes={"v4 3/3": 1}, service=service("whatsapp")))

    assert len(lines) <= MOST_LINES
    assert sum("never answered" in line for line in lines) == 3
    assert any("And 2 more" in line for line in lines)


def test_a_story_can_be_put_together_again() -> None:
    """Lines that were broken for the terminal are whole paragraphs on a page."""
    streams = (stream(OWN, RELAY, 0, 30), stream(RELAY, OWN, 0, 12.3))
    parts = paragraphs(story(findings(flows=both_ways(OWN, RELAY), rtp=streams, service=service("whatsapp"))))
    (died,) = [part for part in parts if part.mark == "!"]

    assert parts[0].text.startswith("WhatsApp call")
    assert (died.at, died.text.endswith("did not come back, while ours went on for 17.7 s.")) == (
        "12.30 s",
        True,
    )
    assert all("  " not in part.text for part in parts)


def test_the_same_findings_give_the_same_story() -> None:
    """Nothing depends on the order of a set or on the hour."""
    streams = (stream(OWN, RELAY, 0, 30), stream(RELAY, OWN, 0, 30))

    assert story(findings(rtp=streams)) == story(findings(rtp=streams))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile(Findings))
def test_any_findings_fit_on_the_screen(found: Findings) -> None:
    """Whatever a capture holds, the terminal gets printable lines, few and short."""
    lines = story(found)

    assert 1 <= len(lines) <= MOST_LINES
    assert all(len(line) <= MOST_COLUMNS and line.isprintable() for line in lines)


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stun_wa_call.pcapng", "5 of 5 relays answered an allocation"),
        ("telegram.pcap", "2 Telegram calls (libtgvoip)"),
        ("KakaoTalk_talk.pcap", "No media in for 2.8 s; then it came back."),
        ("ast_opus_60_fec_dropped.pcapng", "29 of 3000 lost (1.0 %, one by one)"),
        ("ndpid_heads_telegram_voice.pcap", "1 of 3 TURN servers gave an address to relay by"),
        ("whatsapp_login_call.pcap", "8 of 8 relays answered an allocation"),
        ("dtls.pcap", "never answered"),
        ("wireguard.pcap", "No call in this capture"),
        ("dns.pcap", "No call in this capture"),
        ("tailscale.pcap", "No call in this capture"),
        ("stun_google_meet.pcapng", "the file seems to join several captures"),
    ],
)
def test_real_captures_tell_their_story(name: str, says: str) -> None:
    """What is known of the capture is in its story."""
    lines = analyze(shared_directory() / "captures" / name).story

    assert says in " ".join(" ".join(lines).split())


@pytest.mark.peer("shared")
def test_all_real_captures_fit_on_the_screen() -> None:
    """None needs more than a terminal has, and none blames anybody."""
    folder = shared_directory() / "captures"
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".csv"]
    stories = {path.name: analyze(path).story for path in map(Path, files)}

    assert len(stories) == 60
    assert all(1 <= len(lines) <= MOST_LINES for lines in stories.values())
    assert max(len(line) for lines in stories.values() for line in lines) <= MOST_COLUMNS
