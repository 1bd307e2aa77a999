"""Measurements from captures: what they say, what makes them void, and that they name nobody."""

import ipaddress
import random
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from callprobe.pcap.dissect import Findings, dissect
from callprobe.pcap.donation import Donor
from callprobe.pcap.measurement import (
    VOID_ONE_WAY,
    VOID_SIDE_UNKNOWN,
    VOID_TRUNCATED,
    measurements,
)
from callprobe.pcap.recognise.distance import Distance
from callprobe.pcap.write import CaptureWriter
from callprobe.vantage.redaction import redact
from callresults.addresses import forms_of
from callresults.codec import canonical_bytes, decode
from callresults.collector.receive import Accepted, examine
from callresults.measurement import Measurement
from callresults.nettests.call import CallKeys
from helpers.findings import FAR, ORIGIN_NS, OWN, both_ways, findings, flow, hostile, path, service, stream
from helpers.peers import shared_directory

DONOR = Donor(
    probe_id="7f" * 16, software_version="0.1.0", country="RU", asn="AS64500", access_type="home-wifi"
)


def call(**changes: object) -> Findings:
    """Return findings of a call of ten seconds both ways, WhatsApp's."""
    given = {
        "flows": both_ways(OWN, FAR),
        "rtp": (stream(OWN, FAR, 1, 9.5), stream(FAR, OWN, 1, 9.5)),
        "ice": (path(OWN, FAR, 0.0, answered=1, first_answered_s=0.1, last_s=1.0),),
        "service": service("whatsapp"),
    }
    frame = {name: changes.pop(name) for name in ("origin_ns", "duration_s") if name in changes}
    return replace(findings(**(given | changes)), **frame)


def only(found: Findings) -> tuple[Measurement, CallKeys]:
    """Return the only measurement and its keys."""
    (made,) = measurements(found, DONOR)
    assert isinstance(made.test_keys, CallKeys)
    return made, made.test_keys


def test_a_capture_is_nobodys_arm() -> None:
    made, keys = only(call())

    assert (keys.arm, keys.verdict, keys.session_id, keys.packet_record, keys.responder_view) == (
        "observed",
        None,
        None,
        None,
        None,
    )
    assert (keys.scenario_id, keys.dialect, keys.responder_id, keys.responder_port) == (
        "observed",
        "capture",
        "unknown",
        None,
    )
    assert made.annotations.source == "capture"


def test_it_says_what_the_capture_showed() -> None:
    _, keys = only(call())
    assert keys.metrics_down is not None

    assert (keys.service, keys.medium, keys.ip_version, keys.valid) == ("whatsapp", "voice", "ipv4", True)
    assert (keys.metrics_down.packets_sent, keys.metrics_up, keys.media_duration_s) == (450, None, 8.5)
    assert [stage.name for stage in keys.stages] == ["ice_connectivity", "media_first_packet", "media_hold"]
    assert len(keys.series) == 9


def test_it_says_who_gave_it_and_when_to_five_minutes() -> None:
    made, keys = only(call())

    assert (made.probe_cc, made.probe_asn, keys.probe_id, keys.access_type) == (
        "RU",
        "AS64500",
        DONOR.probe_id,
        "home-wifi",
    )
    assert made.measurement_start_time == made.test_start_time == "2023-11-14 22:10:00"


def test_the_same_capture_twice_is_the_same_measurement() -> None:
    assert measurements(call(), DONOR) == measurements(call(), DONOR)


def test_two_calls_of_a_capture_are_two_measurements_of_one_report() -> None:
    found = call(
        flows=(*both_ways(OWN, FAR, 0, 10), *both_ways(OWN, FAR, 700, 720)),
        rtp=(stream(FAR, OWN, 1, 9.5), stream(FAR, OWN, 700, 720)),
        ice=(),
        duration_s=800.0,
    )
    first, second = measurements(found, DONOR)

    assert first.report_id == second.report_id
    assert first.test_keys.pair_id != second.test_keys.pair_id
    assert [one.measurement_start_time for one in (first, second)] == [
        "2023-11-14 22:10:00",
        "2023-11-14 22:25:00",
    ]


def test_voice_and_video_of_a_call_are_measured_apart() -> None:
    found = call(
        rtp=(stream(FAR, OWN, 1, 9.5, kind="audio"), stream(FAR, OWN, 2, 9.5, kind="video", expected=999))
    )
    voice, video = (made.test_keys for made in measurements(found, DONOR))
    assert isinstance(voice, CallKeys)
    assert isinstance(video, CallKeys)

    assert (voice.medium, video.medium) == ("voice", "video")
    assert voice.metrics_down is not None
    assert video.metrics_down is not None
    assert (voice.metrics_down.packets_sent, video.metrics_down.packets_sent) == (450, 999)


def test_media_without_readable_headers_are_counted_only() -> None:
    flows = (flow(OWN, FAR, 0, 20, packets=900), flow(FAR, OWN, 0, 20, packets=800))
    _, keys = only(
        call(flows=flows, rtp=(), service=service("telegram"), ice=(path(OWN, FAR, 0.0, selected=True),))
    )

    assert (keys.metrics_down, keys.series) == (None, ())
    assert keys.capture.opaque_packets == 1700  # type: ignore[union-attr]


def test_the_nearest_look_is_named_where_it_was_sought() -> None:
    near = Distance(
        dialect="whatsapp-2023",
        version="1",
        capture_date="2023-01-01",
        features=(),
        compared=10,
        matching=8,
        matching_ratio=0.8,
    )
    (made,) = measurements(call(), DONOR, distance=near)

    assert made.test_keys.capture.nearest_look == "whatsapp-2023"  # type: ignore[union-attr]
    assert only(call())[1].capture.nearest_look is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (call(truncated_at_offset=4096, duration_s=10.0), VOID_TRUNCATED),
        (call(truncated_at_offset=4096, duration_s=500.0), None),
        (
            call(
                flows=(flow("192.0.2.1:1", "192.0.2.2:1"),),
                rtp=(),
                transactions=(),
                ice=(path("192.0.2.1:1", "192.0.2.2:1"), path("192.0.2.3:1", "192.0.2.4:1")),
            ),
            VOID_SIDE_UNKNOWN,
        ),
    ],
    ids=["the file breaks in the call", "the file breaks later", "nobody is known to have captured"],
)
def test_what_cannot_be_used_is_void_and_says_why(found: Findings, reason: str | None) -> None:
    _, keys = only(found)

    assert (keys.valid, keys.void_reason) == (reason is None, reason)


def test_a_capture_of_one_direction_proves_nothing_of_the_other() -> None:
    found = call(flows=(flow(OWN, FAR),), rtp=(stream(OWN, FAR, 1, 9.5),), ice=(path(OWN, FAR, 0.0),))

    assert only(found)[1].void_reason == VOID_ONE_WAY


@pytest.mark.parametrize(
    "found",
    [
        call(service=service(None, is_call=False)),
        call(origin_ns=0),
        call(origin_ns=None),
        call(origin_ns=2**63 - 1),
        findings(),
        findings(service=service("meet")),
        call(rtp=(), service=service(None, is_call=None)),
    ],
    ids=[
        "no call",
        "clock of 1970",
        "empty",
        "clock of 2262",
        "nothing",
        "nothing of a call",
        "perhaps a call",
    ],
)
def test_what_says_nothing_is_no_measurement(found: Findings) -> None:
    assert measurements(found, DONOR) == []


@pytest.mark.parametrize(
    ("own", "far", "emulated"),
    [
        ("127.0.0.1:1", "127.0.0.1:2", True),
        ("192.0.2.1:1", "[2001:db8::1]:2", True),
        ("192.0.2.1:1", "1.1.1.1:2", False),
    ],
)
def test_a_call_that_left_no_machine_is_emulated(own: str, far: str, emulated: object) -> None:
    made = measurements(
        call(flows=both_ways(own, far), rtp=(stream(far, own, 1, 9.5),), ice=(path(own, far, 0.0),)), DONOR
    )

    assert [one.annotations.emulated for one in made] == [emulated]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile(Findings))
def test_any_findings_give_measurements_that_a_collector_takes_and_that_name_nobody(found: Findings) -> None:
    """Whatever was found, however absurd; the strategy puts addresses and markup into every text."""
    made = measurements(replace(found, origin_ns=ORIGIN_NS), DONOR)

    for one in made:
        canonical = canonical_bytes(one)
        assert decode(canonical) == one
        assert isinstance(examine(canonical), Accepted)
        assert redact(one, ("192.168.0.2", "203.0.113.7", "198.51.100.9", "2001:db8::1")) == one
        assert b"script" not in canonical


def capture_of(path: Path, own: str, far: str, mapped: str, rng: random.Random) -> None:
    """Write a call that is full of addresses: in headers, STUN's mapped address, and RTCP's CNAME."""
    here, there = (own, 50000), (far, 3478)
    key = rng.randbytes(12)
    cname = f"ada@{own}".encode()
    item = rng.randbytes(4) + bytes([1, len(cname)]) + cname + bytes(1)
    item += bytes(-len(item) % 4)
    report = bytes([0x80, 200, 0, 6]) + rng.randbytes(24)
    report += bytes([0x81, 202]) + (len(item) // 4).to_bytes(2, "big") + item
    with closing(CaptureWriter(path)) as writer:
        writer.write(ORIGIN_NS, here, there, b"\x00\x01\x00\x00\x21\x12\xa4\x42" + key)
        writer.write(ORIGIN_NS + 9_000_000, there, here, mapped_answer(key, mapped))
        for number in range(40):
            at_ns = ORIGIN_NS + 20_000_000 * (number + 1)
            head = bytes([0x80, 111]) + number.to_bytes(2, "big") + (960 * number).to_bytes(4, "big")
            for source, target, ssrc in (
                (here, there, b"\x0a\x0b\x0c\x0d"),
                (there, here, b"\x01\x02\x03\x04"),
            ):
                writer.write(at_ns, source, target, head + ssrc + rng.randbytes(80))
            if number == 20:
                writer.write(at_ns, here, there, report)


def mapped_answer(key: bytes, mapped: str) -> bytes:
    """Return a Binding success with XOR-MAPPED-ADDRESS (RFC 8489 section 14.2)."""
    address = ipaddress.ip_address(mapped)
    cookie = b"\x21\x12\xa4\x42"
    value = bytes(a ^ b for a, b in zip(address.packed, cookie + key, strict=False))
    body = bytes([0, 1 if address.version == 4 else 2]) + (50000 ^ 0x2112).to_bytes(2, "big") + value
    attribute = b"\x00\x20" + len(body).to_bytes(2, "big") + body
    return b"\x01\x01" + len(attribute).to_bytes(2, "big") + cookie + key + attribute


PUBLIC = st.ip_addresses().filter(lambda one: one.is_global and not one.is_multicast).map(str)
PUBLIC_V4 = st.ip_addresses(v=4).filter(lambda one: one.is_global and not one.is_multicast).map(str)
PRIVATE_V4 = st.ip_addresses(network="10.0.0.0/8").map(str)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=PRIVATE_V4, far=PUBLIC_V4, mapped=PUBLIC, seed=st.integers(0, 2**32))
def test_nothing_of_an_address_in_the_capture_is_in_the_bytes(
    tmp_path: Path, own: str, far: str, mapped: str, seed: int
) -> None:
    capture_of(tmp_path / "call.pcap", own, far, mapped, random.Random(seed))
    made = measurements(dissect(tmp_path / "call.pcap"), DONOR)

    assert made
    planted = {own, far, mapped}
    for one in made:
        canonical = canonical_bytes(one)
        told = [
            form for address in planted for name, form in forms_of(address).items() if is_long(name, form)
        ]
        assert [form for form in told if form in canonical] == []
        assert b"ada" not in canonical
        assert redact(one, planted) == one


def is_long(name: str, form: bytes) -> bool:
    """Leave out forms so short that chance writes them: bare digits and the cores of base64."""
    return not (form.isdigit() or name.startswith("base64"))


@pytest.mark.peer("shared")
def test_a_real_call_by_whatsapp_is_two_measurements() -> None:
    """The capture of 2023 holds a voice call and the beginning of one with video."""
    found = dissect(shared_directory() / "captures" / "stun_wa_call.pcapng")
    made = measurements(found, DONOR)

    assert [(one.test_keys.service, one.test_keys.medium) for one in made] == [
        ("whatsapp", "voice"),
        ("whatsapp", "video"),
    ]
    assert all(redact(one, found.endpoint) == one for one in made)
    assert all(isinstance(examine(canonical_bytes(one)), Accepted) for one in made)
