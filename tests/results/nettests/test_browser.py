"""The browser's figures: under the names of the API that gave them, and only where a browser gave any."""

import msgspec

from callresults.codec import canonical_bytes, decode
from callresults.nettests.browser import BrowserPair, BrowserTrack, BrowserTransport, RemoteInbound
from helpers.synthetic import call_keys, measurement

OF_THE_API = {
    BrowserPair: {"currentRoundTripTime", "requestsSent", "responsesReceived", "nominated"},
    BrowserTransport: {"dtlsState", "tlsVersion", "dtlsCipher", "srtpCipher"},
    BrowserTrack: {"packetsReceived", "packetsLost", "concealedSamples", "freezeCount", "mimeType", "jitter"},
    RemoteInbound: {"packetsLost", "fractionLost", "jitter", "roundTripTime"},
}
"""Names of W3C webrtc-stats that a reader of the data looks for."""


def test_the_figures_keep_the_names_of_the_statistics_api():
    for record, names in OF_THE_API.items():
        assert names <= set(record.__struct_encode_fields__)


def test_a_call_that_no_browser_told_of_has_no_word_of_one():
    keys = call_keys(duration_s=1.0)

    assert keys.browser is msgspec.UNSET
    assert b'"browser"' not in canonical_bytes(measurement(keys))


def test_the_bytes_of_an_older_measurement_stay_canonical():
    """A field that came later must not appear in what was written before it."""
    before = canonical_bytes(measurement(call_keys(duration_s=1.0)))

    assert canonical_bytes(decode(before)) == before
