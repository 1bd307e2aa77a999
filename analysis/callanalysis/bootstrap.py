"""Wild cluster bootstrap with Webb's six-point weights, null imposed, all dates and draws at once.

Cameron, Gelbach and Miller 2008 (restricted residuals, studentised); Webb 2023 (six points, few clusters).
Controls are rows of the same regression, so their noise is in every draw.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DRAWS = 999
"""Bootstrap draws: p-values are multiples of 0.001."""
_WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])


class Wild(NamedTuple):
    """Effect of each candidate regressor, studentised, beside its bootstrap distribution under no effect."""

    beta: Floats
    """(candidates,)"""
    se: Floats
    """Cluster-robust standard errors, (candidates,)."""
    t: Floats
    t_draws: Floats
    """(draws, candidates)"""

    def p_fixed(self, candidate: int = 0) -> float:
        """Two-sided p-value of one candidate, fixed in advance."""
        return _p(abs(self.t[candidate]), np.abs(self.t_draws[:, candidate]))

    def p_scan(self) -> float:
        """Two-sided p-value of the largest |t| over all candidates."""
        return _p(np.abs(self.t).max(), np.abs(self.t_draws).max(axis=1))

    def half_width(self, confidence: float, candidate: int = 0) -> float:
        """Half-width of the symmetric percentile-t interval."""
        critical = np.quantile(np.abs(self.t_draws[:, candidate]), confidence)
        return float(critical * self.se[candidate])


def _p(observed: float, draws: Floats) -> float:
    return float((1 + np.count_nonzero(draws >= observed - 1e-12)) / (1 + len(draws)))


def webb(rng: np.random.Generator, draws: int, clusters: int) -> Floats:
    """Return (draws, clusters) weights of mean 0 and variance 1."""
    return _WEBB[rng.integers(0, 6, size=(draws, clusters))]


def _by_cluster(values: Floats, codes: Ints, clusters: int) -> Floats:
    """Sum the rows of ``values`` (n, k) within clusters: (clusters, k)."""
    sums = np.zeros((clusters, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _student(
    beta: Floats, scores_squared: Floats, denominator: float, clusters: int
) -> tuple[Floats, Floats]:
    se = np.sqrt(scores_squared * clusters / max(clusters - 1, 1)) / denominator
    with np.errstate(divide="ignore", invalid="ignore"):
        return se, np.nan_to_num(np.where(se > 1e-12, beta / se, 0.0))


class Regression(NamedTuple):
    """What the candidates are tried in."""

    value: Floats
    """(n,)"""
    weight: Floats
    nuisance: Floats
    """(n, k): what is in the model anyway."""
    candidates: Floats
    """(n, c): each is tried in turn; none may lie in the span of the nuisance columns."""
    codes: Ints
    """Cluster of each row, 0..G-1."""


class _Null(NamedTuple):
    """The restricted fit, and its residuals' part in every draw."""

    residual: Floats
    basis: Floats
    codes: Ints
    drawn: Floats
    """(draws, clusters) weights."""
    fitted: Floats
    """(draws, k): what the nuisance columns take up of each draw."""


def wild(model: Regression, rng: np.random.Generator) -> Wild:
    """Return the effect of each candidate beside its distribution under no effect."""
    clusters = int(model.codes.max()) + 1
    root = np.sqrt(model.weight)[:, None]
    basis, _ = np.linalg.qr(model.nuisance * root)
    residual = _annihilate(model.value[:, None] * root, basis)
    drawn = webb(rng, DRAWS, clusters)
    null = _Null(
        residual, basis, model.codes, drawn, drawn @ _by_cluster(basis * residual, model.codes, clusters)
    )
    tried = (_annihilate(column[:, None] * root, basis) for column in model.candidates.T)
    fits = [_candidate(z, null) for z in tried]
    beta, se, t, t_draws = (np.array(part) for part in zip(*fits, strict=True))
    return Wild(beta, se, t, t_draws.T)


def _annihilate(columns: Floats, basis: Floats) -> Floats:
    projected: Floats = columns - basis @ (basis.T @ columns)
    return projected


def _candidate(z: Floats, null: _Null) -> tuple[float, float, float, Floats]:
    """Return effect, standard error, t and t of every draw for one partialled-out regressor ``z`` (n, 1)."""
    clusters = null.drawn.shape[1]
    denominator = float((z * z).sum())
    beta = float((z * null.residual).sum()) / denominator
    scores = _by_cluster(z * (null.residual - z * beta), null.codes, clusters)
    se, t = _student(np.array([beta]), np.array([(scores**2).sum()]), denominator, clusters)
    pull = _by_cluster(z * null.residual, null.codes, clusters)[:, 0]
    beta_draws = null.drawn @ pull / denominator
    leverage = _by_cluster(z * z, null.codes, clusters)[:, 0]
    taken_up = null.fitted @ _by_cluster(z * null.basis, null.codes, clusters).T
    scores_draws = null.drawn * pull - taken_up - beta_draws[:, None] * leverage
    _, t_draws = _student(beta_draws, (scores_draws**2).sum(axis=1), denominator, clusters)
    return beta, float(se[0]), float(t[0]), t_draws


def resample(rng: np.random.Generator, clusters: int, draws: int = DRAWS) -> Floats:
    """Return (draws, clusters) multiplicities of an ordinary cluster bootstrap."""
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)
