"""Mechanisms: named only where the record can tell."""

import msgspec
import pytest

from callresults.observation import first_failing
from callresults.rules.mechanism import cut_directions, failure_mechanism, loss_mechanism
from helpers.synthetic import call_keys, cut_after, gilbert_loss, no_loss, random_loss, service_keys


def of_failure(keys):
    return failure_mechanism(keys, first_failing(keys.stages))


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (cut_after(0), cut_after(0), "no-media"),
        (cut_after(0), no_loss, "one-directional"),
        (no_loss, cut_after(0), "one-directional"),
        (no_loss, no_loss, None),
    ],
)
def test_media_that_never_came(up, down, expected):
    assert of_failure(call_keys(up=up, down=down, failing="media_first_packet")) == expected


def test_media_that_never_came_without_the_responders_view():
    assert of_failure(call_keys(failing="media_first_packet", responder_view=False)) is None


def test_set_up_stages():
    assert of_failure(call_keys(failing="relay_ping")) == "handshake-block"
    assert of_failure(call_keys(failing="udp_open")) is None
    assert of_failure(service_keys(failing="tls_handshake")) == "tls-block"


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (cut_after(200), cut_after(200), ("up", "down")),
        (cut_after(200), no_loss, ("up",)),
        (no_loss, cut_after(200), ("down",)),
        (no_loss, no_loss, ()),
        (cut_after(0), no_loss, ()),
        (cut_after(930), no_loss, ()),
    ],
)
def test_a_cut_is_silence_to_the_end_after_arrivals(up, down, expected):
    assert cut_directions(call_keys(up=up, down=down)) == expected


def test_a_series_too_short_shows_no_cut():
    assert cut_directions(msgspec.structs.replace(call_keys(), series=())) == ()


def test_loss_pattern_by_burst_ratio():
    assert loss_mechanism(call_keys(up=gilbert_loss(0.2, 10))) == "bursty-loss"
    assert loss_mechanism(call_keys(down=random_loss(0.2))) == "random-loss"
    assert loss_mechanism(call_keys(up=gilbert_loss(0.3, 1.9))) is None
    assert loss_mechanism(call_keys(up=random_loss(0.01))) is None
    assert loss_mechanism(call_keys(responder_view=False)) is None
