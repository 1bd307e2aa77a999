"""``callprobe pcap import``: what browsers wrote of their calls."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from callprobe.cli.donation import donation, donation_options
from callprobe.cli.errors import WrongInputError

if TYPE_CHECKING:
    from callprobe.pcap.dumps.model import Dump


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document: an object, or a list for several files."
)
@donation_options
def import_command(*, files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Tell what a browser's dump says of its calls: webrtc-internals (JSON) or RTCStatsDump, gzip or not.

    Addresses, URLs, names, descriptions and labels in it are not read into anything.
    """
    wanted = donation(**options)
    if as_json and wanted.takes_stdout:
        raise WrongInputError("--json and --measurement - both print JSON; give --measurement a FILE")
    dumps = [_read(file) for file in files]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(dumps[0] if len(dumps) == 1 else dumps)))
    elif not wanted.takes_stdout:
        for dump in dumps:
            click.echo("\n".join([dump.file, *(f"  {line}" for line in dump.story)]))
    if wanted.wanted:
        from callprobe.pcap.dumps.measurement import measurements

        donor = wanted.donor()
        wanted.give([item for dump in dumps for item in measurements(dump, donor)])


def _read(file: Path) -> "Dump":
    from callprobe.pcap.dumps.model import DumpError
    from callprobe.pcap.dumps.read import read_dump

    try:
        return read_dump(file)
    except DumpError as error:
        raise WrongInputError(str(error)) from error
