"""Replay files of Wehe: one client's datagrams as JSON, and whatever else calls itself that."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.replays.trace import Flow, ReplayFileError
from callprobe.pcap.replays.wehe import is_wehe, read_wehe
from helpers.recorded import recording, wehe_file

UP = recording()[0]
ENDS = Flow(("10.0.0.5", 50_001), ("198.51.100.77", 3478))
OTHER = "010.000.000.005.50002-198.051.100.078.00443"
PACKET = {"payload": "00ff", "timestamp": 0.0, "c_s_pair": OTHER, "end": False}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replay.json"


def refused(path: Path, text: str, **wanted) -> str:
    path.write_text(text)
    with pytest.raises(ReplayFileError) as caught:
        read_wehe(path, **wanted)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    return sentence


def test_what_the_client_sent_is_the_half_that_is_played(path: Path) -> None:
    """Its bytes and times; there is no other half."""
    path.write_text(wehe_file(UP))
    call = read_wehe(path)

    assert is_wehe(path)
    assert (call.source, call.ends, call.up, call.down) == ("wehe", ENDS, UP, [])
    assert (call.capture_date, call.filled, call.left_out) == (None, 0, 0)


def test_of_several_conversations_the_one_with_most_packets_is_played(path: Path) -> None:
    """Or the one that is asked for."""
    rows, ports, pairs, name = json.loads(wehe_file(UP))
    path.write_text(json.dumps([[PACKET, *rows], ports, pairs, name]))

    assert read_wehe(path).up == UP
    wanted = Flow(("10.0.0.5", 50_002), ("198.51.100.78", 443))
    assert [packet.payload for packet in read_wehe(path, wanted).up] == [b"\x00\xff"]
    with pytest.raises(ReplayFileError, match="no packets of that flow"):
        read_wehe(path, Flow(("10.0.0.5", 1), ("198.51.100.78", 443)))


def test_a_shorter_part_is_its_beginning(path: Path) -> None:
    path.write_text(wehe_file(UP))

    assert read_wehe(path, duration_s=1.0).up == [one for one in UP if one.offset_ns < 10**9]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[", "is no replay file of Wehe"),
        ("[]", "is no replay file of Wehe"),
        ("[1, 2, 3, 4]", "is no replay file of Wehe"),
        ('[[], ["1"], [], "x"]', "there is no packet in it"),
        ('[[], [], ["a"], "x"]', "only UDP can be replayed"),
        (json.dumps([[{**PACKET, "payload": "0"}], [], [], "x"]), "not hexadecimal"),
        (json.dumps([[{**PACKET, "payload": "zz"}], [], [], "x"]), "not hexadecimal"),
        (json.dumps([[{**PACKET, "timestamp": -1}], [], [], "x"]), "is no replay file of Wehe"),
        (json.dumps([[{**PACKET, "timestamp": 1e300}], [], [], "x"]), "is no replay file of Wehe"),
        (json.dumps([[{**PACKET, "c_s_pair": "x"}], [], [], "x"]), "names no two ends"),
        (json.dumps([[{**PACKET, "c_s_pair": "1.2.3.4.5-1.2.3.400.5"}], [], [], "x"]), "names no two ends"),
        (json.dumps([[{**PACKET, "c_s_pair": "1.2.3.4.5-1.2.3.4.99999"}], [], [], "x"]), "names no two ends"),
    ],
)
def test_what_is_no_replay_file_is_refused_in_a_sentence(path: Path, text: str, sentence: str) -> None:
    assert sentence in refused(path, text)


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    missing = tmp_path / "away.json"

    assert not is_wehe(missing)
    with pytest.raises(ReplayFileError, match="cannot be read"):
        read_wehe(missing)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=9))
def test_any_json_is_a_recording_or_an_error(tmp_path_factory: pytest.TempPathFactory, value) -> None:
    path = tmp_path_factory.mktemp("json") / "x"
    path.write_text(json.dumps([value]))
    with pytest.raises(ReplayFileError):
        read_wehe(path)


@pytest.mark.peer("shared")
def test_wehes_skype_call_is_read_whole(shared: Path) -> None:
    """1065 packets in 14.65 s, and so is its twin, whose sizes differ by a byte now and then."""
    call, twin = (
        read_wehe(shared / "replay-traces" / f"{name}_06172024.pcap_client_all.json")
        for name in ("Skype", "SkypeRandom")
    )

    assert (len(call.up), call.up[-1].offset_ns // 1000) == (1065, 14_653_041)
    assert [one.offset_ns for one in twin.up] == [one.offset_ns for one in call.up]
