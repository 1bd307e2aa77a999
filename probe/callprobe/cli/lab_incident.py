"""``callprobe lab incident``: play an emulated history in virtual time."""

import os
from datetime import date, datetime
from pathlib import Path

import click
import msgspec

from callprobe.censor.policy import PolicyError
from callprobe.cli.errors import WrongInputError
from callprobe.cli.interrupt import ends_as_by_ctrl_c
from callprobe.cli.plan import check_playable
from callprobe.lab.history import History, HistoryError, load_history
from callprobe.lab.incident import play
from callprobe.scenario.catalogue import Catalogue, default_root
from callprobe.scenario.load import ScenarioError


@click.command(name="incident")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the measurements.")
@click.option("--seed", type=int, required=True, help="Every random draw follows from it.")
@click.option("--workers", type=click.IntRange(1, 64), default=os.cpu_count() or 1, show_default="cores")
@click.option("--no-policies", is_flag=True, help="Switch the censor off: the null history.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="Move the start of the restriction.")
@click.option("--json", "as_json", is_flag=True, help="Print the truth as one JSON document.")
def incident_command(
    file: Path,
    out: Path,
    seed: int,
    workers: int,
    *,
    no_policies: bool,
    start: datetime | None,
    as_json: bool,
) -> None:
    """Play the history in FILE: the real probe in many networks, day by day; nothing leaves this process.

    Writes OUT/measurements/*.jsonl.gz and OUT/truth.json.
    """
    try:
        history = load_history(file)
        if no_policies:
            history = msgspec.structs.replace(history, policies=False)
        if start is not None:
            history = _moved(history, start.date())
        for name in history.scenarios:
            check_playable(Catalogue().find(name), name, history.media_duration_s)
        with ends_as_by_ctrl_c():
            truth = play(history, default_root(), out, seed=seed, workers=workers)
    except (HistoryError, PolicyError, ScenarioError) as error:
        raise WrongInputError(str(error)) from error
    except OSError as error:
        raise WrongInputError(f"{out}: cannot be written: {error.strerror}") from error
    if as_json:
        click.echo(msgspec.json.encode(truth).decode())
        return
    click.echo(
        f"{truth['runs']} runs of {truth['volunteers']} volunteers, {truth['measurements']} measurements, "
        f"{truth['packets']} packets; truth in {out / 'truth.json'}"
    )


def _moved(history: History, start: date) -> History:
    if not history.may_start(start):
        raise WrongInputError(
            f"--start: {start} is outside the history's days, {history.first_day} to {history.last_day}; "
            "give one of these, or the day after them for never"
        )
    return msgspec.structs.replace(history, restriction_start=start)
