"""The catalogue: every scenario that ships is in order, and findable by id or by file."""

from pathlib import Path

import pytest

from callprobe.scenario.catalogue import Catalogue, default_root
from callprobe.scenario.load import ScenarioError
from callprobe.scenario.model import CallScenario, ServiceScenario

CATALOGUE = Catalogue()
SCENARIOS = [CATALOGUE.find(name) for name in CATALOGUE.ids()]
SERVICES = [scenario for scenario in SCENARIOS if isinstance(scenario, ServiceScenario)]


def test_checkout_goes_before_the_installed_copy() -> None:
    """In a checkout the files on disk count, not those of the day of installation."""
    assert default_root() == Path(__file__).parents[2] / "scenarios"


def test_ids_are_paths_below_the_root() -> None:
    """The ids are what the documents and other tools call the scenarios."""
    assert CATALOGUE.ids() == (
        "calls/telegram-video",
        "calls/telegram-voice",
        "calls/webrtc-voice",
        "calls/whatsapp-video",
        "calls/whatsapp-voice",
        "services/domestic",
        "services/domestic-vk",
        "services/neutral",
        "services/telegram",
        "services/telegram-relay",
        "services/whatsapp",
    )


def test_default_run_has_every_kind_of_arm() -> None:
    """A run without arguments has calls with controls, a service, a domestic and a neutral one."""
    chosen = [CATALOGUE.find(name) for name in CATALOGUE.default_ids()]

    arms = {s.arm for s in chosen if isinstance(s, ServiceScenario)}
    looks = {s.dialect for s in chosen if isinstance(s, CallScenario)}

    assert arms == {"service", "domestic", "neutral"}
    assert looks == {"telegram-v2", "whatsapp-2023", "webrtc-aiortc"}


def test_default_run_has_verified_service_targets_only() -> None:
    """What nobody has shown to answer is not read as a restriction by default."""
    chosen = {name: CATALOGUE.find(name) for name in CATALOGUE.default_ids()}

    unverified = [
        target.id
        for scenario in chosen.values()
        if isinstance(scenario, ServiceScenario) and scenario.arm == "service"
        for target in scenario.targets
        if target.verified is None
    ]

    assert unverified == []


def test_target_ids_are_unique_in_the_catalogue() -> None:
    """One endpoints file serves every scenario."""
    names = [target.id for scenario in SERVICES for target in scenario.targets]

    assert len(names) == len(set(names))


def test_scenario_is_found_by_id_and_by_file() -> None:
    """A file inside the catalogue keeps its id."""
    by_id = CATALOGUE.find("calls/telegram-voice")

    assert CATALOGUE.find(str(CATALOGUE.root / "calls" / "telegram-voice.toml")) == by_id
    assert by_id.id == "calls/telegram-voice"


def test_file_elsewhere_is_called_by_its_stem(tmp_path: Path) -> None:
    """A copy has the same digest under another name."""
    copy = tmp_path / "copy.toml"
    copy.write_bytes((CATALOGUE.root / "services" / "neutral.toml").read_bytes())

    found = CATALOGUE.find(str(copy))

    assert (found.id, found.digest) == ("copy", CATALOGUE.find("services/neutral").digest)


def test_unknown_id_is_answered_with_what_there_is() -> None:
    """A mistyped id gets one sentence that lists the right ones."""
    with pytest.raises(ScenarioError, match=r"no scenario 'calls/telegam'; there are: calls/"):
        CATALOGUE.find("calls/telegam")


def test_broken_file_in_the_catalogue_is_named(tmp_path: Path) -> None:
    """The complaint carries the file's path."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "torn.toml").write_text("schema = 1")

    with pytest.raises(ScenarioError, match=r"calls/torn\.toml: kind: missing"):
        Catalogue(tmp_path).default_ids()
