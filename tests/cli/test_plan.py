"""A dry run says what would be sent where, and sends nothing."""

import json
from typing import Any

from click.testing import CliRunner, Result

from callprobe.cli.main import main
from callprobe.cli.plan import Plan, plan, plan_text
from callprobe.run.session import parse_url
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.model import CallScenario

CATALOGUE = Catalogue()
URL = parse_url("http://127.0.0.1:9")


def planned(*names: str, repeat: int = 1, duration_s: float | None = None) -> Plan:
    return plan([CATALOGUE.find(name) for name in names], [URL], repeat=repeat, duration_s=duration_s)


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
