"""Obstacles: which failures of a ladder count."""

import pytest

from callresults.observation import first_failing, obstacles
from helpers.lines import ladder_of
from helpers.synthetic import CALL_STAGES, ladder

PROOFS = ["relay_allocation", "relay_ping", "stun_binding", "turn_allocation", "ice_connectivity"]


@pytest.mark.parametrize("proof", PROOFS)
def test_a_set_up_that_succeeds_refutes_a_lost_echo(proof):
    stages = ladder_of({"udp_open": False, proof: True, "media_first_packet": False})
    assert [stage.name for stage in obstacles(stages)] == ["media_first_packet"]


def test_media_alone_refute_no_lost_set_up_of_a_look_nor_of_its_control():
    """Without an answer a call does not ring; the control, whose set-up is the echo, is held to that too."""
    lost = [ladder_of({"udp_open": False}), ladder_of({"udp_open": True, "relay_ping": False})]
    assert [[stage.name for stage in obstacles(stages)] for stages in lost] == [["udp_open"], ["relay_ping"]]


def test_a_success_before_the_flows_refutes_nothing():
    stages = ladder(("resolve", "session_open", *CALL_STAGES), "udp_open")
    assert first_failing(stages) == stages[2]
    assert len(obstacles(stages)) == len(CALL_STAGES)


def test_the_stage_itself_stays_as_it_was():
    stages = ladder_of({"udp_open": False, "relay_ping": True})
    assert stages[0].outcome == "failed"
    assert first_failing(stages) is None
