"""The pair: which arms are compared, and in what state each is."""

import pytest

from callresults.rules.pair import Pair, failed, has_session, stalled
from helpers.synthetic import call_keys, ladder, service_keys

TARGET = call_keys()


@pytest.mark.parametrize(
    ("failing", "has_failed", "has_stalled"),
    [
        (None, False, False),
        ("udp_open", True, False),
        ("media_first_packet", True, False),
        ("media_hold", False, True),
    ],
)
def test_state_of_an_arm(failing, has_failed, has_stalled):
    keys = call_keys(failing=failing)
    assert (failed(keys), stalled(keys)) == (has_failed, has_stalled)


def test_a_session_is_missed_only_where_one_was_asked_for():
    assert has_session(service_keys(failing="resolve"))
    assert not has_session(call_keys(stages=ladder(("session_open", "udp_open"), "session_open")))


def test_only_usable_arms_of_the_same_pair_and_kind_are_controls():
    good, broken = call_keys(arm="control"), call_keys(arm="aa", failing="udp_open")
    void, stranger = call_keys(arm="aa", valid=False), call_keys(arm="aa", pair_id="other")
    pair = Pair(TARGET, [good, broken, void, stranger, service_keys()])
    assert pair.controls == [good, broken]
    assert pair.working == [good]
    assert pair.calls == [TARGET, good]
    assert pair.unusable_controls == 1


def test_a_pair_without_series_has_no_comparison():
    assert Pair(TARGET, [call_keys(arm="control", series=())]).comparison is None
    assert Pair(service_keys(), [service_keys(arm="neutral")]).comparison is None
