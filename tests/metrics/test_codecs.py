"""Codec tables: all rows there, and what bounds a rating."""

from callresults.metrics.codecs import CODECS, G113, OPUS, alternatives


def test_the_published_opus_rows_are_all_there():
    assert len(OPUS) == 10 + 6 + 3 + 4 + 4 + 4
    assert CODECS["opus-swb-vbr-25"][2:] == (20.21, 11.28, 9.18)
    assert CODECS["opus-nb-cbr-11"][2:] == (2.03, 15.95, 10.73)


def test_wideband_rows_are_data_without_a_model():
    assert {codec.bandwidth for codec in OPUS} == {"nb", "wb", "swb"}
    assert {codec.bandwidth for codec in CODECS.values()} == {"nb", "swb"}


def test_bursty_loss_is_never_less_harmful_than_random_loss():
    assert all(codec.bpl_bursty <= codec.bpl_random for codec in (*OPUS, *G113))


def test_alternatives_are_the_rows_of_the_same_bandwidth():
    rows = alternatives(CODECS["opus-swb-vbr-25"])
    assert {row.bandwidth for row in rows} == {"swb"}
    assert len(rows) == 2 * (10 + 6)


def test_a_codec_of_one_bit_rate_is_its_own_alternative():
    assert {row.ie for row in alternatives(CODECS["g711-plc"])} == {0.0}
