"""What the collector takes and what it refuses, as bytes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.codec import canonical_bytes, measurement_id
from callresults.collector.api import MAX_MEASUREMENT_BYTES
from callresults.collector.receive import Accepted, Refused, examine
from callresults.measurement import Measurement
from helpers.sample_measurement import call, canonical_call, service

GOOD = canonical_call(3)


def with_(**changes: object) -> bytes:
    return canonical_bytes(msgspec.structs.replace(call(3), **changes))


def with_keys(**changes: object) -> bytes:
    measurement = call(3)
    keys = msgspec.structs.replace(measurement.test_keys, **changes)
    return canonical_bytes(msgspec.structs.replace(measurement, test_keys=keys))


@pytest.mark.parametrize("measurement", [call(1), service(2)])
def test_canonical_bytes_of_a_measurement_are_accepted(measurement: Measurement) -> None:
    body = canonical_bytes(measurement)

    assert Accepted(measurement_id=measurement_id(body), canonical=body, measurement=measurement) == examine(
        body, measurement_id(body)
    )


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(body: bytes) -> None:
    assert isinstance(examine(body), Refused)


@given(st.data())
def test_changed_bytes_are_refused_or_are_another_measurement(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(GOOD) - 1))
    body = GOOD[:position] + data.draw(st.binary(max_size=3)) + GOOD[position + 1 :]

    examined = examine(body, measurement_id(GOOD))

    assert isinstance(examined, Refused) or body == GOOD


_TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.sampled_from(sorted(json.loads(GOOD))), _TREE)
def test_any_value_in_any_member_is_answered(name: str, value: object) -> None:
    document = json.loads(GOOD)
    document[name] = value

    examined = examine(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())

    assert isinstance(examined, Accepted | Refused)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not"),
        (b"{}", "not a measurement"),
        (GOOD + b" ", "not canonical"),
        (GOOD.replace(b'"test_runtime":12.25', b'"test_runtime":12.250'), "not canonical"),
        (GOOD.replace(b'"test_runtime":12.25', b'"test_runtime":1e400'), "not"),
        (GOOD.replace(b'"packets_sent":500', b'"packets_sent":99999999999999999999'), "not"),
        (GOOD.replace(b'"packets_sent":500', b'"packets_sent":9007199254740993'), "not canonical"),
        (GOOD.replace(b'"input":null', b'"input":"\\ud800"'), "not"),
        (GOOD[:-1] + b',"zzz":1}', "unknown field"),
        (with_(probe_cc="../x"), "probe_cc"),
        (with_(probe_cc="ru"), "probe_cc"),
        (with_(probe_asn="64500"), "probe_asn"),
        (with_(probe_ip="198.51.100.7"), "probe_ip"),
        (with_(measurement_start_time="2025-08-11 10:03:00"), "rounded"),
        (with_(measurement_start_time="2025-08-11 10:05:01"), "rounded"),
        (with_(measurement_start_time="2025-8-11 10:05:00"), "measurement_start_time"),
        (with_(measurement_start_time="0005-08-11 10:05:00"), "measurement_start_time"),
        (with_(test_start_time="yesterday"), "test_start_time"),
        (with_(input="stun:198.51.100.7:3478"), "IP address"),
        (with_(test_helpers={"responder": "https://[2001:db8::7]:8443"}), "IP address"),
        (with_keys(responder_id="127.0.0.1"), "IP address"),
        (with_keys(probe_id=""), "probe_id"),
    ],
)
def test_unfit_bytes_are_refused_with_a_sentence(body: bytes, sentence: str) -> None:
    examined = examine(body)

    assert isinstance(examined, Refused)
    assert sentence in examined.error
    assert examined.http_status == 422
    assert "\n" not in examined.error


def test_key_that_is_not_the_hash_is_refused() -> None:
    examined = examine(GOOD, measurement_id(b"other"))

    assert isinstance(examined, Refused)
    assert examined.error == "The Idempotency-Key is not the SHA-256 of the body."


def test_too_long_measurement_is_refused_before_it_is_parsed() -> None:
    examined = examine(b"[" * (MAX_MEASUREMENT_BYTES + 1))

    assert isinstance(examined, Refused)
    assert examined.http_status == 413
