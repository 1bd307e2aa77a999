"""``callprobe scenarios``: the catalogue on a terminal and as JSON."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.scenarios import scenarios_command
from callprobe.scenario.catalogue import Catalogue


def run(*arguments: str) -> Result:
    """Run the command as a shell would."""
    return CliRunner().invoke(scenarios_command, arguments)


def test_list_marks_the_default_run() -> None:
    """A star stands before what a run without arguments takes, and only there."""
    lines = run("list").stdout.splitlines()

    starred = {line.split()[1] for line in lines if line.startswith("*")}

    assert starred == set(Catalogue().default_ids())
    assert len(lines) == len(Catalogue().ids())


def test_list_as_json_is_one_document() -> None:
    """The JSON names every scenario with its arms."""
    document = json.loads(run("list", "--json").stdout)

    arms = {entry["id"]: entry["arms"] for entry in document}

    assert arms["calls/telegram-voice"] == ["shaped", "control", "aa"]
    assert arms["services/domestic"] == ["domestic"]


def test_show_names_everything_that_would_be_contacted() -> None:
    """Before a run one can read every host, and whether it was seen to answer."""
    text = run("show", "services/whatsapp").stdout

    assert "whatsapp-chat-e5: tcp://e5.whatsapp.net:5222 (verified 2022-12-07; OONI" in text
    assert "whatsapp-registration: https://v.whatsapp.net:443/v2/register" in text


def test_show_a_call_says_its_bound() -> None:
    """A call names its look and the most it may cost."""
    text = run("show", "calls/whatsapp-voice").stdout

    assert "whatsapp-2023" in text
    assert "at most 0.15 MB, to the responder only" in text


def test_show_as_json_is_the_scenario() -> None:
    """The JSON holds the whole file and its digest."""
    document = json.loads(run("show", "calls/telegram-voice", "--json").stdout)

    assert (document["kind"], document["dialect"], len(document["digest"])) == ("call", "telegram-v2", 64)


def test_check_passes_over_the_whole_catalogue() -> None:
    """Everything that ships is in order."""
    result = run("check")

    assert (result.exit_code, result.stdout.count("ok  ")) == (0, len(Catalogue().ids()))


@pytest.mark.parametrize(
    "arguments", [("check", "{file}"), ("check", "{file}", "--json"), ("show", "{file}")]
)
def test_broken_file_gets_one_sentence_and_exit_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The sentence goes to stderr and names file, key and reason."""
    file = tmp_path / "broken.toml"
    file.write_text('schema = 1\nkind = "neither"\n')

    result = run(*(argument.format(file=file) for argument in arguments))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f'Error: {file}: kind: is \'neither\'; allowed: "call", "service"\n'


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('dialect = "telegram-v2"', 'dialect = "pigeon"', "dialect: 'pigeon' is no look"),
        ('dialect = "telegram-v2"', 'dialect = "open"', "dialect: 'open' is no look"),
        ('dialect = "telegram-v2"', 'dialect = "webrtc-aiortc"', "arms: 'shaped' cannot have the dialect"),
        ('arms = ["shaped"', 'arms = ["webrtc"', "arms: 'webrtc' cannot have the dialect 'telegram-v2'"),
        ("media_duration_s = 8.0", "media_duration_s = 0.4", "media_duration_s: Expected `float` >= 0.5"),
        ("media_duration_s = 8.0", "media_duration_s = nan", "media_duration_s: "),
        ("media_duration_s = 8.0", "media_duration_s = inf", "media_duration_s: "),
        ("max_bytes = 250_000", "max_bytes = 1000", "8 s of media would send"),
    ],
)
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_check_refuses_what_cannot_be_run(
    tmp_path: Path, as_json: tuple[str, ...], old: str, new: str, part: str
) -> None:
    """A file that passes can be run: its look exists, its arms have it, its cost is within its bound."""
    text = (Catalogue().root / "calls" / "telegram-voice.toml").read_text()
    assert old in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(old, new))

    result = run("check", str(file), *as_json)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {file}: {part}")
    assert result.stderr.count("\n") == 1
