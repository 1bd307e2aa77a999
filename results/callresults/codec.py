"""Canonical bytes of a measurement and the hash that names it.

The bytes are RFC 8785 (JSON Canonicalization Scheme): anyone, in any language, can make them again. The
``measurement_id`` is the SHA-256 of those bytes; it is not part of them, it is the idempotency key of an
upload, and it verifies on the published row.
"""

import hashlib
import re
from typing import Final

import msgspec
import rfc8785

from callresults.measurement import Measurement

ID_PREFIX: Final = "sha256:"
_NUMBER_IN_DOUBT: Final = re.compile(rb"[:,\[]-?(?:\d+\.0[,}\]]|[\d.]+[eE]|0\.00000|\d{16})")
"""Numbers that msgspec may write otherwise than RFC 8785: integral, tiny and huge floats, long integers."""


class InvalidMeasurementError(ValueError):
    """The bytes are no measurement; the message says where and why."""


def canonical_bytes(measurement: Measurement) -> bytes:
    """Return the RFC 8785 bytes of a measurement, without a trailing newline."""
    return rfc8785.dumps(msgspec.to_builtins(measurement))


def measurement_id(canonical: bytes) -> str:
    """Return the name of a measurement: ``sha256:`` and 64 hex digits over its canonical bytes."""
    return ID_PREFIX + hashlib.sha256(canonical).hexdigest()


def _is_plainly_canonical(measurement: Measurement, data: bytes) -> bool:
    """Tell whether ``data`` is canonical, fast: True is certain, False is not.

    Plain ASCII without escapes or numbers in doubt, which comes out of msgspec's sorted encoder as it went
    in, is of the canonical form; it is complete when the measurement encodes to the same members.
    """
    if not data.isascii() or b"\\" in data or _NUMBER_IN_DOUBT.search(data):
        return False
    plain = msgspec.json.decode(data)
    if msgspec.json.encode(plain, order="sorted") != data:
        return False
    return bool(msgspec.json.decode(msgspec.json.encode(measurement)) == plain)


def _is_canonical(measurement: Measurement, data: bytes) -> bool:
    return _is_plainly_canonical(measurement, data) or canonical_bytes(measurement) == data


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
        if _is_canonical(measurement, data):
            return measurement
    except rfc8785.CanonicalizationError as error:
        raise InvalidMeasurementError(f"not canonical: {error}") from error
    raise InvalidMeasurementError("not canonical: the bytes differ from their RFC 8785 form")
