"""``callprobe pcap analyze``: what a capture tells of a call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
import msgspec

from callprobe.cli.donation import donation, donation_options, give_captures
from callprobe.cli.errors import WrongInputError

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.engine import Tier
    from callprobe.pcap.recognise.distance import Distance


MOST_DIFFERENCES: Final = 6
"""More stand in the JSON and on the page."""


class _Analysed(NamedTuple):
    """One capture that could be read."""

    findings: "Findings"
    analysis: "Analysis"


@click.command("analyze")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document: an object, or a list for several files."
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page of one file.")
@click.option("--redact", is_flag=True, help="Name addresses A, B … on the page, so that it can be shared.")
@click.option(
    "--tier",
    type=click.Choice(["python", "numpy", "c"]),
    help="How to count; the fastest there is unless given, and the figures are the same.",
)
@donation_options
def analyze_command(
    *,
    files: tuple[Path, ...],
    as_json: bool,
    html: Path | None,
    redact: bool,
    tier: "Tier | None",
    **options: Any,
) -> None:
    """Tell what a capture shows: whose call, who answered, what became of the media, where it died."""
    wanted = donation(**options)
    if as_json and wanted.takes_stdout:
        raise WrongInputError("--json and --measurement - both print JSON; give --measurement a FILE")
    if html is not None and len(files) != 1:
        raise WrongInputError("--html makes the page of one capture; give one FILE")
    if redact and html is None:
        raise WrongInputError("--redact is for the page; give --html PAGE with it")
    found, problems = _analyze_all(files, tier)
    if as_json:
        _print_json([one.analysis for one in found], alone=len(files) == 1)
    elif not wanted.takes_stdout:
        for one in found:
            _tell(one.analysis)
    if html is not None and found:
        _write_page(html, found[0].analysis, redact=redact)
    if wanted.wanted and found:
        give_captures([one.findings for one in found], wanted)
    for problem in problems[:-1]:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        raise WrongInputError(problems[-1])


def _analyze_all(files: tuple[Path, ...], tier: "Tier | None") -> tuple[list[_Analysed], list[str]]:
    """Return the analyses of what can be read, and one sentence for each file that cannot."""
    from callprobe.pcap.analyze import analysis_of
    from callprobe.pcap.dissect import dissect
    from callprobe.pcap.engine import TierError
    from callprobe.pcap.reading.read import CaptureError

    found, problems = [], []
    for file in files:
        try:
            findings = dissect(file, tier=tier)
            found.append(_Analysed(findings, analysis_of(findings, file.name)))
        except CaptureError as error:
            problems.append(str(error))
        except TierError as error:
            raise WrongInputError(str(error)) from error
    return found, problems


def _print_json(analyses: "list[Analysis]", *, alone: bool) -> None:
    if alone and not analyses:
        return
    click.echo(msgspec.json.format(msgspec.json.encode(analyses[0] if alone else analyses)))


def _tell(analysis: "Analysis") -> None:
    click.echo(f"{analysis.file}  {analysis.first_packet_time or 'empty'}")
    for line in analysis.story:
        click.echo(f"  {line}")
    if analysis.distance is not None:
        for line in _distance_lines(analysis.distance):
            click.echo(f"  {line}")


def _distance_lines(distance: "Distance") -> list[str]:
    """Return how the capture differs from the nearest look that the probe speaks."""
    date = f" (after a capture of {distance.capture_date})" if distance.capture_date else ""
    head = (
        f"Nearest dialect {distance.dialect}{date}: {distance.matching} of {distance.compared} features alike"
    )
    unlike = [feature for feature in distance.features if feature.matches is False]
    lines = [head + (", but:" if unlike else ".")]
    return lines + [
        f"  {feature.name}: here {feature.capture_value}, dialect {feature.dialect_value}"
        for feature in unlike[:MOST_DIFFERENCES]
    ]


def _write_page(path: Path, analysis: "Analysis", *, redact: bool) -> None:
    from callprobe.pcap.tell.html import page

    try:
        path.write_text(page(analysis, redact=redact), encoding="utf-8")
    except OSError as error:
        raise WrongInputError(f"{path}: cannot be written: {error.strerror}") from error
    click.echo(f"page: {path}", err=True)
