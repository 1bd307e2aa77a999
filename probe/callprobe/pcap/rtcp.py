"""RTCP in captures (RFC 3550 section 6): who reported what, and how much of it is encrypted."""

from msgspec import Struct

from callprobe.pcap.round_trips import RoundTrips


class ReceptionReport(Struct, frozen=True, kw_only=True):
    """The last that one end told in clear of a source it hears: the loss that a capture cannot see itself."""

    reporter: str
    """SSRC of who reports, ``0x…``."""
    source_ssrc: str
    """SSRC of the stream reported on, ``0x…``."""
    src: str
    """Address the report came from."""
    dst: str
    fraction_lost_ratio: float
    """Lost since the report before; 0 to 255/256."""
    worst_fraction_lost_ratio: float
    """Largest of all reports."""
    packets_lost: int
    """Since the beginning; negative where duplicates outnumber losses."""
    highest_sequence: int
    """Extended, 32 bits."""
    loss_ratio: float | None
    """Lost between the first and the last report seen, by packets expected between them."""
    jitter_ticks: int
    """RTP clock units."""
    reports: int
    """How many were seen."""
    at_s: float
    """When the last was."""


class SenderTotals(Struct, frozen=True, kw_only=True):
    """What a sender said last of what it sent."""

    ssrc: str
    src: str
    dst: str
    reports: int
    packets_sent: int
    octets_sent: int
    """RTP payload bytes."""
    at_s: float


class Feedback(Struct, frozen=True, kw_only=True):
    """Feedback in clear on one source from one end (RFC 4585, 5104)."""

    src: str
    dst: str
    media_ssrc: str
    """The source asked; zero where the message names none there."""
    counts: dict[str, int]
    """Messages by kind: ``nack``, ``twcc``, ``pli``, ``fir``, ``remb`` …"""
    nacked_packets: int
    """Sequence numbers asked for again, repetitions included."""
    remb_bps: int | None
    """Last receiver-estimated maximum bit rate."""


class Goodbye(Struct, frozen=True, kw_only=True):
    """A source left."""

    ssrc: str
    src: str
    at_s: float


class VoipReport(Struct, frozen=True, kw_only=True):
    """The last VoIP metrics block on a source (RFC 3611 section 4.7)."""

    reporter: str
    source_ssrc: str
    reports: int
    loss_ratio: float
    discard_ratio: float
    burst_density_ratio: float
    gap_density_ratio: float
    burst_ms: int
    """Mean."""
    gap_ms: int
    """Mean."""
    round_trip_ms: int
    end_system_delay_ms: int
    r_factor: int | None
    mos_lq: float | None
    mos_cq: float | None
    at_s: float


class RtcpPath(Struct, frozen=True, kw_only=True):
    """RTCP from one address to another."""

    src: str
    dst: str
    encapsulation: str
    compounds: int
    encrypted: int
    trailer: str | None
    """How the encrypted ones end: ``index-tag10`` (RFC 3711), ``tag16-index`` (RFC 7714) …; null in clear."""
    ssrcs: tuple[str, ...]
    """Of the senders named in clear; the first few."""
    interval_ms: float | None
    """Mean."""
    first_s: float
    last_s: float


class RtcpRoundTrips(Struct, frozen=True, kw_only=True):
    """Round trips from the capture point to an end that answers sender reports (RFC 3550 section 6.4.1)."""

    far: str
    """Address of that end."""
    rtt_ms: RoundTrips


class Rtcp(Struct, frozen=True, kw_only=True):
    """RTCP and SRTCP of a capture."""

    compounds: int
    """Datagrams."""
    packets: int
    """Packets in them whose header is in clear; of an encrypted compound that is the first."""
    by_type: dict[str, int]
    """Those packets by payload type, ``"200"`` and so on."""
    encrypted: int
    """Compounds whose body is not in clear."""
    reduced_size: int
    """Compounds that do not begin with a report (RFC 5506)."""
    unrecognised: int
    """Datagrams with the first two bytes of RTCP that fit nothing."""
    reports: tuple[ReceptionReport, ...]
    senders: tuple[SenderTotals, ...]
    feedback: tuple[Feedback, ...]
    feedback_counts: dict[str, int]
    """The same over all sources."""
    byes: tuple[Goodbye, ...]
    cnames: int
    """CNAME items; their text is not kept."""
    xr: tuple[VoipReport, ...]
    xr_blocks: dict[str, int]
    """Extended report blocks by type number."""
    rtt_ms: RoundTrips
    """Of the end that is farthest by its median: seen from one end, the whole way there and back."""
    round_trips: tuple[RtcpRoundTrips, ...]
    paths: tuple[RtcpPath, ...]
    dropped: int
    """Entries left out above, since there were too many."""
