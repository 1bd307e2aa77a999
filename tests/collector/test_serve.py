"""The collector as a process: ready line, clean stop, loopback rule."""

import signal
import socket
from pathlib import Path

import httpx
import pytest

from callresults.codec import measurement_id
from callresults.collector.api import IDEMPOTENCY_HEADER, MEASUREMENTS_PATH
from callresults.collector.serve import ListenError, bind, parse_listen
from callresults.store.sqlite import Store
from helpers.collector_process import collector, run_collector, start, stop
from helpers.sample_measurement import canonical_call


def post(url: str, body: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/json", IDEMPOTENCY_HEADER: measurement_id(body)}
    return httpx.post(url + MEASUREMENTS_PATH, content=body, headers=headers, trust_env=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process, url = start(tmp_path)
    answer = post(url, canonical_call(1))

    assert (answer.status_code, stop(process, number)) == (201, 0)


def test_what_one_process_stored_the_next_one_knows(tmp_path: Path) -> None:
    with collector(tmp_path) as url:
        post(url, canonical_call(1))
    with collector(tmp_path) as url:
        assert post(url, canonical_call(1)).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--listen", "8080"), "is no HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "is no HOST:PORT"),
        (("--listen", "0.0.0.0:0"), "is not loopback: give --tls-cert and --tls-key"),
        (("--listen", "127.0.0.1:0", "--tls-cert", "/nowhere"), "belong together"),
        (("--listen", "127.0.0.1:0", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"), "certificate"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = run_collector("serve", "--store", str(tmp_path), *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run_collector(
            "serve", "--store", str(tmp_path), "--listen", f"127.0.0.1:{taken.getsockname()[1]}"
        )

    assert ended.returncode == 2
    assert "cannot listen" in ended.stderr


def test_listen_is_read_with_ipv6_too() -> None:
    assert parse_listen("[::1]:80") == ("::1", 80)
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)


def test_ipv6_loopback_needs_no_certificate() -> None:
    with bind("::1", 0, tls=None) as listener:
        assert listener.getsockname()[0] == "::1"


def test_all_interfaces_need_a_certificate() -> None:
    with pytest.raises(ListenError, match="not loopback"):
        bind("0.0.0.0", 0, tls=None)


def test_missing_store_is_one_sentence(tmp_path: Path) -> None:
    ended = run_collector("verify", "--store", str(tmp_path / "none"))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "no store there" in ended.stderr


def test_whole_store_verifies(tmp_path: Path) -> None:
    Store(tmp_path).close()

    assert (
        run_collector("verify", "--store", str(tmp_path), "--json").stdout
        == '{"checked": 0, "damaged": []}\n'
    )
