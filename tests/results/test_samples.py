"""The committed samples: canonical, valid, and what the helper makes."""

import pytest

from callresults.codec import canonical_bytes, decode
from callresults.packet_record import decode as decode_packets
from helpers.synthetic import SAMPLES, samples

STEMS = sorted(path.stem for path in SAMPLES.glob("*.json"))


def test_all_samples_are_committed():
    assert sorted(samples()) == STEMS


@pytest.mark.parametrize("stem", STEMS)
def test_a_sample_decodes_and_encodes_to_the_same_bytes(stem):
    data = (SAMPLES / f"{stem}.json").read_bytes()
    assert canonical_bytes(decode(data)) == data


@pytest.mark.parametrize("stem", STEMS)
def test_a_sample_is_what_the_helper_makes(stem):
    """Else: ``python tests/helpers/synthetic.py`` writes them."""
    assert decode((SAMPLES / f"{stem}.json").read_bytes()) == samples()[stem]


def test_the_samples_show_every_kind_of_verdict_and_a_packet_record():
    found = [decode((SAMPLES / f"{stem}.json").read_bytes()).test_keys for stem in STEMS]
    assert {keys.verdict.verdict for keys in found if keys.verdict} == {"ok", "degraded", "blocked"}
    (recorded,) = [keys for keys in found if getattr(keys, "packet_record", None)]
    assert len(decode_packets(recorded.packet_record).up.rows) == 500
