"""RTCP in captures (RFC 3550 section 6): who reported what, and how much of it is encrypted."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal, NamedTuple, TypeVar

from msgspec import Struct

from callprobe.pcap.collect.round_trips import RoundTrips, since_s
from callprobe.pcap.collect.rtcp_round_trips import RoundTripMeter
from callprobe.pcap.packets import Address, UdpDatagram, address_text
from callprobe.wire import rtcp, rtcp_feedback, rtcp_xr, srtcp
from callprobe.wire.rtcp import Packet, Report, ReportBlock, RtcpError, SenderInfo

MOST_PATHS: Final = 2048
MOST_SOURCES: Final = 4096
"""Entries of each kind: reports, senders, feedback, goodbyes, VoIP reports."""
MOST_SSRCS: Final = 8
"""Of a path."""

_REPORTS: Final = frozenset({rtcp.SENDER_REPORT, rtcp.RECEIVER_REPORT})
_NO_BLOCK: Final = ReportBlock(0, 0, 0, 0, 0, 0, 0)
_NO_METRICS: Final = rtcp_xr.voip_metrics(rtcp_xr.Block(rtcp_xr.VOIP_METRICS, 0, bytes(32)))
_NO_TRIPS: Final = RoundTrips(n=0)
_BlockName = Literal["loss-rle", "duplicate-rle", "statistics"]
_Key = TypeVar("_Key")
_Entry = TypeVar("_Entry")


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
    told_packets: int
    """Packets of the whole path whose arrival or loss transport-wide feedback told."""
    told_arrived: int
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


class ExtendedReception(Struct, frozen=True, kw_only=True):
    """What the blocks of one kind told of one source, added up (RFC 3611 sections 4.1, 4.2 and 4.6)."""

    reporter: str
    source_ssrc: str
    block: _BlockName
    blocks: int
    told_packets: int
    """Sequence numbers told of; where blocks overlap, more than once."""
    lost_packets: int | None
    """Null in duplicate-rle, and where no statistics named them."""
    duplicate_packets: int | None


class RtcpPath(Struct, frozen=True, kw_only=True):
    """RTCP from one address to another."""

    src: str
    dst: str
    encapsulation: str
    compounds: int
    encrypted: int
    trailer: str | None
    """How the last protected one ended, see ``callprobe.wire.srtcp``; null in clear."""
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
    xr_receptions: tuple[ExtendedReception, ...]
    xr_blocks: dict[str, int]
    """Extended report blocks by type number."""
    rtt_ms: RoundTrips
    """Of the end that is farthest by its median: seen from one end, the whole way there and back."""
    round_trips: tuple[RtcpRoundTrips, ...]
    paths: tuple[RtcpPath, ...]
    dropped: int
    """Entries left out above, since there were too many."""


class RtcpCollector:
    """Gathers RTCP from datagrams in the order of the file."""

    def __init__(self) -> None:
        self._paths: dict[tuple[Address, Address, str], _Path] = {}
        self._heard: dict[tuple[int, int, Address], _Heard] = {}
        self._senders: dict[tuple[int, Address], _Sender] = {}
        self._asked: dict[tuple[Address, Address, int], _Asked] = {}
        self._byes: dict[tuple[int, Address], int] = {}
        self._voip: dict[tuple[int, int], _Voip] = {}
        self._told: dict[tuple[int, int, _BlockName], _Told] = {}
        self._meter = RoundTripMeter()
        self._by_type: Counter[int] = Counter()
        self._xr_blocks: Counter[int] = Counter()
        self._compounds = self._encrypted = self._reduced_size = self._unrecognised = 0
        self._cnames = self._dropped = 0

    def add(self, datagram: UdpDatagram, payload: bytes, encapsulation: str = "plain") -> None:
        """Take a payload, possibly unwrapped; what is no RTCP is passed over."""
        if len(payload) >= 8 and 128 <= payload[0] <= 191 and 192 <= payload[1] <= 223:
            self._take(datagram, payload, encapsulation)

    def findings(self, origin_ns: int) -> Rtcp:
        """Return what was seen, times in seconds from ``origin_ns``."""
        trips = tuple(
            RtcpRoundTrips(far=address_text(source), rtt_ms=log.summary())
            for source, log in self._meter.logs.items()
        )
        feedback = tuple(item.feedback() for item in self._asked.values())
        return Rtcp(
            compounds=self._compounds,
            packets=self._by_type.total(),
            by_type=_by_number(self._by_type),
            encrypted=self._encrypted,
            reduced_size=self._reduced_size,
            unrecognised=self._unrecognised,
            reports=tuple(item.report(origin_ns) for item in self._heard.values()),
            senders=tuple(item.totals(origin_ns) for item in self._senders.values()),
            feedback=feedback,
            feedback_counts=dict(sorted(sum((Counter(item.counts) for item in feedback), Counter()).items())),
            byes=tuple(
                Goodbye(ssrc=_ssrc(ssrc), src=address_text(source), at_s=since_s(origin_ns, at_ns))
                for (ssrc, source), at_ns in self._byes.items()
            ),
            cnames=self._cnames,
            xr=tuple(item.voip_report(origin_ns) for item in self._voip.values()),
            xr_receptions=tuple(item.reception() for item in self._told.values()),
            xr_blocks=_by_number(self._xr_blocks),
            rtt_ms=max(
                (item.rtt_ms for item in trips), key=lambda rtt_ms: rtt_ms.median or 0.0, default=_NO_TRIPS
            ),
            round_trips=trips,
            paths=tuple(item.path(origin_ns) for item in self._paths.values()),
            dropped=self._dropped,
        )

    def _take(self, datagram: UdpDatagram, payload: bytes, encapsulation: str) -> None:
        try:
            compound = srtcp.read_compound(payload, cut=datagram.size > len(datagram.payload))
        except RtcpError:
            self._unrecognised += 1
            return
        self._compounds += 1
        self._encrypted += compound.encrypted
        self._reduced_size += compound.packets[0].packet_type not in _REPORTS
        self._by_type.update(packet.packet_type for packet in compound.packets)
        key = (datagram.source, datagram.destination, encapsulation)
        path = self._kept(self._paths, key, MOST_PATHS, _Path)
        if path is not None:
            path.add(datagram, compound)
        if compound.whole:
            for packet in compound.packets:
                with suppress(RtcpError):
                    self._packet(packet, datagram)

    def _packet(self, packet: Packet, datagram: UdpDatagram) -> None:
        """Take a packet in clear. Raises RtcpError."""
        match packet.packet_type:
            case rtcp.SENDER_REPORT | rtcp.RECEIVER_REPORT:
                self._report(rtcp.parse_report(packet), datagram)
            case rtcp.SOURCE_DESCRIPTION:
                self._cnames += rtcp.count_cnames(packet)
            case rtcp.GOODBYE:
                for ssrc in rtcp.parse_goodbye(packet):
                    self._kept(self._byes, (ssrc, datagram.source), MOST_SOURCES, lambda _: datagram.epoch_ns)
            case rtcp.TRANSPORT_FEEDBACK | rtcp.PAYLOAD_FEEDBACK:
                self._feedback(rtcp_feedback.parse(packet), datagram)
            case rtcp.EXTENDED_REPORT:
                self._extended(packet, datagram)

    def _report(self, report: Report, datagram: UdpDatagram) -> None:
        if report.sender is not None:
            self._meter.sent(report.ssrc, report.sender.ntp_time, datagram.source, datagram.epoch_ns)
            sender = self._kept(self._senders, (report.ssrc, datagram.source), MOST_SOURCES, _Sender)
            if sender is not None:
                sender.add(report.sender, datagram)
        for block in report.blocks:
            self._meter.echoed(
                block.ssrc, block.last_sr, block.delay_since_last_sr, datagram.source, datagram.epoch_ns
            )
            heard = self._kept(self._heard, (report.ssrc, block.ssrc, datagram.source), MOST_SOURCES, _Heard)
            if heard is not None:
                heard.add(block, datagram)

    def _feedback(self, message: rtcp_feedback.Feedback, datagram: UdpDatagram) -> None:
        for ssrc in message.ssrcs or (message.media_ssrc,):
            key = (datagram.source, datagram.destination, ssrc)
            asked = self._kept(self._asked, key, MOST_SOURCES, _Asked)
            if asked is not None:
                asked.add(message)

    def _extended(self, packet: Packet, datagram: UdpDatagram) -> None:
        reporter = packet.ssrc or 0
        for block in rtcp_xr.parse(packet):
            self._xr_blocks[block.kind] += 1
            with suppress(RtcpError):
                self._block(block, reporter, datagram)

    def _block(self, block: rtcp_xr.Block, reporter: int, datagram: UdpDatagram) -> None:
        """Take a block of an extended report. Raises RtcpError."""
        match block.kind:
            case rtcp_xr.REFERENCE_TIME:
                ntp_time = rtcp_xr.reference_time(block)
                self._meter.sent(reporter, ntp_time, datagram.source, datagram.epoch_ns)
            case rtcp_xr.DELAYS:
                for delay in rtcp_xr.delays(block):
                    self._meter.echoed(*delay, datagram.source, datagram.epoch_ns)
            case rtcp_xr.VOIP_METRICS:
                metrics = rtcp_xr.voip_metrics(block)
                voip = self._kept(self._voip, (reporter, metrics.ssrc), MOST_SOURCES, _Voip)
                if voip is not None:
                    voip.add(metrics, datagram)
            case rtcp_xr.LOSS_RLE | rtcp_xr.DUPLICATE_RLE | rtcp_xr.STATISTICS:
                count = _count(block)
                told = self._kept(self._told, (reporter, count.ssrc, count.name), MOST_SOURCES, _Told)
                if told is not None:
                    told.add(count)

    def _kept(
        self, entries: dict[_Key, _Entry], key: _Key, most: int, make: Callable[[_Key], _Entry]
    ) -> _Entry | None:
        """Return the entry of a key, made if there is room for it."""
        entry = entries.get(key)
        if entry is None and len(entries) < most:
            entry = entries[key] = make(key)
        self._dropped += entry is None
        return entry


class _Path:
    """RTCP from one address to another."""

    def __init__(self, key: tuple[Address, Address, str]) -> None:
        self._source, self._destination, self._encapsulation = key
        self._compounds = self._encrypted = self._first_ns = self._last_ns = 0
        self._trailer: str | None = None
        self._ssrcs: dict[int, None] = {}
        """In the order seen."""

    def add(self, datagram: UdpDatagram, compound: srtcp.Compound) -> None:
        if self._compounds == 0:
            self._first_ns = datagram.epoch_ns
        self._last_ns = datagram.epoch_ns
        self._compounds += 1
        self._encrypted += compound.encrypted
        self._trailer = compound.trailer or self._trailer
        for packet in compound.packets:
            if packet.ssrc is not None and len(self._ssrcs) < MOST_SSRCS:
                self._ssrcs[packet.ssrc] = None

    def path(self, origin_ns: int) -> RtcpPath:
        gaps = self._compounds - 1
        return RtcpPath(
            src=address_text(self._source),
            dst=address_text(self._destination),
            encapsulation=self._encapsulation,
            compounds=self._compounds,
            encrypted=self._encrypted,
            trailer=self._trailer,
            ssrcs=tuple(_ssrc(ssrc) for ssrc in self._ssrcs),
            interval_ms=round((self._last_ns - self._first_ns) / 1e6 / gaps, 3) if gaps else None,
            first_s=since_s(origin_ns, self._first_ns),
            last_s=since_s(origin_ns, self._last_ns),
        )


class _Heard:
    """What one end told of one source."""

    def __init__(self, key: tuple[int, int, Address]) -> None:
        self._reporter, self._ssrc, self._source = key
        self._destination = self._source
        self._reports = self._worst = self._at_ns = 0
        self._first = self._last = _NO_BLOCK

    def add(self, block: ReportBlock, datagram: UdpDatagram) -> None:
        if self._reports == 0:
            self._first = block
        self._reports += 1
        self._worst = max(self._worst, block.fraction_lost)
        self._last, self._destination, self._at_ns = block, datagram.destination, datagram.epoch_ns

    def report(self, origin_ns: int) -> ReceptionReport:
        first, last = self._first, self._last
        expected = last.highest_sequence - first.highest_sequence
        lost = last.cumulative_lost - first.cumulative_lost
        return ReceptionReport(
            reporter=_ssrc(self._reporter),
            source_ssrc=_ssrc(self._ssrc),
            src=address_text(self._source),
            dst=address_text(self._destination),
            fraction_lost_ratio=last.fraction_lost / 256,
            worst_fraction_lost_ratio=self._worst / 256,
            packets_lost=last.cumulative_lost,
            highest_sequence=last.highest_sequence,
            loss_ratio=round(lost / expected, 6) if expected > 0 else None,
            jitter_ticks=last.jitter_ticks,
            reports=self._reports,
            at_s=since_s(origin_ns, self._at_ns),
        )


class _Sender:
    """What a sender told of itself."""

    def __init__(self, key: tuple[int, Address]) -> None:
        self._ssrc, self._source = key
        self._destination = self._source
        self._reports = self._at_ns = self._packets = self._octets = 0

    def add(self, info: SenderInfo, datagram: UdpDatagram) -> None:
        self._reports += 1
        self._packets, self._octets = info.packet_count, info.octet_count
        self._destination, self._at_ns = datagram.destination, datagram.epoch_ns

    def totals(self, origin_ns: int) -> SenderTotals:
        return SenderTotals(
            ssrc=_ssrc(self._ssrc),
            src=address_text(self._source),
            dst=address_text(self._destination),
            reports=self._reports,
            packets_sent=self._packets,
            octets_sent=self._octets,
            at_s=since_s(origin_ns, self._at_ns),
        )


class _Asked:
    """Feedback from one address to another on one source."""

    def __init__(self, key: tuple[Address, Address, int]) -> None:
        self._source, self._destination, self._ssrc = key
        self.counts: Counter[str] = Counter()
        self._nacked = self._told = self._arrived = 0
        self._remb_bps: int | None = None

    def add(self, message: rtcp_feedback.Feedback) -> None:
        self.counts[message.kind] += 1
        self._nacked += message.lost_packets
        if message.arrivals is not None:
            self._told += message.arrivals.packets
            self._arrived += message.arrivals.received
        if message.kind == "remb":
            self._remb_bps = message.bitrate_bps

    def feedback(self) -> Feedback:
        return Feedback(
            src=address_text(self._source),
            dst=address_text(self._destination),
            media_ssrc=_ssrc(self._ssrc),
            counts=dict(sorted(self.counts.items())),
            nacked_packets=self._nacked,
            told_packets=self._told,
            told_arrived=self._arrived,
            remb_bps=self._remb_bps,
        )


class _Voip:
    """What one end told of the quality of one source."""

    def __init__(self, key: tuple[int, int]) -> None:
        self._reporter, self._ssrc = key
        self._reports = self._at_ns = 0
        self._last = _NO_METRICS

    def add(self, metrics: rtcp_xr.VoipMetrics, datagram: UdpDatagram) -> None:
        self._reports += 1
        self._last, self._at_ns = metrics, datagram.epoch_ns

    def voip_report(self, origin_ns: int) -> VoipReport:
        last = self._last
        return VoipReport(
            reporter=_ssrc(self._reporter),
            source_ssrc=_ssrc(self._ssrc),
            reports=self._reports,
            loss_ratio=last.loss_rate / 256,
            discard_ratio=last.discard_rate / 256,
            burst_density_ratio=last.burst_density / 256,
            gap_density_ratio=last.gap_density / 256,
            burst_ms=last.burst_ms,
            gap_ms=last.gap_ms,
            round_trip_ms=last.round_trip_ms,
            end_system_delay_ms=last.end_system_delay_ms,
            r_factor=last.r_factor,
            mos_lq=last.mos_lq,
            mos_cq=last.mos_cq,
            at_s=since_s(origin_ns, self._at_ns),
        )


class _Count(NamedTuple):
    """What one block told of one source."""

    ssrc: int
    name: _BlockName
    told: int
    lost: int | None
    duplicates: int | None


class _Told:
    """What the blocks of one kind told of one source."""

    def __init__(self, key: tuple[int, int, _BlockName]) -> None:
        self._reporter, self._ssrc, self._name = key
        self._blocks = self._told = 0
        self._lost: int | None = None
        self._duplicates: int | None = None

    def add(self, count: _Count) -> None:
        self._blocks += 1
        self._told += count.told
        self._lost = _sum(self._lost, count.lost)
        self._duplicates = _sum(self._duplicates, count.duplicates)

    def reception(self) -> ExtendedReception:
        return ExtendedReception(
            reporter=_ssrc(self._reporter),
            source_ssrc=_ssrc(self._ssrc),
            block=self._name,
            blocks=self._blocks,
            told_packets=self._told,
            lost_packets=self._lost,
            duplicate_packets=self._duplicates,
        )


def _count(block: rtcp_xr.Block) -> _Count:
    """Return what a run length or statistics block counts. Raises RtcpError."""
    if block.kind == rtcp_xr.STATISTICS:
        summary = rtcp_xr.statistics(block)
        told = (summary.end_sequence - summary.begin_sequence) % 65536
        return _Count(summary.ssrc, "statistics", told, summary.lost, summary.duplicates)
    runs = rtcp_xr.run_lengths(block)
    if block.kind == rtcp_xr.LOSS_RLE:
        return _Count(runs.ssrc, "loss-rle", runs.told, runs.told - runs.marked, None)
    return _Count(runs.ssrc, "duplicate-rle", runs.told, None, runs.marked)


def _sum(total: int | None, more: int | None) -> int | None:
    return total if more is None else (total or 0) + more


def _by_number(counts: Counter[int]) -> dict[str, int]:
    return {str(number): count for number, count in sorted(counts.items())}


def _ssrc(ssrc: int) -> str:
    return f"0x{ssrc:08x}"
