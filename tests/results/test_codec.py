"""Canonical bytes: one form, one name, and every other form refused."""

import hashlib
import json

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from callresults.codec import InvalidMeasurementError, canonical_bytes, decode, measurement_id
from callresults.nettests.call import CallKeys
from callresults.nettests.service import ServiceKeys
from helpers.synthetic import call_keys, measurement, service_keys

SAMPLE = measurement(call_keys(duration_s=1.0))
BYTES = canonical_bytes(SAMPLE)

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ratios = st.none() | st.floats(0, 1)


@st.composite
def measurements(draw):
    keys = call_keys(duration_s=0.1, session_id=draw(st.none() | texts), media_duration_s=draw(finite))
    metrics = msgspec.structs.replace(
        keys.metrics_up, loss_ratio=draw(ratios), jitter_ms=draw(st.none() | finite)
    )
    changed = msgspec.structs.replace(keys, metrics_up=metrics, metrics_down=None)
    return measurement(
        draw(st.sampled_from([changed, service_keys()])),
        probe_network_name=draw(texts),
        test_runtime=draw(finite),
        test_helpers=draw(st.dictionaries(texts, texts, max_size=3)),
    )


@given(measurements())
def test_round_trip_keeps_record_and_bytes(sample):
    data = canonical_bytes(sample)
    assert decode(data) == sample
    assert canonical_bytes(decode(data)) == data


@given(measurements())
def test_bytes_are_those_of_any_rfc8785_writer(sample):
    data = canonical_bytes(sample)
    assert rfc8785.dumps(json.loads(data, parse_int=float)) == data


def test_the_name_is_the_hash_of_the_bytes():
    assert measurement_id(BYTES) == "sha256:" + hashlib.sha256(BYTES).hexdigest()
    other = canonical_bytes(msgspec.structs.replace(SAMPLE, probe_cc="YY"))
    assert measurement_id(other) != measurement_id(BYTES)


@pytest.mark.parametrize(
    "data",
    [
        BYTES + b"\n",
        b" " + BYTES,
        json.dumps(json.loads(BYTES)).encode(),
        BYTES.replace(b'"probe_cc":"ZZ"', b'"probe_cc":"\\u005aZ"'),
        BYTES.replace(b'"test_runtime":21.5', b'"test_runtime":21.50'),
    ],
    ids=["newline", "space", "spaced", "escape", "number"],
)
def test_another_form_of_the_same_record_is_refused(data):
    with pytest.raises(InvalidMeasurementError, match="not canonical"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a measurement"),
        (BYTES.replace(b'"arm":"shaped"', b'"arm":"other"'), r"not a measurement.*test_keys\.arm"),
        (BYTES.replace(b'"arm":"shaped"', b'"arm":"shaped","home":"192.0.2.7"'), "unknown field `home`"),
        (BYTES.replace(b'"probe_cc":"ZZ",', b""), "probe_cc"),
        (BYTES.replace(b'"packets_sent":50', b'"packets_sent":%d' % 2**53), "not canonical"),
        (BYTES.replace(b'"packets_sent":50', b'"packets_sent":%d' % 10**400), "not canonical"),
    ],
)
def test_what_is_no_measurement_is_refused_with_its_reason(data, reason):
    with pytest.raises(InvalidMeasurementError, match=reason):
        decode(data)


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_one_exception(data):
    with pytest.raises(InvalidMeasurementError):
        decode(data)


def test_keys_are_told_apart_by_their_tag():
    assert isinstance(decode(BYTES).test_keys, CallKeys)
    assert isinstance(decode(canonical_bytes(measurement(service_keys()))).test_keys, ServiceKeys)
