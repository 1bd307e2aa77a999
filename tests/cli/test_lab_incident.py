"""``callprobe lab incident`` on a small history, cut out of the one that ships."""

import gzip
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.lab_incident import incident_command
from callprobe.scenario.catalogue import default_root
from callresults.codec import decode

WHOLE = (default_root() / "incidents" / "2025-08-russia.toml").read_text()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """One day of two services, with one volunteer on each network."""
    text = re.sub(r"(?m)^last_day = .*", "last_day = 2025-08-01", WHOLE)
    text = re.sub(r"(?m)^restriction_start = .*", "restriction_start = 2025-08-01", text)
    text = re.sub(r"(?m)^active_share = .*", "active_share = 1.0", text)
    text = re.sub(r"volunteers = \d+", "volunteers = 1", text)
    text = re.sub(
        r"(?s)scenarios = \[.*?\]", 'scenarios = ["services/neutral", "services/domestic"]', text, count=1
    )
    file = tmp_path / "small.toml"
    file.write_text(text)
    return file


def incident(file: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(
        incident_command, [str(file), "--out", str(out), "--seed", "3", "--workers", "1", *more]
    )


def lines(out: Path) -> list[bytes]:
    return [
        line
        for file in (out / "measurements").iterdir()
        for line in gzip.decompress(file.read_bytes()).splitlines()
    ]


def test_history_and_truth_are_written(history: Path, tmp_path: Path) -> None:
    """Every line is a measurement marked as emulated, and the truth counts them."""
    ended = incident(history, tmp_path / "out", "--json")
    truth = json.loads(ended.stdout)

    assert ended.exit_code == 0
    assert truth == json.loads((tmp_path / "out" / "truth.json").read_text())
    assert truth["measurements"] == len(lines(tmp_path / "out")) > 0
    assert all(decode(line).annotations.emulated for line in lines(tmp_path / "out"))


def test_policies_can_be_switched_off_and_the_start_be_moved(history: Path, tmp_path: Path) -> None:
    """The two keys of a history, on the command line."""
    off = json.loads(incident(history, tmp_path / "off", "--no-policies", "--json").stdout)
    later = json.loads(incident(history, tmp_path / "later", "--start", "2025-08-02", "--json").stdout)

    assert (off["policies"], off["restriction_start"]) == (False, None)
    assert (later["policies"], later["restriction_start"]) == (True, "2025-08-02")


def test_people_get_one_line(history: Path, tmp_path: Path) -> None:
    """How much was played, and where the truth lies."""
    shown = incident(history, tmp_path / "out").stdout

    assert shown.count("\n") == 1
    assert str(tmp_path / "out" / "truth.json") in shown


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("schema =", "not TOML"),
        (WHOLE.replace("restriction_start = 2025-08-11", 'restriction_start = "soon"'), "restriction_start"),
        (WHOLE.replace('censor = "censors/august-2025"', 'censor = "censors/none"'), "none.toml"),
        (WHOLE.replace('"services/neutral"', '"services/none"'), "services/none"),
    ],
)
def test_a_broken_history_is_one_sentence(tmp_path: Path, text: str, part: str) -> None:
    """File or key and the reason, exit 2, and nothing is played."""
    file = tmp_path / "history.toml"
    file.write_text(text)

    ended = incident(file, tmp_path / "out")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert part in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_that_cannot_be_made_is_named(history: Path, tmp_path: Path) -> None:
    """The sentence is about OUT."""
    (tmp_path / "out").write_text("in the way")

    ended = incident(history, tmp_path / "out")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"{tmp_path / 'out'}: cannot be written" in ended.stderr


@pytest.mark.parametrize("start", ["2030-01-01", "2025-08-03", "2025-07-31", "9999-12-31"])
def test_a_start_outside_the_days_is_refused(history: Path, tmp_path: Path, start: str) -> None:
    """It would be a history without a restriction, under the name of one with it."""
    ended = incident(history, tmp_path / "out", "--start", start)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"--start: {start} is outside the history's days, 2025-08-01 to 2025-08-01" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_a_history_of_calls_that_cannot_be_run_is_refused(history: Path, tmp_path: Path) -> None:
    """A scenario of somebody's own, with a look that nobody registered: named, and nothing is played."""
    mine = tmp_path / "mine.toml"
    call = (default_root() / "calls" / "telegram-voice.toml").read_text()
    mine.write_text(call.replace('dialect = "telegram-v2"', 'dialect = "pigeon"'))
    history.write_text(history.read_text().replace('"services/neutral"', f'"{mine}"'))

    ended = incident(history, tmp_path / "out")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"Error: {mine}: dialect: 'pigeon' is no look")
    assert not (tmp_path / "out").exists()
