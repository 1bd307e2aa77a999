"""The words of a page are complete."""

from typing import get_args

from callprobe.pcap.tell.endpoint import Direction
from callprobe.pcap.tell.page_wording import DIRECTIONS, LIMITS, OUTCOMES, STAGES, STUN_TYPES
from callprobe.pcap.tell.rung import Outcome
from callresults.observation import StageName


def test_everything_that_can_be_shown_has_a_name() -> None:
    """Stages, outcomes, directions; message types are written as the analysis writes them."""
    assert set(STAGES) == set(get_args(StageName))
    assert set(OUTCOMES) == set(get_args(Outcome))
    assert set(DIRECTIONS) == {*get_args(Direction), None}
    assert all(kind == f"0x{int(kind, 16):04x}" for kind in STUN_TYPES)


def test_limits_are_sentences() -> None:
    """A reader learns what the page cannot tell."""
    assert len(LIMITS) >= 4
    assert all(limit.endswith(".") for limit in LIMITS)
