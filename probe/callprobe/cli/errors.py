"""How every command ends: its exit codes, and wrong usage or input in one sentence."""

from typing import Final

import click

DONE: Final = 0
FAILED: Final = 1
"""Done, but something failed that the person should see."""
WRONG_INPUT: Final = 2
INTERRUPTED: Final = 3
"""Interrupted, with everything saved."""


class WrongInputError(click.ClickException):
    """One sentence about the input (what, where, what to do), and exit code 2."""

    exit_code = WRONG_INPUT


def one_sentence(error: click.UsageError) -> WrongInputError:
    """Return what click says of wrong usage without its lines of usage, and where those are to be had."""
    said = " ".join(error.format_message().split()).removesuffix(".")
    path = error.ctx.command_path if error.ctx else "callprobe"
    return WrongInputError(f"{said}; {path} --help says what is allowed")
