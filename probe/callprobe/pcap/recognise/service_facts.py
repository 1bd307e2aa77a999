"""What the rules of the service guess ask of the findings, each question a small function."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callprobe.pcap.collect.dtls import DtlsHandshake
    from callprobe.pcap.collect.ice import IcePair
    from callprobe.pcap.collect.transactions import StunCounts
    from callprobe.pcap.dissect import Findings
    from callprobe.pcap.recognise.clues import MarkCount
    from callprobe.pcap.streams.rtp_streams import RtpStream

Network = IPv4Network | IPv6Network
STATIC_AUDIO_TYPES: Final = frozenset({0, 3, 4, 8, 9, 15, 18})
"""Payload types that name an audio codec without signalling (RFC 3551 section 6)."""


MOST_FLOWS: Final = 4096
"""So many are looked at one by one; a scan of the whole Internet is no call."""


def types(findings: "Findings", *kinds: str) -> int:
    """Return how many STUN messages are of these types, over UDP and TCP."""
    return sum(counts.by_type.get(kind, 0) for counts in _stuns(findings) for kind in kinds)


def attributes(findings: "Findings", *kinds: str) -> int:
    """Return how often these STUN attributes occur."""
    return sum(counts.attributes.get(kind, 0) for counts in _stuns(findings) for kind in kinds)


def different_attributes(findings: "Findings", *kinds: str) -> int:
    """Return how many of these STUN attributes occur at all."""
    return sum(attributes(findings, kind) > 0 for kind in kinds)


def realms(findings: "Findings", *ends: str) -> int:
    """Return how many STUN messages name a realm that ends so."""
    return _texts((counts.realms for counts in _stuns(findings)), lambda text: text.endswith(ends))


def realms_with(findings: "Findings", part: str) -> int:
    """Return how many STUN messages name a realm that holds ``part``."""
    return _texts((counts.realms for counts in _stuns(findings)), lambda text: part in text)


def software(findings: "Findings", name: str) -> int:
    """Return how many STUN messages name exactly this software."""
    return sum(counts.software.get(name, 0) for counts in _stuns(findings))


def usernames(findings: "Findings", shape: str) -> int:
    """Return how many STUN messages have a USERNAME of parts so long, ``4:4``."""
    return sum(counts.username_shapes.get(shape, 0) for counts in _stuns(findings))


def _stuns(findings: "Findings") -> "tuple[StunCounts, StunCounts]":
    return findings.stun, findings.stun_tcp


def _texts(texts: Iterable[dict[str, int]], fits: Callable[[str], bool]) -> int:
    return sum(count for counts in texts for text, count in counts.items() if fits(text.lower()))


def mark(findings: "Findings", *kinds: str) -> int:
    """Return how many datagrams (or segments) bear these marks."""
    return sum(found.datagrams for found in findings.clues.marks if found.kind in kinds)


def in_its_flows(findings: "Findings", found: "MarkCount") -> int:
    """Return how many datagrams the flows of a mark have: QUIC tells what it is at the beginning only."""
    flows = set(found.flows)
    ends = ((flow.packets, flow.src, flow.dst) for flow in findings.flows[:MOST_FLOWS])
    inside = sum(packets for packets, a, b in ends if f"{a} > {b}" in flows or f"{b} > {a}" in flows)
    return max(inside, found.datagrams)


def named(findings: "Findings", owner: str) -> int:
    """Return how often names of this owner's servers occur in DNS, TLS and certificates."""
    return sum(name.count for name in findings.clues.server_names if name.owner == owner)


def flows_at(findings: "Findings", networks: tuple[Network, ...]) -> int:
    """Return how many flows of UDP have an end in these networks."""
    ends = ((flow.src, flow.dst) for flow in findings.flows[:MOST_FLOWS])
    return sum(any(_inside(end, networks) for end in pair) for pair in ends)


def _inside(end: str, networks: tuple[Network, ...]) -> bool:
    try:
        host = ip_address(end.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return any(host in network for network in networks if host.version == network.version)


def flow_packets_at_port(findings: "Findings", *ports: int) -> int:
    """Return how many datagrams went to or from these ports."""
    return sum(flow.packets for flow in findings.flows if {port_of(flow.src), port_of(flow.dst)} & set(ports))


def port_of(end: str) -> int:
    """Return the port of ``host:port``, 0 where there is none."""
    port = end.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def streams(findings: "Findings", fits: Callable[["RtpStream"], bool]) -> int:
    """Return how many RTP streams fit."""
    return sum(map(fits, findings.rtp))


def has_type(stream: "RtpStream", *payload_types: int) -> bool:
    """Say whether most packets of a stream have one of these payload types."""
    common = sum(stream.payload_types.get(payload_type, 0) for payload_type in payload_types)
    return common * 2 > stream.packets


def has_profile(stream: "RtpStream", profile: str) -> bool:
    """Say whether most packets that carry an extension carry this one."""
    profiles = stream.extension_profiles
    return profiles.get(profile, 0) * 2 > max(sum(profiles.values()), 1)


def steps(stream: "RtpStream", clock_rate_hz: int, *ticks: int) -> bool:
    """Say whether a stream has this clock and one of these steps of its time stamps."""
    return stream.clock_rate_hz == clock_rate_hz and stream.timestamp_step_ticks in ticks


def both_ways(findings: "Findings") -> bool:
    """Say whether RTP was seen in both directions of a pair of addresses."""
    ways = {(stream.src, stream.dst) for stream in findings.rtp}
    return any((far, near) in ways for near, far in ways)


def checks(findings: "Findings", fits: Callable[["IcePair"], bool]) -> int:
    """Return how many checks were sent on ICE pairs that fit."""
    return sum(pair.checks for pair in findings.ice if fits(pair))


def srtp_handshakes(findings: "Findings") -> list["DtlsHandshake"]:
    """Return the DTLS handshakes that an answer brought to SRTP keys (RFC 5764)."""
    return [
        handshake
        for handshake in findings.dtls
        if handshake.server_hello_s is not None and handshake.srtp_profile is not None
    ]


def certified(handshakes: Iterable["DtlsHandshake"], *parts: str) -> int:
    """Return how many handshakes show a certificate whose names hold one of these texts, in any case."""
    return sum(
        any(part in name.lower() for name in handshake.certificate_names for part in parts)
        for handshake in handshakes
    )


def turn_sessions(findings: "Findings") -> int:
    """Return how many allocations were granted by TURN servers over UDP and TCP."""
    return findings.turn.allocate_success + findings.turn_tcp.allocate_success


def rtcp_datagrams(findings: "Findings") -> int:
    """Return how many datagrams of RTCP there are."""
    return findings.rtcp.compounds
