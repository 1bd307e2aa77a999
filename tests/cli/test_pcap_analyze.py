"""``callprobe pcap analyze``: the command."""

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
    lines = run(capture).stdout.splitlines()

    assert lines[0] == "one.pcap  2023-11-14T22:13:20.000000000Z"
    assert lines[1].startswith("  No call in this capture; 2023-11-14 22:13:20 UTC")


def test_page_is_written(capture: Path, tmp_path: Path) -> None:
    """--html leaves a page and says where; with --redact it holds no address."""
    page = tmp_path / "page.html"

    assert run(capture, "--html", page).exit_code == 0
    assert "127.0.0.1" in page.read_text()
    assert run(capture, "--html", page, "--redact").exit_code == 0
    assert "127.0.0.1" not in page.read_text()


OWN_CAPTURES = Path(__file__).resolve().parents[1] / "captures"


def test_measurement_is_written_without_addresses(tmp_path: Path) -> None:
    """--measurement leaves one line for each call and medium, marked as a capture's, and no address."""
    lines = tmp_path / "call.jsonl"
    result = run(OWN_CAPTURES / "whatsapp-2023_clean.pcap", "--measurement", lines, "--country", "DE")
    (measurement,) = [json.loads(line) for line in lines.read_text().splitlines()]

    assert result.exit_code == 0, result.stderr
    assert (measurement["annotations"]["source"], measurement["probe_cc"]) == ("capture", "DE")
    assert measurement["test_keys"]["service"] == "whatsapp"
    assert "203.0.113.7" not in lines.read_text()


def test_nearest_dialect_is_told() -> None:
    """People see which look the capture is nearest to, and how near."""
    text = run(OWN_CAPTURES / "telegram-v2_clean.pcap").stdout

    assert "Nearest dialect telegram-v2 (after a capture of 2024-11-18)" in text


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--redact"], "--html"),
        (["--json", "--measurement", "-"], "--measurement"),
        (["--measurement", "{tmp}/m", "--country", "nowhere"], "--country"),
        (["--tier", "c"], "kernel"),
        (["--html", "{tmp}/nowhere/page.html"], "nowhere"),
        (["{capture}", "--html", "{tmp}/page.html"], "one FILE"),
    ],
)
def test_wrong_usage_is_one_sentence(capture: Path, tmp_path: Path, more: list[str], named: str) -> None:
    """What cannot be done is said in one sentence, exit code 2."""
    result = run(capture, *(text.format(tmp=tmp_path, capture=capture) for text in more))

    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert named in result.stderr


def test_bad_file_does_not_cost_the_good_one(capture: Path, tmp_path: Path) -> None:
    """What could be read is printed; what could not is said, and the exit code is 2."""
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"no capture")
    result = run(bad, capture, "--json")

    assert result.exit_code == 2
    assert [one["file"] for one in json.loads(result.stdout)] == ["one.pcap"]
    assert "bad.pcap" in result.stderr


@pytest.mark.parametrize("content", [None, b"", b"no capture at all"])
def test_what_is_no_capture_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file gets one sentence and exit code 2."""
    path = tmp_path / "x.pcap"
    if content is not None:
        path.write_bytes(content)
    result = run(path)

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "x.pcap" in result.stderr
