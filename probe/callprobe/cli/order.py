"""What the person asks of ``callprobe run``, checked before anything is sent."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from callprobe.cli.errors import WrongInputError
from callprobe.cli.plan import check_playable
from callprobe.dialect.registry import REGISTERED, Looks
from callprobe.run.session import ResponderUrl, parse_url
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.load import ScenarioError, load_endpoints, with_endpoints
from callprobe.scenario.model import CallScenario, Scenario, ServiceScenario
from callprobe.vantage.consent import CONSENT_HASH, consent_given, is_loopback_url
from callresults.nettests.common import AccessType


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the person asked for, checked."""

    scenarios: tuple[Scenario, ...]
    responders: tuple[ResponderUrl, ...]
    repeat: int
    media_duration_s: float | None
    interface: str | None
    access_type: AccessType
    ca_files: tuple[Path, ...] = ()
    looks: Looks = REGISTERED


def checked_order(
    names: tuple[str, ...],
    responders: tuple[str, ...],
    *,
    endpoints: Path | None,
    repeat: int,
    media_duration_s: float | None,
    interface: str | None,
    access_type: AccessType,
) -> Order:
    """Return the order. Raises WrongInputError with the first thing in it that cannot be."""
    scenarios, ca_files = _scenarios(names, endpoints, any_responder=bool(responders))
    for scenario in scenarios:
        check_playable(scenario, scenario.id, media_duration_s)
    return Order(
        scenarios=scenarios,
        responders=checked_responders(responders, scenarios),
        repeat=repeat,
        media_duration_s=media_duration_s,
        interface=checked_interface(interface),
        access_type=access_type,
        ca_files=ca_files,
    )


def check_consent(order: Order, home: Path) -> None:
    """Raise WrongInputError when the order leaves this machine and nobody here has agreed to that."""
    outside = [url.text for url in order.responders if not is_loopback_url(url.text)]
    outside += [item.id for item in order.scenarios if not is_local(item, order.responders)]
    if outside and not consent_given(home, CONSENT_HASH):
        raise WrongInputError(
            f"{outside[0]} is not on this machine, and nobody has agreed to that yet: run callprobe onboard"
        )


def is_local(scenario: Scenario, responders: Sequence[ResponderUrl]) -> bool:
    """Whether everything that the scenario contacts is this machine."""
    if isinstance(scenario, ServiceScenario):
        return all(_is_loopback_host(target.host) for target in scenario.targets)
    return all(_is_loopback_host(url.host) for url in responders)


def checked_interface(name: str | None) -> str | None:
    """Return the name of an interface that this machine has, or None. Raises WrongInputError."""
    if name is None:
        return None
    try:
        socket.if_nametoindex(name)
    except OSError as error:
        there = ", ".join(known for _, known in socket.if_nameindex())
        raise WrongInputError(f"--interface: this machine has no {name!r}; it has {there}") from error
    return name


def _scenarios(
    names: tuple[str, ...], endpoints: Path | None, *, any_responder: bool
) -> tuple[tuple[Scenario, ...], tuple[Path, ...]]:
    catalogue = Catalogue()
    try:
        found = [
            catalogue.find(name) for name in names or _default_names(catalogue, any_responder=any_responder)
        ]
        if endpoints is None:
            return _ordered(found), ()
        replaced = load_endpoints(endpoints)
        ca_files = {Path(endpoint.ca_file) for endpoint in replaced.values() if endpoint.ca_file}
        return _ordered([with_endpoints(item, replaced) for item in found]), tuple(sorted(ca_files))
    except ScenarioError as error:
        raise WrongInputError(str(error)) from error
    except OSError as error:
        raise WrongInputError(
            f"SCENARIO: {error.strerror}: give an id of callprobe scenarios list"
        ) from error


def _default_names(catalogue: Catalogue, *, any_responder: bool) -> list[str]:
    names = catalogue.default_ids()
    return [name for name in names if any_responder or not name.startswith("calls/")]


def _ordered(scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """Put calls first, since only their far end sees the network, then neutral services, then their peers."""
    return tuple(sorted(scenarios, key=_place))


def _place(scenario: Scenario) -> int:
    if isinstance(scenario, CallScenario):
        return 0
    return 1 if scenario.arm == "neutral" else 2


def checked_responders(texts: tuple[str, ...], scenarios: Sequence[Scenario]) -> tuple[ResponderUrl, ...]:
    """Return the responders that calls may be made to. Raises WrongInputError."""
    urls = tuple(_responder(text) for text in texts)
    calls = [item.id for item in scenarios if isinstance(item, CallScenario)]
    if calls and not urls:
        raise WrongInputError(f"{calls[0]} needs a far end: give --responder URL")
    return urls


def _responder(text: str) -> ResponderUrl:
    try:
        url = parse_url(text)
    except ValueError as error:
        sentence = str(error) if repr(text) in str(error) else f"{text!r}: {error}"
        raise WrongInputError(f"--responder: {sentence}") from error
    if url.text.startswith("http:") and not is_loopback_url(url.text):
        raise WrongInputError(f"--responder: {url.text} is plain HTTP; only loopback may be, use https://")
    return url


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
