"""The published row counts the same obstacles as the rules."""

import pytest

from callresults.codec import canonical_bytes, measurement_id
from callresults.measurement import Annotations
from callresults.observation import Stage
from callresults.store.columns import Row, row_of
from helpers.lines import ladder_of
from helpers.synthetic import CALL_STAGES, call_keys, ladder, measurement, service_keys


def row(stages: tuple[Stage, ...]) -> Row:
    found = measurement(call_keys(duration_s=1.0, stages=stages))
    canonical = canonical_bytes(found)
    return row_of(found, measurement_id(canonical), canonical)


def test_a_lost_echo_beside_a_set_up_that_succeeded_is_no_failure() -> None:
    found = row(ladder_of({"udp_open": False, "relay_ping": True}))

    assert (found.setup_ok, found.media_ok, found.first_failing_stage, found.failure) == (
        True,
        True,
        None,
        None,
    )
    assert found.setup_s == pytest.approx(1.08)


def test_a_lost_set_up_is_one_though_media_flow() -> None:
    found = row(ladder_of({"udp_open": True, "relay_ping": False}))

    assert (found.setup_ok, found.setup_s, found.media_ok) == (False, None, True)
    assert (found.first_failing_stage, found.failure) == ("relay_ping", "generic_timeout_error")


def test_a_control_is_held_to_its_set_up_as_a_look_is() -> None:
    found = row(ladder_of({"session_open": True, "udp_open": False}))

    assert (found.setup_ok, found.setup_s, found.first_failing_stage) == (False, None, "udp_open")


def test_no_udp_at_all_is_a_failed_set_up() -> None:
    found = row(ladder(CALL_STAGES, "udp_open"))

    assert (found.setup_ok, found.setup_s, found.media_ok) == (False, None, False)
    assert found.first_failing_stage == "udp_open"


def test_every_rung_of_a_service_is_set_up() -> None:
    answered, silent = (measurement(service_keys(failing=failing)) for failing in (None, "http_response"))

    assert row_of(answered, "", b"").setup_ok
    assert row_of(silent, "", b"").first_failing_stage == "http_response"
    assert not row_of(silent, "", b"").setup_ok


def test_a_call_observed_from_its_middle_on_was_set_up() -> None:
    """There are rungs of the media only, and they were reached."""
    found = row(ladder(("media_first_packet", "media_hold")))

    assert (found.setup_ok, found.setup_s, found.media_ok) == (True, None, True)
    assert row(()).setup_ok is False


def test_it_is_told_where_a_measurement_is_from() -> None:
    observed = measurement(
        call_keys(arm="observed", duration_s=1.0),
        annotations=Annotations(emulated=False, source="browser-dump"),
    )

    assert (row_of(observed, "", b"").source, row_of(observed, "", b"").arm) == ("browser-dump", "observed")
    assert row(ladder(CALL_STAGES)).source == "probe"


def test_of_an_observed_call_without_a_rung_of_media_it_is_not_known_whether_they_came() -> None:
    """A capture may end before them; a probe's ladder always has those rungs."""
    observed = measurement(call_keys(arm="observed", duration_s=1.0, stages=ladder(("ice_connectivity",))))

    assert (row_of(observed, "", b"").setup_ok, row_of(observed, "", b"").media_ok) == (True, None)
    assert row(ladder(("relay_ping",))).media_ok is False
