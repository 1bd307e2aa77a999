"""Takes out of a measurement, before it is hashed, what could tell where or who the volunteer is.

Typed: numbers and closed lists hold no address by their type; every field of free text is looked at; fields
with a grammar (country, network, times, packet record) are held to it.
"""

import re
import types
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec

from callresults.addresses import PLACEHOLDER, find_addresses, looks_like_address
from callresults.measurement import Measurement
from callresults.nettests.call import CallKeys
from callresults.packet_record import PacketRecordError, decode

__all__ = ["WITHHELD", "find_addresses", "redact", "round_start", "scrub"]

WITHHELD: Final = "withheld"
ROUNDING_S: Final = 300
_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_NETWORK: Final = re.compile(r"AS\d{1,10}")

_Record = TypeVar("_Record", bound=msgspec.Struct)


def round_start(moment: datetime) -> str:
    """Return an aware ``moment`` as UTC ``YYYY-mm-dd HH:MM:SS``, rounded down to 5 minutes."""
    seconds = int(moment.timestamp()) // ROUNDING_S * ROUNDING_S
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def scrub(text: str, own_addresses: Iterable[str] = ()) -> str:
    """Return ``text``, or ``withheld`` where it holds an address.

    That is: anything that looks like an address, a candidate, an SDP line or a local host name; and the
    ``own_addresses`` (those that the probe knows to be the volunteer's) in whatever form they stand.
    """
    own = tuple(own_addresses)
    # Raw bytes may have become characters in either way: Latin-1 keeps each byte, UTF-8 what was valid.
    readings = {text.encode(), text.encode("latin-1", "replace")}
    hidden = looks_like_address(text) or any(find_addresses(reading, own) for reading in readings)
    return WITHHELD if hidden else text


def _scrub_mapping(mapping: Mapping[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: value
        for key, value in mapping.items()
        if scrub(key, own) == key and (not isinstance(value, str) or scrub(value, own) == value)
    }


def _is_free_text(hint: object) -> bool:
    options = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return str in options


def _scrub_value(value: object, hint: object, own: tuple[str, ...]) -> object:
    if isinstance(value, msgspec.Struct):
        return _scrub_record(value, own)
    if isinstance(value, tuple):
        inner = get_args(hint)[0]
        return tuple(_scrub_value(one, inner, own) for one in value)
    if isinstance(value, dict):
        return _scrub_mapping(value, own)
    if isinstance(value, str) and _is_free_text(hint):
        return scrub(value, own)
    return value


@lru_cache(maxsize=256)
def _fields_with_text(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    """Return name and type of each field of ``kind`` that can hold free text, however deep."""
    return tuple(
        (field.name, field.type)
        for field in msgspec.structs.fields(kind)
        # Base64 of a known layout: looked into, not at.
        if field.name != "packet_record" and _can_hold_text(field.type)
    )


def _can_hold_text(hint: object) -> bool:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return bool(_fields_with_text(hint))
    if hint is str or get_origin(hint) is dict:
        return True
    return get_origin(hint) is not Literal and any(_can_hold_text(inner) for inner in get_args(hint))


def _scrub_record(record: _Record, own: tuple[str, ...]) -> _Record:
    changed = {}
    for name, hint in _fields_with_text(type(record)):
        before = getattr(record, name)
        after = _scrub_value(before, hint, own)
        if after is not before:
            changed[name] = after
    return msgspec.structs.replace(record, **changed) if changed else record


def _rounded(text: str) -> str:
    return round_start(datetime.strptime(text, _FORMAT).replace(tzinfo=UTC))


def _network(text: str) -> str:
    return text if _NETWORK.fullmatch(text) else "AS0"


def _packet_record(text: str | None) -> str | None:
    try:
        if text is not None:
            decode(text)
    except PacketRecordError:
        return None
    return text


def _redact_call(keys: CallKeys) -> CallKeys:
    return msgspec.structs.replace(
        keys,
        responder_network=_network(keys.responder_network),
        packet_record=_packet_record(keys.packet_record),
    )


def redact(measurement: Measurement, own_addresses: Iterable[str] = ()) -> Measurement:
    """Return ``measurement`` fit to be hashed, stored and sent; doing it twice changes nothing more.

    Free text with an address in it becomes ``withheld`` (``input``: null), start times are rounded down to 5
    minutes, country and network become unknown where they are not of their form, and a packet record that is
    none is dropped.

    Args:
        measurement: as it was assembled.
        own_addresses: the volunteer's addresses as far as the probe knows them, textual; these are found in
            binary, hex, base64 and XOR-mapped form too.

    Raises:
        ValueError: a start time is not UTC ``YYYY-mm-dd HH:MM:SS``, or an own address is none.
    """
    clean = _scrub_record(measurement, tuple(own_addresses))
    keys = clean.test_keys
    return msgspec.structs.replace(
        clean,
        probe_ip=PLACEHOLDER,
        probe_cc=clean.probe_cc if _COUNTRY.fullmatch(clean.probe_cc) else "ZZ",
        probe_asn=_network(clean.probe_asn),
        input=None if clean.input == WITHHELD else clean.input,
        test_start_time=_rounded(measurement.test_start_time),
        measurement_start_time=_rounded(measurement.measurement_start_time),
        test_keys=_redact_call(keys) if isinstance(keys, CallKeys) else keys,
    )
