"""What a person may ask of a run, and the sentence for what cannot be."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from callprobe.cli.errors import WrongInputError
from callprobe.cli.main import main
from callprobe.cli.order import Order, check_consent, checked_order, is_local
from callprobe.scenario.catalogue import Catalogue
from callprobe.vantage.consent import CONSENT_HASH, record_consent

CALL = "calls/telegram-voice"
LOCAL = "http://127.0.0.1:9"
ELSEWHERE = "https://responder.example"


def ordered(*names: str, responders: tuple[str, ...] = (LOCAL,), **more: Any) -> Order:
    plain = {"endpoints": None, "repeat": 1, "media_duration_s": None, "interface": None}
    return checked_order(names, responders, access_type="other", **(plain | more))


def test_a_run_without_names_takes_the_default_ones() -> None:
    """Calls, where there is somebody to call, then the neutral services, then those judged beside them."""
    everything = [scenario.id for scenario in ordered().scenarios]
    services = [scenario.id for scenario in ordered(responders=()).scenarios]

    assert sorted(everything) == sorted(Catalogue().default_ids())
    assert services == [name for name in everything if not name.startswith("calls/")]
    assert services[0] == "services/neutral"
    assert everything == [name for name in everything if name.startswith("calls/")] + services


def test_a_file_is_a_scenario_too(tmp_path: Path) -> None:
    """Its stem is its name."""
    file = tmp_path / "mine.toml"
    file.write_text((Catalogue().root / f"{CALL}.toml").read_text())

    assert [scenario.id for scenario in ordered(str(file)).scenarios] == ["mine"]


BROKEN = 'schema = 1\nkind = "neither"\n'
UNKNOWN_LOOK = """schema = 1
kind = "call"
title = "A look that nobody registered"
service = "carrier-pigeon"
medium = "voice"
dialect = "carrier-pigeon"
arms = ["shaped", "control"]
media_duration_s = 1.0
max_bytes = 1000
"""


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nowhere", "--responder", LOCAL], ["no scenario 'nowhere'", CALL]),
        (["n" * 5000, "--responder", LOCAL], ["File name too long", "callprobe scenarios list"]),
        (["{broken}", "--responder", LOCAL], ["{broken}", "kind", "'neither'"]),
        (["{binary}", "--responder", LOCAL], ["{binary}", "not TOML"]),
        (["{unknown}", "--responder", LOCAL], ["dialect", "carrier-pigeon", "telegram-v2"]),
        ([CALL], [CALL, "--responder URL"]),
        ([CALL, "--responder", "127.0.0.1:9"], ["--responder", "'127.0.0.1:9'", "http://HOST:PORT"]),
        ([CALL, "--responder", "http://[::1"], ["--responder", "'http://[::1'"]),
        ([CALL, "--responder", "http://127.0.0.1:70000"], ["--responder", "between 1 and 65535"]),
        ([CALL, "--responder", "http://127.0.0.1:0"], ["--responder", "'http://127.0.0.1:0'"]),
        ([CALL, "--responder", "http://127.0.0.1:9/?a=b"], ["--responder", "'http://127.0.0.1:9/?a=b'"]),
        ([CALL, "--responder", "http://127.0.0.1:9/#a"], ["--responder", "'http://127.0.0.1:9/#a'"]),
        ([CALL, "--responder", "http://127.0.0.1:9/\na"], ["--responder", r"'http://127.0.0.1:9/\na'"]),
        (
            [CALL, "--responder", LOCAL, "--media-duration-s", "180"],
            [CALL, "180 s of media", "max_bytes of 250000", "shorter --media-duration-s"],
        ),
        (
            [CALL, "--responder", LOCAL, "--media-duration-s", "180", "--dry-run"],
            [CALL, "max_bytes of 250000"],
        ),
        ([CALL, "--responder", "http://responder.example"], ["--responder", "plain HTTP", "https://"]),
        ([CALL, "--responder", ELSEWHERE], [ELSEWHERE, "callprobe onboard"]),
        (["services/neutral"], ["services/neutral", "callprobe onboard"]),
        (["services/neutral", "--endpoints", "{missing}"], ["{missing}", "cannot be read"]),
        (["services/neutral", "--endpoints", "{broken}"], ["{broken}", "schema"]),
        (
            ["services/neutral", "--endpoints", "{partial}"],
            ["services/neutral", '[targets."neutral-debian"]'],
        ),
        ([CALL, "--responder", LOCAL, "--interface", "none0"], ["--interface", "'none0'", "lo"]),
        ([CALL, "--responder", LOCAL, "--collector", "nowhere"], ["--collector", "'nowhere'"]),
        ([CALL, "--responder", LOCAL, "--collector", "http://a.example"], ["--collector", "https://"]),
        ([CALL, "--responder", LOCAL, "--repeat", "0"], ["--repeat", "1<=x<=1000"]),
        ([CALL, "--responder", LOCAL, "--media-duration-s", "0"], ["--media-duration-s", "0.5<=x<=180.0"]),
    ],
)
def test_what_cannot_be_is_named_with_exit_2(tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    """Before anything is sent or saved, without a traceback, and stdout stays empty."""
    files = {
        name: tmp_path / f"{name}.toml" for name in ("broken", "binary", "unknown", "partial", "missing")
    }
    files["broken"].write_text(BROKEN)
    files["binary"].write_bytes(b"\xff\xfe")
    files["unknown"].write_text(UNKNOWN_LOOK)
    files["partial"].write_text('[targets."neutral-example"]\nhost = "127.0.0.1"\nport = 9\n')

    ended = CliRunner().invoke(main, ["run", *(text.format(**files) for text in arguments), "--json"])

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert [part for part in parts if part.format(**files) not in ended.stderr] == []
    assert ended.stderr.startswith("Error: ")
    assert ended.stderr.count("\n") == 1


def test_consent_opens_the_way(tmp_path: Path) -> None:
    """Without it the first thing elsewhere is named; with it the same order passes."""
    order = ordered(CALL, responders=(LOCAL, ELSEWHERE))

    with pytest.raises(WrongInputError, match=ELSEWHERE):
        check_consent(order, tmp_path)
    record_consent(tmp_path, CONSENT_HASH, datetime(2026, 11, 21, tzinfo=UTC))
    check_consent(order, tmp_path)


@pytest.mark.parametrize(
    ("responders", "local"),
    [
        ((LOCAL,), True),
        (("http://localhost:9",), True),
        (("http://[::1]:9",), True),
        ((LOCAL, ELSEWHERE), False),
    ],
)
def test_a_call_is_local_when_all_its_responders_are(responders: tuple[str, ...], *, local: bool) -> None:
    """One of them is drawn, so each counts."""
    order = ordered(CALL, responders=responders)

    assert is_local(order.scenarios[0], order.responders) is local


def test_an_interface_of_this_machine_is_taken() -> None:
    """Loopback is everywhere."""
    assert ordered(CALL, interface="lo").interface == "lo"
