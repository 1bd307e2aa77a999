"""The analysis of whole captures, real ones included."""

from pathlib import Path

import pytest

from callprobe.lab.captures import capture_call, write_capture
from callprobe.pcap.analyze import analyze
from callprobe.pcap.write import CaptureWriter
from helpers.peers import shared_directory
from helpers.policies import policy

CLEAN = policy()
PING = bytes.fromhex("5cf39375beee0adbedeb3c096f7d66c8 ffffffffffffffffffffffff feffffff 000000000000007b")


def test_unanswered_pings_are_told(tmp_path: Path) -> None:
    """The story of a call that dies at its relay says so, and what is not computed is null."""
    writer = CaptureWriter(tmp_path / "x.pcap")
    for number in range(4):
        writer.write(number * 500_000_000, ("127.0.0.1", 1), ("127.0.0.1", 597), PING)
    writer.close()
    analysis = analyze(tmp_path / "x.pcap")

    assert "never answered" in " ".join(" ".join(analysis.story).split())
    assert (analysis.reflector.pings, analysis.reflector.answers) == (4, 0)
    assert analysis.service.name == "telegram"


def test_broken_file_is_analysed_up_to_the_break(tmp_path: Path) -> None:
    """The break is in the record and in the story."""
    writer = CaptureWriter(tmp_path / "x.pcap")
    for number in range(2):
        writer.write(number, ("127.0.0.1", 1), ("127.0.0.1", 2), bytes(32))
    writer.close()
    whole = (tmp_path / "x.pcap").read_bytes()
    (tmp_path / "x.pcap").write_bytes(whole[:-1])
    analysis = analyze(tmp_path / "x.pcap")

    assert (analysis.packets, analysis.truncated_at_offset) == (1, 24 + 76)
    assert "100" in " ".join(line for line in analysis.story if "break" in line)


def test_empty_capture_has_no_time(tmp_path: Path) -> None:
    """Nothing captured is an answer."""
    CaptureWriter(tmp_path / "x.pcap").close()
    analysis = analyze(tmp_path / "x.pcap")

    assert (analysis.packets, analysis.first_packet_time, analysis.duration_s) == (0, None, 0.0)


@pytest.mark.peer("shared")
def test_the_29_lost_packets_are_found() -> None:
    """The capture with packets taken out lacks exactly those 29 of 3000."""
    (stream,) = analyze(shared_directory() / "captures" / "ast_opus_60_fec_dropped.pcapng").rtp

    assert (stream.packets, stream.unique, stream.expected, stream.lost) == (2971, 2971, 3000, 29)
    assert (stream.duplicates, stream.reordered, stream.clock_rate_hz) == (0, 0, 48000)


def test_every_way_of_counting_says_the_same(tmp_path: Path) -> None:
    """Nothing in the analysis depends on the tier."""
    path = tmp_path / "call.pcap"
    call = capture_call("webrtc-aiortc", CLEAN, seed=1, duration_s=1.0)
    write_capture(path, call.seen)

    assert analyze(path, tier="python") == analyze(path, tier="numpy") == analyze(path)


def test_time_is_text(tmp_path: Path) -> None:
    """The first packet's time is UTC to the nanosecond."""
    writer = CaptureWriter(tmp_path / "x.pcap")
    writer.write(1_754_902_800_000_000_001, ("127.0.0.1", 1), ("127.0.0.1", 2), b"x")
    writer.close()

    assert analyze(tmp_path / "x.pcap").first_packet_time == "2025-08-11T09:00:00.000000001Z"
