"""Measurements from browsers' dumps: the browser's figures under its names, and nothing of ours."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from callprobe.pcap.donation import Donor
from callprobe.pcap.dumps.builder import MOST_SAMPLES, MOST_TRACKS
from callprobe.pcap.dumps.internals import read_internals
from callprobe.pcap.dumps.measurement import VOID_INTERRUPTED, VOID_TRUNCATED, measurements
from callprobe.pcap.dumps.model import Dump
from callprobe.pcap.dumps.read import read_dump
from callprobe.vantage.redaction import redact
from callresults.addresses import find_addresses
from callresults.codec import canonical_bytes, decode
from callresults.collector.api import MAX_MEASUREMENT_BYTES
from callresults.collector.receive import Accepted, examine
from callresults.nettests.browser import BrowserCall
from callresults.nettests.call import CallKeys
from helpers.browser_dumps import FOLDER, OWN, SECRETS, Recording, files, internals, voice

DONOR = Donor(probe_id="7f" * 16, software_version="0.1.0", country="RU", asn="AS64500")
NAMES = sorted(files())


def dump(*recordings: Recording) -> Dump:
    """Return a dump of these calls."""
    return read_internals(internals(*recordings), "file")


def keys_of(recording: Recording, **changes: object) -> CallKeys:
    """Return the keys of the only measurement."""
    (made,) = measurements(replace(dump(recording), **changes), DONOR)
    assert isinstance(made.test_keys, CallKeys)
    return made.test_keys


def test_the_browsers_figures_stand_under_its_names_and_ours_stay_empty() -> None:
    keys = keys_of(voice())
    assert isinstance(keys.browser, BrowserCall)

    assert (keys.metrics_up, keys.metrics_down, keys.series, keys.packet_record) == (None, None, (), None)
    (received,) = [track for track in keys.browser.tracks if track.direction == "inbound"]
    assert (received.packets_received, received.packets_lost, received.concealed_samples) == (528, 22, 21_120)


def test_it_is_an_observed_call_of_the_service_whose_page_made_it() -> None:
    (made,) = measurements(dump(voice()), DONOR)
    keys = made.test_keys
    assert isinstance(keys, CallKeys)

    assert (keys.arm, keys.service, keys.medium, keys.dialect) == (
        "observed",
        "telegram",
        "voice",
        "browser-dump",
    )
    assert (keys.media_duration_s, keys.valid, keys.verdict) == (10.0, True, None)
    assert (made.annotations.source, made.measurement_start_time, made.test_runtime) == (
        "browser-dump",
        "2026-08-06 07:05:00",
        12.0,
    )


def test_a_call_with_pictures_is_one_of_video() -> None:
    assert keys_of(voice(video=True)).medium == "video"


def test_the_version_of_the_path_is_kept_and_its_addresses_are_not() -> None:
    over_ipv6 = internals(voice()).replace(b'203.0.113.200\\",\\"203.0.113.200', b"2001:db8::9")

    assert keys_of(voice()).ip_version == "ipv4"
    assert (
        read_internals(over_ipv6.replace(b'\\"203.0.113.200\\"', b'\\"2001:db8::9\\"'), "x")
        .connections[0]
        .ip_version
        == "ipv6"
    )


@pytest.mark.parametrize(
    ("fate", "broken_at_line", "reason"),
    [
        ("connected", None, None),
        ("connected", 40, VOID_TRUNCATED),
        ("failed", 40, None),
        ("gone", None, None),
        ("given-up", None, VOID_INTERRUPTED),
    ],
)
def test_what_people_or_a_broken_file_ended_is_void(
    fate: str, broken_at_line: int | None, reason: str | None
) -> None:
    keys = keys_of(voice(fate=fate), broken_at_line=broken_at_line)

    assert (keys.valid, keys.void_reason) == (reason is None, reason)


def test_connections_without_a_time_or_a_try_are_no_measurement() -> None:
    idle = voice()._replace(events=[], reports=[])

    assert measurements(dump(idle), DONOR) == []
    assert measurements(read_dump(FOLDER / "internals-old.json"), DONOR) == []


def test_a_page_of_this_machine_itself_is_emulated() -> None:
    (made,) = measurements(dump(voice(page="http://localhost:3001/")), DONOR)

    assert made.annotations.emulated


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_of_a_dump_is_taken_by_a_collector_and_names_nobody(name: str) -> None:
    for made in measurements(read_dump(FOLDER / name), DONOR):
        canonical = canonical_bytes(made)

        assert isinstance(examine(canonical), Accepted)
        assert decode(canonical) == made
        assert redact(made, OWN) == made
        assert [secret for secret in SECRETS if secret.encode() in canonical] == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(address=st.ip_addresses().filter(lambda one: one.is_global).map(str), data=st.data())
def test_an_address_anywhere_in_a_dump_is_nowhere_in_a_measurement(address: str, data: st.DataObject) -> None:
    """It takes the place of one of the texts that a dump is full of."""
    whole = internals(voice())
    words = [
        b"ada.example.org",
        b"203.0.113.200",
        b"AES_CM_128_HMAC_SHA1_80",
        b"audio/opus",
        b"llad",
        b"relay",
        b"udp",
    ]
    word = data.draw(st.sampled_from(words))
    planted = read_internals(whole.replace(word, address.encode()), "file")

    for made in measurements(planted, DONOR):
        found = find_addresses(canonical_bytes(made), [address])
        innocent = find_addresses(canonical_bytes(measurements(dump(voice()), DONOR)[0]), [address])
        assert [form for form in found if form not in innocent and not form.startswith("base64")] == []
        assert redact(made, [address]) == made


def test_the_largest_dump_makes_a_measurement_that_is_taken() -> None:
    call = voice(seconds=MOST_SAMPLES // MOST_TRACKS + 9)
    reports = [
        (
            after_s,
            report
            | {
                f"IT{number}": report["IT01A2744718061"]
                for number in range(MOST_TRACKS + 9)
                if "IT01A2744718061" in report
            },
        )
        for after_s, report in call.reports
    ]
    canonical = canonical_bytes(measurements(dump(call._replace(reports=reports)), DONOR)[0])

    assert len(canonical) < MAX_MEASUREMENT_BYTES
    assert isinstance(examine(canonical), Accepted)
