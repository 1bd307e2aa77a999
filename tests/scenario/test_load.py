"""Scenario and endpoint files: what is read, and the one sentence that a wrong one gets."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.scenario.load import ScenarioError, load_endpoints, load_scenario, with_endpoints
from callprobe.scenario.model import CallScenario, Endpoint, ServiceScenario

CALL = """schema = 1
kind = "call"
title = "A call"
service = "telegram"
medium = "voice"
dialect = "telegram-v2"
arms = ["shaped", "control"]
media_duration_s = 8
max_bytes = 1000
"""
SERVICE = """schema = 1
kind = "service"
title = "A service"
service = "telegram"
medium = "messaging"
arm = "service"

[[targets]]
id = "web"
protocol = "https"
host = "web.example"
port = 443
source = "a list"
source_date = 2026-11-21
"""
ENDPOINTS = """[targets."web"]
host = "127.0.0.1"
port = 8443
ca_file = "ca.pem"
"""
ARMS = 'wanted: a list of "shaped", "webrtc", "control", "aa"'
SECONDS = "wanted: seconds, 0.5 to 600"
PORT = "wanted: a whole number from 1 to 65535"
TARGET_KEYS = (
    "allowed: id, protocol, host, port, path, server_name, expected_status, source, source_date, "
    "verified, ca_file"
)


def written(tmp_path: Path, text: str) -> Path:
    """Return a file that holds ``text``."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def complaint(tmp_path: Path, text: str) -> str:
    """Return what the loader says of ``text``, without the folder."""
    with pytest.raises(ScenarioError) as error:
        load_scenario(written(tmp_path, text))
    return str(error.value).replace(f"{tmp_path}/", "")


def test_call_is_read_with_its_digest(tmp_path: Path) -> None:
    """The id is the file's stem and the digest names its very bytes."""
    scenario = load_scenario(written(tmp_path, CALL))

    assert scenario == CallScenario(
        id="mine",
        digest=hashlib.sha256(CALL.encode()).hexdigest(),
        title="A call",
        service="telegram",
        medium="voice",
        dialect="telegram-v2",
        arms=("shaped", "control"),
        media_duration_s=8.0,
        max_bytes=1000,
    )


def test_service_is_read_with_defaults(tmp_path: Path) -> None:
    """A target without path asks for the root and is not claimed to be verified."""
    scenario = load_scenario(written(tmp_path, SERVICE))

    assert isinstance(scenario, ServiceScenario)
    assert [(t.id, t.path, t.verified, t.expected_status) for t in scenario.targets] == [
        ("web", "/", None, ())
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("schema = 1", "schema = 2", "mine.toml: schema: is 2; allowed: 1"),
        ("schema = 1", "schema = true", "mine.toml: schema: is True; allowed: 1"),
        ("schema = 1\n", "", "mine.toml: schema: missing; allowed: 1"),
        ('kind = "call"', 'kind = "x"', 'mine.toml: kind: is \'x\'; allowed: "call", "service"'),
        ('kind = "call"', "kind = [1]", 'mine.toml: kind: is [1]; allowed: "call", "service"'),
        ('title = "A call"', 'id = "x"', "mine.toml: id: not to be written; it is made from the file itself"),
        ('title = "A call"\n', "", "mine.toml: title: missing; wanted: a line of text"),
        (
            "media_duration_s = 8",
            'media_duration_s = "8"',
            f"mine.toml: media_duration_s: Expected `float`, got `str`; {SECONDS}",
        ),
        (
            '"shaped", "control"',
            '"shaped", "shapely"',
            f"mine.toml: arms[1]: Invalid enum value 'shapely'; {ARMS}",
        ),
        (
            '"shaped", "control"',
            '"shaped"',
            f"mine.toml: arms: there is no control, so nothing could be compared; {ARMS}",
        ),
        (
            '"shaped", "control"',
            '"control", "control"',
            "mine.toml: arms: 'control' stands there twice; allowed: once",
        ),
    ],
)
def test_wrong_call_gets_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """The sentence names file, key, reason and what is allowed."""
    assert complaint(tmp_path, CALL.replace(old, new)) == sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "port = 443",
            "port = 0",
            f"mine.toml: targets[0].port: Expected `int` >= 1; {PORT}",
        ),
        (
            'host = "web.example"\n',
            "",
            "mine.toml: targets[0].host: missing; wanted: a host name or an IP address",
        ),
        (
            "port = 443",
            "port = 443\ncolour = 1",
            f"mine.toml: targets[0].colour: unknown key; {TARGET_KEYS}",
        ),
        (
            'arm = "service"',
            'arm = "service"\nmax_bytes = 1',
            "mine.toml: max_bytes: unknown key; allowed: title, service, medium, arm, targets, default",
        ),
    ],
)
def test_wrong_service_gets_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """Inside a target the key's full path is named."""
    assert complaint(tmp_path, SERVICE.replace(old, new)) == sentence


def test_same_target_twice_is_refused(tmp_path: Path) -> None:
    """Two targets of one name could not be told apart in the record."""
    twice = SERVICE + SERVICE[SERVICE.index("[[targets]]") :]

    assert complaint(tmp_path, twice) == "mine.toml: targets.id: 'web' stands there twice; allowed: once"


def test_no_toml_and_no_file_get_one_sentence(tmp_path: Path) -> None:
    """Neither a torn file nor a missing one ends in a traceback."""
    assert complaint(tmp_path, "schema =").startswith("mine.toml: is not TOML: ")
    with pytest.raises(ScenarioError, match=r"absent\.toml: cannot be read: No such file or directory"):
        load_scenario(tmp_path / "absent.toml")


@given(data=st.binary(max_size=200) | st.text(max_size=100).map(lambda tail: (CALL + tail).encode()))
def test_any_bytes_give_a_scenario_or_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Hostile files raise ScenarioError and nothing else."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    try:
        answer = load_scenario(path).digest
    except ScenarioError as error:
        answer = str(error)

    assert answer.startswith(str(path)) or answer == hashlib.sha256(data).hexdigest()


def test_endpoints_replace_what_is_public(tmp_path: Path) -> None:
    """Host, port and trust come from the file; name, path and sources stay."""
    scenario = load_scenario(written(tmp_path, SERVICE))
    (tmp_path / "endpoints.toml").write_text(ENDPOINTS)

    replaced = with_endpoints(scenario, load_endpoints(tmp_path / "endpoints.toml"))

    assert isinstance(replaced, ServiceScenario)
    [target] = replaced.targets
    assert (target.id, target.host, target.port, target.path) == ("web", "127.0.0.1", 8443, "/")
    assert target.ca_file == str(tmp_path / "ca.pem")
    assert replaced.digest == scenario.digest


def test_endpoints_must_name_every_target(tmp_path: Path) -> None:
    """What has no stand-in stops the run: nothing public may be left."""
    scenario = load_scenario(written(tmp_path, SERVICE))

    with pytest.raises(ScenarioError, match=r'scenario mine: the endpoints file has no \[targets."web"\]'):
        with_endpoints(scenario, {})


def test_calls_need_no_endpoints(tmp_path: Path) -> None:
    """A call scenario names nothing public."""
    scenario = load_scenario(written(tmp_path, CALL))

    assert with_endpoints(scenario, {"web": Endpoint(host="127.0.0.1", port=1)}) == scenario


def test_wrong_endpoints_get_one_sentence(tmp_path: Path) -> None:
    """The complaint names the target's key."""
    path = written(tmp_path, ENDPOINTS.replace("8443", '"8443"'))

    with pytest.raises(ScenarioError) as error:
        load_endpoints(path)

    assert str(error.value).endswith(
        "port: Expected `int`, got `str`; wanted: a whole number from 1 to 65535"
    )
