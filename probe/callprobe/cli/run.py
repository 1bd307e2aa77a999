"""``callprobe run``: measure first, locate and upload afterwards."""

import asyncio
import contextlib
import os
import random
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from callprobe.cli.errors import WrongInputError
from callprobe.cli.plan import plan_text
from callprobe.cli.table import LiveProgress, verdict_table
from callprobe.dialect.registry import UnknownDialectError, find
from callprobe.net.guard import Guard, GuardConfigError
from callprobe.net.http import CaFileError
from callprobe.net.loop import StampedLoop
from callprobe.net.sockets import SocketNet
from callprobe.run.events import Listener, Silent
from callprobe.run.runner import Kept, Runner
from callprobe.run.session import ResponderUrl, parse_url
from callprobe.run.surroundings import Surroundings
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.load import ScenarioError, load_endpoints, with_endpoints
from callprobe.scenario.model import CallScenario, Endpoint, Scenario, ServiceScenario
from callprobe.submit.client import upload
from callprobe.submit.home import resolve_home
from callprobe.submit.outbox import Outbox
from callprobe.vantage.consent import CONSENT_HASH, consent_given, is_loopback_url
from callprobe.vantage.identity import probe_id
from callresults.nettests.common import AccessType

DONE: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 3
ACCESS_TYPES: Final = ("wired", "home-wifi", "phone-hotspot", "mobile-modem", "other")


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What the person asked for, checked."""

    scenarios: tuple[Scenario, ...]
    responders: tuple[ResponderUrl, ...]
    repeat: int
    media_duration_s: float | None
    interface: str | None
    access_type: AccessType
    ca_files: tuple[Path, ...]


@dataclass
class _Report:
    """What a run came to."""

    kept: list[Kept] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    uploaded: int = 0
    left: int = 0
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
    chosen, ca_files = _scenarios(scenarios, endpoints, any_responder=bool(responders))
    order = _Order(
        scenarios=chosen,
        responders=_responders(responders, chosen),
        repeat=repeat,
        media_duration_s=media_duration_s,
        interface=interface,
        access_type=access_type,
        ca_files=ca_files,
    )
    if dry_run:
        click.echo(plan_text(order.scenarios, order.responders, repeat=repeat, duration_s=media_duration_s))
        return
    _check_consent(order, collector if not no_upload else None)
    with _listener(as_json=as_json) as listener:
        report = _execute(order, None if no_upload else collector, listener, random.Random(seed))
    _show(report, as_json=as_json)
    sys.exit(_exit_code(report))


# --- what was asked for --------------------------------------------------------------------------------


def _scenarios(
    names: tuple[str, ...], endpoints: Path | None, *, any_responder: bool
) -> tuple[tuple[Scenario, ...], tuple[Path, ...]]:
    catalogue = Catalogue()
    try:
        found = [catalogue.find(name) for name in names or _default_names(catalogue, any_responder)]
        _check_dialects(found)
        if endpoints is None:
            return _ordered(found), ()
        replaced: dict[str, Endpoint] = load_endpoints(endpoints)
        ca_files = {Path(endpoint.ca_file) for endpoint in replaced.values() if endpoint.ca_file}
        return _ordered([with_endpoints(item, replaced) for item in found]), tuple(sorted(ca_files))
    except ScenarioError as error:
        raise WrongInputError(str(error)) from error


def _check_dialects(scenarios: Sequence[Scenario]) -> None:
    for item in scenarios:
        if isinstance(item, CallScenario):
            try:
                find(item.dialect)
            except UnknownDialectError as error:
                raise WrongInputError(f"{item.id}: dialect: {error}") from error


def _default_names(catalogue: Catalogue, any_responder: bool) -> list[str]:  # noqa: FBT001
    names = catalogue.default_ids()
    return [name for name in names if any_responder or not name.startswith("calls/")]


def _ordered(scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """Put neutral services first: the other services are judged beside them."""
    return tuple(sorted(scenarios, key=lambda item: getattr(item, "arm", "") != "neutral"))


def _responders(texts: tuple[str, ...], scenarios: Sequence[Scenario]) -> tuple[ResponderUrl, ...]:
    try:
        urls = tuple(parse_url(text) for text in texts)
    except ValueError as error:
        raise WrongInputError(f"--responder: {error}") from error
    for url in urls:
        if url.text.startswith("http:") and not is_loopback_url(url.text):
            raise WrongInputError(
                f"--responder: {url.text} is plain HTTP; only loopback may be, use https://"
            )
    calls = [item.id for item in scenarios if isinstance(item, CallScenario)]
    if calls and not urls:
        raise WrongInputError(f"{calls[0]} needs a far end: give --responder URL")
    return urls


def _check_consent(order: _Order, collector: str | None) -> None:
    contacts = [url.text for url in order.responders] + ([collector] if collector else [])
    outside = [text for text in contacts if not is_loopback_url(text)]
    outside += [item.id for item in order.scenarios if not _is_local(item, order.responders)]
    if outside and not consent_given(resolve_home(os.environ), CONSENT_HASH):
        raise WrongInputError(
            f"{outside[0]} is not on this machine, and nobody has agreed to that yet: run callprobe onboard"
        )


def _is_local(scenario: Scenario, responders: Sequence[ResponderUrl]) -> bool:
    if isinstance(scenario, ServiceScenario):
        return all(_is_loopback_host(target.host) for target in scenario.targets)
    return all(_is_loopback_host(url.host) for url in responders)


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


# --- measuring -----------------------------------------------------------------------------------------


def _execute(order: _Order, collector: str | None, listener: Listener, rng: random.Random) -> _Report:
    report = _Report()
    outbox = Outbox(resolve_home(os.environ))
    try:
        with asyncio.Runner(loop_factory=StampedLoop) as loop:
            loop.run(_measure(order, outbox, listener, rng, report))
            if collector is not None:
                loop.run(_upload(outbox, collector, report))
    except KeyboardInterrupt:
        report.interrupted = True
    except (GuardConfigError, CaFileError) as error:
        raise WrongInputError(str(error)) from error
    return report


async def _measure(
    order: _Order, outbox: Outbox, listener: Listener, rng: random.Random, report: _Report
) -> None:
    noted = _Noting(listener, report.notices)
    net = SocketNet(
        Guard.from_environ(os.environ),
        random.Random(rng.getrandbits(64)),
        ca_files=order.ca_files,
        interface=order.interface,
    )
    home = resolve_home(os.environ)
    surroundings = Surroundings(
        probe_id_for=lambda network: probe_id(home, network),
        emulated=False,
        access_type=order.access_type,
        media_duration_s=order.media_duration_s,
        interface=order.interface,
    )
    runner = Runner(net, surroundings, rng, keep=outbox.save, listener=noted, kept=report.kept)
    for _ in range(order.repeat):
        for scenario in order.scenarios:
            runner.surroundings = replace(surroundings, emulated=_is_local(scenario, order.responders))
            await runner.run(scenario, order.responders)


@dataclass
class _Noting:
    """Passes everything on and remembers the notices."""

    listener: Listener
    notices: list[str]

    def phase(self, phase: Any) -> None:
        self.listener.phase(phase)

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)
        self.listener.notice(sentence)


async def _upload(outbox: Outbox, collector: str, report: _Report) -> None:
    net = SocketNet(Guard.from_environ(os.environ), random.Random(secrets.randbits(64)))
    done = await upload(outbox, collector, net.http())
    report.uploaded = done.delivered + done.already_there
    report.left = done.left + done.refused
    if report.left:
        report.notices.append(
            f"{report.left} measurement(s) could not be delivered; they are kept, "
            f"callprobe upload --collector {collector} tries again"
        )


# --- what people see -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _listener(*, as_json: bool) -> Any:
    if as_json or not sys.stderr.isatty():
        yield Silent()
        return
    with LiveProgress() as progress:
        yield progress


def _show(report: _Report, *, as_json: bool) -> None:
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


def _exit_code(report: _Report) -> int:
    if report.interrupted:
        return INTERRUPTED
    return FAILED if report.notices else DONE
