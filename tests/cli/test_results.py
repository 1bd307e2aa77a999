"""``callprobe list``, ``show``, ``export``, ``upload`` as a person meets them."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.results import export_command, list_command, show_command, upload_command
from callprobe.submit.outbox import Outbox
from callprobe.vantage.consent import CONSENT_HASH
from helpers.collector_process import collector
from helpers.sample_measurement import canonical_call


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two saved measurements, the first of them delivered."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CALLPROBE_HOME", str(folder))
    monkeypatch.setenv("CALLPROBE_ONLY_LOCAL", "1")
    outbox = Outbox(folder)
    first, _ = (outbox.save(canonical_call(n)) for n in (1, 2))
    outbox.mark_delivered(first, b"{}")
    return folder


def invoke(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)  # type: ignore[arg-type]


def test_list_tells_what_is_saved_and_what_is_uploaded(home: Path) -> None:
    listed = json.loads(invoke(list_command, "--json").stdout)["measurements"]

    assert [one["measurement_id"] for one in listed] == Outbox(home).all()
    assert [one["delivered"] for one in listed] == [True, False]
    assert {"service": "telegram", "arm": "shaped", "verdict": "ok"}.items() <= listed[0].items()


def test_list_for_people_has_a_line_for_each(home: Path) -> None:
    shown = invoke(list_command).stdout

    assert all(identifier.removeprefix("sha256:")[:12] in shown for identifier in Outbox(home).all())
    assert "telegram voice" in shown


def test_empty_list_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path))

    assert "callprobe run" in invoke(list_command).stdout
    assert json.loads(invoke(list_command, "--json").stdout) == {"measurements": []}


def test_damaged_file_is_listed_as_damaged(home: Path) -> None:
    Outbox(home).save(b"{")
    listed = json.loads(invoke(list_command, "--json").stdout)["measurements"]

    assert [("problem" in one) for one in listed] == [False, False, True]


def test_show_prints_the_canonical_document(home: Path) -> None:
    identifier = Outbox(home).all()[1]
    shown = invoke(show_command, identifier[:20], "--json").stdout

    assert shown == canonical_call(2).decode() + "\n"


def test_show_for_people_names_stages_and_both_directions(home: Path) -> None:
    shown = invoke(show_command, Outbox(home).all()[1]).stdout

    assert "media_hold: ok" in shown
    assert "up: " in shown
    assert "down: " in shown
    assert "not uploaded yet" in shown


def test_show_of_the_unknown_is_one_sentence(home: Path) -> None:
    ended = invoke(show_command, "nothing")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == "Error: No measurement 'nothing' is saved here; `callprobe list` shows them.\n"


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_export_writes_the_bytes_as_they_are_sent(home: Path, tmp_path: Path, name: str) -> None:
    ended = invoke(export_command, str(tmp_path / name))
    data = (tmp_path / name).read_bytes()

    assert ended.exit_code == 0
    assert (gzip.decompress(data) if name.endswith("gz") else data) == b"".join(
        canonical_call(n) + b"\n" for n in (1, 2)
    )


def test_export_replaces_only_when_told(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    target.write_text("mine")

    assert invoke(export_command, str(target)).exit_code == 2
    assert target.read_text() == "mine"
    assert invoke(export_command, str(target), "--force").exit_code == 0
    assert invoke(export_command, str(tmp_path / "all.csv")).exit_code == 2


def test_export_into_a_folder_that_is_not_there_is_one_sentence_and_makes_none(
    home: Path, tmp_path: Path
) -> None:
    ended = invoke(export_command, str(tmp_path / "none" / "ex.jsonl"))

    assert ended.exit_code == 2
    assert "there is no folder" in ended.stderr
    assert not (tmp_path / "none").exists()


def test_file_that_is_no_measurement_of_ours_disturbs_nothing(home: Path, tmp_path: Path) -> None:
    (home / "results" / "foo.json").write_text("hi\n")

    assert len(json.loads(invoke(list_command, "--json").stdout)["measurements"]) == 2
    assert invoke(export_command, str(tmp_path / "ex.jsonl")).exit_code == 0


def test_upload_delivers_what_is_pending_once(home: Path, tmp_path: Path) -> None:
    with collector(tmp_path / "store") as url:
        first = invoke(upload_command, "--collector", url, "--json")
        second = invoke(upload_command, "--collector", url)

    assert (first.exit_code, json.loads(first.stdout)["delivered"]) == (0, 1)
    assert (second.exit_code, second.stdout) == (0, "0 delivered, 0 already there, 0 refused, 0 left.\n")


def test_upload_of_a_folder_needs_no_outbox(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "history"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(canonical_call(7) + b"\nnonsense\n")
    with collector(tmp_path / "store") as url:
        ended = invoke(upload_command, str(folder), "--collector", url)

    assert ended.exit_code == 1
    assert ended.stdout.startswith(
        "1 delivered, 0 already there, 1 refused, 0 left.\n  a.jsonl:2: The body is"
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("collector", "is no URL"),
        ("ftp://127.0.0.1", "is no URL"),
        ("http://127.0.0.1:99999", "is no URL"),
        ("http://collector.example", "plain HTTP is for this machine only"),
        ("https://collector.example", "callprobe onboard"),
    ],
)
def test_unfit_collector_is_one_sentence_and_exit_2(home: Path, url: str, sentence: str) -> None:
    ended = invoke(upload_command, "--collector", url)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_consent_opens_the_way_and_the_local_guard_still_holds(home: Path) -> None:
    (home / "consent.json").write_text(json.dumps({"text_hash": CONSENT_HASH}))
    ended = invoke(upload_command, "--collector", "https://collector.example", "--json")

    assert (ended.exit_code, json.loads(ended.stdout)["left"]) == (1, 1)
    assert len(Outbox(home).pending()) == 1


def test_missing_folder_is_one_sentence(home: Path, tmp_path: Path) -> None:
    ended = invoke(upload_command, str(tmp_path / "none"), "--collector", "http://127.0.0.1:1")

    assert ended.exit_code == 2
    assert "no such file or folder" in ended.stderr
