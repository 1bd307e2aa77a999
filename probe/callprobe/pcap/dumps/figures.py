"""Figures of the statistics API over time, as much as is of use and no more than memory is set aside for.

W3C webrtc-stats: a report is a set of objects (tracks, transports, candidates), each with an identity, a type
and figures; a dump holds many reports.
"""

import math
from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, TypeGuard

MOST_POINTS: Final = 4_000_000
"""Values over time of a whole dump, 16 bytes each: thirty hours of a call of two with voice and video."""
POINTS_PER_FIGURE: Final = 50
"""What a figure costs by itself, in points."""
MOST_TEXTS: Final = 50
"""Different texts of one figure, such as states."""
LONGEST_TEXT: Final = 200
"""Longer ones are no identity, name or state of anything."""
MOST: Final = 2**53 - 1
"""Largest whole number that JSON carries exactly; nothing in a dump is larger."""
_YEAR_2000_MS: Final = 946_684_800_000
_YEAR_2100_MS: Final = 4_102_444_800_000

Value = float | str | bool | None
Interval = tuple[float, float]
"""From one look at the statistics to the next, milliseconds since 1970."""

SERIES: Final = frozenset(
    {"packetsReceived", "packetsSent", "packetsLost", "bytesReceived", "bytesSent", "jitter", "dtlsState"}
)
"""Figures whose course is kept; of others the last value."""
_RTP: Final = frozenset(
    {
        *("kind", "mediaType", "codecId", "isRemote", "packetsReceived", "packetsSent", "packetsLost"),
        *("packetsDiscarded", "bytesReceived", "bytesSent", "jitter", "totalSamplesReceived"),
        *("concealedSamples", "concealmentEvents", "framesDecoded", "framesDropped", "freezeCount"),
        *("totalFreezesDuration", "nackCount", "pliCount", "retransmittedPacketsSent"),
    }
)
_CANDIDATE: Final = frozenset({"candidateType", "protocol", "relayProtocol", "address", "ip"})
WANTED: Final[dict[str, frozenset[str]]] = {
    "inbound-rtp": _RTP,
    "outbound-rtp": _RTP,
    "remote-inbound-rtp": frozenset({"localId", "packetsLost", "fractionLost", "jitter", "roundTripTime"}),
    "codec": frozenset({"mimeType"}),
    "transport": frozenset(
        {"dtlsState", "tlsVersion", "dtlsCipher", "srtpCipher", "selectedCandidatePairId", "bytesReceived"}
    ),
    "candidate-pair": frozenset(
        {
            *("localCandidateId", "remoteCandidateId", "state", "nominated", "requestsSent"),
            *("responsesReceived", "currentRoundTripTime", "bytesReceived", "selected"),
        }
    ),
    "local-candidate": _CANDIDATE,
    "remote-candidate": _CANDIDATE,
}
"""What is read of each type of statistics."""


class Budget:
    """How many points the connections of one dump may still keep."""

    def __init__(self, points: int = MOST_POINTS) -> None:
        self._left = points

    def spend(self, points: int) -> bool:
        """Take points and tell whether there were so many left."""
        if points > self._left:
            return False
        self._left -= points
        return True


class Figure:
    """One figure of one object: its last value, and its course where that is wanted."""

    __slots__ = ("_course", "last", "last_ms", "numbers", "texts", "times_ms")

    def __init__(self, *, course: bool) -> None:
        self._course = course
        self.last: Value = None
        self.last_ms = math.nan
        self.times_ms: array[float] = array("d")
        self.numbers: array[float] = array("d")
        self.texts: dict[str, float] = {}
        """When each text was seen first."""

    def take(self, at_ms: float, value: Value, budget: Budget) -> None:
        """Take a value; values come in order of time."""
        self.last, self.last_ms = value, at_ms
        if not self._course or math.isnan(at_ms):
            return
        if isinstance(value, str):
            if len(self.texts) < MOST_TEXTS:
                self.texts.setdefault(value, at_ms)
        elif is_number(value) and budget.spend(1):
            self.times_ms.append(at_ms)
            self.numbers.append(value)

    def stands(self, at_ms: float, budget: Budget) -> None:
        """Take the last value once more, unless a new one was taken at that moment."""
        if self._course and self.last_ms != at_ms:
            self.take(at_ms, self.last, budget)

    def course(self) -> Iterator[tuple[float, float]]:
        """Yield when each number was seen, and the number."""
        return zip(self.times_ms, self.numbers, strict=True)


class StatsObject:
    """One object of the statistics: a track, a transport, a candidate."""

    __slots__ = ("figures", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.figures: dict[str, Figure] = {}

    def last(self, name: str) -> Value:
        """Return the last value of a figure, whatever it is."""
        figure = self.figures.get(name)
        return figure.last if figure else None

    def text(self, name: str) -> str | None:
        """Return it if it is a text."""
        value = self.last(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> float | None:
        """Return it if it is a number."""
        value = self.last(name)
        return value if is_number(value) else None

    def whole(self, name: str) -> int | None:
        """Return it if it is a count."""
        return count(self.number(name))

    def course(self, name: str) -> Iterable[tuple[float, float]]:
        """Return the course of a figure."""
        figure = self.figures.get(name)
        return figure.course() if figure else ()


def is_value(value: object) -> TypeGuard[Value]:
    """Tell whether a value is one that figures have, and not of an absurd length."""
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return value is None or isinstance(value, bool) or is_number(value)


def count(value: float | None) -> int | None:
    """Return a number as a whole one; None where it is too large to be exact."""
    return None if value is None or abs(value) > MOST else round(value)


def moment(value: object) -> float | None:
    """Return milliseconds since 1970, if ``value`` can be that: between 2000 and 2100."""
    return float(value) if is_number(value) and _YEAR_2000_MS <= value < _YEAR_2100_MS else None


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number that one can reckon with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def steps(
    course: Iterable[tuple[float, float]], *, falling: bool = False
) -> Iterator[tuple[Interval, float]]:
    """Yield how a counter grew between neighbouring looks; a fall is a new beginning unless it may fall."""
    for (earlier_ms, before), (at_ms, value) in pairwise(course):
        if at_ms > earlier_ms:
            grown = value - before
            yield (earlier_ms, at_ms), grown if falling or grown >= 0 else value
