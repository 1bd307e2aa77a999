"""``callprobe scenarios``: what there is to measure, one of them in full, and the check of a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from callprobe.cli.errors import WrongInputError
from callprobe.cli.plan import check_playable
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.load import ScenarioError
from callprobe.scenario.model import CallScenario, Scenario, Target

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


@click.group(name="scenarios")
def scenarios_command() -> None:
    """List, show and check scenarios: what a run measures."""


@scenarios_command.command(name="list")
@_as_json
def list_scenarios(*, as_json: bool) -> None:
    """List the scenarios; a star marks those of a run without arguments."""
    catalogue = Catalogue()
    scenarios = [_read(catalogue.find, name) for name in catalogue.ids()]
    if as_json:
        _print_json([_outline(scenario) for scenario in scenarios])
        return
    width = max((len(scenario.id) for scenario in scenarios), default=0)
    for scenario in scenarios:
        star = "*" if scenario.default else " "
        click.echo(f"{star} {scenario.id:<{width}}  {_arms(scenario):<20}  {scenario.title}")


@scenarios_command.command(name="show")
@click.argument("scenario_id", metavar="ID")
@_as_json
def show_scenario(scenario_id: str, *, as_json: bool) -> None:
    """Show one scenario, by id or file, with everything it would contact."""
    scenario = _read(Catalogue().find, scenario_id)
    if as_json:
        _print_json(scenario)
        return
    click.echo(f"{scenario.id}: {scenario.title}\n")
    for name, value in _facts(scenario):
        click.echo(f"  {name:<12} {value}")


@scenarios_command.command(name="check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@_as_json
def check_scenarios(file: Path | None, *, as_json: bool) -> None:
    """Check FILE, or the whole catalogue, and that it could be run; a fault is one sentence."""
    catalogue = Catalogue()
    names = catalogue.ids() if file is None else (str(file),)
    checked = [_read(catalogue.find, name) for name in names]
    for scenario, name in zip(checked, names, strict=True):
        check_playable(scenario, name)
    if as_json:
        _print_json([_outline(scenario) for scenario in checked])
        return
    for scenario in checked:
        click.echo(f"ok  {scenario.id}")


def _read(find: Callable[[str], Scenario], name: str) -> Scenario:
    try:
        return find(name)
    except ScenarioError as error:
        raise WrongInputError(str(error)) from error


def _arms(scenario: Scenario) -> str:
    return " ".join(scenario.arms) if isinstance(scenario, CallScenario) else scenario.arm


def _outline(scenario: Scenario) -> dict[str, Any]:
    keys = ("id", "title", "service", "medium", "default", "digest")
    return {key: getattr(scenario, key) for key in keys} | {"arms": _arms(scenario).split()}


def _facts(scenario: Scenario) -> list[tuple[str, str]]:
    common = [("service", scenario.service), ("medium", scenario.medium), ("arms", _arms(scenario))]
    if isinstance(scenario, CallScenario):
        own = [
            ("dialect", scenario.dialect),
            ("media", f"{scenario.media_duration_s:g} s"),
            ("data", f"at most {scenario.max_bytes / 1e6:g} MB, to the responder only"),
        ]
    else:
        own = [("contacts", _target_line(target)) for target in scenario.targets]
    return [*common, *own, ("digest", scenario.digest)]


def _target_line(target: Target) -> str:
    path = target.path if target.protocol == "https" else ""
    verified = "not verified" if target.verified is None else f"verified {target.verified}"
    return f"{target.id}: {target.protocol}://{target.host}:{target.port}{path} ({verified}; {target.source})"


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
