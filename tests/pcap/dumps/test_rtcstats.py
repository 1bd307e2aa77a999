"""RTCStatsDump: changes only, shortened names, steps of time, and where it breaks."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callprobe.pcap.dumps.model import MOST_CONNECTIONS, Dump, DumpError
from callprobe.pcap.dumps.rtcstats import read_rtcstats
from helpers.browser_dumps import START_MS
from helpers.hostile import outcome

CONNECTED = ["onconnectionstatechange", "PC_0", "connected", 20]


def read(*lines: Any, metadata: Any = None) -> Dump:
    """Return what a dump of these lines says."""
    return read_rtcstats(
        [json.dumps(line).encode() for line in ({} if metadata is None else metadata, *lines)], "file"
    )


def create(name: str = "PC_0", step_ms: float = START_MS) -> list[Any]:
    """Return the line with which a connection begins."""
    return ["create", name, {}, step_ms]


def packets(dump: Dump) -> list[tuple[float, int | None, int | None]]:
    """Return the course of the only track."""
    (track,) = dump.connections[0].call.tracks
    return [(sample.at_s, sample.packets, sample.packets_lost) for sample in track.samples]


def test_what_is_left_out_of_a_report_stands_as_it_was() -> None:
    dump = read(
        create(),
        ["g", "PC_0", {"0": {"type": 1, "11": "audio", "14": 10, "15": 0}}, 1000],
        ["g", "PC_0", {"0": {"14": 60}}, 1000],
        ["g", "PC_0", {"t": 5}, 1000],
        ["g", "PC_0", {"0": {"14": 90, "15": 2}}, 1000],
    )

    assert packets(dump) == [(2.0, 50, 0), (3.0, 0, 0), (4.0, 30, 2)]


def test_an_object_that_is_gone_stands_no_longer() -> None:
    dump = read(
        create(),
        ["g", "PC_0", {"0": {"type": 1, "14": 10}}, 1000],
        ["g", "PC_0", {"0": {"14": 60}}, 1000],
        ["g", "PC_0", {"0": None}, 1000],
        ["g", "PC_0", {}, 1000],
    )

    assert packets(dump) == [(2.0, 50, None)]


def test_written_out_and_shortened_names_are_the_same() -> None:
    short = read(create(), ["g", "PC_0", {"0": {"type": 1, "11": "audio", "14": 10, "16": 0.004}}, 1000])
    long = read(
        create(),
        [
            "getStats",
            "PC_0",
            {"IT01": {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 10, "jitter": 0.004}},
            1000,
        ],
    )

    assert short.connections == long.connections


def test_a_step_that_counts_from_1970_begins_time_anew() -> None:
    """So it is after the page connected to its server again."""
    dump = read(create(), ["oniceconnectionstatechange", "PC_0", "checking", START_MS + 7000], CONNECTED)

    call = dump.connections[0].call
    assert [change.at_s for change in call.ice_states] == [7.0]
    assert [change.at_s for change in call.connection_states] == [7.02]


def test_a_dump_that_never_says_when_has_no_times() -> None:
    dump = read(create(step_ms=3.0), CONNECTED)

    assert dump.connections[0].start_ms is None
    assert [change.at_s for change in dump.connections[0].call.connection_states] == [None]


def test_the_page_is_where_the_dump_or_the_connection_says() -> None:
    by_server = read(create(), metadata={"origin": "https://meet.google.com", "url": "/abc"})
    by_chrome = read(["create", "215-1", {}, "https://web.telegram.org/k/", START_MS])

    assert by_server.connections[0].service == "meet"
    assert by_chrome.connections[0].service == "telegram"


def test_the_browser_is_who_the_header_or_the_hints_say() -> None:
    hints = {
        "brands": [{"brand": "Chromium", "version": "144"}, {"brand": "Microsoft Edge", "version": "144"}]
    }
    by_header = read(metadata={"userAgent": "Mozilla/5.0 (X11; rv:141.0) Gecko/20100101 Firefox/141.0"})
    by_hints = read(["create", None, {"userAgentData": hints}, START_MS])

    assert (by_header.browser.name, by_header.browser.version) == ("firefox", 141)
    assert (by_hints.browser.name, by_hints.browser.version) == ("edge", 144)


@pytest.mark.parametrize(
    "broken", [b"[", b"\xff\xfe", b'["create"]', b'["create","PC_0",null,"soon"]', b"[]"]
)
def test_a_line_that_is_none_is_where_the_file_breaks(broken: bytes) -> None:
    lines = [b"{}", json.dumps(create()).encode(), b"", broken, json.dumps(CONNECTED).encode()]
    dump = read_rtcstats(lines, "file")

    assert dump.broken_at_line == 5
    assert dump.connections[0].call.connection_states == ()


def test_lines_that_other_programs_add_are_passed_over() -> None:
    dump = read(create(), {"identity": "ada"}, "text", CONNECTED)

    assert dump.broken_at_line is None
    assert [change.at_s for change in dump.connections[0].call.connection_states] == [0.02]


def test_requests_for_microphones_make_no_connection() -> None:
    dump = read(
        [60, "92-0", {"audio": True}, START_MS], ["navigator.mediaDevices.getUserMedia", "92-0", {}, 1]
    )

    assert dump.connections == ()


def test_connections_beyond_a_bound_are_counted() -> None:
    dump = read(*[create(f"PC_{number}") for number in range(MOST_CONNECTIONS + 2)])

    assert (len(dump.connections), dump.connections_left_out) == (MOST_CONNECTIONS, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from(["g", 1, 20, 24, 25, 39, "getStats", "create"]) | JSON
REPORTS = st.dictionaries(
    st.sampled_from(["0", "1", "t"]),
    st.none()
    | st.dictionaries(st.sampled_from(["type", "14", "15", "16", "125", "jitter"]), JSON, max_size=5),
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(METHODS, st.just("PC_0") | JSON, REPORTS | JSON, st.floats() | st.integers()), max_size=8
    )
)
def test_lines_of_the_right_shape_and_wild_content_are_survived(lines: list[Any]) -> None:
    assert outcome(lambda: read(*lines), DumpError) == "parsed"


@given(st.binary(max_size=60))
def test_metadata_are_an_object_or_the_named_error(data: bytes) -> None:
    assert outcome(lambda: read_rtcstats([data], "file"), DumpError)
