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


class _Exchange(NamedTuple):
    client: str
    server: str
    rtt_ms: float | None
    of_peers: bool
    """Both sides send such requests to each other (RFC 8445), so asking says nothing."""


def capturing_endpoint(findings: "Findings") -> tuple[str, ...]:
    """Return the addresses, without ports, of the host that captured; none if that cannot be told.

    Most often one; two where a call used IPv4 and IPv6 or changed its network.
    """
    pairs = _call_packets(findings)
    exchanges = list(_exchanges(findings))
    partners = _partners(findings)
    everything, covered = pairs.total(), 0
    endpoints: list[str] = []
    while pairs and covered < COVERED_SHARE * everything and len(endpoints) < MOST_ADDRESSES:
        winner = _likeliest(pairs, exchanges, partners)
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


def _partners(findings: "Findings") -> Counter[str]:
    """Return with how many others each host exchanges datagrams of any kind."""
    pairs = {_pair(host_of(flow.src), host_of(flow.dst)) for flow in findings.flows}
    return Counter(host for one, other in pairs if one != other for host in (one, other))


def _exchanges(findings: "Findings") -> Iterable[_Exchange]:
    checked = {_pair(pair.a, pair.b) for pair in findings.ice if pair.checks_from_b}
    for asked in findings.transactions:
        yield _Exchange(
            client=host_of(asked.client),
            server=host_of(asked.server),
            rtt_ms=asked.rtt_ms,
            of_peers=_pair(asked.client, asked.server) in checked,
        )
    for path in findings.reflector.reflectors:
        yield _Exchange(host_of(path.client), host_of(path.reflector), path.rtt_ms.median, of_peers=False)


def _likeliest(
    pairs: Mapping[tuple[str, str], int], exchanges: list[_Exchange], partners: Mapping[str, int]
) -> str | None:
    """Return the host that takes part in most packets; of several such ones, the one that evidence favours.

    None when evidence favours nobody, and for a server, which sees calls of others.
    """
    busy: Counter[str] = Counter()
    for hosts, packets in pairs.items():
        for host in set(hosts):
            busy[host] += packets
    most = max(busy.values())
    candidates = sorted(host for host, packets in busy.items() if packets >= _SAME_SHARE * most)
    if len(candidates) == 1:
        return None if _serves(candidates[0], exchanges) else candidates[0]
    votes = _votes(candidates, exchanges)
    most_partners = max(partners[host] for host in candidates)
    talkative = [host for host in candidates if partners[host] == most_partners]
    for host in talkative[: len(talkative) == 1]:
        votes[host] += _TALKS
    best = max(votes.values())
    winners = [host for host in candidates if votes[host] == best]
    return winners[0] if len(winners) == 1 and best > 0 else None


def _votes(candidates: list[str], exchanges: list[_Exchange]) -> dict[str, int]:
    private = [host for host in candidates if is_private(host)]
    asking = {asked.client for asked in exchanges if not asked.of_peers} & set(candidates)
    asked_of = {asked.server for asked in exchanges if not asked.of_peers}
    waits_ms = {host: _median_wait_ms(host, exchanges) for host in candidates}
    return {
        host: (
            (_PRIVATE if private == [host] else 0)
            + (_ASKS if asking == {host} and host not in asked_of else 0)
            + (_WAITS if _waits_longest(host, waits_ms) else 0)
        )
        for host in candidates
    }


def _serves(host: str, exchanges: Iterable[_Exchange]) -> bool:
    """Say whether a host is asked as servers are, and asks nothing itself."""
    plain = [asked for asked in exchanges if not asked.of_peers]
    return any(asked.server == host for asked in plain) and all(asked.client != host for asked in plain)


def _median_wait_ms(host: str, exchanges: Iterable[_Exchange]) -> float | None:
    waits = [asked.rtt_ms for asked in exchanges if asked.client == host and asked.rtt_ms is not None]
    return statistics.median(waits) if waits else None


def _waits_longest(host: str, waits_ms: Mapping[str, float | None]) -> bool:
    """Say whether others answer to what this host answered at once: the capture lies beside this host."""
    own_ms = waits_ms[host]
    others_ms = [wait for other, wait in waits_ms.items() if other != host and wait is not None]
    if own_ms is None or not others_ms:
        return False
    return own_ms >= _LEAST_RTT_MS and own_ms >= _LEAST_RTT_RATIO * max(others_ms)


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
