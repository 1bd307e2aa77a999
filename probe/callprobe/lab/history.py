"""An emulated history as data: days, countries, networks, volunteers, and what the censor does where."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec

from callprobe.scenario.toml import TomlError, read_toml
from callresults.nettests.common import AccessType

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Millis = Annotated[float, msgspec.Meta(ge=0.0, le=10_000.0)]
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]+$")]
CountryCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
MIN_DOCUMENTATION_ASN: Final = 64496
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


class HistoryError(ValueError):
    """The file is no history; the text is one sentence: file, key, reason."""


class HistoryNetwork(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One access network."""

    asn: str
    """``AS`` and a number of the documentation range (RFC 5398), so that no real network is named."""
    name: Text
    access_type: AccessType
    volunteers: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    start_delay_days: Annotated[int, msgspec.Meta(ge=-3660, le=3660)] = 0
    """Days after the restriction's start on which this network begins to enforce it."""
    probability: dict[str, Share] = {}
    """Per rule of the censor: share of flows that the rule may act on here; a rule not named is absent."""


class HistoryCountry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One country."""

    code: CountryCode
    networks: Annotated[tuple[HistoryNetwork, ...], msgspec.Meta(min_length=1)]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The innocent lines that volunteers have; every figure is an assumption of the emulation."""

    delay_ms: tuple[Millis, Millis]
    """Range of one-way delays, uniform over volunteers."""
    jitter_ms: tuple[Millis, Millis]
    loss_ratio: tuple[Share, Share]
    bad_day_share: Share
    """Share of volunteer-days on which the line loses ``bad_day_loss_ratio`` of everything."""
    bad_day_loss_ratio: Share
    outage_share: Share
    """Share of network-days on which the whole network does so."""


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole history."""

    schema: int
    name: Text
    title: Text
    first_day: date
    last_day: date
    utc_offset_hours: Annotated[float, msgspec.Meta(ge=-14.0, le=14.0)]
    restriction_start: date
    """The one key that moves the start of the restriction; the day after the last one: it never starts."""
    policies: bool
    """False switches the censor off everywhere: the null history."""
    censor: Text
    """Path of the policy below ``scenarios/`` without suffix."""
    scenarios: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    """What a volunteer's run consists of, in order."""
    active_share: Share
    """Share of days on which a volunteer runs the probe, once."""
    media_duration_s: Annotated[float, msgspec.Meta(ge=0.5, le=180.0)]
    packet_record_share: Share = 0.01
    line: Line
    countries: Annotated[tuple[HistoryCountry, ...], msgspec.Meta(min_length=1)]
    expected: dict[str, str]
    """Expected verdict of every claim with the policies on."""
    expected_off: dict[str, str]
    """Expected verdict of every claim with the policies off."""

    @property
    def days(self) -> tuple[date, ...]:
        """All days, in order."""
        count = (self.last_day - self.first_day).days + 1
        return tuple(self.first_day + timedelta(days=offset) for offset in range(count))

    def may_start(self, day: date) -> bool:
        """Whether ``day`` can be the start of the restriction: one of the days, or the one after them."""
        return self.first_day <= day <= self.last_day + timedelta(days=1)


def load_history(path: Path) -> History:
    """Read a history. Raises HistoryError."""
    try:
        history = msgspec.convert(read_toml(path), History)
    except TomlError as error:
        raise HistoryError(str(error)) from error
    except msgspec.ValidationError as error:
        raise HistoryError(f"{path}: {error}") from error
    _check(history, path)
    return history


def _check(history: History, path: Path) -> None:
    if history.schema != 1:
        raise HistoryError(f"{path}: schema: {history.schema} is unknown; allowed is 1")
    _check_days(history, path)
    for key in ("delay_ms", "jitter_ms", "loss_ratio"):
        least, most = getattr(history.line, key)
        if least > most:
            raise HistoryError(f"{path}: line.{key}: {least} lies above {most}; the lower figure comes first")
    _check_networks(history, path)


def _check_days(history: History, path: Path) -> None:
    if history.last_day < history.first_day:
        raise HistoryError(f"{path}: last_day: lies before first_day")
    if history.first_day < EARLIEST or history.last_day > LATEST:
        raise HistoryError(f"{path}: first_day, last_day: allowed are {EARLIEST} to {LATEST}")
    if not history.may_start(history.restriction_start):
        raise HistoryError(
            f"{path}: restriction_start: {history.restriction_start} is outside {history.first_day} to "
            f"{history.last_day}; allowed is one of these days, or the day after them for never"
        )


def _check_networks(history: History, path: Path) -> None:
    seen: set[str] = set()
    for network in (network for country in history.countries for network in country.networks):
        number = re.fullmatch(r"AS([1-9][0-9]{0,9})", network.asn)
        if number is None or not _is_documentation(int(number[1])):
            raise HistoryError(
                f"{path}: countries.networks.asn: {network.asn!r} may be a real network; "
                "use AS64496-AS64511 or AS65536-AS65551 (RFC 5398)"
            )
        if network.asn in seen:
            raise HistoryError(f"{path}: countries.networks.asn: {network.asn} is given twice")
        seen.add(network.asn)


def _is_documentation(number: int) -> bool:
    return MIN_DOCUMENTATION_ASN <= number <= 64511 or 65536 <= number <= 65551
