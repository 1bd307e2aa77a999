"""What people see of a run, drawn on a terminal of 80 columns."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from callprobe.cli.table import COLOURS, LiveProgress, verdict_table
from callprobe.run.events import Phase
from callprobe.run.runner import Kept
from callresults.codec import canonical_bytes, measurement_id
from callresults.failure import Failure
from callresults.measurement import Measurement
from callresults.observation import Stage
from callresults.verdict import Verdict
from helpers.sample_measurement import call, service


def kept(measurement: Measurement, **changes: Any) -> Kept:
    keys = msgspec.structs.replace(measurement.test_keys, **changes)
    changed = msgspec.structs.replace(measurement, test_keys=keys)
    canonical = canonical_bytes(changed)
    return Kept(measurement_id(canonical), changed, canonical)


def drawn(*items: Kept, width: int = 80) -> str:
    page = io.StringIO()
    verdict_table(items, Console(file=page, width=width, highlight=False))
    return page.getvalue()


def verdict(name: str, **more: Any) -> Verdict:
    plain = {"scope": "look", "rule_id": "call.rule", "first_failing_stage": None}
    return Verdict(verdict=name, **(plain | more))  # type: ignore[arg-type]


FAILING = (
    Stage(name="media_first_packet", t0=0.0, t=4.0, outcome="failed", failure=Failure.MEDIA_NEVER_ARRIVED),
)
WORST = kept(
    call(1),
    stages=FAILING,
    verdict=verdict("insufficient", reasons=("too-few-packets", "unusable-controls")),
    metrics_up=None,
    metrics_down=None,
)


def test_the_widest_row_fits_80_columns_without_a_cut_word() -> None:
    """Headers, the longest stage and the longest verdict stand there in full."""
    text = drawn(WORST, kept(service(1), target_id="whatsapp-registration", stages=FAILING))

    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for word in (
        "first failing",
        "up/down",
        "jitter",
        "media_first_packet",
        "insufficient",
        "whatsapp-registration",
    ):
        assert word in text


def test_a_row_names_arm_stage_loss_and_verdict() -> None:
    """One call that went well, as a person reads it."""
    row = drawn(kept(call(3))).splitlines()[-1].split()
    keys = call(3).test_keys

    assert row[:2] == ["shaped", "none"]
    assert row[2] == f"{100 * keys.metrics_up.loss_ratio:.1f}/{100 * keys.metrics_down.loss_ratio:.1f}"
    assert row[-2:] == ["4.2", "ok"]


def test_what_is_not_known_is_shown_as_not_known() -> None:
    """No figure is made up where the far end's record is missing."""
    assert "?/?" in drawn(WORST)


def test_all_lost_needs_no_decimals() -> None:
    """So that the column stays narrow."""
    lost = msgspec.structs.replace(call(1).test_keys.metrics_up, loss_ratio=1.0)

    assert " 100/100 " in drawn(kept(call(1), metrics_up=lost, metrics_down=lost))


def test_reasons_and_mechanism_stand_below() -> None:
    """With scenario and arm before them."""
    blocked = kept(call(2), verdict=verdict("blocked", mechanism="handshake-block"))
    lines = drawn(WORST, blocked).splitlines()

    assert "telegram-voice shaped: insufficient (too-few-packets, unusable-controls)" in lines
    assert "telegram-voice shaped: blocked (handshake-block)" in lines


def test_a_void_record_says_why() -> None:
    """An interrupted arm is no verdict about the network."""
    text = drawn(kept(call(1), valid=False, void_reason="interrupted"))

    assert "telegram-voice shaped: void (interrupted)" in text


def test_nothing_measured_is_no_table() -> None:
    """Rather than an empty frame."""
    assert drawn() == ""


@pytest.mark.parametrize("name", COLOURS)
def test_every_verdict_can_be_drawn(name: str) -> None:
    """The list of colours is the list of verdicts."""
    assert name in drawn(kept(call(1), verdict=verdict(name)))


def test_every_verdict_has_its_colour() -> None:
    """A verdict that is added needs one too."""
    (field,) = (field for field in msgspec.structs.fields(Verdict) if field.name == "verdict")

    assert set(COLOURS) == set(field.type.__args__)


def test_progress_draws_a_line_per_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, where it does not disturb what is read from stdout."""
    with LiveProgress() as progress:
        progress.phase(Phase("calls/telegram-voice", "media", 0.5))
        progress.phase(Phase("calls/telegram-voice", "done", 1.0))
    captured = capsys.readouterr()

    assert captured.out == ""
    assert captured.err.count("calls/telegram-voice") <= 1
