"""``callprobe onboard``: the text, and a yes or a no."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from callprobe.cli.errors import FAILED, WrongInputError
from callprobe.cli.inputs import home_folder
from callprobe.vantage.consent import CONSENT_HASH, CONSENT_TEXT, consent_given, record_consent


def _remember(home: Path) -> None:
    try:
        record_consent(home, CONSENT_HASH, datetime.now(UTC))
    except OSError as error:
        raise WrongInputError(f"{home}: cannot remember your answer: {error.strerror or error}.") from error
    click.echo("Agreed. `callprobe run` measures.")


def _ask() -> bool:
    try:
        return click.confirm("Do you agree?", default=False)
    except click.Abort as abort:
        raise WrongInputError(
            f"No answer came; who has read the text may also run"
            f" `callprobe onboard --accept-consent {CONSENT_HASH}`."
        ) from abort


@click.command("onboard")
@click.option("--accept-consent", metavar="HASH", help="Agree without being asked; HASH names the text read.")
def onboard_command(accept_consent: str | None) -> None:
    """Read what measuring means for you, and agree or not."""
    home = home_folder()
    if accept_consent is not None:
        if accept_consent != CONSENT_HASH:
            raise WrongInputError(f"--accept-consent: that is not the present text; it is {CONSENT_HASH}.")
        _remember(home)
        return
    click.echo(CONSENT_TEXT)
    click.echo(f"This text is {CONSENT_HASH}.")
    if consent_given(home, CONSENT_HASH):
        click.echo("You have agreed to it.")
    elif _ask():
        _remember(home)
    else:
        click.echo("Not agreed: callprobe measures towards this machine only.")
        sys.exit(FAILED)
