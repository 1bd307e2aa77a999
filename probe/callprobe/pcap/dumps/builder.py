"""Puts one connection of a browser's dump together from its events and statistics, in bounded memory.

Readers of both formats feed it: changes of state and candidates as events, figures of the statistics API one
by one. Only closed lists of names pass; of a candidate nothing is kept but its kind.
"""

import math
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeVar, get_args

from msgspec.structs import replace

from callprobe.pcap.dumps.figures import (
    LONGEST_TEXT,
    POINTS_PER_FIGURE,
    SERIES,
    WANTED,
    Budget,
    Figure,
    Interval,
    StatsObject,
    count,
    is_value,
    moment,
    steps,
)
from callprobe.pcap.dumps.model import Browser
from callresults.nettests.browser import (
    BrowserCall,
    BrowserPair,
    BrowserSample,
    BrowserTrack,
    BrowserTransport,
    CandidateType,
    ConnectionChange,
    ConnectionState,
    DtlsState,
    DumpFormat,
    IceChange,
    IceState,
    RemoteInbound,
    TrackDirection,
    TrackKind,
)
from callresults.nettests.common import IpVersion

MOST_STATES: Final = 200
MOST_TRACKS: Final = 24
MOST_SAMPLES: Final = 2400
"""Of all tracks of a connection together, so that a measurement is never too large to be taken."""
_LONGEST_CANDIDATE: Final = 2000

_CANDIDATE_KIND: Final = re.compile(r"(?:^|\s)typ (host|srflx|prflx|relay)(?:\s|$)")
_CIPHER_PART: Final = (
    "TLS|AEAD|ECDHE|DHE|RSA|ECDSA|PSK|WITH|AES|CHACHA20|POLY1305|3DES|EDE|NULL|GCM|CCM|CBC|CM|F8|HMAC|SHA"
    "|SHA1|SHA256|SHA384|128|192|256|8|16|32|80"
)
_CIPHER: Final = re.compile(rf"(?:TLS|AEAD|AES|NULL|F8)(?:_(?:{_CIPHER_PART})){{1,12}}")
_CODEC: Final = re.compile(
    r"(?:audio/(?:opus|red|multiopus|PCMU|PCMA|G722|ISAC|CN|telephone-event)"
    r"|video/(?:VP8|VP9|AV1|AV1X|H264|H265|HEVC|rtx|red|ulpfec|flexfec-03))",
    re.IGNORECASE,
)
_TLS_VERSION: Final = re.compile(r"FE(?:FF|FD|FC)", re.IGNORECASE)

_ICE_STATES: Final[tuple[IceState, ...]] = get_args(IceState)
_CONNECTION_STATES: Final[tuple[ConnectionState, ...]] = get_args(ConnectionState)
_DTLS_STATES: Final[tuple[DtlsState, ...]] = get_args(DtlsState)
_CANDIDATE_TYPES: Final[tuple[CandidateType, ...]] = get_args(CandidateType)
_TRACK_KINDS: Final[tuple[TrackKind, ...]] = get_args(TrackKind)
_PROTOCOLS: Final[tuple[Literal["udp", "tcp"], ...]] = ("udp", "tcp")
_RELAY_PROTOCOLS: Final[tuple[Literal["udp", "tcp", "tls"], ...]] = ("udp", "tcp", "tls")

_Name = TypeVar("_Name", bound=str)


class ConnectionBuilder:
    """Takes what a dump says of one connection."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._ice: list[tuple[float | None, IceState]] = []
        self._connection: list[tuple[float | None, ConnectionState]] = []
        self._candidates: dict[str, Counter[str]] = {"icecandidate": Counter(), "addicecandidate": Counter()}
        self._candidate_errors = 0
        self._first_ms: float | None = None
        self._last_ms: float | None = None
        self._objects: dict[str, StatsObject] = {}
        self._gone: set[str] = set()

    # --- what readers call ------------------------------------------------------------------------------

    def seen(self, at: object) -> float | None:
        """Take that something was there at ``at``; return it, None unless it is a moment since 1970, ms."""
        at_ms = moment(at)
        if at_ms is not None:
            self._first_ms = at_ms if self._first_ms is None else min(self._first_ms, at_ms)
            self._last_ms = at_ms if self._last_ms is None else max(self._last_ms, at_ms)
        return at_ms

    def event(self, at: object, name: object, value: object) -> None:
        """Take an event or call of the API.

        Args:
            at: milliseconds since 1970; anything else where the dump does not say it in a readable form.
            name: as in the dump; older ones write it with capitals or without ``on``.
            value: text, or decoded JSON.
        """
        at_ms = self.seen(at)
        kind = name.lower().removeprefix("on") if isinstance(name, str) else ""
        if kind == "iceconnectionstatechange":
            _note(self._ice, at_ms, _named(_bare(value), _ICE_STATES))
        elif kind == "connectionstatechange":
            _note(self._connection, at_ms, _named(_bare(value), _CONNECTION_STATES))
        elif kind in self._candidates:
            self._candidate(self._candidates[kind], value)
        elif kind == "icecandidateerror":
            self._candidate_errors += 1

    def wants(self, kind: object, name: str) -> bool:
        """Tell whether a figure of this type and name is of any use."""
        return isinstance(kind, str) and name in WANTED.get(kind, ())

    def figure(self, at: object, identity: str, kind: str, name: str, value: object) -> None:
        """Take one figure of one object of the statistics; values of one figure come in order of time."""
        if not self.wants(kind, name) or len(identity) > LONGEST_TEXT:
            return
        at_ms = self.seen(at)
        known = self._objects.get(identity)
        if known is None or name not in known.figures:
            if not self._budget.spend(POINTS_PER_FIGURE):
                return
            known = self._objects.setdefault(identity, StatsObject(kind))
            known.figures[name] = Figure(course=name in SERIES)
        if is_value(value):
            known.figures[name].take(math.nan if at_ms is None else at_ms, value, self._budget)

    def changes(self, at: object, identity: str, figures: Mapping[str, object], kind: str | None) -> None:
        """Take what changed of an object since the report before; ``kind`` None where it is known already."""
        known = self._objects.get(identity)
        if kind is None and known is None:
            return
        self._gone.discard(identity)
        for name, value in figures.items():
            self.figure(at, identity, known.kind if known else kind or "", name, value)

    def gone(self, identity: str) -> None:
        """Take that an object is no longer in the reports."""
        if identity in self._objects:
            self._gone.add(identity)

    def reported(self, at: object) -> None:
        """Take that a report of changes is complete: what is not in it stands as it was."""
        at_ms = moment(at)
        if at_ms is None:
            return
        for identity, item in self._objects.items():
            if identity not in self._gone:
                for figure in item.figures.values():
                    figure.stands(at_ms, self._budget)

    @property
    def start_ms(self) -> float | None:
        """Milliseconds since 1970 of the first thing with a time."""
        return self._first_ms

    def ip_version(self) -> IpVersion:
        """Return the version of the path by the look of an address at its ends; the address is not kept."""
        used = self._used()
        ends = self._ends(used) if used else ()
        addresses = [_text(end, "address") or _text(end, "ip") or "" for end in ends]
        return "ipv6" if any(":" in address for address in addresses) else "ipv4"

    def call(self, form: DumpFormat, browser: Browser) -> BrowserCall:
        """Return what the dump says of the connection."""
        tracks = sorted(self._tracks(), key=_packets, reverse=True)
        kept = tracks[:MOST_TRACKS]
        most = MOST_SAMPLES // max(len(kept), 1)
        cut = [_with_samples(track, most) for track in kept]
        return BrowserCall(
            format=form,
            browser=browser.name,
            browser_version=browser.version,
            duration_s=self._at_s(self._last_ms) or 0.0,
            ice_states=tuple(IceChange(at_s=self._at_s(at_ms), state=state) for at_ms, state in self._ice),
            connection_states=tuple(
                ConnectionChange(at_s=self._at_s(at_ms), state=state) for at_ms, state in self._connection
            ),
            local_candidates=_kinds(self._candidates["icecandidate"]),
            remote_candidates=_kinds(self._candidates["addicecandidate"]),
            candidate_errors=self._candidate_errors,
            pair=self._pair(),
            transport=self._transport(),
            tracks=tuple(cut),
            tracks_left_out=len(tracks) - len(kept),
            samples_left_out=sum(
                len(track.samples) - len(shorter.samples) for track, shorter in zip(kept, cut, strict=True)
            ),
        )

    # --- events -----------------------------------------------------------------------------------------

    def _at_s(self, at_ms: float | None) -> float | None:
        if at_ms is None or self._first_ms is None:
            return None
        return round((at_ms - self._first_ms) / 1000, 3)

    @staticmethod
    def _candidate(kinds: Counter[str], value: object) -> None:
        text = value.get("candidate") if isinstance(value, dict) else value
        found = _CANDIDATE_KIND.search(text[:_LONGEST_CANDIDATE]) if isinstance(text, str) else None
        if found:
            kinds[found[1]] += 1

    # --- statistics -------------------------------------------------------------------------------------

    def _of(self, *kinds: str) -> list[tuple[str, StatsObject]]:
        return [(identity, item) for identity, item in self._objects.items() if item.kind in kinds]

    def _used(self) -> StatsObject | None:
        pairs = [item for _, item in self._of("candidate-pair")]
        return self._selected() or max(pairs, key=_nearness, default=None)

    def _ends(self, pair: StatsObject) -> tuple[StatsObject | None, StatsObject | None]:
        names = (pair.text("localCandidateId") or "", pair.text("remoteCandidateId") or "")
        return self._objects.get(names[0]), self._objects.get(names[1])

    def _pair(self) -> BrowserPair | None:
        used = self._used()
        if used is None:
            return None
        local, remote = self._ends(used)
        nominated = used.last("nominated")
        return BrowserPair(
            local_candidate_type=_named(_text(local, "candidateType"), _CANDIDATE_TYPES),
            remote_candidate_type=_named(_text(remote, "candidateType"), _CANDIDATE_TYPES),
            protocol=_named(_text(local, "protocol"), _PROTOCOLS),
            relay_protocol=_named(_text(local, "relayProtocol"), _RELAY_PROTOCOLS),
            nominated=nominated if isinstance(nominated, bool) else None,
            requests_sent=used.whole("requestsSent"),
            responses_received=used.whole("responsesReceived"),
            current_round_trip_time=used.number("currentRoundTripTime"),
        )

    def _selected(self) -> StatsObject | None:
        for _, transport in self._of("transport"):
            pair = self._objects.get(transport.text("selectedCandidatePairId") or "")
            if pair is not None and pair.kind == "candidate-pair":
                return pair
        return None

    def _transport(self) -> BrowserTransport | None:
        transports = [item for _, item in self._of("transport")]
        if not transports:
            return None
        busiest = max(transports, key=lambda item: item.number("bytesReceived") or 0.0)
        states = busiest.figures.get("dtlsState")
        return BrowserTransport(
            dtls_state=_named(busiest.text("dtlsState"), _DTLS_STATES),
            dtls_connected_s=self._at_s(states.texts.get("connected")) if states else None,
            tls_version=_matching(busiest.text("tlsVersion"), _TLS_VERSION),
            dtls_cipher=_matching(busiest.text("dtlsCipher"), _CIPHER),
            srtp_cipher=_matching(busiest.text("srtpCipher"), _CIPHER),
        )

    def _tracks(self) -> Iterator[BrowserTrack]:
        reports = {item.text("localId"): item for _, item in self._of("remote-inbound-rtp")}
        for identity, item in self._of("inbound-rtp", "outbound-rtp"):
            if item.last("isRemote") is not True:
                yield self._track(item, reports.get(identity))

    def _track(self, item: StatsObject, report: StatsObject | None) -> BrowserTrack:
        inbound = item.kind == "inbound-rtp"
        codec = self._objects.get(item.text("codecId") or "")
        highest = max((value for _, value in item.course("jitter")), default=None)
        return BrowserTrack(
            direction="inbound" if inbound else "outbound",
            kind=_named(item.text("kind") or item.text("mediaType"), _TRACK_KINDS),
            mime_type=_matching(codec.text("mimeType"), _CODEC) if codec else None,
            packets_received=item.whole("packetsReceived"),
            packets_sent=item.whole("packetsSent"),
            packets_lost=item.whole("packetsLost"),
            packets_discarded=item.whole("packetsDiscarded"),
            bytes_received=item.whole("bytesReceived"),
            bytes_sent=item.whole("bytesSent"),
            jitter=item.number("jitter"),
            jitter_max_s=highest,
            total_samples_received=item.whole("totalSamplesReceived"),
            concealed_samples=item.whole("concealedSamples"),
            concealment_events=item.whole("concealmentEvents"),
            frames_decoded=item.whole("framesDecoded"),
            frames_dropped=item.whole("framesDropped"),
            freeze_count=item.whole("freezeCount"),
            total_freezes_duration=item.number("totalFreezesDuration"),
            nack_count=item.whole("nackCount"),
            pli_count=item.whole("pliCount"),
            retransmitted_packets_sent=item.whole("retransmittedPacketsSent"),
            remote_inbound=_report(report),
            samples=tuple(self._samples(item, report, "inbound" if inbound else "outbound")),
        )

    def _samples(
        self, item: StatsObject, report: StatsObject | None, direction: TrackDirection
    ) -> Iterator[BrowserSample]:
        word = "Received" if direction == "inbound" else "Sent"
        octets = dict(steps(item.course(f"bytes{word}")))
        lost_by = item if direction == "inbound" else report
        # A far end's reports are looked at when the track is, or have the times at which they came.
        losses = deque(steps(lost_by.course("packetsLost"), falling=True)) if lost_by else deque()
        for interval, grown in steps(item.course(f"packets{word}")):
            earlier_ms, at_ms = interval
            lost = [more for _, more in _until(losses, at_ms)]
            bits = octets.get(interval)
            yield BrowserSample(
                at_s=self._at_s(at_ms) or 0.0,
                packets=count(grown),
                packets_lost=count(sum(lost)) if lost else None,
                bits_per_s=None if bits is None else count(bits * 8000 / (at_ms - earlier_ms)),
            )


def _bare(value: object) -> str | None:
    """Return the state that an event names: bare, in quotes (Chrome from 142), or in Chrome's oldest form."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return None
    return value.strip('" ').lower().removeprefix("iceconnectionstate")


def _note(changes: list[tuple[float | None, _Name]], at_ms: float | None, state: _Name | None) -> None:
    if state is not None and len(changes) < MOST_STATES:
        changes.append((at_ms, state))


def _text(item: StatsObject | None, figure: str) -> str | None:
    return item.text(figure) if item else None


def _named(text: str | None, names: tuple[_Name, ...]) -> _Name | None:
    return next((name for name in names if name == text), None)


def _matching(text: str | None, pattern: re.Pattern[str]) -> str | None:
    return text if text is not None and pattern.fullmatch(text) else None


def _kinds(counts: Counter[str]) -> dict[CandidateType, int]:
    return {name: counts[name] for name in _CANDIDATE_TYPES if counts[name]}


def _nearness(pair: StatsObject) -> tuple[bool, bool, bool, float, float]:
    """Return how near a pair came to being used."""
    return (
        pair.last("selected") is True,
        pair.last("nominated") is True,
        pair.text("state") == "succeeded",
        pair.number("bytesReceived") or 0.0,
        pair.number("requestsSent") or 0.0,
    )


def _report(item: StatsObject | None) -> RemoteInbound | None:
    if item is None:
        return None
    return RemoteInbound(
        packets_lost=item.whole("packetsLost"),
        fraction_lost=item.number("fractionLost"),
        jitter=item.number("jitter"),
        round_trip_time=item.number("roundTripTime"),
    )


def _until(steps: "deque[tuple[Interval, float]]", end_ms: float) -> Iterator[tuple[Interval, float]]:
    while steps and steps[0][0][1] <= end_ms:
        yield steps.popleft()


def _packets(track: BrowserTrack) -> int:
    return (track.packets_received or 0) + (track.packets_sent or 0)


def _with_samples(track: BrowserTrack, most: int) -> BrowserTrack:
    return track if len(track.samples) <= most else replace(track, samples=track.samples[:most])
