"""Findings made by hand: every field has a neutral value, and a test says only what it is about."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from callprobe.pcap.analyze import Analysis
from callprobe.pcap.collect.dtls import DtlsHandshake
from callprobe.pcap.collect.ice import IcePair
from callprobe.pcap.collect.reflector import ReflectorPath
from callprobe.pcap.collect.relay import Relay
from callprobe.pcap.collect.transactions import StunTransaction
from callprobe.pcap.collect.turn import TurnServer
from callprobe.pcap.dissect import Findings, conclude
from callprobe.pcap.recognise.clues import Clues, SipDialogs
from callprobe.pcap.recognise.service import Service
from callprobe.pcap.streams.flows import FlowStats
from callprobe.pcap.streams.rtp_streams import RtpStream, StreamSecond

OWN, RELAY, FAR = "192.168.0.2:50000", "203.0.113.7:3478", "198.51.100.9:3478"
ORIGIN_NS = 1_700_000_000_000_000_000

_T = TypeVar("_T", bound=msgspec.Struct)
_LARGEST_S = 2e19
"""Seconds that a time stamp of 64 bits can hold."""


def blank(kind: type[_T], /, **changes: Any) -> _T:
    """Return a record of a kind whose fields are zero, empty or null, but for the changes."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    fields = {field.name: _neutral(field.type) for field in info.fields if field.required}
    return kind(**{**fields, **changes})


def hostile(kind: type[_T]) -> st.SearchStrategy[_T]:
    """Return records of a kind with anything in their fields that the types allow."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return st.builds(kind, **{field.name: _anything(field.type) for field in info.fields})


def findings(**changes: Any) -> Findings:
    """Return findings and what follows from them: who captured, stages; the service unless it is given."""
    bare = blank(Findings, origin_ns=ORIGIN_NS, packets=1000, duration_s=60.0, **changes)
    concluded = conclude(bare)
    return msgspec.structs.replace(
        concluded, **{"service": changes["service"]} if "service" in changes else {}
    )


def service(name: str | None, *, is_call: bool | None = True) -> Service:
    """Return a guess."""
    return Service(name=name, confidence=None if name is None else 0.9, is_call=is_call)


def flow(
    src: str, dst: str, first_s: float = 0.0, last_s: float = 10.0, packets: int = 100, **changes: Any
) -> FlowStats:
    """Return one direction of a flow."""
    given = {"first_s": first_s, "last_s": last_s, "packets": packets, "bytes": 60 * packets, **changes}
    return blank(FlowStats, src=src, dst=dst, **given)


def both_ways(one: str, other: str, first_s: float = 0.0, last_s: float = 10.0) -> tuple[FlowStats, ...]:
    """Return a flow there and back."""
    return flow(one, other, first_s, last_s), flow(other, one, first_s, last_s)


def stream(src: str, dst: str, first_s: float, last_s: float, **changes: Any) -> RtpStream:
    """Return a stream of 50 packets in each second."""
    seconds = tuple(
        StreamSecond(second=second, received=50, lost=0, jitter_ms=2.0)
        for second in range(int(first_s), int(last_s) + 1)
    )
    packets = 50 * len(seconds)
    return blank(
        RtpStream,
        **{
            "src": src,
            "dst": dst,
            "ssrc": "0x00000001",
            "encapsulation": "plain",
            "payload_types": {111: packets},
            "packets": packets,
            "unique": packets,
            "expected": packets,
            "segments": 1,
            "first_s": first_s,
            "last_s": last_s,
            "max_gap_ms": 20.0,
            "second_row_s": 1,
            "seconds": seconds,
            **changes,
        },
    )


def transaction(
    client: str, server: str, first_s: float, rtt_ms: float | None, **changes: Any
) -> StunTransaction:
    """Return a Binding transaction, unanswered without a round trip."""
    answered_s = None if rtt_ms is None else first_s + rtt_ms / 1000
    return blank(
        StunTransaction,
        **{
            "kind": "0x0001",
            "client": client,
            "server": server,
            "first_s": first_s,
            "last_request_s": first_s,
            "requests": 1,
            "answered_s": answered_s,
            "rtt_ms": rtt_ms,
            **changes,
        },
    )


def relay(first_s: float = 0.0, server: str = RELAY, client: str = OWN, **changes: Any) -> Relay:
    """Return a relay that was asked twice for an allocation and did not answer."""
    return blank(Relay, client=client, relay=server, first_s=first_s, **{"allocations": 2, **changes})


def reflector(first_s: float = 0.0, server: str = FAR, client: str = OWN, **changes: Any) -> ReflectorPath:
    """Return a reflector that was pinged for ten seconds and did not answer."""
    given = {"pings": 21, "last_s": first_s + 10, "interval_ms": 500.0, **changes}
    return blank(ReflectorPath, client=client, reflector=server, first_s=first_s, **given)


def turn_server(first_s: float = 0.0, server: str = RELAY, **changes: Any) -> TurnServer:
    """Return a TURN server that was asked once and did not answer."""
    given = {"allocate_requests": 1, "transport": "udp", **changes}
    return blank(TurnServer, client=OWN, server=server, first_s=first_s, **given)


def path(a: str, b: str, first_s: float = 0.0, **changes: Any) -> IcePair:
    """Return a path that was checked five times and did not answer."""
    given = {"checks": 5, "requests": 5, "last_s": first_s + 2, "encapsulation": "plain", **changes}
    return blank(IcePair, a=a, b=b, first_s=first_s, **given)


def handshake(state: str, first_s: float = 0.0, **changes: Any) -> DtlsHandshake:
    """Return a handshake of one ClientHello."""
    given = {"client_hello_s": first_s, "last_s": first_s + 1, "client_hellos": 1, **changes}
    return blank(DtlsHandshake, a=OWN, b=RELAY, state=state, first_s=first_s, **given)


def sip(**changes: Any) -> Clues:
    """Return clues of SIP."""
    return blank(Clues, sip=blank(SipDialogs, **changes))


def analysis(found: Findings, **changes: Any) -> Analysis:
    """Return the analysis of findings, without a distance and as quick as can be."""
    from callprobe.pcap.tell.story import story

    shared = {name: getattr(found, name) for name in Analysis.__struct_fields__ if hasattr(found, name)}
    own = {
        "file": "call.pcap",
        "first_packet_time": "2023-11-14T22:13:20.000000000Z",
        "icmp_quotes": found.quotes,
        "distance": None,
        "story": story(found),
    }
    return Analysis(**{**shared, **own, "calls": (), **changes})


def _neutral(kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.StructType):
        return blank(kind.cls)
    if isinstance(kind, inspect.UnionType):
        return (
            None if any(isinstance(one, inspect.NoneType) for one in kind.types) else _neutral(kind.types[0])
        )
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    simple = {inspect.IntType: 0, inspect.FloatType: 0.0, inspect.StrType: "", inspect.BoolType: False}
    return {**simple, inspect.VarTupleType: (), inspect.DictType: {}, inspect.NoneType: None}[type(kind)]


def _anything(kind: Any) -> st.SearchStrategy[Any]:
    made = _COMPOUND.get(type(kind))
    return _SIMPLE[type(kind)] if made is None else made(kind)


_COMPOUND: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.StructType: lambda kind: hostile(kind.cls),
    inspect.UnionType: lambda kind: st.one_of(*map(_anything, kind.types)),
    inspect.LiteralType: lambda kind: st.sampled_from(sorted(kind.values)),
    inspect.EnumType: lambda kind: st.sampled_from(list(kind.cls)),
    inspect.VarTupleType: lambda kind: st.lists(_anything(kind.item_type), max_size=3).map(tuple),
    inspect.TupleType: lambda kind: st.tuples(*map(_anything, kind.item_types)),
    inspect.DictType: lambda kind: st.dictionaries(
        _anything(kind.key_type), _anything(kind.value_type), max_size=2
    ),
}
_ADDRESSES = st.sampled_from(
    (OWN, RELAY, FAR, "[2001:db8::1]:443", "192.168.0.2", "<script>", "", "\x1b[31m")
)
_MOMENTS = st.floats(-10, 200) | st.floats(-_LARGEST_S, _LARGEST_S)
_SIMPLE: dict[type, st.SearchStrategy[Any]] = {
    inspect.IntType: st.integers(0, 100) | st.integers(-(2**40), 2**64),
    inspect.FloatType: _MOMENTS,
    inspect.StrType: _ADDRESSES | st.text(max_size=20),
    inspect.BoolType: st.booleans(),
    inspect.NoneType: st.none(),
}
