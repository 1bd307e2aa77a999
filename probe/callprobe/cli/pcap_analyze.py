"""``callprobe pcap analyze``: what a capture tells of a call."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from callprobe.cli.errors import WrongInputError

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis
    from callprobe.pcap.engine import Tier


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
def analyze_command(
    *, files: tuple[Path, ...], as_json: bool, html: Path | None, redact: bool, tier: "Tier | None"
) -> None:
    """Tell what a capture shows: whose call, who answered, what became of the media, where it died."""
    if html is not None and len(files) != 1:
        raise WrongInputError("--html makes the page of one capture; give one FILE")
    if redact and html is None:
        raise WrongInputError("--redact is for the page; give --html PAGE with it")
    analyses, problems = _analyze_all(files, tier)
    if as_json:
        document = analyses[0] if len(files) == 1 and analyses else analyses
        if analyses or len(files) > 1:
            click.echo(msgspec.json.format(msgspec.json.encode(document)))
    else:
        for analysis in analyses:
            _tell(analysis)
    if html is not None and analyses:
        _write_page(html, analyses[0], redact=redact)
    for problem in problems[:-1]:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        raise WrongInputError(problems[-1])


def _analyze_all(files: tuple[Path, ...], tier: "Tier | None") -> "tuple[list[Analysis], list[str]]":
    """Return the analyses of what can be read, and one sentence for each file that cannot."""
    from callprobe.pcap.analyze import analyze
    from callprobe.pcap.engine import TierError
    from callprobe.pcap.read import CaptureError

    analyses, problems = [], []
    for file in files:
        try:
            analyses.append(analyze(file, tier=tier))
        except CaptureError as error:
            problems.append(str(error))
        except TierError as error:
            raise WrongInputError(str(error)) from error
    return analyses, problems


def _tell(analysis: "Analysis") -> None:
    click.echo(f"{analysis.file}  {analysis.first_packet_time or 'empty'}")
    for line in analysis.story:
        click.echo(f"  {line}")


def _write_page(path: Path, analysis: "Analysis", *, redact: bool) -> None:
    from callprobe.pcap.html import page

    try:
        path.write_text(page(analysis, redact=redact), encoding="utf-8")
    except OSError as error:
        raise WrongInputError(f"{path}: cannot be written: {error.strerror}") from error
    click.echo(f"page: {path}", err=True)
