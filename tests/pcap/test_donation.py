"""The envelope of calls that were observed: names from the content, times to five minutes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from callprobe.pcap.donation import Donor, Observed, given, rounded
from callprobe.vantage.redaction import round_start
from callresults.nettests.call import CallKeys
from helpers.synthetic import call_keys

DONOR = Donor(probe_id="7f" * 16, software_version="0.1.0", country="RU", asn="AS64500")
START = datetime(2025, 8, 11, 12, 34, 56, tzinfo=UTC)


def observed(after_s: float = 0.0, *, seed: int = 1, giver: str = DONOR.probe_id) -> Observed:
    """Return a call of a recording."""
    keys = call_keys(arm="observed", duration_s=1.0, pair_id="", seed=seed, probe_id=giver)
    return Observed(start=START + timedelta(seconds=after_s), runtime_s=12.3456, emulated=False, keys=keys)


def pairs(*calls: Observed) -> list[str]:
    """Return the names that the calls of a recording get."""
    return [made.test_keys.pair_id for made in given(calls, DONOR, "capture")]


def test_each_call_of_a_recording_has_a_name_and_all_share_the_report() -> None:
    first, second = given([observed(), observed(600.0)], DONOR, "browser-dump")

    assert first.test_keys.pair_id != second.test_keys.pair_id
    assert first.report_id == second.report_id
    assert len(first.report_id) == len(first.test_keys.pair_id) == 32
    assert (first.measurement_start_time, second.measurement_start_time) == (
        "2025-08-11 12:30:00",
        "2025-08-11 12:40:00",
    )
    assert {one.test_start_time for one in (first, second)} == {"2025-08-11 12:30:00"}


def test_names_follow_from_the_content_and_from_who_gives_it() -> None:
    again = given([observed()], DONOR, "capture")

    assert given([observed()], DONOR, "capture") == again
    assert pairs(observed()) != pairs(observed(seed=2))
    assert pairs(observed()) != pairs(observed(giver="8e" * 16))


def test_two_calls_that_are_alike_have_two_names() -> None:
    first, second = pairs(observed(), observed())

    assert first != second


def test_the_envelope_says_who_where_and_from_what() -> None:
    (made,) = given([observed()], DONOR, "capture")

    assert (made.annotations.source, made.annotations.emulated, made.annotations.history) == (
        "capture",
        False,
        None,
    )
    assert (made.probe_cc, made.probe_asn, made.probe_network_name, made.probe_ip) == (
        "RU",
        "AS64500",
        "",
        "127.0.0.1",
    )
    assert (made.test_name, made.software_name, made.test_runtime, made.input) == (
        "call",
        "callprobe",
        12.346,
        None,
    )
    assert isinstance(made.test_keys, CallKeys)


def test_nothing_observed_is_nothing_given() -> None:
    assert given([], DONOR, "capture") == []


@pytest.mark.parametrize(
    "moment",
    [
        START,
        datetime(2025, 9, 1, 2, 59, tzinfo=timezone(timedelta(hours=3))),
        datetime(2025, 1, 1, tzinfo=UTC),
    ],
)
def test_times_are_rounded_as_those_of_a_run(moment: datetime) -> None:
    """The two have no line in common: they are in packages that must not know each other."""
    assert rounded(moment) == round_start(moment)
