"""``callprobe pcap``: captures of calls."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from callprobe.cli.errors import WrongInputError

if TYPE_CHECKING:
    from callprobe.pcap.analyze import Analysis


@click.group("pcap")
def pcap_command() -> None:
    """Read captures of calls."""


@pcap_command.command("analyze")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document: an object, or a list for several files."
)
def analyze_command(*, files: tuple[Path, ...], as_json: bool) -> None:
    """Tell what a capture shows: who answered, and what became of the media."""
    analyses = [_analyze(file) for file in files]
    if as_json:
        document = analyses[0] if len(analyses) == 1 else analyses
        click.echo(msgspec.json.format(msgspec.json.encode(document)))
        return
    for analysis in analyses:
        click.echo(f"{analysis.file}  {analysis.first_packet_time or 'empty'}")
        for line in analysis.story:
            click.echo(f"  {line}")


def _analyze(file: Path) -> "Analysis":
    from callprobe.pcap.analyze import analyze
    from callprobe.pcap.read import CaptureError

    try:
        return analyze(file)
    except CaptureError as error:
        raise WrongInputError(str(error)) from error
