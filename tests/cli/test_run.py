"""``callprobe run`` from its arguments to its document; what the network can do to it is in end_to_end."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from callprobe.cli.main import main
from callprobe.cli.run import document, verdict_row
from callprobe.run.runner import Kept
from callprobe.submit.outbox import Outbox
from callresults.codec import canonical_bytes, measurement_id
from callresults.measurement import Measurement
from helpers.sample_measurement import call, service
from helpers.servers import refused_port


def kept(measurement: Measurement) -> Kept:
    canonical = canonical_bytes(measurement)
    return Kept(measurement_id(canonical), measurement, canonical)


@pytest.fixture
def nobody(tmp_path: Path) -> list[str]:
    """Arguments of a run of one service of which nothing answers."""
    scenario = tmp_path / "gone.toml"
    scenario.write_text(
        'schema = 1\nkind = "service"\ntitle = "Gone"\nservice = "gone"\n'
        'medium = "messaging"\narm = "neutral"\n'
        f'[[targets]]\nid = "gone"\nprotocol = "tcp"\nhost = "127.0.0.1"\nport = {refused_port()}\n'
        'source = "this test"\nsource_date = 2026-11-21\n'
    )
    return ["run", str(scenario)]


def run(arguments: list[str], *more: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *more])


def test_the_document_has_the_keys_of_the_contract() -> None:
    """Report ids once each, every measurement with its id, verdicts where there are any."""
    items = [kept(call(1)), kept(service(1))]
    made = document(items, uploaded=1)

    assert list(made) == ["report_ids", "measurements", "verdicts", "saved", "uploaded"]
    assert (made["saved"], made["uploaded"]) == (2, 1)
    assert [one["measurement_id"] for one in made["measurements"]] == [item.measurement_id for item in items]
    assert len(made["report_ids"]) == len(set(made["report_ids"]))


def test_a_verdict_row_has_the_keys_of_the_contract() -> None:
    """Those that programs read, and which target it is about."""
    row = verdict_row(kept(call(1)))

    assert list(row) == [
        "scenario", "service", "medium", "arm", "target", "verdict", "scope", "rule_id",
        "first_failing_stage", "mechanism",
    ]  # fmt: skip


def test_the_documents_measurements_are_those_that_are_saved(nobody: list[str], tmp_path: Path) -> None:
    """Taken apart and written canonically, each gives the id that it stands under."""
    made = json.loads(run(nobody, "--json").stdout)
    outbox = Outbox(tmp_path / "callprobe-home")

    for one in made["measurements"]:
        identifier = one.pop("measurement_id")
        assert measurement_id(canonical_bytes(msgspec.convert(one, Measurement))) == identifier
        assert json.loads(outbox.read(identifier)) == one


def test_what_a_network_refuses_is_a_result_and_no_failure_of_the_run(nobody: list[str]) -> None:
    """Exit 0, a table, and what became of the records."""
    ended = run(nobody)

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "tcp_connect" in ended.stdout
    assert ended.stdout.endswith("1 measurement(s) saved, 0 uploaded.\n")


def test_repeat_measures_again(nobody: list[str]) -> None:
    """Each time is a report of its own."""
    made = json.loads(run(nobody, "--repeat", "3", "--json").stdout)

    assert (made["saved"], len(made["report_ids"])) == (3, 3)


def test_no_upload_asks_no_collector(nobody: list[str]) -> None:
    """Not even whether it is there."""
    ended = run(nobody, "--collector", f"http://127.0.0.1:{refused_port()}", "--no-upload")

    assert (ended.exit_code, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("CALLPROBE_HOME", "{file}", "{file}: cannot be the probe's folder"),
        ("CALLPROBE_LOCAL_NETS", "everywhere", "'everywhere', which is no network"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(
    nobody: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, part: str
) -> None:
    """Exit 2 before anything is sent."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv(name, value.format(file=file))

    ended = run(nobody, "--json")

    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert part.format(file=file) in ended.stderr


def test_a_folder_where_nothing_can_be_saved_is_found_before_measuring(
    nobody: list[str], tmp_path: Path
) -> None:
    """Better no measurement than one that is lost."""
    home = tmp_path / "callprobe-home"
    home.mkdir()
    (home / "results").write_text("in the way")

    ended = run(nobody, "--json")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"{home}: results cannot be saved there" in ended.stderr


def test_an_authority_that_is_no_certificate_is_one_sentence(nobody: list[str], tmp_path: Path) -> None:
    """Named with its file, exit 2."""
    (tmp_path / "ca.pem").write_text("no certificate")
    endpoints = tmp_path / "endpoints.toml"
    endpoints.write_text('[targets.gone]\nhost = "127.0.0.1"\nport = 9\nca_file = "ca.pem"\n')

    ended = run(nobody, "--endpoints", str(endpoints), "--json")

    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "ca.pem" in ended.stderr
