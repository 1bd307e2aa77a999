"""RTCP in captures: synthetic compounds, and the shared captures against what tshark and the bytes say."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.collect import rtcp as rtcp_module
from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.pcap.collect.rtcp import ExtendedReception, Rtcp, RtcpCollector
from callprobe.pcap.layers.link import Dissector
from callprobe.pcap.packets import UdpDatagram
from callprobe.pcap.reading.read import CaptureFile
from helpers.hexdata import load_hex

Way = Literal["up", "down"]

NEAR, FAR = ("192.0.2.1", 5001), ("203.0.113.1", 5001)
MS = 1_000_000
OURS, THEIRS = 0x11111111, 0x22222222
NTP = 0xE94A3B2C80000000


def sender_report(ssrc: int, ntp: int, packets: int) -> bytes:
    """Return a sender report without blocks."""
    return struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, 0, packets, packets * 100)


def receiver_report(ssrc: int, source: int, fraction: int, lost: int, highest: int, delay: int = 0) -> bytes:
    """Return a receiver report with one block that answers ``NTP``."""
    loss = fraction << 24 | lost & 0xFFFFFF
    return struct.pack(
        ">BBHIIIIIII", 0x81, 201, 7, ssrc, source, loss, highest, 80, NTP >> 16 & 0xFFFFFFFF, delay
    )


def collected(*sent: tuple[float, Way, bytes]) -> Rtcp:
    """Return what datagrams hold, the origin at 0 ms."""
    collector = RtcpCollector()
    for at_ms, way, payload in sent:
        source, destination = (NEAR, FAR) if way == "up" else (FAR, NEAR)
        packet = UdpDatagram(1, int(at_ms * MS), source, destination, payload, len(payload))
        collector.add(packet, payload)
    return collector.findings(0)


def test_packets_of_compounds_are_counted_by_type() -> None:
    found = collected(
        (0, "up", load_hex("wire/rtcp_sender_report_and_sdes")),
        (1, "up", load_hex("wire/rtcp_goodbye_padded")),
    )

    assert (found.compounds, found.packets, found.encrypted) == (2, 4, 0)
    assert found.by_type == {"200": 1, "201": 1, "202": 1, "203": 1}
    assert found.cnames == 1


def test_canonical_names_are_not_kept() -> None:
    """The text of a CNAME may name a person."""
    found = collected((0, "up", load_hex("wire/rtcp_sender_report_and_sdes")))

    assert "ab" not in repr(found)


def test_the_last_report_on_a_source_is_told() -> None:
    found = collected(
        (1000, "down", receiver_report(THEIRS, OURS, 64, 5, 1000)),
        (3000, "down", receiver_report(THEIRS, OURS, 16, 15, 1200)),
    )
    (report,) = found.reports

    assert (report.reporter, report.source_ssrc) == ("0x22222222", "0x11111111")
    assert (report.src, report.dst) == ("203.0.113.1:5001", "192.0.2.1:5001")
    assert (report.fraction_lost_ratio, report.worst_fraction_lost_ratio) == (0.0625, 0.25)
    assert (report.packets_lost, report.highest_sequence, report.loss_ratio) == (15, 1200, 0.05)
    assert (report.jitter_ticks, report.reports, report.at_s) == (80, 2, 3.0)


def test_one_report_alone_gives_no_ratio_over_time() -> None:
    (report,) = collected((0, "down", receiver_report(THEIRS, OURS, 0, -3, 1000))).reports

    assert (report.packets_lost, report.loss_ratio) == (-3, None)


def test_what_a_sender_sent_is_told() -> None:
    (sender,) = collected(
        (0, "up", sender_report(OURS, NTP, 10)), (5000, "up", sender_report(OURS, NTP + 5, 250))
    ).senders

    assert (sender.ssrc, sender.reports, sender.packets_sent, sender.octets_sent) == (
        "0x11111111",
        2,
        250,
        25_000,
    )
    assert (sender.src, sender.at_s) == ("192.0.2.1:5001", 5.0)


def test_a_report_that_answers_another_gives_a_round_trip() -> None:
    """The far end holds the report for half a second."""
    found = collected(
        (0, "up", sender_report(OURS, NTP, 10)),
        (530, "down", receiver_report(THEIRS, OURS, 0, 0, 10, delay=32768)),
    )

    assert found.rtt_ms.median == 30.0
    assert [(trip.far, trip.rtt_ms.n) for trip in found.round_trips] == [("203.0.113.1:5001", 1)]


def test_the_farthest_end_gives_the_round_trip() -> None:
    found = collected(
        (0, "up", sender_report(OURS, NTP, 10)),
        (0, "down", sender_report(THEIRS, NTP, 10)),
        (1, "up", receiver_report(OURS, THEIRS, 0, 0, 10)),
        (30, "down", receiver_report(THEIRS, OURS, 0, 0, 10)),
    )

    assert found.rtt_ms.median == 30.0
    assert len(found.round_trips) == 2


def test_feedback_is_counted_by_kind_and_source() -> None:
    found = collected((0, "down", load_hex("wire/rtcp_feedback")))
    by_source = {item.media_ssrc: item for item in found.feedback}

    assert found.feedback_counts == {"fir": 1, "nack": 1, "pli": 1, "remb": 1, "twcc": 1}
    assert by_source["0x22222222"].counts == {"nack": 1, "pli": 1, "remb": 1}
    assert (by_source["0x22222222"].nacked_packets, by_source["0x22222222"].remb_bps) == (3, 500_000)
    assert (by_source["0x00000000"].told_packets, by_source["0x00000000"].told_arrived) == (7, 4)
    assert by_source["0x33333333"].counts == {"fir": 1}
    assert found.reduced_size == 1


def test_a_goodbye_has_its_time() -> None:
    (bye,) = collected((7500, "up", load_hex("wire/rtcp_goodbye_padded"))).byes

    assert (bye.ssrc, bye.src, bye.at_s) == ("0x11111111", "192.0.2.1:5001", 7.5)


def test_extended_reports_are_summed_up() -> None:
    found = collected((0, "down", load_hex("wire/rtcp_xr")))
    (voip,) = found.xr

    assert found.xr_blocks == {"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "7": 1, "14": 1}
    assert (voip.source_ssrc, voip.reporter, voip.reports) == ("0x22222222", "0x11111111", 1)
    assert (voip.loss_ratio, voip.r_factor, voip.mos_lq, voip.mos_cq) == (26 / 256, 93, 4.3, 4.0)
    assert [told(item) for item in found.xr_receptions] == [
        ("loss-rle", 16, 1, None),
        ("duplicate-rle", 15, None, 2),
        ("statistics", 100, 3, 1),
    ]


def told(item: ExtendedReception) -> tuple[str, int, int | None, int | None]:
    """Return what blocks of one kind told."""
    return item.block, item.told_packets, item.lost_packets, item.duplicate_packets


def test_a_receivers_reference_time_gives_a_round_trip_too() -> None:
    """RFC 3611 section 4.5: an end that sends nothing asks with its own time."""
    reference = bytes.fromhex("80cf0004 33333333 04000002") + NTP.to_bytes(8, "big")
    answer = bytes.fromhex("80cf0005 11111111 05000003 33333333 3b2c8000 00008000")
    found = collected((0, "up", reference), (525, "down", answer))

    assert found.rtt_ms.median == 25.0


def test_of_an_encrypted_compound_only_header_and_sender_are_told() -> None:
    found = collected(
        (0, "up", load_hex("wire/srtcp_whatsapp_2015")), (3000, "up", load_hex("wire/srtcp_whatsapp_2015"))
    )
    (path,) = found.paths

    assert (found.compounds, found.encrypted, found.by_type, found.reports) == (2, 2, {"209": 2}, ())
    assert (path.trailer, path.ssrcs, path.interval_ms) == ("index-tag10", ("0x4c289e6d",), 3000.0)
    assert (path.encapsulation, path.first_s, path.last_s) == ("plain", 0.0, 3.0)


def test_what_only_begins_like_rtcp_is_counted_apart() -> None:
    """Such as a DNS query whose identifier is 0x80d1."""
    found = collected((0, "up", bytes.fromhex("80d1010000010000") + bytes(30)), (0, "up", bytes(40)))

    assert (found.compounds, found.unrecognised, found.paths) == (0, 1, ())


def test_an_empty_capture_has_an_empty_answer() -> None:
    found = collected()

    assert (found.compounds, found.by_type, found.rtt_ms.n, found.reports) == (0, {}, 0, ())


def test_what_is_kept_is_bounded() -> None:
    collector = RtcpCollector()
    for number in range(rtcp_module.MOST_SOURCES + 10):
        payload = receiver_report(number, OURS, 0, 0, 1)
        collector.add(UdpDatagram(1, 0, FAR, NEAR, payload, len(payload)), payload)
    found = collector.findings(0)

    assert (len(found.reports), found.dropped) == (rtcp_module.MOST_SOURCES, 10)
    assert len(found.paths[0].ssrcs) == rtcp_module.MOST_SSRCS


@given(st.lists(st.tuples(st.integers(128, 191), st.integers(199, 208), st.binary(max_size=80)), max_size=5))
def test_hostile_bytes_raise_nothing(sent: list[tuple[int, int, bytes]]) -> None:
    for first, second, body in sent:
        fitted = body[: len(body) // 4 * 4] or bytes(4)
        words = struct.pack(">H", len(fitted) // 4)
        collected(
            (0, "up", bytes([first, second]) + body), (0, "up", bytes([first, second]) + words + fitted)
        )


def of_capture(path: Path) -> Rtcp:
    """Return the RTCP over UDP in a capture."""
    collector, origin_ns = RtcpCollector(), None
    for packet in datagrams(path):
        origin_ns = packet.epoch_ns if origin_ns is None else origin_ns
        for inner in unwrap(packet.payload):
            collector.add(packet, inner.payload, inner.encapsulation)
    return collector.findings(origin_ns or 0)


def datagrams(path: Path) -> Iterator[UdpDatagram]:
    """Yield the UDP datagrams of a capture."""
    dissector = Dissector()
    for frame in CaptureFile(path):
        packet = dissector.take(frame)
        if isinstance(packet, UdpDatagram):
            yield packet


SEEN_BY_TRUTH = {"plain", "turn-channel"}
IN_CLEAR = ("rtcp_multiple_pkts_in_the_same_datagram.pcap", "sngrep_aaa.pcap")
ENCRYPTED = {
    "KakaoTalk_talk.pcap": (44, {"200": 41, "201": 3}, "index-tag10"),
    "discord_mid_flow.pcap": (30, {"200": 5, "201": 25}, "other"),
    "stun_dtls_rtp.pcapng": (1, {"207": 1}, "tag16-index"),
    "stun_facebook.pcapng": (11, {"201": 11}, "index-tag10"),
    "stun_google_meet.pcapng": (29, {"200": 2, "201": 9, "204": 4, "205": 6, "207": 8}, "tag16-index"),
    "stun_signal.pcapng": (71, {"201": 69, "205": 2}, "tag16-index"),
    "stun_wa_call.pcapng": (25, {"200": 17, "201": 1, "202": 7}, "index-tag10"),
    "teams_full.pcap": (12, {"200": 2, "201": 8, "206": 2}, "index-tag10"),
    "whatsapp_login_call.pcap": (58, {"200": 16, "201": 5, "208": 34, "209": 3}, "index-tag10"),
    "wissamnd_whatsappCall.pcapng": (14, {"200": 4, "202": 8, "205": 1, "208": 1}, "index-tag10"),
}
"""Compounds, types of their first packets, and how they end. tshark sees fewer, and takes encrypted bytes for
types that are not there (one 207 at Discord, a 204 and a 208 at Signal)."""


@pytest.mark.peer("shared")
@pytest.mark.parametrize("name", IN_CLEAR)
def test_what_is_in_clear_is_what_tshark_sees(shared: Path, name: str) -> None:
    truth = json.loads((shared / "captures" / "truth" / f"{name}.json").read_text())["rtcp"]
    found = of_capture(shared / "captures" / name)

    assert found.by_type == dict(sorted(truth["pts"].items()))
    assert (found.compounds, found.encrypted) == (truth["frames_tshark"], 0)


@pytest.mark.peer("shared")
@pytest.mark.parametrize("name", ENCRYPTED)
def test_what_is_encrypted_is_known_as_such(shared: Path, name: str) -> None:
    compounds, by_type, trailer = ENCRYPTED[name]
    found = of_capture(shared / "captures" / name)

    assert (found.compounds, found.encrypted, found.by_type) == (compounds, compounds, by_type)
    assert {path.trailer for path in found.paths} == {trailer}
    assert (found.reports, found.xr, found.feedback) == ((), (), ())


@pytest.mark.peer("shared")
def test_every_datagram_that_begins_like_rtcp_is_counted_once(shared: Path) -> None:
    """As RTCP, or as something that is none; of what wraps them the truth looks into channel data only."""
    for truth_path in sorted((shared / "captures" / "truth").glob("*.pcap*.json")):
        path = shared / "captures" / truth_path.name.removesuffix(".json")
        if path.exists():
            found = of_capture(path)
            within = sum(item.compounds for item in found.paths if item.encapsulation not in SEEN_BY_TRUTH)
            like = json.loads(truth_path.read_text())["rtcp"]["raw_rtcp_like_udp"]
            assert found.compounds - within + found.unrecognised == like, path.name
