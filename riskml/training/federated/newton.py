"""The fit of the coordinator: the house's own ridge learners, with a likelihood that is asked for by post.

`prior_scale.integrate` is run on what was answered so far. Where it needs the likelihood at a point that nobody has
evaluated yet, that point is the next ask; run again with the answer it comes one step further. So the federated fit is
the pooled one, step by step, and there is no second implementation of it. Each width of the prior goes its own way, and
all ways are asked about in one round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from riskml.training.federated.plan import Study
from riskml.training.learners.prior_scale import Posterior, Standardised, integrate, tau_grid
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic, covariance_with_intercept

FloatArray = NDArray[np.float64]
# A step of so many standard errors ends the iteration: its square is the error that is left.
TOL = 1e-5
MAX_ITER = 100
# The sum of risks must meet the events to this share.
LEVEL_TOL = 1e-9
# Products of centred inputs smaller than this share of the largest are rounding: a constant or collinear input.
RANK_TOL = 1e-12
# Points differ by more than this unless they are one point that another machine rounded otherwise.
SAME = 1e-9


class UnansweredError(Exception):
    """The fit needs the likelihood at a point that nobody was asked about."""

    def __init__(self, point: FloatArray) -> None:
        super().__init__(point)
        self.point = point


class PooledLikelihood:
    """Log-likelihood, gradient and information of all hospitals at the points that were answered.

    Parameters
    ----------
    asked : sequence of (points, sums)
        Points of shape (n_points, q) and the totals of `statistics.newton` at them.
    """

    def __init__(self, asked: Sequence[tuple[Sequence[Sequence[float]], Mapping[str, Sequence[float]]]]) -> None:
        self.points: list[FloatArray] = []
        self.answers: list[tuple[float, FloatArray, FloatArray]] = []
        for points, sums in asked:
            q = len(points[0])
            gradients = np.array(sums["gradient"], dtype=float).reshape(len(points), q)
            triangles = np.array(sums["information"], dtype=float).reshape(len(points), -1)
            for point, value, gradient, triangle in zip(points, sums["loglik"], gradients, triangles, strict=True):
                self.points.append(np.array(point, dtype=float))
                self.answers.append((float(value), gradient, from_upper(triangle, q)))

    def at(self, point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """What was answered at a point; `UnansweredError` where nothing was."""
        if self.points:
            scale = 1 + np.abs(point).max(initial=0.0)
            apart = [float(np.abs(point - other).max(initial=0.0)) / scale for other in self.points]
            nearest = int(np.argmin(apart))
            if apart[nearest] <= SAME:
                value, gradient, information = self.answers[nearest]
                return value, gradient.copy(), information.copy()
        raise UnansweredError(point)


def from_upper(triangle: FloatArray, size: int) -> FloatArray:
    """The symmetric matrix of an upper triangle given row by row."""
    full = np.zeros((size, size))
    full[np.triu_indices(size)] = triangle
    return full + np.triu(full, 1).T


@dataclass(frozen=True, slots=True)
class Fit:
    """The shared model before it is a bundle.

    Attributes
    ----------
    learner : RidgeLogistic or RidgeCox
        As if it had been fitted to all rows: coefficients, covariance, the widths of the prior and their weights.
    coefficients : float array of shape (n_features,)
    log_likelihood : float
        At the coefficients: binomial, or partial and stratified by hospital.
    """

    learner: Any
    coefficients: FloatArray
    log_likelihood: float


def standardised(mean: FloatArray, spread: FloatArray, n: float) -> Standardised:
    """Scales and principal axes from the sums of products of centred inputs (`prior_scale.standardise` without rows).

    Parameters
    ----------
    mean : float array of shape (n_features,)
    spread : float array of shape (n_features, n_features)
        Sum over rows of the products of centred inputs.
    n : float
        Number of rows.
    """
    variance = np.diag(spread) / n
    varies = variance > RANK_TOL * mean**2
    scale = np.where(varies & (variance > 0), np.sqrt(np.maximum(variance, 0)), np.inf)
    moment, axes = np.linalg.eigh(spread / np.outer(scale, scale))
    kept = moment > RANK_TOL * max(float(moment.max(initial=0.0)), 1e-300)
    axes = axes[:, kept]
    return Standardised(np.zeros((0, int(kept.sum()))), axes / scale[:, None], mean, scale, moment[kept])


def fit(
    study: Study,
    rows: float,
    events: float,
    mean: FloatArray,
    asked: Sequence[tuple[Sequence[Sequence[float]], Mapping[str, Sequence[float]]]],
) -> Fit | list[list[float]]:
    """The fit, or the points at which the hospitals have to be asked next.

    Parameters
    ----------
    study : Study
    rows, events : float
        How many there are in all hospitals.
    mean : float array of shape (n_features,)
        The mean row, where the inputs are centred.
    asked : sequence of (points, sums)
        By round; the first has ``spread``, too.

    Raises
    ------
    ValueError
        If a coefficient has no finite estimate.
    """
    free = 0 if study.survival else 1
    start = np.concatenate([[logit(events / rows)] * free, np.zeros(mean.size)])
    if not asked:
        return [start.tolist()]
    pooled = PooledLikelihood(asked)
    inputs = standardised(mean, from_upper(np.array(asked[0][1]["spread"], dtype=float), mean.size), rows)
    turn = np.zeros((start.size, free + inputs.moment.size))
    turn[:free, :free], turn[free:, free:] = np.eye(free), inputs.loadings

    def likelihood(theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, information = pooled.at(turn @ theta)
        return value, turn.T @ gradient, turn.T @ information @ turn

    posterior = _posterior(study, likelihood, (start[:free], inputs.moment, rows))
    if isinstance(posterior, list):
        return [list(point) for point in dict.fromkeys(tuple(point.tolist()) for point in posterior)]
    coefficients = inputs.loadings @ posterior.mean[free:]
    if study.survival:
        try:
            value = pooled.at(coefficients)[0]
        except UnansweredError as missing:
            return [missing.point.tolist()]
        learner = _learned(RidgeCox(prior_scale=study.prior_scale, tau=study.tau), posterior)
        learner.coef_, learner.mean_log_risk_ = coefficients, float(mean @ coefficients)
        learner.covariance_ = inputs.loadings @ posterior.covariance @ inputs.loadings.T
        if not inputs.full_rank:
            learner.covariance_ += (posterior.weight @ posterior.tau**2) * inputs.unseen()
        return Fit(learner, coefficients, value)
    level = _level(pooled, float(posterior.mean[0]), coefficients, events)
    if isinstance(level, list):
        return [level]
    learner = _learned(RidgeLogistic(prior_scale=study.prior_scale, tau=study.tau), posterior)
    learner.classes_, learner.coef_ = np.array([0, 1]), coefficients[None, :]
    learner.intercept_ = np.array([level[0] - mean @ coefficients])
    learner.covariance_ = covariance_with_intercept(posterior, inputs)
    return Fit(learner, coefficients, level[1])


def _posterior(
    study: Study, likelihood: Any, shape: tuple[FloatArray, FloatArray, float]
) -> Posterior | list[FloatArray]:
    """The posterior over all widths, or the points that one width or another still needs."""
    level, moment, rows = shape
    start = np.concatenate([level, np.zeros(moment.size)])
    widths, masses = tau_grid(study.prior_scale, study.tau)
    found, missing = [], []
    for width, mass in zip(widths, masses, strict=True):
        try:
            found.append(
                integrate(
                    likelihood,
                    start,
                    np.concatenate([np.full(level.size, rows), moment]),
                    free=level.size,
                    grid=(np.array([width]), np.array([mass])),
                    max_iter=MAX_ITER,
                    tol=TOL,
                )
            )
        except UnansweredError as unanswered:
            missing.append(unanswered.point)
    return missing or mixture(found)


def mixture(parts: Sequence[Posterior]) -> Posterior:
    """Posteriors for one width of the prior each, as `integrate` averages them: by prior mass times evidence."""
    evidence = np.array([part.log_evidence for part in parts])
    weight = np.exp(evidence - evidence.max())
    total = float(evidence.max() + np.log(weight.sum()))
    weight /= weight.sum()
    means = np.array([part.mean for part in parts])
    mean = weight @ means
    covariance = np.tensordot(weight, np.array([part.covariance for part in parts]), axes=1)
    covariance += (weight * (means - mean).T) @ (means - mean)
    steps = max(part.n_iter for part in parts)
    return Posterior(mean, covariance, np.concatenate([part.tau for part in parts]), weight, steps, total)


def _learned(learner: Any, posterior: Posterior) -> Any:
    learner.tau_grid_, learner.tau_weights_ = posterior.tau, posterior.weight
    learner.log_evidence_, learner.n_iter_ = posterior.log_evidence, posterior.n_iter
    return learner


def _level(
    pooled: PooledLikelihood, intercept: float, coefficients: FloatArray, events: float
) -> tuple[float, float] | list[float]:
    """The intercept with which the risks add up to the events, and the log-likelihood there; or the point to ask about.

    A mode has this by itself; the average of several modes has to be put right, as `RidgeLogistic` does.
    """
    for _ in range(MAX_ITER):
        point: FloatArray = np.concatenate([[intercept], coefficients])
        try:
            value, gradient, information = pooled.at(point)
        except UnansweredError:
            return [intercept, *coefficients.tolist()]
        if abs(gradient[0]) <= LEVEL_TOL * events:
            return intercept, value
        intercept += float(gradient[0] / information[0, 0])
    raise ValueError("no intercept meets the number of events")
