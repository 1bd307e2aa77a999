"""The exit codes are a contract, and wrong input is one sentence."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from callprobe.cli import errors
from callprobe.cli.main import main


def test_exit_codes_are_those_of_the_contract() -> None:
    """0 done, 1 something to see to, 2 wrong input, 3 interrupted with everything saved."""
    assert (errors.DONE, errors.FAILED, errors.WRONG_INPUT, errors.INTERRUPTED) == (0, 1, 2, 3)


def test_wrong_input_is_a_sentence_on_stderr() -> None:
    """No traceback, nothing on stdout, exit 2."""

    @click.command()
    def command() -> None:
        raise errors.WrongInputError("file: key: reason")

    ended = CliRunner().invoke(command)

    assert (ended.exit_code, ended.stdout, ended.stderr) == (2, "", "Error: file: key: reason\n")


def test_wrong_usage_keeps_its_command_and_loses_its_lines() -> None:
    """What click says over several lines is one, and ends with where to look."""
    context = click.Context(click.Command("serve"), info_name="serve")
    said = errors.one_sentence(click.UsageError("Missing option. Choose from:\n\ta,\n\tb.", context))

    assert said.message == "Missing option. Choose from: a, b; serve --help says what is allowed"
    assert said.exit_code == errors.WRONG_INPUT


RELAY = ("--listen", "127.0.0.1:0", "--to", "127.0.0.1:9")


@pytest.mark.parametrize(
    "arguments",
    [
        ("scenarios", "check", "{file}"),
        ("scenarios", "show", "{file}"),
        ("run", "{file}", "--responder", "http://127.0.0.1:9", "--dry-run"),
        ("run", "services/neutral", "--endpoints", "{file}", "--dry-run"),
        ("lab", "relay", "--censor", "{file}", *RELAY),
        ("lab", "incident", "{file}", "--out", "{folder}/out", "--seed", "1"),
        ("responder", "serve", "--listen", "127.0.0.1:0", "--config", "{file}"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000 + "]" * 5000, "schema" + ".a" * 5000 + " = 1", "#" * 1_100_000, "a = " + "9" * 5000],
    ids=["nested", "dotted", "large", "digits"],
)
def test_a_hostile_file_is_one_sentence_wherever_it_is_given(
    tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    """The same reader stands before every command: exit 2, the file's name, nothing written."""
    file = tmp_path / "hostile.toml"
    file.write_text(text)

    ended = CliRunner().invoke(main, [part.format(file=file, folder=tmp_path) for part in arguments])

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"Error: {file}: is ")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [file]
