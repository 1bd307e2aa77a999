"""``callprobe pcap replay``: what is said before anything is sent, and what is refused in a sentence."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.main import main
from callprobe.pcap.write import CaptureWriter
from callprobe.submit.outbox import Outbox
from helpers.recorded import LOCAL, SECOND, recording, wehe_file
from helpers.servers import refused_port

UP = recording()[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a replay file of Wehe."""
    path = tmp_path / "call.json"
    path.write_text(wehe_file(UP))
    return path


def replay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["pcap", "replay", *map(str, arguments)])


def to(port: int | None = None) -> list[str]:
    return ["--responder", f"http://127.0.0.1:{port or refused_port()}"]


def refusal(ended: Result) -> str:
    """Return the one sentence of a refusal."""
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    return ended.stderr


def test_dry_run_says_what_would_go_where_and_sends_nothing(file: Path) -> None:
    ended = replay(file, "--responder", "https://far.example", "--dry-run", "--repeat", "2")

    assert ended.exit_code == 0
    assert "far.example:443 (trace and signalling TCP, media UDP)" in ended.stdout
    assert ended.stdout.endswith("minutes. Nothing was sent.\n")


def test_dry_run_is_the_document_of_every_plan(file: Path) -> None:
    made = json.loads(replay(file, *to(80), "--dry-run", "--json", "--repeat", "3").stdout)

    assert list(made) == ["scenarios", "repeat", "bytes", "minutes"]
    assert made["bytes"] == 3 * made["scenarios"][0]["bytes"] > 9 * sum(len(one.payload) for one in UP)


def test_what_goes_where_is_said_before_the_far_end_is_asked_for_anything(file: Path) -> None:
    """One that is away is a result: every arm has its record, and the exit code tells."""
    ended = replay(file, *to(), "--json", "--no-upload")
    made = json.loads(ended.stdout)
    told = ended.stderr.splitlines()

    assert told[0].startswith(f"The call: {len(UP)} packets up and 0 down in 3.5 s, three times at once")
    assert told[1].startswith("About 0.07 MB in 0.1 minutes to 127.0.0.1:")
    assert told[2] == "Scrubbed: addresses, user names and tokens in 8 packets; --exact leaves them in."
    assert "the responder did not answer" in told[3]
    assert (ended.exit_code, made["saved"]) == (1, 3)
    assert [one["test_keys"]["arm"] for one in made["measurements"]] == ["shaped", "control", "aa"]
    assert [row["verdict"] for row in made["verdicts"]] == ["insufficient"]


def test_records_are_saved_as_those_of_a_run_are(file: Path, tmp_path: Path) -> None:
    ended = replay(file, *to())

    assert len(Outbox(tmp_path / "callprobe-home").all()) == 3
    assert ended.stdout.endswith("3 measurement(s) saved, 0 uploaded.\n")


def test_exact_bytes_are_sent_with_a_warning(file: Path) -> None:
    assert "WARNING: --exact sends the addresses" in replay(file, *to(), "--exact").stderr


def test_nothing_leaves_this_machine_without_consent(file: Path) -> None:
    ended = replay(file, "--responder", "https://far.example")

    assert "callprobe onboard" in refusal(ended)


def test_plain_http_is_for_this_machine_only(file: Path) -> None:
    assert "only loopback may be" in refusal(replay(file, "--responder", "http://far.example"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--flow", "x"], "--flow: 'x' is no flow"),
        (["--flow", "10.0.0.5:1-10.0.0.6:2"], "has no packets of that flow"),
        (["--media-duration-s", "91"], "--media-duration-s"),
        (["--control", "none"], "--control"),
        (["--interface", "nowhere0"], "this machine has no 'nowhere0'"),
        (["--collector", "nowhere"], "is no URL"),
    ],
)
def test_wrong_usage_is_one_sentence(file: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in refusal(replay(file, *to(), *arguments))


def test_a_responder_must_be_named(file: Path) -> None:
    assert "--responder" in refusal(replay(file))


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"junk")

    assert "is no pcap or pcapng file" in refusal(replay(tmp_path / "junk", *to()))
    assert "cannot be read" in refusal(replay(tmp_path / "away", *to()))


def test_a_capture_without_a_call_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "dns.pcap"
    writer = CaptureWriter(path)
    writer.write(SECOND, LOCAL, ("192.0.2.53", 53), b"\x12\x34\x01\x00\x00\x01" + bytes(20))
    writer.close()

    assert "there is no call in it; --flow" in refusal(replay(path, *to()))


def test_a_call_that_lasts_too_long_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_text(wehe_file([*UP, UP[0]._replace(offset_ns=100 * SECOND)]))

    assert "longer than 90 s" in refusal(replay(path, *to()))
    assert replay(path, *to(), "--media-duration-s", "2", "--dry-run").exit_code == 0
