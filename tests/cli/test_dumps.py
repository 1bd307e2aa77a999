"""``callprobe pcap import``."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.main import main
from callprobe.submit.outbox import Outbox
from callresults.codec import decode
from helpers.browser_dumps import FOLDER, SECRETS

LOSSY, MEET, OLD = (
    FOLDER / name
    for name in ("internals-telegram-lossy.json", "rtcstats-meet-video.txt", "internals-old.json")
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The probe's folder."""
    monkeypatch.setenv("CALLPROBE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["pcap", "import", *map(str, arguments)])


def test_dumps_are_told_in_sentences() -> None:
    result = run(LOSSY, MEET)

    assert result.exit_code == 0
    assert (
        "internals-telegram-lossy.json\n  1 connection in webrtc-internals of Chrome 149.\n" in result.stdout
    )
    assert "rtcstats-meet-video.txt\n  1 connection in an RTCStatsDump of Chrome 149.\n" in result.stdout


def test_one_file_is_an_object_and_several_are_a_list() -> None:
    one, several = json.loads(run(LOSSY, "--json").stdout), json.loads(run(LOSSY, MEET, "--json").stdout)

    assert one["connections"][0]["call"]["pair"]["currentRoundTripTime"] == 0.041
    assert [document["format"] for document in several] == ["webrtc-internals", "rtcstats"]


def test_nothing_is_kept_unless_it_is_asked_for(home: Path) -> None:
    run(LOSSY)

    assert not home.exists()


def test_measurements_are_written_one_a_line(tmp_path: Path) -> None:
    result = run(LOSSY, MEET, "--measurement", tmp_path / "calls.jsonl", "--country", "RU", "--asn", "64500")
    made = [decode(line) for line in (tmp_path / "calls.jsonl").read_bytes().splitlines()]

    assert [one.test_keys.service for one in made] == ["telegram", "meet"]
    assert {(one.probe_cc, one.probe_asn) for one in made} == {("RU", "AS64500")}
    assert result.stderr == f"2 measurement(s) written to {tmp_path / 'calls.jsonl'}.\n"


def test_measurements_may_be_all_that_is_printed() -> None:
    result = run(LOSSY, "--measurement", "-")

    assert decode(result.stdout_bytes.rstrip(b"\n")).annotations.source == "browser-dump"


def test_measurements_are_saved_with_those_of_runs(home: Path) -> None:
    result = run(LOSSY, MEET, "--save")
    again = run(LOSSY, "--save")
    outbox = Outbox(home)

    assert len(outbox.pending()) == 2
    assert "2 measurement(s) saved; callprobe upload sends them." in result.stderr
    assert again.exit_code == 0
    assert len({decode(outbox.read(name)).test_keys.probe_id for name in outbox.all()}) == 1


def test_a_pseudonym_is_that_of_runs_on_the_same_network(tmp_path: Path) -> None:
    def pseudonym(asn: str) -> str:
        run(LOSSY, "--measurement", tmp_path / "one", "--asn", asn, "--country", "RU")
        return decode((tmp_path / "one").read_bytes().rstrip(b"\n")).test_keys.probe_id

    assert pseudonym("AS64500") == pseudonym("64500") != pseudonym("AS64501")


def test_what_no_measurement_can_be_made_of_is_counted_as_none() -> None:
    assert "0 measurement(s) saved" in run(OLD, "--save").stderr


@pytest.mark.parametrize("arguments", [(LOSSY,), (LOSSY, "--json"), (LOSSY, "--measurement", "-")])
def test_nobody_is_named_in_what_is_printed(arguments: tuple[str | Path, ...]) -> None:
    assert [secret for secret in SECRETS if secret in run(*arguments).stdout] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing.json",), "nothing.json: cannot be read (No such file or directory)"),
        ((FOLDER / "README.md",), "README.md: is no dump of a browser's calls"),
        ((LOSSY, "--country", "Russia"), "--country: 'Russia' is no country"),
        ((LOSSY, "--asn", "ASx"), "--asn: 'ASx' is no network"),
        ((LOSSY, "--json", "--measurement", "-"), "--json and --measurement - both print JSON"),
        ((LOSSY, "--measurement", "/nowhere/at/all"), "/nowhere/at/all: cannot be written"),
        ((), "Missing argument 'FILES...'"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(
    arguments: tuple[str | Path, ...], sentence: str
) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
