"""The RTP streams of a capture: loss, duplicates, reordering, jitter and gaps."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from callprobe.pcap.read import Address, UdpDatagram
from callprobe.wire import demux, rtp
from callresults.metrics.jitter import difference32, interarrival_jitter
from callresults.metrics.loss import ratio
from callresults.metrics.reordering import count_reordered

MIN_PACKETS: Final = 10
"""Fewer are left out: chance bytes look like RTP now and then."""
CLOCKS_HZ: Final = (8000, 16000, 32000, 48000, 90000)
CLOCK_TOLERANCE: Final = 0.15
"""How far the slope of the time stamps may lie from a clock rate, as a share of it."""
_HALF16: Final = 1 << 15
_REFLECTOR_HEADER_BYTES: Final = 24

Encapsulation = Literal["plain", "turn-channel", "reflector"]


class JitterMs(Struct, frozen=True, kw_only=True):
    """Interarrival jitter of RFC 3550 section 6.4.1, ms."""

    last: float
    mean: float
    max: float


class RtpStream(Struct, frozen=True, kw_only=True):
    """One SSRC in one direction of one pair of addresses."""

    src: str
    dst: str
    ssrc: str
    encapsulation: Encapsulation
    payload_types: dict[int, int]
    """Packets by payload type."""
    clock_rate_hz: int | None
    """Inferred from the slope of the time stamps; null when no known clock fits."""
    packets: int
    unique: int
    """Different sequence numbers."""
    expected: int
    """Last minus first extended sequence number, plus one."""
    lost: int
    """Expected minus unique: duplicates hide nothing."""
    duplicates: int
    reordered: int
    jitter_ms: JitterMs | None
    """Null when the clock is unknown."""
    max_gap_ms: float
    loss_ratio: float
    mos_cq: float | None = None
    """Not computed yet."""
    mos_model: str | None = None
    """Not computed yet."""
    bursts: dict[str, float] | None = None
    """Not computed yet."""


class _Key(NamedTuple):
    source: Address
    destination: Address
    ssrc: int
    encapsulation: Encapsulation


class _Arrival(NamedTuple):
    epoch_ns: int
    sequence: int
    timestamp: int
    payload_type: int


class StreamCollector:
    """Sorts datagrams into streams."""

    def __init__(self) -> None:
        self._streams: dict[_Key, list[_Arrival]] = {}

    def add(self, datagram: UdpDatagram) -> None:
        """Take a datagram, whatever it holds."""
        for encapsulation, inner in _candidates(datagram.payload):
            packet = _rtp(inner)
            if packet is None:
                continue
            key = _Key(datagram.source, datagram.destination, packet.ssrc, encapsulation)
            arrival = _Arrival(datagram.epoch_ns, packet.sequence, packet.timestamp, packet.payload_type)
            self._streams.setdefault(key, []).append(arrival)

    def streams(self) -> list[RtpStream]:
        """Return the streams of at least ``MIN_PACKETS`` packets, in order of their first packet."""
        long_enough = [item for item in self._streams.items() if len(item[1]) >= MIN_PACKETS]
        return [_stream(key, arrivals) for key, arrivals in sorted(long_enough, key=lambda item: item[1][0])]


def _candidates(payload: bytes) -> Iterable[tuple[Encapsulation, bytes]]:
    """Yield what may be RTP: the payload, a TURN channel's data (RFC 8656 section 12.4), a reflector's."""
    kind = demux.classify(payload)
    if kind is demux.Protocol.RTP:
        yield "plain", payload
    elif kind is demux.Protocol.TURN_CHANNEL and len(payload) >= 4:
        yield "turn-channel", payload[4 : 4 + int.from_bytes(payload[2:4], "big")]
    size = int.from_bytes(payload[20:_REFLECTOR_HEADER_BYTES], "big")
    if len(payload) > _REFLECTOR_HEADER_BYTES and 0 <= len(payload) - _REFLECTOR_HEADER_BYTES - size < 4:
        yield "reflector", payload[_REFLECTOR_HEADER_BYTES : _REFLECTOR_HEADER_BYTES + size]


def _rtp(data: bytes) -> rtp.Packet | None:
    if demux.classify(data) is not demux.Protocol.RTP:
        return None
    try:
        return rtp.parse(data)
    except rtp.RtpError:
        return None


def _stream(key: _Key, arrivals: list[_Arrival]) -> RtpStream:
    sequences = _unwrap([arrival.sequence for arrival in arrivals], _difference16)
    first_copies = list(dict.fromkeys(sequences))
    expected = max(sequences) - min(sequences) + 1
    lost = expected - len(first_copies)
    gaps_ns = [later.epoch_ns - earlier.epoch_ns for earlier, later in pairwise(arrivals)]
    clock_rate_hz = _clock_rate_hz(arrivals)
    return RtpStream(
        src=address_text(key.source),
        dst=address_text(key.destination),
        ssrc=f"0x{key.ssrc:08x}",
        encapsulation=key.encapsulation,
        payload_types=dict(sorted(Counter(arrival.payload_type for arrival in arrivals).items())),
        clock_rate_hz=clock_rate_hz,
        packets=len(arrivals),
        unique=len(first_copies),
        expected=expected,
        lost=lost,
        duplicates=len(arrivals) - len(first_copies),
        reordered=count_reordered(first_copies),
        jitter_ms=_jitter_ms(arrivals, clock_rate_hz),
        max_gap_ms=round(max(gaps_ns) / 1e6, 3),
        loss_ratio=round(ratio(lost, expected) or 0.0, 6),
    )


def _jitter_ms(arrivals: list[_Arrival], clock_rate_hz: int | None) -> JitterMs | None:
    if clock_rate_hz is None:
        return None
    stamps = _unwrap([arrival.timestamp for arrival in arrivals], difference32)
    start_ns = arrivals[0].epoch_ns
    transits_ms = [
        (arrival.epoch_ns - start_ns) / 1e6 - (stamp - stamps[0]) * 1000 / clock_rate_hz
        for arrival, stamp in zip(arrivals, stamps, strict=True)
    ]
    jitter = interarrival_jitter(transits_ms)
    if jitter is None:
        return None
    return JitterMs(last=round(jitter.last, 3), mean=round(jitter.mean, 3), max=round(jitter.max, 3))


def _clock_rate_hz(arrivals: list[_Arrival]) -> int | None:
    """Return the known clock rate nearest to the time stamps' slope, if it is near enough."""
    stamps = _unwrap([arrival.timestamp for arrival in arrivals], difference32)
    elapsed_s = (arrivals[-1].epoch_ns - arrivals[0].epoch_ns) / 1e9
    if elapsed_s <= 0:
        return None
    slope_hz = (stamps[-1] - stamps[0]) / elapsed_s
    nearest_hz = min(CLOCKS_HZ, key=lambda clock_hz: abs(slope_hz - clock_hz))
    return nearest_hz if abs(slope_hz - nearest_hz) <= CLOCK_TOLERANCE * nearest_hz else None


def _difference16(later: int, earlier: int) -> int:
    return ((later - earlier + _HALF16) & 0xFFFF) - _HALF16


def _unwrap(numbers: list[int], difference: Callable[[int, int], int]) -> list[int]:
    """Return numbers that wrap as numbers that do not, each nearest to the one before."""
    extended = [numbers[0]]
    for previous, number in pairwise(numbers):
        extended.append(extended[-1] + difference(number, previous))
    return extended


def address_text(address: Address) -> str:
    """Return ``host:port``, an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
