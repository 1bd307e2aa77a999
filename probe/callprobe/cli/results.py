"""``callprobe list``, ``show``, ``export``, ``upload``: what was measured here, and where it went."""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click
import msgspec

from callprobe.cli.errors import DONE, FAILED, INTERRUPTED, WrongInputError
from callprobe.cli.inputs import checked_collector, home_folder
from callprobe.net.guard import Guard, GuardConfigError
from callprobe.net.http import GuardedTransport, trusting_context
from callprobe.submit.bundles import UnreadableFileError
from callprobe.submit.client import upload, upload_files
from callprobe.submit.files import write_durably
from callprobe.submit.outbox import Outbox, UnknownMeasurementError
from callprobe.submit.report import UploadReport
from callresults.codec import InvalidMeasurementError, decode
from callresults.measurement import Measurement
from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.call import CallKeys
from callresults.observation import first_failing

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


# -- what is here


def _summary(identifier: str, outbox: Outbox) -> dict[str, Any]:
    delivered = outbox.receipt(identifier) is not None
    try:
        measurement = decode(outbox.read(identifier))
    except InvalidMeasurementError as error:
        return {"measurement_id": identifier, "delivered": delivered, "problem": str(error)}
    keys = measurement.test_keys
    failing = first_failing(keys.stages)
    return {
        "measurement_id": identifier,
        "measurement_start_time": measurement.measurement_start_time,
        "scenario_id": keys.scenario_id,
        "service": keys.service,
        "medium": keys.medium,
        "arm": keys.arm,
        "first_failing_stage": failing.name if failing else None,
        "verdict": keys.verdict.verdict if keys.verdict else None,
        "delivered": delivered,
    }


def _cells(summary: dict[str, Any]) -> list[str]:
    what = summary.get("problem") or f"{summary['service']} {summary['medium']}"
    return [
        summary["measurement_id"].removeprefix("sha256:")[:12],
        summary.get("measurement_start_time", ""),
        what,
        summary.get("arm", ""),
        summary.get("first_failing_stage") or "",
        summary.get("verdict") or "",
        "yes" if summary["delivered"] else "no",
    ]


def _print_table(summaries: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("ID", "start (UTC)", "what", "arm", "failing stage", "verdict", "uploaded", box=None)
    for summary in summaries:
        table.add_row(*_cells(summary))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)


@click.command("list")
@_JSON
def list_command(*, as_json: bool) -> None:
    """List the measurements saved on this machine."""
    outbox = Outbox(home_folder())
    summaries = [_summary(identifier, outbox) for identifier in outbox.all()]
    if as_json:
        click.echo(json.dumps({"measurements": summaries}))
    elif summaries:
        _print_table(summaries)
    else:
        click.echo("Nothing is saved here yet; `callprobe run` measures.")


def _direction(name: str, metrics: DirectionMetrics | None) -> str:
    if metrics is None:
        return f"  {name}: not known"
    parts = [
        f"{metrics.packets_received} of {metrics.packets_sent} packets",
        f"loss {metrics.loss_ratio:.1%}" if metrics.loss_ratio is not None else "",
        f"jitter {metrics.jitter_ms:.1f} ms" if metrics.jitter_ms is not None else "",
        f"path index (MOS) {metrics.mos_cq:.1f}" if metrics.mos_cq is not None else "",
    ]
    return f"  {name}: " + ", ".join(part for part in parts if part)


def _text(measurement: Measurement, identifier: str, *, delivered: bool) -> str:
    keys = measurement.test_keys
    lines = [
        identifier,
        f"{keys.service} {keys.medium}, arm {keys.arm}, scenario {keys.scenario_id}",
        f"{measurement.measurement_start_time} UTC, {measurement.probe_cc} {measurement.probe_asn}"
        + (", emulated" if measurement.annotations.emulated else ""),
        "uploaded" if delivered else "not uploaded yet",
        *(
            f"  {stage.name}: {stage.outcome}" + (f" ({stage.failure})" if stage.failure else "")
            for stage in keys.stages
        ),
    ]
    if isinstance(keys, CallKeys):
        lines += [_direction("up", keys.metrics_up), _direction("down", keys.metrics_down)]
    if not keys.valid:
        lines.append(f"void: {keys.void_reason}")
    if keys.verdict:
        lines.append(f"verdict: {keys.verdict.verdict} (rule {keys.verdict.rule_id}, {keys.verdict.scope})")
    return "\n".join(lines)


@click.command("show")
@click.argument("identifier", metavar="ID")
@_JSON
def show_command(identifier: str, *, as_json: bool) -> None:
    """Show one measurement; the beginning of its ID is enough."""
    outbox = Outbox(home_folder())
    try:
        found = outbox.find(identifier)
        canonical = outbox.read(found)
        measurement = decode(canonical)
    except UnknownMeasurementError as error:
        raise WrongInputError(str(error)) from error
    except InvalidMeasurementError as error:
        raise WrongInputError(f"The saved file of {found} is damaged: {error}.") from error
    if as_json:
        click.echo(canonical)
    else:
        click.echo(_text(measurement, found, delivered=outbox.receipt(found) is not None))


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE.")
def export_command(file: Path, *, force: bool) -> None:
    """Write all saved measurements to FILE, one per line as they are sent (*.jsonl or *.jsonl.gz)."""
    if not file.name.endswith((".jsonl", ".jsonl.gz")):
        raise WrongInputError(f"{file}: the name must end in .jsonl or .jsonl.gz.")
    if file.exists() and not force:
        raise WrongInputError(f"{file}: is there already; --force replaces it.")
    if not file.parent.is_dir():
        raise WrongInputError(f"{file}: there is no folder {file.parent} to write it in; make it first.")
    outbox = Outbox(home_folder())
    identifiers = outbox.all()
    data = b"".join(outbox.read(identifier) + b"\n" for identifier in identifiers)
    try:
        write_durably(file, gzip.compress(data, mtime=0) if file.name.endswith(".gz") else data)
    except OSError as error:
        raise WrongInputError(f"{file}: cannot be written: {error.strerror or error}.") from error
    click.echo(f"{len(identifiers)} measurements written to {file}.")


# -- where it went


def _transport() -> GuardedTransport:
    try:
        return GuardedTransport(Guard.from_environ(os.environ), trusting_context())
    except GuardConfigError as error:
        raise WrongInputError(str(error)) from error


def _run(sending: Coroutine[Any, Any, UploadReport]) -> UploadReport:
    try:
        return asyncio.run(sending)
    except KeyboardInterrupt:
        click.echo("Interrupted; what was not delivered can be uploaded again.", err=True)
        sys.exit(INTERRUPTED)
    except UnreadableFileError as error:
        raise WrongInputError(str(error)) from error


def report_text(report: UploadReport) -> str:
    """Return what became of an upload, for people."""
    counts = (
        f"{report.delivered} delivered, {report.already_there} already there,"
        f" {report.refused} refused, {report.left} left."
    )
    return "\n".join([counts, *(f"  {problem.what}: {problem.error}" for problem in report.problems)])


@click.command("upload")
@click.argument("path", metavar="[FILE|DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--collector", "collector_url", required=True, metavar="URL", help="Where to send it.")
@_JSON
def upload_command(path: Path | None, collector_url: str, *, as_json: bool) -> None:
    """Deliver what is saved here and not delivered yet, or the measurements in FILE or DIR; each once.

    Exit 1 where something was not delivered; it can be uploaded again.
    """
    home = home_folder()
    url = checked_collector(collector_url, home)
    transport = _transport()
    sending = upload(Outbox(home), url, transport) if path is None else upload_files([path], url, transport)
    report = _run(sending)
    click.echo(msgspec.json.encode(report) if as_json else report_text(report))
    sys.exit(DONE if report.complete else FAILED)
