"""``callprobe responder serve`` starts, says where it is, ends on a signal, and refuses what cannot be."""

import json
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from callprobe.cli.responder import responder_command
from helpers.processes import PORTS, end, start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_ready_responder_says_where_it_is_and_ends_on_a_signal(number: signal.Signals) -> None:
    """One JSON line with URL and ports; exit 0 and nothing else said."""
    process = start("responder", "serve", "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    process.send_signal(number)
    ended = end(process)

    assert line["url"].startswith("http://127.0.0.1:")
    assert line["ports"] == PORTS
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "")


NETWORK = '[[networks]]\nprefix = "{}"\nasn = "AS64500"\ncountry = "RU"\n'


@pytest.mark.parametrize(
    ("listen", "config", "parts"),
    [
        ("nowhere", "", ["--listen", "'nowhere'"]),
        ("127.0.0.1:65534", "", ["--listen", "run over 65535"]),
        ("192.0.2.1:0", "", ["--listen", "192.0.2.1 is not loopback", "tls_cert"]),
        ("192.0.2.1:0", 'tls_cert = "a"\ntls_key = "b"', ["--listen", "CALLPROBE_ONLY_LOCAL"]),
        ("127.0.0.1:0", 'tls_cert = "a"', ["tls_key is missing"]),
        ("127.0.0.1:0", 'tls_cert = "a"\ntls_key = "b"', ["--config: tls_cert: a: cannot be read: No such"]),
        ("127.0.0.1:0", 'tls_cert = "{file}"\ntls_key = "b"', ["--config: tls_key: b: cannot be read"]),
        ("127.0.0.1:0", 'tls_cert = "{file}"\ntls_key = "."', ["tls_key: .: cannot be read: Is a directory"]),
        ("127.0.0.1:0", 'tls_cert = "{file}"\ntls_key = "{file}"', ["tls_cert, tls_key: {file}", "(PEM)"]),
        ("127.0.0.1:0", 'tls_cert = "\\u0000"\ntls_key = "b"', ["tls_cert: '\\x00': cannot be read"]),
        ("127.0.0.1:0", "ports = 0", ["{file}", "ports", ">= 1"]),
        ("127.0.0.1:0", 'network = "mine"', ["{file}", "network"]),
        ("127.0.0.1:0", f'responder_id = "{"r" * 65}"', ["{file}", "responder_id"]),
        ("127.0.0.1:0", 'kind = "a\u00e9"', ["{file}", "kind"]),
        ("127.0.0.1:0", NETWORK.format("192.0.2.0/24").replace("RU", "ru"), ["{file}", "country"]),
        ("127.0.0.1:0", "sessions = 3", ["{file}", "sessions"]),
        ("127.0.0.1:0", "limits = 3", ["{file}", "limits"]),
        ("127.0.0.1:0", "= 3", ["{file}", "is not TOML"]),
        ("127.0.0.1:0", NETWORK.format("192.0.2.0/99"), ["networks.prefix", "192.0.2.0/99"]),
        ("127.0.0.1:0", None, ["{file}", "cannot be read"]),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path, listen: str, config: str | None, parts: list[str]
) -> None:
    """Exit 2, and stdout stays empty: nobody may take it for ready."""
    file = tmp_path / "responder.toml"
    if config is not None:
        file.write_text(config.replace("{file}", str(file)))

    ended = CliRunner().invoke(responder_command, ["serve", "--listen", listen, "--config", str(file)])

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert [part for part in parts if part.format(file=file) not in ended.stderr] == []
    assert ended.stderr.count("\n") == 1
