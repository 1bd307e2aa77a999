"""Which address captured: the host whose own traffic the file holds, so that up and down have a meaning."""

import ipaddress
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings

Direction = Literal["up", "down"]
"""Sent or received by the host that captured."""

MOST_ADDRESSES: Final = 4
"""Addresses that one host may have in a capture: both families, before and after a change of network."""
COVERED_SHARE: Final = 0.9
"""Share of the call's packets in which one of them takes part; with less a mirror port captured."""
_SAME_SHARE: Final = 0.98
"""Hosts that take part in this share of what the busiest one does may all be the one that captured."""
_LEAST_RTT_RATIO: Final = 3.0
"""A far answer takes this many times longer than an own one: the capture lies beside who answers at once."""
_LEAST_RTT_MS: Final = 1.0

_ASKS, _WAITS, _PRIVATE, _TALKS = 2, 3, 2, 1
"""How much counts who asks servers, waits for answers, has a private address, talks to most others."""


_PRIVATE_NETWORKS: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)


class _Evidence(NamedTuple):
    """What tells hosts apart that take part in equally much."""

    asking: frozenset[str]
    """Who asked a server; checks of a path do not count where both ends sent some (RFC 8445)."""
    asked: frozenset[str]
    waits_ms: Mapping[str, float]
    """Median round trip of what each host asked."""
    partners: Mapping[str, int]
    """With how many others each host exchanges datagrams of any kind."""


def capturing_endpoint(findings: "Findings") -> tuple[str, ...]:
    """Return the addresses, without ports, of the host that captured; none if that cannot be told.

    Most often one; two where a call used IPv4 and IPv6 or changed its network.
    """
    pairs = _call_packets(findings)
    everything, covered = pairs.total(), 0
    evidence = _evidence(findings)
    endpoints: list[str] = []
    while pairs and covered < COVERED_SHARE * everything and len(endpoints) < MOST_ADDRESSES:
        winner = _likeliest(pairs, evidence)
        if winner is None:
            break
        endpoints.append(winner)
        covered += sum(count for pair, count in pairs.items() if winner in pair)
        pairs = Counter({pair: count for pair, count in pairs.items() if winner not in pair})
    return tuple(endpoints) if endpoints and covered >= COVERED_SHARE * everything else ()


def direction_of(source: str, destination: str, endpoints: Iterable[str]) -> Direction | None:
    """Return which way ``source`` to ``destination`` (with or without ports) is, if one end is known."""
    own = frozenset(endpoints)
    sent, received = host_of(source) in own, host_of(destination) in own
    if sent == received:
        return None
    return "up" if sent else "down"


def host_of(address: str) -> str:
    """Return the host of ``host:port`` or ``[host]:port``; a host alone is returned as it is."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, _ = address.rpartition(":")
    return host if colon and ":" not in host else address


def is_private(host: str) -> bool:
    """Say whether an address means something only within a network (RFC 1918, 3927, 4193, 4291, 6598)."""
    address = _parsed(host)
    return address is not None and any(address in network for network in _PRIVATE_NETWORKS)


def _call_packets(findings: "Findings") -> Counter[tuple[str, str]]:
    """Return packets by pair of hosts, of the flows in which something of a call was found."""
    of_calls = _call_pairs(findings)
    packets: Counter[tuple[str, str]] = Counter()
    for flow in findings.flows:
        hosts = _pair(host_of(flow.src), host_of(flow.dst))
        if hosts in of_calls and hosts[0] != hosts[1] and all(map(_may_capture, hosts)):
            packets[hosts] += flow.packets
    return packets


def _call_pairs(findings: "Findings") -> set[tuple[str, str]]:
    ends: list[tuple[str, str]] = [(stream.src, stream.dst) for stream in findings.rtp]
    ends += [(asked.client, asked.server) for asked in findings.transactions]
    ends += [(path.client, path.reflector) for path in findings.reflector.reflectors]
    ends += [(handshake.a, handshake.b) for handshake in findings.dtls]
    ends += [(pair.a, pair.b) for pair in findings.ice]
    return {_pair(host_of(one), host_of(other)) for one, other in ends}


def _evidence(findings: "Findings") -> _Evidence:
    checked = {_pair(pair.a, pair.b) for pair in findings.ice if pair.checks_from_b}
    paths = findings.reflector.reflectors
    plain = [item for item in findings.transactions if _pair(item.client, item.server) not in checked]
    waits_ms: dict[str, list[float]] = {}
    for client, rtt_ms in (
        *((item.client, item.rtt_ms) for item in findings.transactions),
        *((path.client, path.rtt_ms.median) for path in paths),
    ):
        if rtt_ms is not None:
            waits_ms.setdefault(host_of(client), []).append(rtt_ms)
    pairs = {_pair(host_of(flow.src), host_of(flow.dst)) for flow in findings.flows}
    return _Evidence(
        asking=frozenset(map(host_of, (*(item.client for item in plain), *(path.client for path in paths)))),
        asked=frozenset(
            map(host_of, (*(item.server for item in plain), *(path.reflector for path in paths)))
        ),
        waits_ms={host: statistics.median(waits) for host, waits in waits_ms.items()},
        partners=Counter(host for one, other in pairs if one != other for host in (one, other)),
    )


def _likeliest(pairs: Mapping[tuple[str, str], int], evidence: _Evidence) -> str | None:
    """Return the host that takes part in most packets; of several such ones, the one that evidence favours.

    None when evidence favours nobody, and for a server, which sees calls of others.
    """
    busy: Counter[str] = Counter()
    for hosts, packets in pairs.items():
        for host in hosts:
            busy[host] += packets
    most = max(busy.values())
    candidates = sorted(host for host, packets in busy.items() if packets >= _SAME_SHARE * most)
    if len(candidates) > MOST_ADDRESSES:
        return None
    if len(candidates) == 1:
        (host,) = candidates
        return None if host in evidence.asked and host not in evidence.asking else host
    votes = _votes(candidates, evidence)
    best = max(votes.values(), default=0)
    winners = [host for host in candidates if votes[host] == best]
    return winners[0] if best and len(winners) == 1 else None


def _votes(candidates: list[str], evidence: _Evidence) -> Counter[str]:
    asking = [host for host in candidates if host in evidence.asking]
    most_partners = max(evidence.partners.get(host, 0) for host in candidates)
    votes: Counter[str] = Counter()
    for weight, favoured in (
        (_PRIVATE, [host for host in candidates if is_private(host)]),
        (_ASKS, [host for host in asking if host not in evidence.asked]),
        (_WAITS, [host for host in candidates if _waits_longest(host, candidates, evidence.waits_ms)]),
        (_TALKS, [host for host in candidates if evidence.partners.get(host, 0) == most_partners]),
    ):
        if len(favoured) == 1:
            votes[favoured[0]] += weight
    return votes


def _waits_longest(host: str, candidates: Iterable[str], waits_ms: Mapping[str, float]) -> bool:
    """Say whether others answer to what this host answered at once: the capture lies beside this host."""
    others_ms = [waits_ms[other] for other in candidates if other != host and other in waits_ms]
    own_ms = waits_ms.get(host, 0.0)
    return bool(others_ms) and own_ms >= max(_LEAST_RTT_MS, _LEAST_RTT_RATIO * max(others_ms))


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def _may_capture(host: str) -> bool:
    address = _parsed(host)
    return address is None or not (address.is_multicast or address.is_unspecified)


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
