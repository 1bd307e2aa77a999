"""An emulated history as data: days, countries, networks, volunteers, and what the censor does where."""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec

from callresults.nettests.common import AccessType

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
MIN_DOCUMENTATION_ASN: Final = 64496


class HistoryError(ValueError):
    """The file is no history; the text is one sentence: file, key, reason."""


class HistoryNetwork(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One access network."""

    asn: str
    """``AS`` and a number of the documentation range (RFC 5398), so that no real network is named."""
    name: str
    access_type: AccessType
    volunteers: int
    start_delay_days: int = 0
    """Days after the restriction's start on which this network begins to enforce it."""
    probability: dict[str, Share] = {}
    """Per rule of the censor: share of flows that the rule may act on here; a rule not named is absent."""


class HistoryCountry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One country."""

    code: str
    networks: tuple[HistoryNetwork, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The innocent lines that volunteers have; every figure is an assumption of the emulation."""

    delay_ms: tuple[float, float]
    """Range of one-way delays, uniform over volunteers."""
    jitter_ms: tuple[float, float]
    loss_ratio: tuple[float, float]
    bad_day_share: Share
    """Share of volunteer-days on which the line loses ``bad_day_loss_ratio`` of everything."""
    bad_day_loss_ratio: Share
    outage_share: Share
    """Share of network-days on which the whole network does so."""


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole history."""

    schema: int
    name: str
    title: str
    first_day: date
    last_day: date
    utc_offset_hours: float
    restriction_start: date
    """The one key that moves the start of the restriction."""
    policies: bool
    """False switches the censor off everywhere: the null history."""
    censor: str
    """Path of the policy below ``scenarios/`` without suffix."""
    scenarios: tuple[str, ...]
    """What a volunteer's run consists of, in order."""
    active_share: Share
    """Share of days on which a volunteer runs the probe, once."""
    media_duration_s: float
    packet_record_share: Share = 0.01
    line: Line
    countries: tuple[HistoryCountry, ...]
    expected: dict[str, str]
    """Expected verdict of every claim with the policies on."""
    expected_off: dict[str, str]
    """Expected verdict of every claim with the policies off."""

    @property
    def days(self) -> tuple[date, ...]:
        """All days, in order."""
        count = (self.last_day - self.first_day).days + 1
        return tuple(self.first_day + timedelta(days=offset) for offset in range(count))


def load_history(path: Path) -> History:
    """Read a history. Raises HistoryError."""
    try:
        history = msgspec.convert(tomllib.loads(path.read_text("utf-8")), History)
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path}: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise HistoryError(f"{path}: {error}") from error
    _check(history, path)
    return history


def _check(history: History, path: Path) -> None:
    if history.schema != 1:
        raise HistoryError(f"{path}: schema: {history.schema} is unknown; allowed is 1")
    if history.last_day < history.first_day:
        raise HistoryError(f"{path}: last_day: lies before first_day")
    seen: set[str] = set()
    for country in history.countries:
        for network in country.networks:
            number = network.asn.removeprefix("AS")
            if not number.isdigit() or not _is_documentation(int(number)):
                raise HistoryError(
                    f"{path}: countries.networks.asn: {network.asn!r} may be a real network; "
                    "use AS64496-AS64511 or AS65536-AS65551 (RFC 5398)"
                )
            if network.asn in seen:
                raise HistoryError(f"{path}: countries.networks.asn: {network.asn} is given twice")
            seen.add(network.asn)


def _is_documentation(number: int) -> bool:
    return MIN_DOCUMENTATION_ASN <= number <= 64511 or 65536 <= number <= 65551
