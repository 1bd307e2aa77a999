"""The project's own captures, and the real ones beside the clone: the analysis says what is true of them."""

import json
from functools import cache
from typing import Any

import msgspec
import pytest

from callprobe.dialect.registry import LOOKS
from callprobe.lab.captures import CallTruth
from callprobe.pcap.analyze import Analysis, analyze
from callprobe.pcap.streams.rtp_streams import RtpStream
from captures import check
from captures.make import CASES, FOLDER, Case, play, pretty, write_capture

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)


@cache
def analysis_of(case: Case) -> Analysis:
    """Return the analysis of a committed capture."""
    return analyze(FOLDER / f"{case.stem}.pcap")


def truth_of(case: Case) -> CallTruth:
    """Return the committed truth of a capture."""
    return msgspec.json.decode((FOLDER / f"{case.stem}.truth.json").read_bytes(), type=CallTruth)


def streams_of(case: Case) -> dict[str, RtpStream]:
    """Return the streams of a capture's call by direction."""
    return {str(stream.direction): stream for stream in analysis_of(case).rtp}


def told(case: Case) -> str:
    """Return the story of a capture as one line."""
    return " ".join(" ".join(analysis_of(case).story).split())


@every_case
def test_capture_is_made_again_byte_for_byte(case: Case, tmp_path: Any) -> None:
    """The lab plays the same call from the same seed, and knows the same truth of it."""
    call = play(case)
    write_capture(tmp_path / "again.pcap", call.seen)

    assert (tmp_path / "again.pcap").read_bytes() == (FOLDER / f"{case.stem}.pcap").read_bytes()
    assert call.truth == truth_of(case)


@every_case
def test_analysis_is_as_expected(case: Case) -> None:
    """Nothing that the analysis says of a capture changes unseen: `make captures` writes it anew."""
    expected = json.loads((FOLDER / f"{case.stem}.analysis.json").read_text())

    assert json.loads(pretty(analysis_of(case))) == expected


@every_case
def test_streams_agree_with_the_lab(case: Case) -> None:
    """Media seen, and lost in between, are what the lab let through and dropped."""
    truth, streams = truth_of(case), streams_of(case)
    up, down = truth.up, truth.down
    passed_down = down.media_sent - down.media_dropped
    expected = {"up": (up.media_sent, 0), "down": (passed_down, down.media_lost_between)}

    assert {key: (stream.packets, stream.lost) for key, stream in streams.items()} == {
        direction: figures for direction, figures in expected.items() if figures[0]
    }


@every_case
def test_look_is_recognised(case: Case) -> None:
    """The service is named whatever the censor did; of WebRTC without DTLS only that it is a call."""
    expected = {"telegram-v2": "telegram", "whatsapp-2023": "whatsapp", "webrtc-aiortc": None}

    assert analysis_of(case).service.name == expected[case.look]
    assert analysis_of(case).service.is_call


@every_case
def test_nearest_dialect_is_the_look(case: Case) -> None:
    """The dialect that played the call is found to be the nearest."""
    distance = analysis_of(case).distance

    assert distance is not None
    assert distance.dialect == case.look


def test_every_look_meets_every_policy() -> None:
    """The table has no hole, and no file belongs to nothing."""
    assert {case.look for case in CASES} == set(LOOKS)
    assert {path.stem for path in FOLDER.glob("*.pcap")} == {case.stem for case in CASES}


def test_end_of_a_call_is_told() -> None:
    """A call is one span, and the farewell to the relay is its end."""
    (call,) = analysis_of(Case("whatsapp-2023", "clean")).calls

    assert (call.ended_by, call.ended_s) == ("relay_end", call.end_s)
    assert call.end_s - call.start_s > 9


def test_unanswered_pings_are_told() -> None:
    """A killed Telegram call reads as such."""
    assert "never answered" in told(Case("telegram-v2", "august"))


@pytest.mark.parametrize("look", LOOKS)
def test_cut_is_told(look: str) -> None:
    """When the far end falls silent in mid-call, the story says so, and only then."""
    assert "did not come back" in told(Case(look, "cut"))
    assert "did not come back" not in told(Case(look, "clean"))


@pytest.mark.peer("shared")
@pytest.mark.timeout(600)
def test_real_captures_agree_with_their_truth() -> None:
    """Every figure of a real capture is that of its ground truth; differences from tshark are explained."""
    checks, differences = check.run()

    assert [item for item in checks if not item.agrees and item.what != "service named"] == []
    assert [item for item in differences if item.cause is None] == []
    assert len(checks) > 500
