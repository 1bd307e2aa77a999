"""Canonical bytes of a measurement and the hash that names it.

The bytes are RFC 8785 (JSON Canonicalization Scheme): anyone, in any language, can make them again. The
``measurement_id`` is the SHA-256 of those bytes; it is not part of them, it is the idempotency key of an
upload, and it verifies on the published row.
"""

import hashlib
from typing import Final

import msgspec
import rfc8785

from callresults.measurement import Measurement

ID_PREFIX: Final = "sha256:"


class InvalidMeasurementError(ValueError):
    """The bytes are no measurement; the message says where and why."""


def canonical_bytes(measurement: Measurement) -> bytes:
    """Return the RFC 8785 bytes of a measurement, without a trailing newline."""
    return rfc8785.dumps(msgspec.to_builtins(measurement))


def measurement_id(canonical: bytes) -> str:
    """Return the name of a measurement: ``sha256:`` and 64 hex digits over its canonical bytes."""
    return ID_PREFIX + hashlib.sha256(canonical).hexdigest()


def decode(data: bytes) -> Measurement:
    """Return the measurement in ``data``.

    Raises:
        InvalidMeasurementError: the bytes are not JSON, not of the schema, or not canonical.
    """
    try:
        measurement = msgspec.json.decode(data, type=Measurement)
    except msgspec.ValidationError as error:
        raise InvalidMeasurementError(f"not a measurement: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidMeasurementError(f"not JSON: {error}") from error
    try:
        canonical = canonical_bytes(measurement)
    except rfc8785.CanonicalizationError as error:
        raise InvalidMeasurementError(f"not canonical: {error}") from error
    if canonical != data:
        raise InvalidMeasurementError("not canonical: the bytes differ from their RFC 8785 form")
    return measurement
