"""What a browser told of its own call: figures of the WebRTC statistics API (W3C webrtc-stats).

They are the browser's instruments, not ours, and keep the names and units that they have there: ``jitter``
and round trips in seconds. Names with an underscore are ours. No field has room for an address, a URL or a
name.
"""

from typing import Literal

import msgspec

DumpFormat = Literal["webrtc-internals", "rtcstats"]
BrowserName = Literal["chrome", "edge", "opera", "firefox", "safari", "other"]
CandidateType = Literal["host", "srflx", "prflx", "relay"]
IceState = Literal["new", "checking", "connected", "completed", "disconnected", "failed", "closed"]
ConnectionState = Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]
DtlsState = Literal["new", "connecting", "connected", "closed", "failed"]
TrackDirection = Literal["inbound", "outbound"]
TrackKind = Literal["audio", "video"]


class IceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of ``RTCPeerConnection.iceConnectionState``."""

    at_s: float | None
    """Seconds since the connection was made; null in dumps whose events have no usable time."""
    state: IceState
    """The new state."""


class ConnectionChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of ``RTCPeerConnection.connectionState``, which is ICE and DTLS together."""

    at_s: float | None
    """As ``IceChange.at_s``."""
    state: ConnectionState
    """The new state."""


class BrowserPair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The selected candidate pair, or the one that was nearest to being it (``candidate-pair``)."""

    local_candidate_type: CandidateType | None
    """Kind of the own candidate; its address is not kept."""
    remote_candidate_type: CandidateType | None
    """Kind of the far candidate."""
    protocol: Literal["udp", "tcp"] | None
    """Of the own candidate."""
    relay_protocol: Literal["udp", "tcp", "tls"] | None
    """How the browser speaks to its own TURN server; null without one."""
    nominated: bool | None
    """Whether ICE nominated it."""
    requests_sent: int | None
    """Connectivity checks sent."""
    responses_received: int | None
    """Answers to connectivity checks."""
    current_round_trip_time: float | None
    """Last STUN round trip, seconds."""


class BrowserTransport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """DTLS of the connection's first transport (``transport``)."""

    dtls_state: DtlsState | None
    """The last state."""
    dtls_connected_s: float | None = msgspec.field(name="dtls_connected_s")
    """When the statistics first said *connected*, seconds since the connection was made."""
    tls_version: str | None
    """Four hex digits: FEFF is DTLS 1.0, FEFD 1.2, FEFC 1.3."""
    dtls_cipher: str | None
    """IANA name of the cipher suite."""
    srtp_cipher: str | None
    """IANA name of the SRTP protection profile."""


class RemoteInbound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What the far end told of a track by RTCP (``remote-inbound-rtp``); last values."""

    packets_lost: int | None
    """Since the beginning; negative where duplicates outnumber losses."""
    fraction_lost: float | None
    """Of the last report, 0..1."""
    jitter: float | None
    """Seconds, by the far end (RFC 3550)."""
    round_trip_time: float | None
    """Seconds, of the last report (RFC 3550 section 6.4.1)."""


class BrowserSample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a track did between one look at its statistics and the next."""

    at_s: float
    """When the interval ended, seconds since the connection was made."""
    packets: int | None
    """Packets received (inbound) or sent (outbound) in it."""
    packets_lost: int | None
    """Losses counted in it: by the browser (inbound), by the far end's reports (outbound)."""
    bits_per_s: int | None
    """Payload bits in it, by its length."""


class BrowserTrack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One ``inbound-rtp`` or ``outbound-rtp``; last values, null where the browser did not tell."""

    direction: TrackDirection
    """``inbound`` was received by the browser."""
    kind: TrackKind | None
    """Audio or video."""
    mime_type: str | None
    """Codec, such as ``audio/opus``."""
    packets_received: int | None
    """Inbound; late and repeated ones too."""
    packets_sent: int | None
    """Outbound."""
    packets_lost: int | None
    """Inbound, RFC 3550: expected less received; negative where duplicates outnumber losses."""
    packets_discarded: int | None
    """Inbound: arrived, but too late or too early to be played."""
    bytes_received: int | None
    """Inbound, payload."""
    bytes_sent: int | None
    """Outbound, payload."""
    jitter: float | None
    """Inbound, seconds (RFC 3550)."""
    jitter_max_s: float | None = msgspec.field(name="jitter_max_s")
    """Highest value of ``jitter`` in the dump, seconds."""
    total_samples_received: int | None
    """Inbound audio: samples played, concealed ones too."""
    concealed_samples: int | None
    """Inbound audio: samples made up because packets were missing, silent ones too."""
    concealment_events: int | None
    """Inbound audio: how often concealing began."""
    frames_decoded: int | None
    """Inbound video."""
    frames_dropped: int | None
    """Inbound video."""
    freeze_count: int | None
    """Inbound video: freezes, by the API's definition."""
    total_freezes_duration: float | None
    """Inbound video, seconds."""
    nack_count: int | None
    """Requests to send packets again: sent (inbound) or received (outbound)."""
    pli_count: int | None
    """Requests for a new picture, likewise."""
    retransmitted_packets_sent: int | None
    """Outbound."""
    remote_inbound: RemoteInbound | None
    """Outbound: what the far end told of it."""
    samples: tuple[BrowserSample, ...] = ()
    """The track in time, in the intervals in which the dump looked."""


class BrowserCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``RTCPeerConnection`` of a browser's dump; see ``results/spec/browser-dump.md``."""

    format: DumpFormat
    """Which kind of dump it was read from."""
    browser: BrowserName
    """Family of the browser."""
    browser_version: int | None
    """Its major version."""
    duration_s: float
    """From the connection's making to the last that the dump tells of it."""
    ice_states: tuple[IceChange, ...]
    """In order."""
    connection_states: tuple[ConnectionChange, ...]
    """In order; empty in browsers that do not tell."""
    local_candidates: dict[CandidateType, int]
    """Own candidates by kind; repetitions for each medium count."""
    remote_candidates: dict[CandidateType, int]
    """Candidates of the far end, as signalled one by one; those within a description are not counted."""
    candidate_errors: int
    """STUN and TURN servers that failed the browser (``icecandidateerror``)."""
    pair: BrowserPair | None
    """The path that was used; null when none was tried."""
    transport: BrowserTransport | None
    """Null where the dump has no statistics of it."""
    tracks: tuple[BrowserTrack, ...]
    """Those with most packets first."""
    tracks_left_out: int = 0
    """Tracks beyond the most that are kept."""
    samples_left_out: int = 0
    """Samples beyond the most that are kept, the latest ones."""
