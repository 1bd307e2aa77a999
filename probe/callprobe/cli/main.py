"""``callprobe``: the command group. A command is imported when it is called, so that each starts quickly."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from callprobe import __version__
from callprobe.cli.errors import INTERRUPTED, one_sentence

COMMANDS: Final = {
    "onboard": "callprobe.cli.onboard:onboard_command",
    "run": "callprobe.cli.run:run_command",
    "list": "callprobe.cli.results:list_command",
    "show": "callprobe.cli.results:show_command",
    "export": "callprobe.cli.results:export_command",
    "upload": "callprobe.cli.results:upload_command",
    "scenarios": "callprobe.cli.scenarios:scenarios_command",
    "pcap": "callprobe.cli.pcap:pcap_command",
    "responder": "callprobe.cli.responder:responder_command",
    "lab": "callprobe.cli.lab:lab_command",
}


@contextmanager
def _usage_in_one_sentence() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise one_sentence(error) from error


class LazyGroup(click.Group):
    """A group whose commands are imported on use."""

    def __init__(self, commands: dict[str, str], **attributes: Any) -> None:
        """Take ``commands``: names and ``module:attribute`` of the click commands."""
        super().__init__(**attributes)
        self._lazy = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the way people use them."""
        del ctx
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        del ctx
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._lazy[cmd_name]} is no command")
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the group's own options; what is wrong with them is one sentence."""
        with _usage_in_one_sentence():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C where it has nothing to save ends quietly, wrong usage in one sentence."""
        try:
            with _usage_in_one_sentence():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


main = LazyGroup(
    COMMANDS,
    name="callprobe",
    help="Measure whether this network lets people call each other.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
main = click.version_option(__version__, prog_name="callprobe")(main)
