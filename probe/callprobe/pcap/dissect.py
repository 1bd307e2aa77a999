"""Takes a capture apart: hands every packet to the collectors that it concerns, and joins their results.

What a datagram is follows from its first byte (RFC 7983, RFC 9443) and, where an application has forms of its
own, from those; a datagram's wrapping (TURN, a reflector's frame …) is taken off first.
"""

from collections import Counter
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from callprobe.pcap import engine
from callprobe.pcap.collect.dtls import DtlsCollector, DtlsHandshake
from callprobe.pcap.collect.encapsulation import unwrap
from callprobe.pcap.collect.exchanges import ExchangeCollector
from callprobe.pcap.collect.ice import IcePair, MediaPath
from callprobe.pcap.collect.reflector import ReflectorCounts
from callprobe.pcap.collect.relay import Relay, RelayPings
from callprobe.pcap.collect.rtcp import Rtcp, RtcpCollector
from callprobe.pcap.collect.transactions import StunCounts, StunTransaction
from callprobe.pcap.collect.turn import TurnCounts
from callprobe.pcap.layers.tcp import StreamMessages
from callprobe.pcap.packets import IcmpQuote, TcpSegment, UdpDatagram
from callprobe.pcap.recognise.clues import ClueCollector, Clues
from callprobe.pcap.recognise.service import Service, guess
from callprobe.pcap.streams.flows import FlowStats
from callprobe.pcap.streams.rtp_streams import RtpStream, StreamTable
from callprobe.pcap.tell.endpoint import capturing_endpoint, direction_of
from callprobe.pcap.tell.stages import CaptureStage, stages
from callprobe.wire import demux

Protocol = demux.Protocol


class Findings(Struct, frozen=True, kw_only=True):
    """Everything that was found in one capture; times in seconds from its first packet."""

    packets: int
    """Frames of any kind."""
    udp_datagrams: int
    link_types: dict[str, int]
    """Frames by link type."""
    origin_ns: int | None
    """Nanoseconds since 1970 of the first packet in the file; null in an empty capture."""
    duration_s: float
    """From the earliest to the latest frame."""
    truncated_at_offset: int | None
    """Byte offset, in the unpacked file, of the first record that is not whole."""
    tier: str
    """How the packets were counted: ``python``, ``numpy`` or ``c``; the figures are the same."""
    stun: StunCounts
    turn: TurnCounts
    stun_tcp: StunCounts
    turn_tcp: TurnCounts
    transactions: tuple[StunTransaction, ...]
    ice: tuple[IcePair, ...]
    relays: tuple[Relay, ...]
    reflector: ReflectorCounts
    relay_pings: RelayPings
    dtls: tuple[DtlsHandshake, ...]
    rtcp: Rtcp
    rtp: tuple[RtpStream, ...]
    flows: tuple[FlowStats, ...]
    clues: Clues
    quotes: dict[str, int]
    """UDP datagrams quoted by ICMP errors, by ``v4 3/3`` (version, type, code)."""
    endpoint: tuple[str, ...] = ()
    """Addresses of the host that captured, as far as it can be told."""
    service: Service = Service()
    stages: tuple[CaptureStage, ...] = ()


class Dissection:
    """The sink of one capture's packets."""

    def __init__(self) -> None:
        self.exchanges = ExchangeCollector()
        self.dtls = DtlsCollector()
        self.rtcp = RtcpCollector()
        self.clues = ClueCollector()
        self.wrapped_rtp = StreamTable()
        """RTP that lay within something else."""
        self.quotes: Counter[str] = Counter()
        self._tcp = StreamMessages()

    def datagram(self, datagram: UdpDatagram) -> None:
        """Take a UDP datagram."""
        self.clues.add(datagram)
        for inner in unwrap(datagram.payload):
            self._take(datagram, inner.payload, inner.encapsulation)

    def segment(self, segment: TcpSegment) -> None:
        """Take a TCP segment that carries bytes."""
        self.clues.segment(segment)
        for message in self._tcp.add(segment):
            piece = UdpDatagram(
                message.frame,
                message.epoch_ns,
                message.source,
                message.destination,
                message.payload,
                len(message.payload),
            )
            for inner in unwrap(message.payload):
                encapsulation = message.framing if inner.encapsulation == "plain" else inner.encapsulation
                self._take(piece, inner.payload, encapsulation, transport="tcp")

    def quote(self, quote: IcmpQuote) -> None:
        """Take what an ICMP error quotes."""
        self.quotes[f"v{quote.version} {quote.kind}/{quote.code}"] += 1

    def _take(
        self, datagram: UdpDatagram, payload: bytes, encapsulation: str, *, transport: str = "udp"
    ) -> None:
        kind = demux.classify(payload)
        self.exchanges.add(datagram, payload, encapsulation, transport=transport)
        if kind is Protocol.DTLS:
            self.dtls.add(datagram, payload, encapsulation)
        elif kind is Protocol.RTCP:
            self.rtcp.add(datagram, payload, encapsulation)
        elif kind is Protocol.RTP and encapsulation != "plain":
            self.wrapped_rtp.add(datagram, payload, encapsulation)


def dissect(path: Path, *, tier: engine.Tier | None = None) -> Findings:
    """Return everything that is in a capture, up to where it breaks if it does. Raises CaptureError."""
    dissection = Dissection()
    result = engine.run(path, dissection, tier=tier)
    origin_ns = result.origin_ns or 0
    exchanges = dissection.exchanges
    streams = (*result.streams.streams(origin_ns), *dissection.wrapped_rtp.streams(origin_ns))
    media = [MediaPath(stream.src, stream.dst, stream.first_s, stream.packets) for stream in streams]
    first_ns, last_ns = result.first_ns or 0, result.last_ns or 0
    found = Findings(
        packets=result.frames,
        udp_datagrams=result.udp_datagrams,
        link_types=result.link_types,
        origin_ns=result.origin_ns,
        duration_s=round((last_ns - first_ns) / 1e9, 9),
        truncated_at_offset=result.truncated_at_offset,
        tier=result.tier,
        stun=exchanges.stun(origin_ns),
        turn=exchanges.turn(origin_ns),
        stun_tcp=exchanges.stun_tcp(origin_ns),
        turn_tcp=exchanges.turn_tcp(origin_ns),
        transactions=exchanges.transactions(origin_ns),
        ice=exchanges.ice(origin_ns, media),
        relays=exchanges.relays(origin_ns),
        reflector=exchanges.reflector(origin_ns),
        relay_pings=exchanges.relay_pings(origin_ns),
        dtls=dissection.dtls.handshakes(origin_ns),
        rtcp=dissection.rtcp.findings(origin_ns),
        rtp=streams,
        flows=tuple(result.flows.stats(origin_ns)),
        clues=dissection.clues.clues(origin_ns),
        quotes=dict(sorted(dissection.quotes.items())),
    )
    return conclude(found)


def conclude(found: Findings) -> Findings:
    """Return findings with what follows from them: who captured, directions, the service, the stages."""
    endpoint = capturing_endpoint(found)
    streams = sorted(
        (replace(stream, direction=direction_of(stream.src, stream.dst, endpoint)) for stream in found.rtp),
        key=lambda stream: stream.first_s,
    )
    found = replace(found, endpoint=endpoint, rtp=tuple(streams))
    found = replace(found, service=guess(found))
    return replace(found, stages=stages(found))
