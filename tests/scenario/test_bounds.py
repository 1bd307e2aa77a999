"""What a call scenario promises about its cost is true, and its specification says the same."""

import re

import pytest

from callprobe.dialect import registry
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.model import CallScenario

CATALOGUE = Catalogue()
SCENARIOS = [s for s in map(CATALOGUE.find, CATALOGUE.ids()) if isinstance(s, CallScenario)]
SETUP_SHARE = 0.1
"""Part of the bound that is left for set-up, keepalives and farewell."""


def test_call_scenarios_name_registered_looks() -> None:
    """Every dialect that a scenario names exists, so that its control can mirror it."""
    assert {s.dialect for s in SCENARIOS} <= set(registry.names())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_media_stays_below_the_bound(scenario: CallScenario) -> None:
    """All arms, both ways, fit into ``max_bytes`` whatever schedule is drawn."""
    look = registry.find(scenario.dialect)
    schedules = [look.schedule(scenario.medium, scenario.media_duration_s, seed) for seed in range(50)]

    worst = max(sum(slot.size for slot in schedule) for schedule in schedules)

    assert 2 * len(scenario.arms) * worst <= scenario.max_bytes * (1 - SETUP_SHARE)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_specification_states_the_bound(scenario: CallScenario) -> None:
    """What the volunteer reads is what the file says."""
    stated = re.search(r"Under ([\d.]+) MB", (CATALOGUE.root / f"{scenario.id}.md").read_text())

    assert stated is not None
    assert float(stated[1]) * 1e6 == scenario.max_bytes
