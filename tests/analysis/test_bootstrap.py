"""The wild cluster bootstrap."""

import numpy as np

from callanalysis.bootstrap import Regression, webb, wild


def _clustered(seed, effect, clusters=24, size=10):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(clusters), size)
    treated = (codes % 2 == 0).astype(float)
    after = (np.arange(len(codes)) % size >= size // 2).astype(float)
    value = rng.normal(0, 1, clusters)[codes] + rng.normal(0, 1, len(codes)) + effect * treated * after
    nuisance = np.column_stack([np.ones(len(codes)), treated, after])
    return Regression(value, np.ones(len(codes)), nuisance, (treated * after)[:, None], codes), rng


def test_estimate_is_weighted_least_squares():
    """The effect equals the coefficient of the full regression."""
    model, rng = _clustered(1, 0.5)
    model = model._replace(weight=np.random.default_rng(2).uniform(0.2, 1.0, len(model.value)))
    root = np.sqrt(model.weight)[:, None]
    full = np.column_stack([model.nuisance, model.candidates]) * root
    expected = np.linalg.lstsq(full, model.value * root[:, 0], rcond=None)[0][-1]
    np.testing.assert_allclose(wild(model, rng).beta[0], expected)


def test_draws_agree_with_a_plain_loop():
    """The vectorised draws equal refitting the regression draw by draw."""
    model, _ = _clustered(3, 0.3)
    got = wild(model, np.random.default_rng(5))
    drawn = webb(np.random.default_rng(5), 999, 24)
    basis = np.linalg.qr(model.nuisance)[0]
    residual = model.value - basis @ (basis.T @ model.value)
    full = np.column_stack([model.nuisance, model.candidates])
    for draw in (0, 17, 998):
        star = residual * drawn[draw][model.codes]
        coefficients = np.linalg.lstsq(full, star, rcond=None)[0]
        z = model.candidates[:, 0] - basis @ (basis.T @ model.candidates[:, 0])
        scores = np.bincount(model.codes, z * (star - full @ coefficients))
        se = np.sqrt((scores**2).sum() * 24 / 23) / (z @ z)
        np.testing.assert_allclose(got.t_draws[draw, 0], coefficients[-1] / se, rtol=1e-9)


def test_false_alarms_keep_to_their_level():
    """Without an effect p is at most 0.05 about one time in twenty; with one it nearly always is."""
    null = [wild(*_clustered(seed, 0.0)).p_fixed() for seed in range(200)]
    hit = [wild(*_clustered(seed, 1.2)).p_fixed() for seed in range(40)]
    assert np.mean(np.array(null) <= 0.05) <= 0.10
    assert np.mean(np.array(hit) <= 0.05) >= 0.9


def test_webb_weights_have_mean_zero_and_variance_one():
    """Six points, standardised."""
    drawn = webb(np.random.default_rng(1), 4000, 50)
    assert len(np.unique(drawn)) == 6
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.var() - 1) < 0.01


def test_no_variation_is_no_effect():
    """Votes that are all alike give zero, not a division by zero."""
    model, rng = _clustered(1, 0.0)
    got = wild(model._replace(value=np.ones(len(model.value))), rng)
    assert (abs(got.beta[0]) < 1e-9, got.p_fixed()) == (True, 1.0)
