"""The fast way to see that bytes are canonical never says so of bytes that are not."""

import json
import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from callresults.codec import InvalidMeasurementError, _is_plainly_canonical, canonical_bytes, decode
from callresults.measurement import Measurement
from helpers.sample_measurement import call, canonical_call

GOOD = canonical_call(3)
NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1e-4, 1e-4)
    | st.integers(-(2**63), 2**63).map(float)
    | st.integers(-20, 20).map(float)
)
SPELLINGS = ("{!r}", "{:.0f}", "{:.1f}", "{:e}", "{:g}", "{:.17g}", "{!r}0", "{:.12f}")


def with_runtime(text: str) -> bytes:
    """Return the measurement with ``text`` where the runtime's number stands."""
    return GOOD.replace(b'"test_runtime":12.25', b'"test_runtime":' + text.encode())


def is_canonical_by_the_book(data: bytes) -> bool:
    return canonical_bytes(msgspec.json.decode(data, type=Measurement)) == data


@given(NUMBERS, st.sampled_from(SPELLINGS))
def test_any_spelling_of_any_number_is_judged_as_by_the_book(number: float, spelling: str) -> None:
    data = with_runtime(spelling.format(number))
    try:
        expected = is_canonical_by_the_book(data)
    except ValueError:  # msgspec's or rfc8785's: no number of JSON
        expected = False
    try:
        decode(data)
        found = True
    except InvalidMeasurementError:
        found = False

    assert found == expected


@given(st.text(max_size=8))
def test_any_text_in_a_field_is_taken_in_its_canonical_form(text: str) -> None:
    measurement = msgspec.structs.replace(call(3), report_id=text)

    assert decode(canonical_bytes(measurement)) == measurement


def test_other_escapes_order_space_and_repetition_are_not_canonical() -> None:
    document = json.loads(GOOD)
    shuffled = dict(random.Random(1).sample(sorted(document.items()), len(document)))
    others = [
        GOOD.replace(b"telegram", b"\\u0074elegram"),
        GOOD.replace(b'":', b'": ', 1),
        GOOD.replace(b'"input":null', b'"input":null,"input":null'),
        GOOD.replace(b'"input":null,', b""),
        GOOD.replace(b'"extensions":{},', b""),
        GOOD.replace(b'"probe_ip":"127.0.0.1",', b""),
        json.dumps(shuffled, separators=(",", ":")).encode(),
    ]
    measurements = [msgspec.json.decode(other, type=Measurement) for other in others if b'"input":' in other]

    assert len(measurements) == len(others) - 1
    assert not any(map(_is_plainly_canonical, measurements, (o for o in others if b'"input":' in o)))


def test_ordinary_measurements_are_seen_the_fast_way() -> None:
    assert _is_plainly_canonical(call(3), GOOD)
