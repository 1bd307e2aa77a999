"""The command group: every command is there, imported only when called."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from callprobe import __version__
from callprobe.cli.main import COMMANDS, LazyGroup, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """``--help`` says in a sentence what it does."""
    ended = CliRunner().invoke(main, [name, "--help"])

    assert ended.exit_code == 0
    assert ended.stdout.startswith(f"Usage: callprobe {name} ")


def test_help_names_the_commands_in_their_order() -> None:
    """As people come to need them: consent, a run, its results."""
    shown = CliRunner().invoke(main, ["--help"]).stdout
    places = [shown.index(f"\n  {name} ") for name in COMMANDS]

    assert places == sorted(places)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["--nothing"],
        ["lab", "nothing"],
        ["lab", "--nothing"],
        ["scenarios", "nothing"],
        ["run", "--nothing"],
        ["run", "--seed", "nothing"],
        ["run", "--access-type", "nothing"],
        ["lab", "relay", "--listen", "nothing"],
        ["lab", "incident", "nothing", "--out", "nothing"],
    ],
)
def test_the_unknown_is_wrong_usage(arguments: list[str]) -> None:
    """Exit 2, and one sentence: what was not understood, and which help says more."""
    ended = CliRunner().invoke(main, arguments, prog_name="callprobe")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Error: ")
    assert ended.stderr.endswith(" --help says what is allowed\n")
    assert ended.stderr.count("\n") == 1
    assert "nothing" in ended.stderr or "Missing option '--seed'" in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["lab"], ["scenarios"]])
def test_a_group_alone_shows_its_commands(arguments: list[str]) -> None:
    """Nobody who asks for nothing is told off: the help, as click does it."""
    assert "Commands:" in CliRunner().invoke(main, arguments).output


def test_ctrl_c_where_there_is_nothing_to_save_ends_quietly() -> None:
    """Exit 3 and a word, no traceback."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    class Stopping(LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return click.Command(cmd_name, callback=interrupted)

    ended = CliRunner().invoke(Stopping({}, name="group"), ["stop"])

    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, "", "Interrupted.\n")


def test_starting_imports_nothing_heavy() -> None:
    """A volunteer who asks for the version waits for neither WebRTC, captures nor HTTP."""
    heavy = {"aiortc", "av", "scapy", "httpx", "uvicorn", "rich"}
    code = (
        "import sys, callprobe.cli.main as m\n"
        "try: m.main(['--version'])\n"
        f"except SystemExit: print(sorted({heavy} & sys.modules.keys()))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown.splitlines() == [f"callprobe, version {__version__}", "[]"]
