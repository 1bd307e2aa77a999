"""What a dump says in sentences."""

import pytest
from msgspec.structs import replace

from callprobe.pcap.dumps.internals import read_internals
from callprobe.pcap.dumps.story import story
from helpers.browser_dumps import SECRETS, internals, voice


def told(*fates: str, old: bool = False, video: bool = False) -> str:
    """Return the sentences of calls with these fates."""
    return "\n".join(
        story(read_internals(internals(*(voice(fate=fate, video=video) for fate in fates), old=old), "x"))
    )


def test_a_call_is_told_on_one_screen() -> None:
    assert told("connected").splitlines() == [
        "1 connection in webrtc-internals of Chrome 149.",
        "Connection 1 (telegram): 12.0 s, from 2026-08-06 07:08 UTC.",
        "  ICE found a way after 250 ms (relay to srflx, relay by udp), round trip 41 ms.",
        "  DTLS 1.2 was there 150 ms later.",
        "  Audio (audio/opus) sent: 550 packets, 4 lost by the far end's count, round trip 50 ms.",
        (
            "  Audio (audio/opus) received: 528 packets, 22 lost (4.0 %), jitter 4.0 ms, "
            "4.0 % of the sound made up."
        ),
    ]


@pytest.mark.parametrize(
    ("fate", "sentence"),
    [
        ("failed", "ICE failed after 15.0 s: no way to the far end (30 checks, 0 answered)."),
        ("given-up", "ICE looked for a way for 3.0 s and was ended without one (6 checks, 0 answered)."),
        ("gone", "The way was lost after 10.0 s and did not come back."),
        ("mute", "Nothing of the far end's media arrived in 11.1 s."),
    ],
)
def test_it_is_said_where_a_call_died(fate: str, sentence: str) -> None:
    assert sentence in told(fate)


def test_freezes_are_counted_for_people() -> None:
    assert "1 freeze of 0.4 s" in told("connected", video=True)


def test_an_old_dump_says_what_it_can() -> None:
    assert "ICE: checking, connected; when, the dump does not say." in told("connected", old=True)


def test_a_file_that_breaks_says_where() -> None:
    dump = replace(read_internals(internals(voice()), "x"), broken_at_line=7, connections_left_out=2)

    assert "The file breaks at line 7; what comes after is not counted." in story(dump)
    assert "2 more connections are left out." in story(dump)


def test_an_empty_dump_says_so() -> None:
    dump = read_internals(b'{"PeerConnections": {"1": {}}}', "x")

    assert story(dump) == (
        "1 connection in webrtc-internals of an unnamed browser.",
        "Connection 1 (webrtc): 0 s.",
        "  It never looked for a way to the far end.",
    )


def test_nobody_is_named() -> None:
    assert [secret for secret in SECRETS if secret in told("connected", "failed", "gone", video=True)] == []
