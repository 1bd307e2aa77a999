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
