"""A dry run says what would be sent where, and sends nothing."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from callprobe.cli.errors import WrongInputError
from callprobe.cli.main import main
from callprobe.cli.plan import Plan, check_playable, plan, plan_text
from callprobe.dialect.registry import find
from callprobe.run.session import parse_url
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.model import CallScenario

CATALOGUE = Catalogue()
URL = parse_url("http://127.0.0.1:9")


def planned(*names: str, repeat: int = 1, duration_s: float | None = None) -> Plan:
    return plan([CATALOGUE.find(name) for name in names], [URL], repeat=repeat, duration_s=duration_s)


def call(name: str, **changes: Any) -> CallScenario:
    scenario = CATALOGUE.find(name)
    assert isinstance(scenario, CallScenario)
    return msgspec.structs.replace(scenario, **changes)


def dry_run(*more: str) -> Result:
    return CliRunner().invoke(main, ["run", "--responder", "http://127.0.0.1:9", "--dry-run", *more])


def test_every_call_stays_within_the_bound_that_its_file_states() -> None:
    """The estimate of the whole call, both directions and all arms, is below ``max_bytes``."""
    for name in CATALOGUE.ids():
        scenario = CATALOGUE.find(name)
        if isinstance(scenario, CallScenario):
            assert 0 < planned(name).bytes <= scenario.max_bytes


def test_longer_and_oftener_is_more() -> None:
    """Twice is twice; a longer call costs more bytes and time."""
    once, twice = planned("calls/telegram-voice"), planned("calls/telegram-voice", repeat=2)
    longer = planned("calls/telegram-voice", duration_s=60.0)

    assert twice.bytes == 2 * once.bytes
    assert longer.bytes > once.bytes
    assert longer.minutes > once.minutes


def test_text_names_every_destination_once() -> None:
    """What would be contacted is readable before anything is."""
    text = plan_text(planned("services/whatsapp", "calls/whatsapp-voice", repeat=3))

    assert text.count("e5.whatsapp.net:5222 (tcp)") == 1
    assert "127.0.0.1:9 (signalling TCP, media UDP)" in text
    assert "In all, 3 times: " in text


def test_dry_run_sends_nothing_and_needs_no_consent() -> None:
    """It names public hosts without asking anybody anything; the loopback guard would object."""
    ended = dry_run()

    assert ended.exit_code == 0
    assert ended.stdout.endswith("Nothing was sent.\n")


def test_dry_run_as_json_is_one_document() -> None:
    """The same as data."""
    document: dict[str, Any] = json.loads(dry_run("--json").stdout)

    assert [item["scenario"] for item in document["scenarios"]].count("calls/telegram-voice") == 1
    assert document["bytes"] == sum(item["bytes"] for item in document["scenarios"])


@pytest.mark.parametrize("name", [name for name in CATALOGUE.ids() if name.startswith("calls/")])
def test_whatever_is_drawn_costs_no_more_than_planned(name: str) -> None:
    """The plan stands for every run of the scenario: here 200 pairs of draws, one a direction."""
    scenario = call(name)
    look = find(scenario.dialect)
    drawn = [look.schedule(scenario.medium, scenario.media_duration_s, seed) for seed in range(100, 301)]
    sizes = [sum(slot.size + 28 for slot in schedule) for schedule in drawn]
    arms = len([arm for arm in scenario.arms if arm != "webrtc"])

    assert arms * max(up + down for up, down in pairwise(sizes)) <= planned(name).bytes


@pytest.mark.parametrize("name", CATALOGUE.ids())
def test_the_catalogue_is_playable_at_its_own_duration(name: str) -> None:
    """Nothing that ships is refused, and a service has no bound to break."""
    check_playable(CATALOGUE.find(name), name)


def test_a_call_over_its_bound_is_refused() -> None:
    """The sentence names the scenario, what it would send, what it may, and what to do."""
    with pytest.raises(WrongInputError) as caught:
        check_playable(call("calls/telegram-voice"), "calls/telegram-voice", 180.0)

    sentence = caught.value.message
    assert sentence.startswith("calls/telegram-voice: 180 s of media would send 3")
    assert "over its max_bytes of 250000; choose a shorter --media-duration-s" in sentence


@pytest.mark.parametrize(
    ("name", "changes", "part"),
    [
        ("calls/telegram-voice", {"dialect": "pigeon"}, "mine: dialect: 'pigeon' is no look"),
        ("calls/telegram-voice", {"dialect": "open"}, "mine: dialect: 'open' is no look"),
        ("calls/telegram-voice", {"dialect": "webrtc-aiortc"}, "mine: arms: 'shaped' cannot have"),
        ("calls/webrtc-voice", {"dialect": "telegram-v2"}, "mine: arms: 'webrtc' cannot have"),
        ("calls/webrtc-voice", {"arms": ("shaped", "webrtc", "control")}, "mine: arms: 'shaped' cannot have"),
        ("calls/webrtc-voice", {"medium": "video"}, "mine: medium: the arm 'webrtc' is a voice call"),
        ("calls/webrtc-voice", {"max_bytes": 300_000}, "mine: 8 s of media would send 3"),
    ],
)
def test_a_call_that_cannot_be_played_is_refused(name: str, changes: dict[str, Any], part: str) -> None:
    """A look that is none, or one that its arm does not have."""
    with pytest.raises(WrongInputError) as caught:
        check_playable(call(name, **changes), "mine")

    assert caught.value.message.startswith(part)
    assert "\n" not in caught.value.message


def test_controls_may_mirror_webrtc_without_it() -> None:
    """Two controls beside each other are a scenario of their own."""
    check_playable(call("calls/webrtc-voice", arms=("control", "aa")), "mine")
