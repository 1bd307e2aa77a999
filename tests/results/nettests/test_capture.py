"""What qualifies a call from a capture: names of closed lists, and only where there was a capture."""

import msgspec

from callresults.codec import canonical_bytes, decode
from callresults.nettests.capture import CaptureCall
from helpers.synthetic import call_keys, measurement, samples


def test_a_call_that_no_capture_showed_has_no_word_of_one():
    keys = call_keys(duration_s=1.0)

    assert keys.capture is msgspec.UNSET
    assert b'"capture"' not in canonical_bytes(measurement(keys))


def test_the_sample_of_a_captured_call_is_read_again_as_it_was():
    sample = samples()["call-observed-capture"]

    assert isinstance(sample.test_keys.capture, CaptureCall)
    assert decode(canonical_bytes(sample)) == sample
