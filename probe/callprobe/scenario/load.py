"""Reads scenarios and endpoint files; a complaint is one sentence: file, key, reason, what is allowed."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callprobe.scenario.model import CallScenario, Endpoint, Scenario, ServiceScenario, Target
from callprobe.scenario.toml import TomlError, parse_toml, read_bytes

SCHEMA: Final = 1

_ALLOWED: Final = {
    "schema": "allowed: 1",
    "kind": 'allowed: "call", "service"',
    "title": "wanted: a line of text",
    "service": "wanted: a name of small letters, digits and hyphens",
    "dialect": "wanted: the name of a registered look, such as telegram-v2",
    "medium": 'allowed: "voice", "video", and for a service "messaging"',
    "arms": 'wanted: a list of "shaped", "webrtc", "control", "aa"',
    "arm": 'allowed: "service", "domestic", "neutral"',
    "media_duration_s": "wanted: seconds, 0.5 to 600",
    "max_bytes": "wanted: a whole number of bytes, 1 to 1000000000",
    "default": "allowed: true, false",
    "targets": "wanted: at least one table [[targets]], or [targets.ID] in an endpoints file",
    "id": "wanted: a name of small letters, digits and hyphens",
    "protocol": 'allowed: "https", "tcp", "stun"',
    "host": "wanted: a host name or an IP address",
    "port": "wanted: a whole number from 1 to 65535",
    "path": "wanted: a path that begins with /",
    "server_name": "wanted: a host name",
    "expected_status": "wanted: a list of HTTP status codes, 100 to 599",
    "source": "wanted: who publishes the endpoint",
    "source_date": "wanted: a date such as 2026-11-21, without quotes",
    "verified": "wanted: a date such as 2026-11-21, without quotes",
    "ca_file": "wanted: the path of a PEM file",
}
_FIELD: Final = re.compile(r"(?:unknown|required) field `([^`]+)`")
_SET_BY_LOADING: Final = ("id", "digest")


class ScenarioError(ValueError):
    """A scenario or endpoints file cannot be used; the message is one sentence."""


class _Endpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    targets: dict[str, Endpoint]


def load_scenario(path: Path, scenario_id: str | None = None) -> Scenario:
    """Return the scenario in ``path``; without ``scenario_id`` it is called by the file's stem.

    Raises:
        ScenarioError: the file cannot be read or says something that is not allowed.
    """
    data, raw = _read(path)
    _check_head(raw, path)
    named = raw | {"id": scenario_id or path.stem, "digest": hashlib.sha256(data).hexdigest()}
    scenario = _convert(named, path)
    _check_whole(scenario, path)
    return scenario


def load_endpoints(path: Path) -> dict[str, Endpoint]:
    """Return what stands in for each target, from ``[targets."<target id>"]`` tables.

    A relative ``ca_file`` is taken from the file's own folder.

    Raises:
        ScenarioError: the file cannot be read or says something that is not allowed.
    """
    try:
        endpoints = msgspec.convert(_read(path)[1], type=_Endpoints).targets
    except msgspec.ValidationError as error:
        raise ScenarioError(_sentence(path, error, Endpoint)) from error
    return {target: _anchored(endpoint, path.parent) for target, endpoint in endpoints.items()}


def with_endpoints(scenario: Scenario, endpoints: Mapping[str, Endpoint]) -> Scenario:
    """Return ``scenario`` with every public name and address replaced; a call has none.

    Raises:
        ScenarioError: a target has no stand-in, so something public would be left.
    """
    if isinstance(scenario, CallScenario):
        return scenario
    missing = [target.id for target in scenario.targets if target.id not in endpoints]
    if missing:
        raise ScenarioError(
            f'scenario {scenario.id}: the endpoints file has no [targets."{missing[0]}"]; '
            "it must replace every target, so that nothing public is contacted"
        )
    targets = tuple(
        msgspec.structs.replace(target, **msgspec.structs.asdict(endpoints[target.id]))
        for target in scenario.targets
    )
    return msgspec.structs.replace(scenario, targets=targets)


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the file's bytes, and what they say."""
    try:
        data = read_bytes(path)
        return data, parse_toml(data, str(path))
    except TomlError as error:
        raise ScenarioError(str(error)) from error


def _check_head(raw: dict[str, Any], path: Path) -> None:
    schema = raw.pop("schema", None)
    if schema != SCHEMA or isinstance(schema, bool):
        raise ScenarioError(_complaint(path, "schema", "missing" if schema is None else f"is {schema!r}"))
    if raw.get("kind") not in ("call", "service"):
        raise ScenarioError(_complaint(path, "kind", f"is {raw['kind']!r}" if "kind" in raw else "missing"))
    for key in _SET_BY_LOADING:
        if key in raw:
            raise ScenarioError(f"{path}: {key}: not to be written; it is made from the file itself")


def _convert(raw: dict[str, Any], path: Path) -> Scenario:
    kind: type[CallScenario | ServiceScenario] = CallScenario if raw["kind"] == "call" else ServiceScenario
    try:
        return msgspec.convert(raw, type=kind)
    except msgspec.ValidationError as error:
        raise ScenarioError(_sentence(path, error, kind)) from error


def _check_whole(scenario: Scenario, path: Path) -> None:
    """Refuse what is wrong between keys rather than in one."""
    if isinstance(scenario, CallScenario):
        _check_unique(scenario.arms, "arms", path)
        if "control" not in scenario.arms:
            reason = "there is no control, so nothing could be compared"
            raise ScenarioError(_complaint(path, "arms", reason))
    else:
        _check_unique([target.id for target in scenario.targets], "targets.id", path)


def _check_unique(values: tuple[str, ...] | list[str], key: str, path: Path) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ScenarioError(f"{path}: {key}: {twice[0]!r} stands there twice; allowed: once")


def _anchored(endpoint: Endpoint, folder: Path) -> Endpoint:
    if endpoint.ca_file is None:
        return endpoint
    return msgspec.structs.replace(endpoint, ca_file=str(folder / endpoint.ca_file))


def _sentence(path: Path, error: msgspec.ValidationError, kind: type[msgspec.Struct]) -> str:
    """Turn msgspec's ``reason - at `$.where``` into our sentence."""
    reason, _, where = str(error).partition(" - at ")
    key = where.strip("`").removeprefix("$").removeprefix(".")
    field = _FIELD.search(reason)
    if field is None:
        return _complaint(path, key, reason)
    whole_key = f"{key}.{field[1]}" if key else field[1]
    if "required" in reason:
        return _complaint(path, whole_key, "missing")
    return f"{path}: {whole_key}: unknown key; {_known_keys(key, kind)}"


def _known_keys(key: str, kind: type[msgspec.Struct]) -> str:
    inside = Target if key.startswith("targets") and kind is ServiceScenario else kind
    names = set(inside.__struct_fields__) - (set() if inside is not kind else set(_SET_BY_LOADING))
    return f"allowed: {', '.join(name for name in inside.__struct_fields__ if name in names)}"


def _complaint(path: Path, key: str, reason: str) -> str:
    bare = re.sub(r"\[[^]]*\]", "", key).rpartition(".")[2]
    allowed = _ALLOWED.get(bare, "see the scenario's model")
    return f"{path}: {key}: {reason}; {allowed}"
