"""What a capture tells of a call: counts that anybody can check, and a story that a person understands.

Not computed yet, and therefore null: the service guess, ``dtls``, ``rtcp``, ``stages``, and of each RTP
stream MOS and bursts.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from callprobe.pcap.exchanges import (
    ExchangeCollector,
    ReflectorCounts,
    RelayPings,
    StunCounts,
    TurnCounts,
)
from callprobe.pcap.read import CaptureFile, link_type_name, udp_datagram
from callprobe.pcap.rtp_streams import RtpStream, StreamCollector


class Service(Struct, frozen=True, kw_only=True):
    """Which service the call belongs to; not guessed yet."""

    name: str | None = None
    confidence: float | None = None
    evidence: tuple[str, ...] = ()


class Analysis(Struct, frozen=True, kw_only=True):
    """The analysis of one file."""

    file: str
    packets: int
    """Frames of any kind."""
    udp_datagrams: int
    link_types: dict[str, int]
    """Frames by link type."""
    first_packet_time: str | None
    """UTC, ISO 8601; null in an empty capture."""
    duration_s: float
    """From the earliest to the latest frame."""
    truncated_at_offset: int | None
    """Byte offset, in the unpacked file, of the first record that is not whole."""
    service: Service
    stun: StunCounts
    turn: TurnCounts
    dtls: None = None
    rtp: tuple[RtpStream, ...]
    rtcp: None = None
    reflector: ReflectorCounts
    relay_pings: RelayPings
    stages: None = None
    story: tuple[str, ...]


def analyze(path: Path) -> Analysis:
    """Return the analysis of a capture, up to where it breaks if it does. Raises CaptureError."""
    capture = CaptureFile(path)
    exchanges, streams = ExchangeCollector(), StreamCollector()
    link_types: Counter[str] = Counter()
    times_ns: list[int] = []
    udp_datagrams = 0
    for frame in capture:
        link_types[link_type_name(frame.link_type)] += 1
        times_ns.append(frame.epoch_ns)
        datagram = udp_datagram(frame)
        if datagram is not None:
            udp_datagrams += 1
            exchanges.add(datagram)
            streams.add(datagram)
    rtp = tuple(streams.streams())
    duration_s = (max(times_ns) - min(times_ns)) / 1e9 if times_ns else 0.0
    return Analysis(
        file=path.name,
        packets=len(times_ns),
        udp_datagrams=udp_datagrams,
        link_types=dict(link_types),
        first_packet_time=_utc_text(times_ns[0]) if times_ns else None,
        duration_s=round(duration_s, 9),
        truncated_at_offset=capture.truncated_at_offset,
        service=Service(),
        stun=exchanges.stun,
        turn=exchanges.turn,
        rtp=rtp,
        reflector=exchanges.reflector,
        relay_pings=exchanges.relay_pings,
        story=tuple(_story(len(times_ns), duration_s, capture.truncated_at_offset, exchanges, rtp)),
    )


def _story(
    packets: int,
    duration_s: float,
    truncated_at_offset: int | None,
    exchanges: ExchangeCollector,
    rtp: tuple[RtpStream, ...],
) -> list[str]:
    lines = [f"{packets} packets in {duration_s:.1f} s."]
    if truncated_at_offset is not None:
        lines.append(f"The file breaks at byte {truncated_at_offset}; what comes after is not counted.")
    stun, reflector, relay = exchanges.stun, exchanges.reflector, exchanges.relay_pings
    if stun.transactions:
        lines.append(f"{stun.transactions} STUN requests, {_of(stun.answered, stun.transactions)}.")
    if reflector.pings:
        lines.append(f"{reflector.pings} reflector pings, {_of(reflector.answers, reflector.pings)}.")
    if relay.requests:
        median = f" after {relay.rtt_ms.median:.1f} ms (median)" if relay.rtt_ms.median is not None else ""
        lines.append(f"{relay.requests} relay pings, {_of(relay.answers, relay.requests)}{median}.")
    return lines + [_stream_line(stream) for stream in rtp]


def _of(answered: int, asked: int) -> str:
    if not answered:
        return "never answered"
    return "all answered" if answered >= asked else f"{answered} answered"


def _stream_line(stream: RtpStream) -> str:
    types = ", ".join(map(str, stream.payload_types))
    jitter = f", jitter {stream.jitter_ms.mean:.1f} ms" if stream.jitter_ms else ""
    return (
        f"Media {stream.src} to {stream.dst} (payload type {types}): {stream.expected} packets expected, "
        f"{stream.lost} lost ({stream.loss_ratio:.1%}), longest gap {stream.max_gap_ms:.0f} ms{jitter}."
    )


def _utc_text(epoch_ns: int) -> str:
    seconds, nanoseconds = divmod(epoch_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
