"""What of a call's look can be compared: one list of features, asked of captures and of dialects alike."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from callprobe.pcap.collect.ice import IcePair
from callprobe.pcap.collect.reflector import ReflectorCounts
from callprobe.pcap.collect.relay import RelayPings
from callprobe.pcap.collect.transactions import StunCounts, StunTransaction
from callprobe.pcap.recognise.clues import Clues
from callprobe.pcap.streams.rtp_streams import RtpStream

MOST_VALUES: Final = 6
"""The most frequent ones; a capture of many calls has no need of more."""
_AT_ONCE_S: Final = 0.1
_VIDEO_HZ: Final = 90_000
_MIN_CHECKS: Final = 2


class Traits(Protocol):
    """What features are asked of: findings, or what the same collectors made of a dialect."""

    @property
    def stun(self) -> StunCounts: ...
    @property
    def transactions(self) -> tuple[StunTransaction, ...]: ...
    @property
    def ice(self) -> tuple[IcePair, ...]: ...
    @property
    def reflector(self) -> ReflectorCounts: ...
    @property
    def relay_pings(self) -> RelayPings: ...
    @property
    def rtp(self) -> tuple[RtpStream, ...]: ...
    @property
    def clues(self) -> Clues: ...


Values = tuple[str, ...]
"""Most frequent first; empty where there is nothing to compare."""


class Feature(NamedTuple):
    """One thing that a look has or has not."""

    name: str
    values: Callable[[Traits], Values]
    tolerance: float = 0.0
    """Of a single figure: how far off, as a share of the dialect's, still is the same."""

    def matches(self, dialect: Values, capture: Values) -> bool | None:
        """Say whether a capture has all that the dialect has; None where one of them says nothing."""
        if not dialect or not capture:
            return None
        if self.tolerance:
            wanted = float(dialect[0])
            return abs(float(capture[0]) - wanted) <= self.tolerance * wanted
        return set(dialect) <= set(capture)


def _most(values: Iterable[object]) -> Values:
    return tuple(str(value) for value, _ in Counter(values).most_common(MOST_VALUES))


def _figure(value: float | None) -> Values:
    return () if value is None else (f"{value:.4g}",)


def _order(attributes: tuple[str, ...]) -> str:
    return " ".join(attribute.removeprefix("0x") for attribute in attributes) or "none"


def _of_kind(traits: Traits, kind: str) -> list[StunTransaction]:
    """Return the transactions of one type; of Bindings those that check a path."""
    return [asked for asked in traits.transactions if asked.kind == kind and _is_meant(asked)]


def _is_meant(asked: StunTransaction) -> bool:
    return asked.kind != "0x0001" or bool({"0x0006", "0x0008"} & set(asked.attributes))


def _request_features(kind: str, name: str) -> tuple[Feature, ...]:
    """Sizes and attributes of a request and of its answer."""
    return (
        Feature(f"{name}, bytes", lambda of: _most(a.request_size for a in _of_kind(of, kind))),
        Feature(f"{name}, attributes", lambda of: _most(_order(a.attributes) for a in _of_kind(of, kind))),
        Feature(
            f"answer to {name}, bytes",
            lambda of: _most(a.answer_size for a in _of_kind(of, kind) if a.answer_size is not None),
        ),
        Feature(
            f"answer to {name}, attributes",
            lambda of: _most(
                _order(a.answer_attributes) for a in _of_kind(of, kind) if a.answered_s is not None
            ),
        ),
    )


def _allocates_at_once(traits: Traits) -> Values:
    """How many Allocates a relay gets at the very beginning."""
    first_s: dict[tuple[str, str], float] = {}
    bursts: Counter[tuple[str, str]] = Counter()
    for asked in sorted(_of_kind(traits, "0x0003"), key=lambda asked: asked.first_s):
        path = (asked.client, asked.server)
        if asked.first_s - first_s.setdefault(path, asked.first_s) <= _AT_ONCE_S:
            bursts[path] += asked.requests if asked.last_request_s - asked.first_s <= _AT_ONCE_S else 1
    return _most(bursts.values())


def _padded(traits: Traits) -> Values:
    """Whether STUN keeps to multiples of four (RFC 8489 section 14)."""
    if not traits.transactions:
        return ()
    return ("no",) if any(asked.request_size % 4 for asked in traits.transactions) else ("yes",)


def _transaction_ids(traits: Traits) -> Values:
    kinds = Counter(traits.stun.transaction_ids)
    return tuple(kind for kind, count in kinds.most_common(1) if count)


def _call_end_sizes(traits: Traits) -> Values:
    return next((_most(mark.sizes) for mark in traits.clues.marks if mark.kind == "whatsapp-call-end"), ())


def _user_names(traits: Traits) -> Values:
    return _most(asked.username_shape for asked in _of_kind(traits, "0x0001") if asked.username_shape)


def _tie_breaker(traits: Traits) -> Values:
    known = [pair.tie_breaker_zero for pair in traits.ice if pair.tie_breaker_zero is not None]
    return _most("zero" if zero else "random" for zero in known)


def _priority_end(traits: Traits) -> Values:
    known = [pair.priority_ends_00 for pair in traits.ice if pair.priority_ends_00 is not None]
    return _most("00" if zero else "other" for zero in known)


def _consent_gap(traits: Traits) -> Values:
    gaps_s = [pair.longest_answer_gap_s for pair in traits.ice if pair.consent_checks >= _MIN_CHECKS]
    return _figure(max((gap for gap in gaps_s if gap is not None), default=None))


def _query_id(traits: Traits) -> Values:
    constant = traits.reflector.constant_query_id
    return () if constant is None else ("constant" if constant else "random",)


def _ping_interval(traits: Traits) -> Values:
    """Return the shortest of the paths' intervals: on some, pings were answered and became rare."""
    paths = traits.reflector.reflectors
    return _figure(min((path.interval_ms for path in paths if path.interval_ms is not None), default=None))


def _reflected(traits: Traits) -> Values:
    reflector = traits.clues.reflector
    framed = ("frames",) if reflector.framed else ()
    return (*framed, "tags") if reflector.tagged or reflector.headed else framed


def _is_video(stream: RtpStream) -> bool:
    return stream.kind == "video" if stream.kind else stream.clock_rate_hz == _VIDEO_HZ


def _streams(traits: Traits, medium: str) -> list[RtpStream]:
    return [stream for stream in traits.rtp if _is_video(stream) == (medium == "video")]


def _common_type(stream: RtpStream) -> int:
    return max(stream.payload_types, key=stream.payload_types.__getitem__)


def _profile(stream: RtpStream) -> str:
    profiles = stream.extension_profiles
    return max(profiles, key=profiles.__getitem__) if profiles else "none"


def _first_sequence(stream: RtpStream) -> str:
    return "1" if stream.first_header[4:8] == "0001" else "other"


def _smallest(traits: Traits, medium: str) -> Values:
    return _figure(min((float(stream.size_min) for stream in _streams(traits, medium)), default=None))


def _media_features(medium: str) -> tuple[Feature, ...]:
    def each(ask: Callable[[RtpStream], object]) -> Callable[[Traits], Values]:
        return lambda of: _most(value for s in _streams(of, medium) if (value := ask(s)) is not None)

    return (
        Feature(f"{medium}, carried in", each(lambda stream: stream.encapsulation)),
        Feature(f"{medium}, first byte", each(lambda stream: f"0x{stream.first_header[:2]}")),
        Feature(f"{medium}, header extension", each(_profile)),
        Feature(f"{medium}, payload type", each(_common_type)),
        Feature(f"{medium}, clock in Hz", each(lambda stream: stream.clock_rate_hz)),
        Feature(f"{medium}, first sequence number", each(_first_sequence)),
        Feature(f"{medium}, smallest packet in bytes", lambda of: _smallest(of, medium), tolerance=0.25),
    )


def _packet_time(traits: Traits) -> Values:
    return _most(f"{s.ptime_ms:.4g}" for s in _streams(traits, "voice") if s.ptime_ms is not None)


FEATURES: Final = (
    *_request_features("0x0003", "Allocate"),
    Feature("Allocates at once to one relay", _allocates_at_once),
    *_request_features("0x0801", "relay ping"),
    Feature("relay ping, ms between two", lambda of: _figure(of.relay_pings.interval_ms), tolerance=0.1),
    *_request_features("0x0804", "relay probe"),
    Feature("end of call, bytes", _call_end_sizes),
    Feature("STUN padded to four bytes", _padded),
    Feature("STUN transaction ids", _transaction_ids),
    *_request_features("0x0001", "check"),
    Feature("check, lengths of user names", _user_names),
    Feature("check, tie-breaker", _tie_breaker),
    Feature("check, last byte of priority", _priority_end),
    Feature("check, longest pause between answers in s", _consent_gap, tolerance=0.25),
    Feature("reflector ping, query id", _query_id),
    Feature("reflector ping, ms between two", _ping_interval, tolerance=0.1),
    Feature("reflector, data behind", _reflected),
    *_media_features("voice"),
    Feature("voice, ms in a packet", _packet_time),
    *_media_features("video"),
)
"""Every feature; names are published and are only added to."""
