"""webrtc-internals: times, references between objects, and hostile JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callprobe.pcap.dumps.internals import read_internals
from callprobe.pcap.dumps.model import MOST_CONNECTIONS, DumpError
from callresults.nettests.browser import BrowserTrack
from helpers.browser_dumps import START_MS, internals, voice
from helpers.hostile import outcome


def document(stats: dict[str, Any] | None = None, log: list[Any] | None = None, **more: Any) -> bytes:
    """Return a document of one connection."""
    connection = {"url": "https://call.example", "updateLog": log or [], "stats": stats or {}}
    return json.dumps({"PeerConnections": {"1-1": connection | more}}).encode()


def series(kind: str, values: object, *, start: str = "", end: str = "") -> dict[str, Any]:
    """Return one entry of the statistics."""
    return {"statsType": kind, "values": json.dumps(values), "startTime": start, "endTime": end}


def inbound(data: bytes) -> BrowserTrack:
    """Return the only track."""
    (track,) = read_internals(data, "file").connections[0].call.tracks
    return track


def test_values_have_the_times_of_their_object() -> None:
    times = [START_MS, START_MS + 1000, START_MS + 3000]
    track = inbound(
        document(
            {
                "IT-timestamp": series("inbound-rtp", times),
                "IT-packetsReceived": series("inbound-rtp", [0, 50, 150]),
                "IT-bytesReceived": series("inbound-rtp", [0, 4000, 12000]),
                "IT-packetsLost": series("inbound-rtp", [0, 1, 1]),
            }
        )
    )

    assert [(s.at_s, s.packets, s.packets_lost, s.bits_per_s) for s in track.samples] == [
        (1.0, 50, 1, 32_000),
        (3.0, 100, 0, 32_000),
    ]


def test_a_figure_that_came_late_has_the_last_times() -> None:
    times = [START_MS + 1000 * second for second in range(5)]
    track = inbound(
        document(
            {
                "IT-timestamp": series("inbound-rtp", times),
                "IT-packetsReceived": series("inbound-rtp", [10, 60]),
            }
        )
    )

    assert [(sample.at_s, sample.packets) for sample in track.samples] == [(4.0, 50)]


def test_old_dumps_have_first_and_last_moment_only() -> None:
    track = inbound(
        document(
            {
                "IT-packetsReceived": series(
                    "inbound-rtp",
                    [0, 50, 100],
                    start="2026-08-06T07:08:43.000Z",
                    end="2026-08-06T07:08:45.000Z",
                )
            }
        )
    )

    assert [(sample.at_s, sample.packets) for sample in track.samples] == [(1.0, 50), (2.0, 50)]


@pytest.mark.parametrize("start", ["", "yesterday", "2026-99-99T07:08:43Z", "2027-01-01T00:00:00Z"])
def test_figures_without_readable_times_have_their_last_value_only(start: str) -> None:
    found = inbound(
        document({"IT-packetsReceived": series("inbound-rtp", [0, 50], start=start, end="2026-08-06T00:00Z")})
    )

    assert (found.packets_received, found.samples) == (50, ())


def test_figures_that_the_page_computed_are_not_read() -> None:
    data = document({"IT-[packetsReceived/s]": series("inbound-rtp", [50, 50])})

    assert read_internals(data, "file").connections[0].call.tracks == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oniceconnectionstatechange", '"connected"'),
        ("iceconnectionstatechange", "connected"),
        ("iceConnectionStateChange", "ICEConnectionStateConnected"),
    ],
)
def test_states_are_read_as_every_age_of_chrome_wrote_them(name: str, value: str) -> None:
    data = document(log=[{"type": name, "value": value, "timestamp": START_MS}])

    (change,) = read_internals(data, "file").connections[0].call.ice_states
    assert (change.at_s, change.state) == (0.0, "connected")


@pytest.mark.parametrize(
    ("time", "at_s"),
    [("2026-08-06T07:08:45.000Z", 2.0), ("6.8.2026, 09:08:45", None), ("8/6/2026, 9:08:45 AM", None)],
)
def test_a_time_that_depends_on_a_place_is_no_time(time: str, at_s: float | None) -> None:
    log = [
        {"type": "createOffer", "value": "", "time": "2026-08-06T07:08:43.000Z"},
        {"type": "iceconnectionstatechange", "value": "checking", "time": time},
    ]

    (change,) = read_internals(document(log=log), "file").connections[0].call.ice_states
    assert change.at_s == at_s


def test_connections_stand_in_order_of_time_and_beyond_a_bound_are_counted() -> None:
    short = voice(fate="failed")._replace(reports=[])
    many = read_internals(internals(*[short] * (MOST_CONNECTIONS + 3)), "file")
    later = json.loads(document(log=[{"type": "close", "value": "", "timestamp": START_MS + 5}]))
    first = json.loads(document(log=[{"type": "close", "value": "", "timestamp": START_MS + 1}]))
    both = {"b": later["PeerConnections"]["1-1"], "a": first["PeerConnections"]["1-1"]}

    assert (len(many.connections), many.connections_left_out) == (MOST_CONNECTIONS, 3)
    ordered = read_internals(json.dumps({"PeerConnections": both}).encode(), "file")
    assert [item.start_ms for item in ordered.connections] == [START_MS + 1, START_MS + 5]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIGURES = ["packetsReceived", "packetsLost", "kind", "jitter", "timestamp", "selectedCandidatePairId", "type"]
KINDS = ["inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "transport", "candidate-pair", "codec"]


@settings(deadline=None)
@given(
    stats=st.dictionaries(
        st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(FIGURES)).map("-".join),
        st.builds(series, st.sampled_from(KINDS), JSON),
        max_size=8,
    ),
    log=st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["onicecandidate", "iceconnectionstatechange"]) | JSON, "value": JSON},
            optional={"timestamp": JSON, "time": JSON},
        ),
        max_size=4,
    ),
    more=st.dictionaries(st.sampled_from(["url", "rtcConfiguration", "pid"]), JSON),
)
def test_documents_of_the_right_shape_and_wild_content_are_survived(
    stats: dict[str, Any], log: list[Any], more: dict[str, Any]
) -> None:
    assert outcome(lambda: read_internals(document(stats, log, **more), "file"), DumpError)
