"""A connection from its events and statistics: closed lists of names, and bounds."""

import pytest

from callprobe.pcap.dumps.builder import MOST_SAMPLES, MOST_STATES, MOST_TRACKS, ConnectionBuilder
from callprobe.pcap.dumps.figures import Budget
from callprobe.pcap.dumps.model import Browser
from callresults.nettests.browser import BrowserCall

NOW_MS = 1_786_000_000_000.0


@pytest.fixture
def builder() -> ConnectionBuilder:
    """An empty connection with all the memory there is."""
    return ConnectionBuilder(Budget())


def call(builder: ConnectionBuilder) -> BrowserCall:
    """Return what it comes to."""
    return builder.call("rtcstats", Browser(name="chrome", version=149))


def feed(builder: ConnectionBuilder, identity: str, of_type: str, /, **figures: object) -> None:
    """Give all figures of one object at one moment."""
    for name, value in figures.items():
        builder.figure(NOW_MS, identity, of_type, name, value)


def test_an_empty_connection_is_one(builder: ConnectionBuilder) -> None:
    found = call(builder)

    assert (found.duration_s, found.ice_states, found.pair, found.transport, found.tracks) == (
        0.0,
        (),
        None,
        None,
        (),
    )
    assert builder.start_ms is None


def test_candidates_are_counted_by_kind_and_nothing_else_is_kept_of_them(builder: ConnectionBuilder) -> None:
    for value in (
        {"candidate": "candidate:1 1 udp 2 192.0.2.77 9 typ host"},
        "sdpMid: 0, candidate: candidate:1 1 udp 2 192.0.2.77 9 typ srflx raddr 10.0.0.1",
        {"candidate": "candidate:1 1 udp 2 192.0.2.77 9 typ unheard-of"},
        {"candidate": None},
        None,
        7,
    ):
        builder.event(NOW_MS, "onicecandidate", value)
    builder.event(NOW_MS, "addIceCandidate", {"candidate": "candidate:1 1 udp 2 192.0.2.77 9 typ relay"})
    found = call(builder)

    assert (found.local_candidates, found.remote_candidates) == ({"host": 1, "srflx": 1}, {"relay": 1})


def test_states_that_are_none_are_left_out(builder: ConnectionBuilder) -> None:
    for value in ("checking", '"connected"', "192.0.2.77", None, 5, "x" * 5000):
        builder.event(NOW_MS, "oniceconnectionstatechange", value)

    assert [change.state for change in call(builder).ice_states] == ["checking", "connected"]


@pytest.mark.parametrize(
    ("figure", "value", "kept"),
    [
        ("dtlsCipher", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", True),
        ("dtlsCipher", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", True),
        ("dtlsCipher", "TLS_192_0_2_77", False),
        ("srtpCipher", "AEAD_AES_256_GCM", True),
        ("srtpCipher", "AES_CM_128_HMAC_SHA1_80", True),
        ("srtpCipher", "AES_ADA", False),
        ("tlsVersion", "FEFD", True),
        ("tlsVersion", "C0A8", False),
    ],
)
def test_ciphers_and_versions_are_of_a_closed_list(
    builder: ConnectionBuilder, figure: str, value: str, *, kept: bool
) -> None:
    feed(builder, "T", "transport", **{figure: value})
    transport = call(builder).transport
    assert transport is not None

    found = {transport.dtls_cipher, transport.srtp_cipher, transport.tls_version} - {None}
    assert found == ({value} if kept else set())


@pytest.mark.parametrize(
    ("value", "kept"),
    [("audio/opus", True), ("video/H264", True), ("audio/192.0.2.77", False), ("opus", False)],
)
def test_codecs_are_of_a_closed_list(builder: ConnectionBuilder, value: str, *, kept: bool) -> None:
    feed(builder, "C", "codec", mimeType=value)
    feed(builder, "IT", "inbound-rtp", codecId="C", packetsReceived=1)

    assert call(builder).tracks[0].mime_type == (value if kept else None)


def test_the_pair_is_the_one_that_the_transport_selected(builder: ConnectionBuilder) -> None:
    feed(builder, "P1", "candidate-pair", nominated=True, state="succeeded", requestsSent=9)
    feed(builder, "P2", "candidate-pair", nominated=False, state="in-progress", requestsSent=3)
    feed(builder, "T", "transport", selectedCandidatePairId="P2")

    pair = call(builder).pair
    assert pair is not None
    assert pair.requests_sent == 3


@pytest.mark.parametrize("better", [{"nominated": True}, {"state": "succeeded"}, {"requestsSent": 90}])
def test_without_a_selected_pair_it_is_the_one_that_came_nearest(
    builder: ConnectionBuilder, better: dict[str, object]
) -> None:
    feed(builder, "P1", "candidate-pair", nominated=False, requestsSent=3)
    feed(builder, "P2", "candidate-pair", **({"responsesReceived": 7} | better))

    pair = call(builder).pair
    assert pair is not None
    assert pair.responses_received == 7


@pytest.mark.parametrize(
    ("address", "version"),
    [("2001:db8::1", "ipv6"), ("192.0.2.77", "ipv4"), ("x.local", "ipv4"), (None, "ipv4")],
)
def test_the_version_of_the_path_is_that_of_an_address_at_its_ends(
    builder: ConnectionBuilder, address: str | None, version: str
) -> None:
    feed(builder, "L", "local-candidate", candidateType="host", address=address)
    feed(builder, "P", "candidate-pair", localCandidateId="L")

    assert builder.ip_version() == version


def test_losses_that_the_far_end_told_count_for_the_interval_in_which_it_did(
    builder: ConnectionBuilder,
) -> None:
    for second, packets in enumerate((0, 50, 100, 150)):
        builder.figure(NOW_MS + 1000 * second, "OT", "outbound-rtp", "packetsSent", packets)
    for at_ms, lost in ((100, 0), (1500, 3), (1900, 4), (2500, 4)):
        builder.figure(NOW_MS + at_ms, "RI", "remote-inbound-rtp", "packetsLost", lost)
    feed(builder, "RI", "remote-inbound-rtp", localId="OT")

    (track,) = call(builder).tracks
    assert [sample.packets_lost for sample in track.samples] == [None, 4, 0]


def test_what_an_old_browser_told_of_the_far_end_is_no_track(builder: ConnectionBuilder) -> None:
    feed(builder, "a", "inbound-rtp", isRemote=True, packetsReceived=5)

    assert call(builder).tracks == ()


def test_tracks_samples_and_states_are_bounded_and_what_is_left_out_is_counted(
    builder: ConnectionBuilder,
) -> None:
    looks = MOST_SAMPLES // MOST_TRACKS + 5
    for number in range(MOST_TRACKS + 3):
        for second in range(looks + 1):
            at_ms = NOW_MS + 1000 * second
            builder.figure(at_ms, f"IT{number}", "inbound-rtp", "packetsReceived", second)
    for _ in range(MOST_STATES + 10):
        builder.event(NOW_MS, "oniceconnectionstatechange", "checking")
    found = call(builder)

    assert (len(found.tracks), found.tracks_left_out) == (MOST_TRACKS, 3)
    assert sum(len(track.samples) for track in found.tracks) == MOST_SAMPLES
    assert found.samples_left_out == MOST_TRACKS * 5
    assert len(found.ice_states) == MOST_STATES


def test_a_dump_whose_memory_is_spent_keeps_no_more_objects() -> None:
    builder = ConnectionBuilder(Budget(100))
    for number in range(50):
        feed(builder, f"IT{number}", "inbound-rtp", kind="audio")

    assert len(call(builder).tracks) == 2


def test_what_is_no_figure_of_anything_is_not_taken(builder: ConnectionBuilder) -> None:
    feed(builder, "x" * 1000, "inbound-rtp", kind="audio")
    feed(builder, "IT", "track", kind="audio")
    feed(builder, "IT", "inbound-rtp", ssrc=2744718061)
    builder.changes(NOW_MS, "unknown", {"packetsReceived": 1}, None)
    builder.gone("unknown")
    builder.reported("never")

    assert call(builder).tracks == ()
