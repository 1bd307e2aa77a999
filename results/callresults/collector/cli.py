"""``callcollector``: serve, publish, verify."""

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from callresults import __version__
from callresults.store.sqlite import Store, StoreError


class InputError(click.ClickException):
    """Wrong usage or input: one sentence, exit 2."""

    exit_code = 2


_STORE = click.option(
    "--store", "directory", type=click.Path(path_type=Path), required=True, help="Folder of the store."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
@click.version_option(__version__, prog_name="callcollector")
def main() -> None:
    """Collect call measurements, and publish them as open data."""


def _announce(url: str) -> None:
    click.echo(json.dumps({"url": url}))


@main.command()
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where to listen; port 0 = any free.")
@_STORE
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key, PEM.")
def serve(listen: str, directory: Path, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Take measurements until interrupted; print {"url": ...} once ready.

    Plain HTTP is spoken on loopback only. No client address is logged or stored.
    """
    from callresults.collector import serve as server
    from callresults.collector.app import application

    if (tls_cert is None) != (tls_key is None):
        raise InputError("--tls-cert and --tls-key belong together: give both or none.")
    tls = server.Tls(tls_cert, tls_key) if tls_cert and tls_key else None
    try:
        listener = server.bind(*server.parse_listen(listen), tls=tls)
        with listener, Store(directory) as store:
            server.serve(application(store), listener, tls=tls, ready=_announce)
    except (server.ListenError, StoreError) as error:
        raise InputError(str(error)) from error


@main.command()
@_STORE
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the data set.")
@click.option("--only", type=click.Choice(["emulated", "real"]), help="Which kind, where the store has both.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day to write into the manifest; default: last receipt.",
)
@_JSON
def publish(
    directory: Path,
    out: Path,
    only: Literal["emulated", "real"] | None,
    as_of: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Write the store as Parquet by month and country, replacing what OUT held of an earlier publication."""
    from callresults.store.publish import PublishError, publish_stored, summary

    day = as_of.strftime("%Y-%m-%d") if as_of else None
    try:
        with Store.existing(directory) as store, store.snapshot() as snapshot:
            manifest = publish_stored(snapshot, out, only=only, as_of=day)
    except (PublishError, StoreError) as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{out}: cannot write there: {error.strerror or error}.") from error
    click.echo(json.dumps(manifest) if as_json else summary(manifest, out))


@main.command()
@_STORE
@_JSON
@click.pass_context
def verify(context: click.Context, directory: Path, *, as_json: bool) -> None:
    """Hash everything stored again; exit 1 where something is not what its receipt named."""
    from callresults.store.verify import verify_stored

    try:
        with Store.existing(directory) as store, store.snapshot() as snapshot:
            report = verify_stored(snapshot)
    except StoreError as error:
        raise InputError(str(error)) from error
    if as_json:
        click.echo(json.dumps({"checked": report.checked, "damaged": list(report.damaged)}))
    else:
        click.echo(f"{report.checked} measurements checked, {len(report.damaged)} damaged.")
        for sentence in report.damaged:
            click.echo(sentence)
    context.exit(1 if report.damaged else 0)
