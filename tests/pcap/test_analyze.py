"""The analysis of whole captures, real ones included."""

import json
from pathlib import Path

import pytest

from callprobe.pcap.analyze import analyze
from callprobe.pcap.write import CaptureWriter
from helpers.peers import shared_directory

PING = bytes.fromhex("5cf39375beee0adbedeb3c096f7d66c8 ffffffffffffffffffffffff feffffff 000000000000007b")


def test_unanswered_pings_are_told(tmp_path: Path) -> None:
    """The story of a call that dies at its relay says so, and what is not computed is null."""
    writer = CaptureWriter(tmp_path / "x.pcap")
    for number in range(4):
        writer.write(number * 500_000_000, ("127.0.0.1", 1), ("127.0.0.1", 597), PING)
    writer.close()
    analysis = analyze(tmp_path / "x.pcap")

    assert analysis.story == ("4 packets in 1.5 s.", "4 reflector pings, never answered.")
    assert (analysis.dtls, analysis.rtcp, analysis.stages, analysis.service.name) == (None, None, None, None)


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
    assert "breaks at byte 100" in analysis.story[1]


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


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    "name",
    [
        "ast_opus_60_fec.pcapng",
        "ast_opus_60_fec_dropped.pcapng",
        "ms2_congestion_audio-80-75-0c60.pcapng",
        "ms2_pcmu_8k_no_jitter.pcap",
        "stun_wa_call.pcapng",
    ],
)
def test_real_streams_agree_with_their_truth(name: str) -> None:
    """Packets, expected, lost and duplicates are exact, jitter within 1 % or 0.05 ms, exchanges exact."""
    folder = shared_directory() / "captures"
    truth = json.loads((folder / "truth" / f"{name}.json").read_text())
    analysis = analyze(folder / name)
    streams = [stream for stream in truth["rtp_calc"]["streams"] if stream["pkts"] >= 10]
    wanted = {
        (s["src"], s["dst"], s["ssrc"]): (s["pkts"], s["expected"], s["lost"], s["dup"]) for s in streams
    }
    jitter = {(s["src"], s["dst"], s["ssrc"]): s["jitter_rfc3550_ms"]["mean"] for s in streams}
    found = {(s.src, s.dst, s.ssrc): s for s in analysis.rtp}

    assert {key: (s.packets, s.expected, s.lost, s.duplicates) for key, s in found.items()} == wanted
    assert {key: s.jitter_ms.mean for key, s in found.items() if s.jitter_ms} == pytest.approx(
        jitter, rel=0.01, abs=0.05
    )
    assert analysis.stun.messages == truth["stun_raw"]["messages"]
    assert analysis.stun.answered == truth["stun_raw"]["answered"]
