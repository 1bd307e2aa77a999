"""``callcollector`` in one process: its group, and what each command demands."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from callresults.collector.cli import main
from callresults.store.sqlite import Store
from helpers.sample_measurement import item


@pytest.mark.parametrize("command", ["serve", "publish", "verify"])
def test_every_command_explains_itself(command: str) -> None:
    ended = CliRunner().invoke(main, [command, "--help"])

    assert ended.exit_code == 0
    assert "--store" in ended.output


@pytest.mark.parametrize("arguments", [["serve"], ["publish", "--store", "x"], ["verify"], ["nothing"]])
def test_missing_options_are_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_publish_tells_people_what_it_did(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        store.add([item(n) for n in range(4)])
    ended = CliRunner().invoke(
        main, ["publish", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    )

    assert ended.exit_code == 0
    assert ended.stdout.startswith("4 emulated measurements in 1 files under")


def test_publish_takes_the_day_as_given(tmp_path: Path) -> None:
    Store(tmp_path / "store").close()
    arguments = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"), "--as-of", "2025-10-01"]
    ended = CliRunner().invoke(main, ["publish", *arguments, "--json"])

    assert json.loads(ended.stdout)["as_of"] == "2025-10-01"


def test_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    Store(tmp_path / "store").close()
    (tmp_path / "file").touch()
    arguments = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "file" / "out")]
    ended = CliRunner().invoke(main, ["publish", *arguments])

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
