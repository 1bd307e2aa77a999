"""What a capture tells of a call: figures that anybody can check, and a story that a person understands.

``Analysis`` is what ``callprobe pcap analyze --json`` prints; its keys are a contract and are only added to.
"""

from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from callprobe.pcap.collect.dtls import DtlsHandshake
from callprobe.pcap.collect.ice import IcePair
from callprobe.pcap.collect.reflector import ReflectorCounts
from callprobe.pcap.collect.relay import Relay, RelayPings
from callprobe.pcap.collect.rtcp import Rtcp
from callprobe.pcap.collect.transactions import StunCounts
from callprobe.pcap.collect.turn import TurnCounts
from callprobe.pcap.dissect import Findings, dissect
from callprobe.pcap.engine import Tier
from callprobe.pcap.recognise.clues import Clues
from callprobe.pcap.recognise.distance import Distance, nearest
from callprobe.pcap.recognise.service import Service
from callprobe.pcap.streams.flows import FlowStats
from callprobe.pcap.streams.rtp_streams import RtpStream
from callprobe.pcap.tell.calls import Call, calls
from callprobe.pcap.tell.stages import CaptureStage
from callprobe.pcap.tell.story import story


class CallSpan(Struct, frozen=True, kw_only=True):
    """One call of a capture, or what the capture holds of it."""

    start_s: float
    end_s: float
    """Last thing of the call that was seen."""
    ended_s: float | None
    """When its end was said aloud; null where it was not."""
    ended_by: str | None
    """``relay_end``, ``turn_release``, ``rtcp_bye``, ``dtls_close`` or ``sip_bye``."""


class Analysis(Struct, frozen=True, kw_only=True):
    """The analysis of one file; times in seconds from its first packet."""

    file: str
    """Its name without folders."""
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
    endpoint: tuple[str, ...]
    """Addresses of the host that captured, as far as it can be told."""
    stun: StunCounts
    """STUN over UDP."""
    turn: TurnCounts
    """TURN over UDP."""
    stun_tcp: StunCounts
    turn_tcp: TurnCounts
    ice: tuple[IcePair, ...]
    dtls: tuple[DtlsHandshake, ...]
    rtp: tuple[RtpStream, ...]
    rtcp: Rtcp
    reflector: ReflectorCounts
    relay_pings: RelayPings
    relays: tuple[Relay, ...]
    flows: tuple[FlowStats, ...]
    clues: Clues
    icmp_quotes: dict[str, int]
    """UDP datagrams quoted by ICMP errors, by ``v4 3/3`` (version, type, code)."""
    calls: tuple[CallSpan, ...]
    """What lies far apart, or was ended before, is another call; stages name theirs by its place here."""
    stages: tuple[CaptureStage, ...]
    distance: Distance | None
    """How the capture differs from the nearest dialect; null when none comes near."""
    story: tuple[str, ...]


def analyze(path: Path, *, tier: Tier | None = None) -> Analysis:
    """Return the analysis of a capture, up to where it breaks if it does. Raises CaptureError."""
    return analysis_of(dissect(path, tier=tier), path.name)


def analysis_of(found: Findings, name: str) -> Analysis:
    """Return the analysis that follows from what was found in the file of that name."""
    return Analysis(
        file=name,
        packets=found.packets,
        udp_datagrams=found.udp_datagrams,
        link_types=found.link_types,
        first_packet_time=None if found.origin_ns is None else _utc_text(found.origin_ns),
        duration_s=found.duration_s,
        truncated_at_offset=found.truncated_at_offset,
        service=found.service,
        endpoint=found.endpoint,
        stun=found.stun,
        turn=found.turn,
        stun_tcp=found.stun_tcp,
        turn_tcp=found.turn_tcp,
        ice=found.ice,
        dtls=found.dtls,
        rtp=found.rtp,
        rtcp=found.rtcp,
        reflector=found.reflector,
        relay_pings=found.relay_pings,
        relays=found.relays,
        flows=found.flows,
        clues=found.clues,
        icmp_quotes=found.quotes,
        calls=tuple(map(_span, calls(found))),
        stages=found.stages,
        distance=nearest(found),
        story=story(found),
    )


def _span(call: Call) -> CallSpan:
    end = call.ends[0] if call.ends else None
    return CallSpan(
        start_s=round(call.start_s, 6),
        end_s=round(call.end_s, 6),
        ended_s=None if end is None else round(end.at_s, 6),
        ended_by=None if end is None else end.kind,
    )


def _utc_text(epoch_ns: int) -> str:
    """Return a time as text; one that no calendar reaches as its plain number of seconds."""
    seconds, nanoseconds = divmod(epoch_ns, 1_000_000_000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
    except (OverflowError, ValueError, OSError):
        return f"{seconds}.{nanoseconds:09d} s after 1970"
