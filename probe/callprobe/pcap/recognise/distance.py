"""How a capture differs from the dialect that comes nearest, feature by feature, so that ageing is noticed.

What a dialect looks like is not written down here: it is run, and what it emits goes through the collectors
that read captures.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from callprobe.dialect import registry
from callprobe.dialect.contract import CallMedium, Dialect, Direction, FlowKeys
from callprobe.pcap.collect.ice import IcePair
from callprobe.pcap.collect.reflector import ReflectorCounts
from callprobe.pcap.collect.relay import RelayPings
from callprobe.pcap.collect.transactions import StunCounts, StunTransaction
from callprobe.pcap.dissect import Dissection
from callprobe.pcap.packets import Address, UdpDatagram
from callprobe.pcap.recognise.clues import Clues
from callprobe.pcap.recognise.distance_features import FEATURES, Traits, Values
from callprobe.pcap.streams.rtp_streams import RtpStream, StreamTable, is_plain_rtp

if TYPE_CHECKING:
    from callprobe.pcap.dissect import Findings

MIN_COMPARED: Final = 4
"""Features that both must have before a capture of an unknown service is compared at all."""
MIN_RATIO: Final = 0.5

_MEDIA_S: Final[dict[CallMedium, float]] = {"voice": 12.0, "video": 3.0}
_CALL_NS: Final = 31_000_000_000
_ANSWER_NS: Final = 20_000_000
_COPY_NS: Final = 500_000
_SERVER: Final = ("192.0.2.20", 3478)
_UTC_MS: Final = 1_700_000_000_000


class FeatureDistance(Struct, frozen=True, kw_only=True):
    """One feature of both."""

    name: str
    dialect_value: str | None
    """Null where the dialect has no such thing."""
    capture_value: str | None
    """Null where the capture has none."""
    matches: bool | None
    """The capture has all that the dialect has; null where one of them says nothing."""


class Distance(Struct, frozen=True, kw_only=True):
    """The nearest dialect, and how near it is."""

    dialect: str
    version: str
    capture_date: str | None
    """ISO date of the capture that the dialect follows."""
    features: tuple[FeatureDistance, ...]
    compared: int
    """Features that both have."""
    matching: int
    """Of these, the ones that match."""
    matching_ratio: float


class DialectTraits(NamedTuple):
    """What the collectors make of a dialect."""

    stun: StunCounts
    transactions: tuple[StunTransaction, ...]
    ice: tuple[IcePair, ...]
    reflector: ReflectorCounts
    relay_pings: RelayPings
    rtp: tuple[RtpStream, ...]
    clues: Clues


def nearest(findings: "Findings") -> Distance | None:
    """Return the distance to the service's own dialect, else to the nearest; None where there is no call."""
    if findings.service.is_call is False:
        return None
    own = [name for name in registry.LOOKS if findings.service.name == name.partition("-")[0]]
    found = [distance_to(findings, name) for name in own or registry.LOOKS]
    best = max(found, key=lambda distance: (distance.matching_ratio, distance.compared))
    return best if _is_near(best) or (own and best.compared) else None


def _is_near(distance: Distance) -> bool:
    """Say whether a capture of an unknown service is like a dialect, and in more than its media."""
    signalling = any(
        feature.matches and not feature.name.startswith(("voice", "video")) for feature in distance.features
    )
    return signalling and distance.compared >= MIN_COMPARED and distance.matching_ratio >= MIN_RATIO


def distance_to(capture: Traits, dialect: str) -> Distance:
    """Return how a capture differs from a dialect; features that neither has are left out."""
    look, ours = registry.find(dialect), traits_of(dialect)
    features = tuple(
        FeatureDistance(
            name=feature.name,
            dialect_value=_text(own),
            capture_value=_text(other),
            matches=feature.matches(own, other),
        )
        for feature in FEATURES
        if (own := feature.values(ours)) + (other := feature.values(capture))
    )
    compared = sum(feature.matches is not None for feature in features)
    matching = sum(feature.matches is True for feature in features)
    return Distance(
        dialect=look.name,
        version=look.version,
        capture_date=look.capture_date,
        features=features,
        compared=compared,
        matching=matching,
        matching_ratio=round(matching / compared, 3) if compared else 0.0,
    )


def _text(values: Values) -> str | None:
    return ", ".join(values) or None


class _Sent(NamedTuple):
    """A packet on its way, either way."""

    epoch_ns: int
    direction: Direction
    client_port: int
    payload: bytes


@lru_cache(maxsize=8)
def traits_of(dialect: str) -> DialectTraits:
    """Return what the collectors make of a voice call, a video call and a call that nobody answers."""
    look = registry.find(dialect)
    sent = [
        *_call(look, "voice", 40001),
        *_call(look, "video", 40002),
        *_unanswered(look, 40003),
    ]
    dissection, plain = Dissection(), StreamTable()
    for packet in sorted(sent, key=lambda packet: packet.epoch_ns):
        datagram = _datagram(packet)
        if is_plain_rtp(packet.payload):
            plain.add(datagram, packet.payload, "plain")
        else:
            dissection.datagram(datagram)
    exchanges = dissection.exchanges
    return DialectTraits(
        stun=exchanges.stun(0),
        transactions=tuple(exchanges.transactions(0)),
        ice=tuple(exchanges.ice(0)),
        reflector=exchanges.reflector(0),
        relay_pings=exchanges.relay_pings(0),
        rtp=(*plain.streams(0), *dissection.wrapped_rtp.streams(0)),
        clues=dissection.clues.clues(0),
    )


def _datagram(packet: _Sent) -> UdpDatagram:
    client: Address = ("192.0.2.10", packet.client_port)
    source, destination = (client, _SERVER) if packet.direction == "up" else (_SERVER, client)
    return UdpDatagram(0, packet.epoch_ns, source, destination, packet.payload, len(packet.payload))


def _keys(port: int) -> FlowKeys:
    return FlowKeys(port.to_bytes(32, "big"))


def _call(look: Dialect, medium: CallMedium, port: int) -> list[_Sent]:
    keys = _keys(port)
    sent = [item for data in _controls(look, keys) for item in _asked(look, keys, port, *data)]
    for slot in look.schedule(medium, _MEDIA_S[medium], 1):
        for direction in _DIRECTIONS:
            payload = look.media(keys, direction, slot)
            sent.append(_Sent(_ANSWER_NS + slot.offset_ns, direction, port, payload))
    return sent


_DIRECTIONS: Final[tuple[Direction, ...]] = ("up", "down")


def _controls(look: Dialect, keys: FlowKeys) -> list[tuple[int, bytes]]:
    """Return what the caller sends beside media, and when."""
    sent = [(index * _COPY_NS, data) for index, data in enumerate(look.requests(keys, 0))]
    if look.keepalive_first_ns is not None:
        at_ns, index = _ANSWER_NS + look.keepalive_first_ns, 0
        while at_ns < _CALL_NS:
            sent += [(at_ns, data) for data in look.keepalive(keys, index)]
            if look.keepalive_ns is None:
                break
            at_ns, index = at_ns + look.keepalive_ns, index + 1
    return sent + [(_CALL_NS, data) for data in look.farewell(keys)]


def _asked(look: Dialect, keys: FlowKeys, port: int, at_ns: int, data: bytes) -> list[_Sent]:
    answers = look.answers(keys, _UTC_MS, ("192.0.2.10", port), data)
    return [
        _Sent(at_ns, "up", port, data),
        *(_Sent(at_ns + _ANSWER_NS, "down", port, answer) for answer in answers),
    ]


def _unanswered(look: Dialect, port: int) -> list[_Sent]:
    keys = _keys(port)
    return [
        _Sent(at_ns + index * _COPY_NS, "up", port, data)
        for attempt, at_ns in enumerate(look.setup.retry_ns)
        for index, data in enumerate(look.requests(keys, attempt))
    ]
