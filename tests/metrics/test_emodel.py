"""The E-model: ITU's vectors, and that nothing gets better when the path gets worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callresults.metrics.codecs import CODECS, alternatives
from callresults.metrics.emodel import (
    Transmission,
    codec_rating,
    delayed,
    good_or_better_ratio,
    model_name,
    mos_interval,
    mos_of,
    poor_or_worse_ratio,
    rate,
    rate_fullband,
)

LOSS_PERCENT = (0, 1, 2, 5, 10, 20)
DELAYS_MS = (0, 50, 100, 150, 177.3, 200, 250, 300, 400, 500, 800)


def test_default_connection_of_table_3():
    rating = rate(Transmission())
    assert rating.no_dbm0p == pytest.approx(-61.179214386)
    assert rating.ro == pytest.approx(94.768821579)
    assert rating.i_s == pytest.approx(1.413568131)
    assert rating.idle == pytest.approx(0.149045725)
    assert rating.r_factor == pytest.approx(93.2062, abs=5e-5)
    assert mos_of(rating.r_factor) == pytest.approx(4.4094, abs=5e-5)


@pytest.mark.parametrize(
    ("delay_ms", "r_factor", "mos"),
    list(
        zip(
            DELAYS_MS,
            (93.21, 91.76, 90.66, 89.54, 88.05, 85.80, 79.18, 72.67, 62.25, 54.80, 42.82),
            (4.409, 4.380, 4.355, 4.328, 4.288, 4.223, 3.993, 3.719, 3.216, 2.828, 2.204),
            strict=True,
        )
    ),
)
def test_delay_alone(delay_ms, r_factor, mos):
    found = rate(delayed(delay_ms)).r_factor
    assert found == pytest.approx(r_factor, abs=0.005)
    assert mos_of(found) == pytest.approx(mos, abs=0.0005)


@pytest.mark.parametrize(
    ("codec", "r_factors", "scores"),
    [
        ("g711", (93.21, 75.28, 63.05, 42.13, 26.77, 15.02), (4.41, 3.83, 3.26, 2.17, 1.48, 1.12)),
        ("g711-plc", (93.21, 89.57, 86.20, 77.43, 66.14, 51.08), (4.41, 4.33, 4.24, 3.92, 3.41, 2.63)),
        ("g729a-vad", (82.21, 78.01, 74.21, 64.71, 53.24, 39.13), (4.10, 3.95, 3.79, 3.34, 2.75, 2.02)),
        ("g723.1-6.3", (78.21, 73.53, 69.37, 59.25, 47.55, 33.88), (3.95, 3.76, 3.57, 3.06, 2.45, 1.78)),
        ("gsm-efr", (88.21, 80.02, 73.21, 58.21, 43.21, 28.21), (4.29, 4.02, 3.74, 3.01, 2.22, 1.54)),
    ],
)
def test_random_loss_of_narrowband_codecs(codec, r_factors, scores):
    found = [
        codec_rating(CODECS[codec], loss_ratio=percent / 100, burst_r=1, delay_ms=0)
        for percent in LOSS_PERCENT
    ]
    assert found == pytest.approx(r_factors, abs=0.0051)
    assert [mos_of(r_factor) for r_factor in found] == pytest.approx(scores, abs=0.0051)


@pytest.mark.parametrize(("burst_r", "r_factor"), [(1, 77.43), (1.5, 76.50), (2, 76.00), (4, 75.18)])
def test_burst_ratio_lowers_the_rating(burst_r, r_factor):
    found = codec_rating(CODECS["g711-plc"], loss_ratio=0.05, burst_r=burst_r, delay_ms=0)
    assert found == pytest.approx(r_factor, abs=0.005)


@pytest.mark.parametrize(
    ("codec", "scores"),
    [
        ("opus-swb-vbr-25", (4.24, 4.03, 3.82, 3.26, 2.62, 1.97)),
        ("opus-swb-vbr-40", (4.40, 4.20, 3.98, 3.36, 2.65, 1.96)),
    ],
)
def test_random_loss_of_opus(codec, scores):
    found = [
        mos_of(codec_rating(CODECS[codec], loss_ratio=percent / 100, burst_r=1, delay_ms=0))
        for percent in LOSS_PERCENT
    ]
    assert found == pytest.approx(scores, abs=0.005)


@pytest.mark.parametrize(
    ("r_factor", "mos", "good_percent", "poor_percent"),
    [(90, 4.34, 97, 0), (80, 4.02, 89, 1), (70, 3.60, 73, 6), (60, 3.10, 50, 17), (50, 2.58, 27, 38)],
)
def test_annex_b_table(r_factor, mos, good_percent, poor_percent):
    assert mos_of(r_factor) == pytest.approx(mos, abs=0.006)
    assert round(100 * good_or_better_ratio(r_factor)) == good_percent
    assert round(100 * poor_or_worse_ratio(r_factor)) == poor_percent


def test_mos_is_clamped_where_the_cubic_dips():
    assert [mos_of(r_factor) for r_factor in (-5, 0, 3, 6.5, 100, 120)] == [1, 1, 1, 1, 4.5, 4.5]


def test_total_loss_leaves_nothing_to_rate():
    assert codec_rating(CODECS["opus-swb-vbr-25"], loss_ratio=1, burst_r=1, delay_ms=0) == 0


def test_fullband_without_impairment_is_148():
    assert rate_fullband(ie=0, bpl=10) == 148


def test_alternatives_bound_the_reference_codec():
    codec = CODECS["opus-swb-vbr-25"]
    path = {"loss_ratio": 0.08, "burst_r": 1.4, "delay_ms": 130.0}
    low, high = mos_interval(alternatives(codec), **path)
    assert low < mos_of(codec_rating(codec, **path)) < high


def test_the_model_is_named():
    assert model_name(CODECS["opus-swb-vbr-25"]) == "g107.2/opus-swb-vbr-25"
    assert model_name(CODECS["g711"]) == "g107/g711"


paths = st.tuples(st.floats(0, 1), st.floats(0.2, 60), st.floats(0, 2000))


@given(st.sampled_from(sorted(CODECS)), paths, st.integers(0, 2), st.floats(0, 50))
def test_nothing_improves_when_loss_burstiness_or_delay_rises(name, path, which, more):
    worse = list(path)
    worse[which] = min(path[which] + more, 1.0) if which == 0 else path[which] + more
    codec = CODECS[name]

    def scores(loss_ratio: float, burst_r: float, delay_ms: float) -> tuple[float, ...]:
        on = {"loss_ratio": loss_ratio, "burst_r": burst_r, "delay_ms": delay_ms}
        return mos_of(codec_rating(codec, **on)), *mos_interval(alternatives(codec), **on)

    better_scores, worse_scores = scores(*path), scores(*worse)
    assert all(1 <= score <= 4.5 for score in (*better_scores, *worse_scores))
    assert all(b >= w - 1e-9 for b, w in zip(better_scores, worse_scores, strict=True))


@pytest.mark.parametrize("name", ["g711", "g711-plc", "gsm-efr"])
def test_rating_never_rises_over_the_first_milliseconds(name):
    """G.107's talker echo is negative there."""
    ratings = [codec_rating(CODECS[name], loss_ratio=0, burst_r=1, delay_ms=i / 20) for i in range(200)]
    assert ratings == sorted(ratings, reverse=True)
