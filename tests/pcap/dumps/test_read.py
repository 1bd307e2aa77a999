"""Reading browsers' dumps: told apart by content, packed or not, and one sentence for what is none."""

import gzip
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callprobe.pcap.dumps import read as dump_read
from callprobe.pcap.dumps.model import DumpError
from callprobe.pcap.dumps.read import read_dump
from helpers.browser_dumps import FOLDER, SECRETS, TABLES, files, internals, rtcstats, voice
from helpers.hostile import outcome

NAMES = sorted(files())


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_dump_is_what_the_helper_makes(name: str) -> None:
    """Else: ``python tests/helpers/browser_dumps.py`` writes them."""
    assert (FOLDER / name).read_bytes() == files()[name]


def test_every_dump_is_listed_with_its_origin() -> None:
    listed = (FOLDER / "README.md").read_text()

    assert sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md") == NAMES
    assert all(f"`{name}`" in listed for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dump_is_told_by_its_content_whatever_its_name(name: str, tmp_path: Path) -> None:
    named_otherwise = tmp_path / "call.pcap"
    named_otherwise.write_bytes(files()[name])

    assert read_dump(named_otherwise).format == ("rtcstats" if "rtcstats" in name else "webrtc-internals")


@pytest.mark.parametrize("name", NAMES)
def test_a_packed_dump_says_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(gzip.compress(files()[name]))

    assert read_dump(tmp_path / "dump").connections == read_dump(FOLDER / name).connections


def test_all_three_ways_of_writing_a_call_down_say_the_same(tmp_path: Path) -> None:
    call = voice(video=True, seconds=6)
    written = [internals(call), rtcstats(call), rtcstats(call, tables=TABLES)]
    read = []
    for number, data in enumerate(written):
        (tmp_path / str(number)).write_bytes(data)
        (connection,) = read_dump(tmp_path / str(number)).connections
        read.append(connection.call)

    assert [call.tracks for call in read] == [read[0].tracks] * 3
    assert [call.ice_states for call in read] == [read[0].ice_states] * 3
    assert [(call.pair, call.transport) for call in read] == [(read[0].pair, read[0].transport)] * 3
    assert [call.local_candidates for call in read] == [{"host": 2, "srflx": 1, "relay": 1}] * 3


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_names_anybody_comes_out(name: str) -> None:
    assert all(secret in files()[name].decode() for secret in SECRETS if secret != SECRETS[5])

    said = msgspec.json.encode(read_dump(FOLDER / name)).decode()

    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no dump of a browser's calls"),
        (b"\n\n\n", "is no dump of a browser's calls"),
        (b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "is no dump of a browser's calls"),
        (b'{"PeerConnections"', "is no JSON document with PeerConnections"),
        (b'{"some": "document"}', "is no JSON document with PeerConnections"),
        (b'{"PeerConnections": [1]}', "is no JSON document with PeerConnections"),
        (b'{"PeerConnections":' + b"[" * 100_000, "is no JSON document with PeerConnections"),
        (b"RTCStatsDump\n", "second line of an RTCStatsDump must be a JSON object"),
        (b"RTCStatsDump\n[]\n", "second line of an RTCStatsDump must be a JSON object"),
        (b"\x1f\x8b", "gzip data break off"),
        (b"\x1f\x8b\x08rubbish", "gzip data"),
        (gzip.compress(b'{"PeerConnections": {}}', mtime=0)[:-9], "gzip data break off"),
    ],
)
def test_what_is_no_dump_is_refused_in_one_sentence_that_names_it(
    data: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(data)

    with pytest.raises(DumpError, match=words) as caught:
        read_dump(tmp_path / "file")
    assert str(caught.value).startswith("file: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match=r"^nothing\.json: cannot be read \(No such file"):
        read_dump(tmp_path / "nothing.json")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("begin", [b"{", b"RTCStatsDump\n{}\n"])
def test_a_dump_that_is_too_large_is_refused_packed_or_not(
    pack: object, begin: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_read, "MOST_BYTES", 50_000)
    data = begin + b"\n" * 60_000
    (tmp_path / "file").write_bytes(pack(data))  # type: ignore[operator]

    with pytest.raises(DumpError, match="is larger than"):
        read_dump(tmp_path / "file")


def test_a_line_without_end_is_where_the_file_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_read, "_LONGEST_LINE", 5_000)
    (tmp_path / "file").write_bytes(b'RTCStatsDump\n{}\n["create","PC_0",null,1.0]\n' + b"[" * 10_000)

    assert read_dump(tmp_path / "file").broken_at_line == 4


def test_packed_lines_are_read_up_to_where_the_data_break(tmp_path: Path) -> None:
    """A server that was killed leaves such files."""
    whole = rtcstats(voice(seconds=600))
    packed = gzip.compress(whole, mtime=0)
    (tmp_path / "file").write_bytes(packed[: len(packed) * 2 // 3])

    dump = read_dump(tmp_path / "file")

    assert dump.broken_at_line is not None
    assert dump.connections[0].call.tracks[0].samples
    assert "breaks at line" in " ".join(dump.story)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_hostile_bytes_give_a_dump_or_the_one_named_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = files()[data.draw(st.sampled_from(NAMES))]
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 40))
    patch = data.draw(st.binary(max_size=40))
    (tmp_path / "file").write_bytes(whole[:start] + patch + whole[start + length :])

    assert outcome(lambda: read_dump(tmp_path / "file"), DumpError)
