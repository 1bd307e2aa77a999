"""``callprobe run``: measure first, locate and upload afterwards."""

import asyncio
import contextlib
import os
import random
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from callprobe.cli.errors import DONE, FAILED, INTERRUPTED, WrongInputError
from callprobe.cli.inputs import checked_collector, home_folder, writable_home
from callprobe.cli.interrupt import ends_as_by_ctrl_c
from callprobe.cli.order import Order, check_consent, checked_order, is_local
from callprobe.cli.plan import Plan, plan, plan_text
from callprobe.cli.table import LiveProgress, verdict_table
from callprobe.net.guard import Guard, GuardConfigError
from callprobe.net.http import CaFileError
from callprobe.net.loop import StampedLoop
from callprobe.net.sockets import SocketNet
from callprobe.run.events import Listener, Phase, Silent
from callprobe.run.runner import Kept, Runner
from callprobe.run.surroundings import Surroundings
from callprobe.submit.client import upload
from callprobe.submit.outbox import Outbox
from callprobe.vantage.identity import probe_id
from callresults.nettests.common import AccessType

ACCESS_TYPES: Final = ("wired", "home-wifi", "phone-hotspot", "mobile-modem", "other")


@dataclass
class Report:
    """What a run came to."""

    kept: list[Kept] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    uploaded: int = 0
    interrupted: bool = False


@click.command(name="run")
@click.argument("scenarios", nargs=-1)
@click.option(
    "--responder", "responders", multiple=True, metavar="URL", help="Far end to call; may be repeated."
)
@click.option("--collector", metavar="URL", help="Where measurements are uploaded afterwards.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True)
@click.option("--media-duration-s", type=click.FloatRange(0.5, 180.0), help="Instead of the scenario's.")
@click.option("--interface", metavar="NAME", help="The only network interface to use (Linux).")
@click.option("--endpoints", type=click.Path(path_type=Path), help="File that replaces every public name.")
@click.option("--access-type", type=click.Choice(ACCESS_TYPES), default="other", show_default=True)
@click.option("--no-upload", is_flag=True, help="Keep the measurements here.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent where, and send nothing.")
@click.option("--seed", type=int, hidden=True, help="Repeat the random draws of a run (tests).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def run_command(  # noqa: PLR0917 - click calls it by keyword
    scenarios: tuple[str, ...],
    responders: tuple[str, ...],
    collector: str | None,
    repeat: int,
    media_duration_s: float | None,
    interface: str | None,
    endpoints: Path | None,
    access_type: AccessType,
    no_upload: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
    seed: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Measure SCENARIOs (all default ones without arguments) and say what they show.

    SCENARIO is an id of ``callprobe scenarios list`` or a file.
    """
    order = checked_order(
        scenarios,
        responders,
        endpoints=endpoints,
        repeat=repeat,
        media_duration_s=media_duration_s,
        interface=interface,
        access_type=access_type,
    )
    if dry_run:
        show_plan(
            plan(order.scenarios, order.responders, repeat=repeat, duration_s=media_duration_s),
            as_json=as_json,
        )
        return
    home = home_folder()
    check_consent(order, home)
    if no_upload or collector is None:
        collector = None
    else:
        checked_collector(collector, home)
    with listener_on_terminal() as listener:
        report = execute(order, writable_home(), collector, listener, random.Random(seed))
    show(report, as_json=as_json)
    sys.exit(exit_code(report))


# --- measuring -----------------------------------------------------------------------------------------


def execute(
    order: Order, home: Path, collector: str | None, listener: Listener, rng: random.Random
) -> Report:
    """Measure what was ordered, save each record in the outbox below ``home``, and upload afterwards.

    Raises WrongInputError for a setting that cannot be.
    """
    report = Report()
    try:
        Guard.from_environ(os.environ)  # The loop asks for it too, too late to be closed.
        with ends_as_by_ctrl_c(), asyncio.Runner(loop_factory=StampedLoop) as loop:
            loop.run(_measure(order, home, listener, rng, report))
            if collector is not None:
                loop.run(_upload(Outbox(home), collector, report))
    except KeyboardInterrupt:
        report.interrupted = True
    except (GuardConfigError, CaFileError) as error:
        raise WrongInputError(str(error)) from error
    except OSError as error:
        report.notices.append(f"the run ended early, what is listed is saved: {error}")
    return report


async def _measure(order: Order, home: Path, listener: Listener, rng: random.Random, report: Report) -> None:
    net = SocketNet(
        Guard.from_environ(os.environ),
        random.Random(rng.getrandbits(64)),
        ca_files=order.ca_files,
        interface=order.interface,
    )
    surroundings = Surroundings(
        probe_id_for=lambda network: probe_id(home, network),
        emulated=False,
        access_type=order.access_type,
        media_duration_s=order.media_duration_s,
        interface=order.interface,
    )
    noted = _Noting(listener, report.notices)
    runner = Runner(
        net,
        surroundings,
        rng,
        keep=Outbox(home).save,
        listener=noted,
        kept=report.kept,
        looks=order.looks,
    )
    for scenario in order.scenarios * order.repeat:
        runner.surroundings = replace(surroundings, emulated=is_local(scenario, order.responders))
        noted.scenario_id = scenario.id
        await runner.run(scenario, order.responders)
        _stop_if_asked()


def _stop_if_asked() -> None:
    """Go on with Ctrl-C where what was just finished had to swallow it to tidy up."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@dataclass
class _Noting:
    """Passes everything on and remembers the notices, each with the scenario that it is about."""

    listener: Listener
    notices: list[str]
    scenario_id: str = ""

    def phase(self, phase: Phase) -> None:
        self.listener.phase(phase)

    def notice(self, sentence: str) -> None:
        self.notices.append(f"{self.scenario_id}: {sentence}")


async def _upload(outbox: Outbox, collector: str, report: Report) -> None:
    net = SocketNet(Guard.from_environ(os.environ), random.Random(secrets.randbits(64)))
    pending = len(outbox.pending())
    try:
        await upload(outbox, collector, net.http())
    finally:
        left = len(outbox.pending())
        report.uploaded = pending - left
    if left:
        report.notices.append(
            f"{left} measurement(s) could not be delivered; they are kept, "
            f"callprobe upload --collector {collector} tries again"
        )


# --- what people see -----------------------------------------------------------------------------------


@contextlib.contextmanager
def listener_on_terminal() -> Iterator[Listener]:
    """Draw the progress where somebody can see it."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    with LiveProgress() as progress:
        yield progress


def show_plan(planned: Plan, *, as_json: bool) -> None:
    """Print what would be sent where."""
    click.echo(msgspec.json.encode(planned) if as_json else plan_text(planned))


def show(report: Report, *, as_json: bool) -> None:
    """Print the table, or the document and nothing else on stdout; what went wrong goes to stderr."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(document(report.kept, uploaded=report.uploaded)).decode() + "\n")
    else:
        verdict_table(report.kept)
        click.echo(f"{len(report.kept)} measurement(s) saved, {report.uploaded} uploaded.")
    for sentence in report.notices:
        click.echo(sentence, err=True)
    if report.interrupted:
        click.echo("Interrupted; everything measured so far is saved.", err=True)


def document(kept: Sequence[Kept], *, uploaded: int) -> dict[str, Any]:
    """Return the JSON document of a run: report ids, measurements, verdicts and counts."""
    return {
        "report_ids": list(dict.fromkeys(item.measurement.report_id for item in kept)),
        "measurements": [
            {"measurement_id": item.measurement_id, **msgspec.to_builtins(item.measurement)} for item in kept
        ],
        "verdicts": [verdict_row(item) for item in kept if item.measurement.test_keys.verdict is not None],
        "saved": len(kept),
        "uploaded": uploaded,
    }


def verdict_row(item: Kept) -> dict[str, Any]:
    """Return one verdict in the form of the contract."""
    keys = item.measurement.test_keys
    verdict = keys.verdict
    assert verdict is not None
    return {
        "scenario": keys.scenario_id,
        "service": keys.service,
        "medium": keys.medium,
        "arm": keys.arm,
        "target": item.measurement.input,
        "verdict": verdict.verdict,
        "scope": verdict.scope,
        "rule_id": verdict.rule_id,
        "first_failing_stage": verdict.first_failing_stage,
        "mechanism": verdict.mechanism,
    }


def exit_code(report: Report) -> int:
    """Return how the command ends."""
    if report.interrupted:
        return INTERRUPTED
    return FAILED if report.notices else DONE
