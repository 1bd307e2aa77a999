"""What the collector accepts: bytes in, an accepted measurement or a refusal out. Pure."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from callresults.addresses import PLACEHOLDER, textual_addresses
from callresults.codec import InvalidMeasurementError, decode, measurement_id
from callresults.collector.api import MAX_MEASUREMENT_BYTES
from callresults.measurement import Measurement

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_NETWORK: Final = re.compile(r"AS\d{1,10}")
_PLACEHOLDER_MEMBER: Final = f'"probe_ip":"{PLACEHOLDER}"'
_ROUNDING_S: Final = 300


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A valid measurement and the bytes that its id was made from."""

    measurement_id: str
    canonical: bytes
    measurement: Measurement


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are not taken."""

    measurement_id: str
    """Hash of the bytes."""
    http_status: int
    error: str
    """One sentence for who sent them; repeats no address."""


def _start_problem(name: str, text: str) -> str | None:
    try:
        start = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return f"{name} must be UTC YYYY-mm-dd HH:MM:SS."
    if start.strftime("%Y-%m-%d %H:%M:%S") != text or start.year < 2000:
        return f"{name} must be UTC YYYY-mm-dd HH:MM:SS, from the year 2000 on."
    if (start.minute * 60 + start.second) % _ROUNDING_S:
        return f"{name} must be rounded down to 5 minutes before hashing."
    return None


def _problems(measurement: Measurement, canonical: bytes) -> Iterator[str]:
    """Yield why a well-formed measurement may not be stored.

    Country, network and month become folder names and cells of the publication: their form is checked here.
    """
    if not _COUNTRY.fullmatch(measurement.probe_cc):
        yield "probe_cc must be two capital letters (ZZ when unknown)."
    if not _NETWORK.fullmatch(measurement.probe_asn):
        yield "probe_asn must be AS and a number (AS0 when unknown)."
    if not measurement.test_keys.probe_id:
        yield "probe_id must not be empty."
    for name in ("test_start_time", "measurement_start_time"):
        if problem := _start_problem(name, getattr(measurement, name)):
            yield problem
    if measurement.probe_ip != PLACEHOLDER:
        yield f"probe_ip must be the placeholder {PLACEHOLDER}."
    if textual_addresses(canonical.decode().replace(_PLACEHOLDER_MEMBER, "", 1)):
        yield "The measurement holds an IP address; redact it before hashing."


def examine(body: bytes, claimed_id: str | None = None) -> Accepted | Refused:
    """Judge the bytes of one measurement; never raises, whatever they are.

    Args:
        body: canonical bytes of one measurement.
        claimed_id: what the sender says their hash is; None where it says nothing.
    """
    found_id = measurement_id(body)

    def refuse(http_status: int, error: str) -> Refused:
        return Refused(measurement_id=found_id, http_status=http_status, error=error)

    if len(body) > MAX_MEASUREMENT_BYTES:
        return refuse(413, f"A measurement may have at most {MAX_MEASUREMENT_BYTES} bytes.")
    if claimed_id is not None and claimed_id != found_id:
        return refuse(422, "The Idempotency-Key is not the SHA-256 of the body.")
    try:
        measurement = decode(body)
    except InvalidMeasurementError as error:
        return refuse(422, f"The body is {error}.")
    if problem := next(_problems(measurement, body), None):
        return refuse(422, problem)
    return Accepted(measurement_id=found_id, canonical=body, measurement=measurement)
