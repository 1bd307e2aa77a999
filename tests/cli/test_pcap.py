"""``callprobe pcap analyze``."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callprobe.cli.main import main
from callprobe.pcap.write import CaptureWriter

CONTRACT = {
    "file",
    "packets",
    "link_types",
    "first_packet_time",
    "duration_s",
    "truncated_at_offset",
    "service",
    "stun",
    "turn",
    "dtls",
    "rtp",
    "rtcp",
    "reflector",
    "relay_pings",
    "stages",
    "story",
}


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture of one datagram."""
    writer = CaptureWriter(tmp_path / "one.pcap")
    writer.write(1_700_000_000_000_000_000, ("127.0.0.1", 1), ("127.0.0.1", 2), b"hello")
    writer.close()
    return tmp_path / "one.pcap"


def run(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["pcap", "analyze", *map(str, arguments)])


def test_json_has_the_keys_of_the_contract(capture: Path) -> None:
    """One file gives one object with every key."""
    result = run(capture, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout).keys() >= CONTRACT


def test_several_files_give_a_list(capture: Path) -> None:
    """Each file has its object, in order."""
    assert [one["file"] for one in json.loads(run(capture, capture, "--json").stdout)] == ["one.pcap"] * 2


def test_story_is_for_people(capture: Path) -> None:
    """Without --json the file is told in sentences."""
    assert run(capture).stdout.splitlines() == [
        "one.pcap  2023-11-14T22:13:20.000000000Z",
        "  1 packets in 0.0 s.",
    ]


@pytest.mark.parametrize("content", [None, b"", b"no capture at all"])
def test_what_is_no_capture_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file gets one sentence and exit code 2."""
    path = tmp_path / "x.pcap"
    if content is not None:
        path.write_bytes(content)
    result = run(path)

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "x.pcap" in result.stderr
