"""The exit codes are a contract, and wrong input is one sentence."""

import click
from click.testing import CliRunner

from callprobe.cli import errors


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
