"""Wrong usage or input, as every command tells it."""

from typing import Final

import click

WRONG_INPUT: Final = 2


class WrongInputError(click.ClickException):
    """One sentence about the input (what, where, what to do), and exit code 2."""

    exit_code = WRONG_INPUT
