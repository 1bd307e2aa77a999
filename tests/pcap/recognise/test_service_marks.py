"""Marks of services that take more than one question."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from callprobe.pcap.dissect import Findings, dissect
from callprobe.pcap.recognise import service_marks as marks
from callprobe.pcap.recognise.clues import MarkCount
from callprobe.pcap.recognise.distance import traits_of
from callprobe.pcap.write import CaptureWriter

VOICE = traits_of("whatsapp-2023").rtp[0]


@pytest.fixture
def empty(tmp_path: Path) -> Findings:
    """Return what is found in a capture of nothing."""
    CaptureWriter(tmp_path / "empty.pcap").close()
    return dissect(tmp_path / "empty.pcap")


def with_stream(findings: Findings, **changes: Any) -> Findings:
    """Return the findings with one stream."""
    plain: dict[str, Any] = {"payload_types": {120: VOICE.packets}, "clock_rate_hz": 16_000}
    return replace(findings, rtp=(replace(VOICE, **{**plain, **changes}),))


def marked(findings: Findings, kind: str, count: int) -> Findings:
    """Return the findings with datagrams of one kind."""
    mark = MarkCount(kind=kind, datagrams=count, first_s=0, last_s=0, flows=(), sizes={})
    return replace(findings, clues=replace(findings.clues, marks=(mark,)))


@pytest.mark.parametrize(("ticks", "found"), [(960, 1), (2560, 1), (6720, 1), (480, 0), (None, 0)])
def test_whatsapps_voice_has_certain_packet_times(empty: Findings, ticks: int | None, found: int) -> None:
    """60, 160 and 420 ms, but not 30."""
    assert marks.whatsapp_media(with_stream(empty, timestamp_step_ticks=ticks)) == found


def test_whatsapps_voice_has_its_clock(empty: Findings) -> None:
    """Payload type 120 at 48 kHz is another's."""
    assert marks.whatsapp_media(with_stream(empty, timestamp_step_ticks=960, clock_rate_hz=48_000)) == 0


@pytest.mark.parametrize(("size", "payload_type", "found"), [(140, 102, 1), (141, 102, 0), (140, 111, 0)])
def test_signals_voice_has_one_size(empty: Findings, size: int, payload_type: int, found: int) -> None:
    """Constant bit rate under payload type 102."""
    stream = with_stream(empty, size_mode=size, payload_types={payload_type: VOICE.packets})

    assert marks.signal_voice(stream) == found


def test_kakaotalks_voice_has_no_extension_and_no_wrapping(empty: Findings) -> None:
    """Either would be another's."""
    talk: dict[str, Any] = {
        "payload_types": {108: VOICE.packets},
        "timestamp_step_ticks": 960,
        "extension_profiles": {},
        "encapsulation": "plain",
    }

    assert marks.kakao_media(with_stream(empty, **talk)) == 1
    assert marks.kakao_media(with_stream(empty, **{**talk, "encapsulation": "turn-channel"})) == 0
    assert marks.kakao_media(with_stream(empty, **{**talk, "extension_profiles": {"0xbede": 9}})) == 0


@pytest.mark.parametrize(
    ("kind", "too_few", "mark"),
    [
        ("zoom-server", 9, marks.zoom_server),
        ("zoom-media", 4, marks.zoom_media),
        ("viber-shape", 1, marks.viber_shapes),
    ],
)
def test_a_few_may_be_chance(empty: Findings, kind: str, too_few: int, mark: Any) -> None:
    """One more than that counts, and all of them do."""
    assert mark(marked(empty, kind, too_few)) == 0
    assert mark(marked(empty, kind, too_few + 1)) == too_few + 1


def test_one_attribute_of_microsofts_is_none(empty: Findings) -> None:
    """Two kinds are the least."""
    one = replace(empty, stun=replace(empty.stun, attributes={"0x8008": 9}))
    two = replace(empty, stun=replace(empty.stun, attributes={"0x8008": 9, "0x8055": 1}))

    assert (marks.microsoft(one), marks.microsoft(two)) == (0, 10)
