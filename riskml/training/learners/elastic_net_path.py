r"""Elastic-net logistic regressions, all folds and penalties of a search solved side by side.

Each problem minimises, over an intercept :math:`\theta_0` and coefficients :math:`\beta` of inputs standardised by the
rows it sees,

.. math::
    -\sum_i w_i \log p(y_i \mid x_i) + \kappa \Big( \alpha \lVert\beta\rVert_1
    + \tfrac{1 - \alpha}{2} \lVert\beta\rVert_2^2 \Big)

with :math:`\alpha` the ``l1_ratio`` and :math:`\kappa` the penalty: 1 / C in scikit-learn, n times lambda in glmnet.
Newton's quadratic model of the likelihood is minimised by cyclic coordinate descent that only touches the Gram matrix
(glmnet's covariance updates), for all problems in one numpy operation. Cold starts of all penalties together cost
fewer operations than warm starts of one after the other.

References
----------
Zou H, Hastie T. Regularization and variable selection via the elastic net. J R Stat Soc B 2005;67:301-320.
Friedman J, Hastie T, Tibshirani R. Regularization paths for generalized linear models via coordinate descent. J Stat
Softw 2010;33(1):1-22.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from riskml.training.learners.logistic_batch import BoolArray, FloatArray, LogisticBatch

IntArray = NDArray[np.intp]

# Sweeps of coordinate descent between two updates of the curvature; the least variance of a row that the curvature
# uses; the damping of a step, as a share of the curvature.
SWEEPS = 2
SYSTEMS = 4
LEAST_VARIANCE = 1e-9
DAMPING = 1e-9
TINY = 1e-300
# A coefficient that nothing in the training rows determines is penalised out of existence.
FORBIDDEN = 1e150
# Numbers in the Gram matrices of the problems solved at one time, which should stay in the cache; weights of rows.
LARGEST_BLOCK = 200_000
MOST_WEIGHTS = 8_000_000


@dataclass(frozen=True, slots=True)
class Points:
    """The penalties a search tries.

    Attributes
    ----------
    l1_ratio, penalty : float arrays of shape (n_points,)
        Alpha and kappa of each point.
    """

    l1_ratio: FloatArray
    penalty: FloatArray


@dataclass(frozen=True, slots=True)
class Search:
    """One training set, the penalties to try on it, and its inner folds.

    Attributes
    ----------
    weight : float array of shape (n_samples,)
        0 for rows outside the training set.
    points : Points
    test_rows : sequence of int arrays
        Rows that each inner fold leaves out.
    """

    weight: FloatArray
    points: Points
    test_rows: Sequence[IntArray]


@dataclass(frozen=True, slots=True)
class Path:
    """What a search found.

    Attributes
    ----------
    intercept : float array of shape (n_points,)
    coef : float array of shape (n_points, n_features)
        Fits to the whole training set, for inputs as they came.
    log_loss : float array of shape (n_folds, n_points)
        Mean log-loss of the rows left out.
    """

    intercept: FloatArray
    coef: FloatArray
    log_loss: FloatArray


def penalty_points(
    X: FloatArray, event: FloatArray, weight: FloatArray, l1_ratios: Sequence[float], n_penalties: int, span: float
) -> Points:
    """Grid from the penalty at which the last coefficient turns 0 down to ``span`` times it, for each l1_ratio.

    A coefficient stays 0 while its score at zero, sum of w (y - mean y) z, is below penalty * l1_ratio. For ratios
    below .01, where no penalty does this or only an enormous one, the grid is that of .01.
    """
    batch = LogisticBatch.build(X, event, weight[:, None])
    spread = batch.spread()[1:, 0]
    score = np.abs(batch.gradient(batch.null())[1:, 0])
    largest = float(np.divide(score, spread, out=np.zeros_like(score), where=spread > 0).max(initial=0.0))
    ratio = np.repeat(np.asarray(l1_ratios, dtype=np.float64), n_penalties)
    down = np.tile(np.geomspace(1.0, span, n_penalties), len(l1_ratios))
    # A hair above, so that rounding leaves no coefficient of 1e-16.
    return Points(ratio, (largest or 1.0) * (1 + 1e-12) * down / np.maximum(ratio, 0.01))


def search_paths(
    X: FloatArray, event: FloatArray, searches: Sequence[Search], *, tol: float = 1e-7, max_iter: int = 200
) -> list[Path]:
    """Solve all points of all searches, on each inner fold and on the whole training set, as one batch.

    Parameters
    ----------
    X : float array of shape (n_samples, n_features)
    event : float array of shape (n_samples,)
        0 or 1. Every training set and every inner fold of it needs both.
    searches : sequence of Search
    tol, max_iter
        As for `solve`.

    Returns
    -------
    list of Path, one a search
    """
    weight: list[FloatArray] = []
    of_weight, penalty, ratio = [], [], []
    for search in searches:
        fold_weights = [search.weight]
        for rows in search.test_rows:
            fold_weights.append(search.weight.copy())
            fold_weights[-1][rows] = 0.0
        sets, n_points = len(fold_weights), search.points.penalty.size
        of_weight.append(len(weight) + np.repeat(np.arange(sets), n_points))
        penalty.append(np.tile(search.points.penalty, sets))
        ratio.append(np.tile(search.points.l1_ratio, sets))
        weight += fold_weights
    samples = LogisticBatch.build(X, event, np.array(weight).T)
    theta = solve(
        samples, np.concatenate(of_weight), np.concatenate(penalty), np.concatenate(ratio), tol=tol, max_iter=max_iter
    )
    paths, start = [], 0
    for search in searches:
        n_points, sets = search.points.penalty.size, 1 + len(search.test_rows)
        own = theta[:, start : start + n_points * sets].reshape(theta.shape[0], sets, n_points)
        start += n_points * sets
        losses = [_log_loss(samples, search.weight, own[:, 1 + k], rows) for k, rows in enumerate(search.test_rows)]
        intercept, coef = samples.to_inputs(own[:, 0])
        paths.append(Path(intercept, coef, np.array(losses).reshape(sets - 1, n_points)))
    return paths


def solve(
    samples: LogisticBatch,
    sample: IntArray,
    penalty: FloatArray,
    l1_ratio: FloatArray,
    *,
    tol: float = 1e-7,
    max_iter: int = 200,
) -> FloatArray:
    """Minimise one penalised likelihood a problem.

    Parameters
    ----------
    samples : LogisticBatch
        The distinct columns of weights.
    sample : int array of shape (n_problems,)
        Which of them each problem uses.
    penalty, l1_ratio : float arrays of shape (n_problems,)
    tol : float
        A problem is done when no coordinate would move by more than this many standard errors.
    max_iter : int
        Updates of the curvature allowed.

    Returns
    -------
    float array of shape (1 + n_features, n_problems)
        Parameters for the columns of ``samples.rows``.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If ``max_iter`` did not suffice for some problem.
    """
    theta = np.empty((samples.rows.shape[1], penalty.size))
    spread = samples.spread()
    size = max(1, min(LARGEST_BLOCK // samples.rows.shape[1] ** 2, MOST_WEIGHTS // len(samples.rows)))
    for start in range(0, penalty.size, size):
        block = slice(start, start + size)
        scale = spread[:, sample[block]]
        l1 = penalty[block] * l1_ratio[block] * scale
        l2 = penalty[block] * (1 - l1_ratio[block]) * scale**2
        l1[1:][scale[1:] == 0] = FORBIDDEN
        theta[:, block] = _solve_block(samples.of(sample[block]), l1, l2, tol, max_iter)
    return theta


def _solve_block(batch: LogisticBatch, l1: FloatArray, l2: FloatArray, tol: float, max_iter: int) -> FloatArray:
    """Proximal Newton; problems that have converged leave the batch."""
    theta = batch.null()
    solved, left = theta.copy(), np.arange(theta.shape[1])
    objective = _objective(batch, theta, l1, l2)
    for _ in range(max_iter):
        information = batch.information(theta, LEAST_VARIANCE)
        target, moved = _minimise_model(theta, batch.gradient(theta), information, l1, l2, tol)
        theta, objective = _descend(batch, theta, target - theta, objective, l1, l2)
        solved[:, left] = theta
        busy = moved > tol
        if not busy.any():
            return solved
        if not busy.all():
            batch, left, theta, objective = batch.of(busy), left[busy], theta[:, busy], objective[busy]
            l1, l2 = l1[:, busy], l2[:, busy]
    message = f"{left.size} penalised fits did not converge in max_iter={max_iter}: raise max_iter or the penalties"
    warnings.warn(message, ConvergenceWarning, stacklevel=4)
    return solved


def _objective(batch: LogisticBatch, theta: FloatArray, l1: FloatArray, l2: FloatArray) -> FloatArray:
    penalty: FloatArray = (l1 * np.abs(theta) + 0.5 * l2 * theta**2).sum(axis=0)
    return penalty - batch.loglik(theta)


def _minimise_model(
    theta: FloatArray, gradient: FloatArray, information: FloatArray, l1: FloatArray, l2: FloatArray, tol: float
) -> tuple[FloatArray, FloatArray]:
    """Lower the quadratic model: sweeps find which coefficients are not 0, then one linear system finds their values.

    The second result is the longest move of the first sweep in standard errors, one number a problem. It is taken from
    a fresh gradient, so it is small only where the conditions of the optimum hold.
    """
    theta, gradient = theta.copy(), gradient.copy()
    moved = _sweep(theta, gradient, information, l1, l2)
    for _ in range(SWEEPS - 1):
        _sweep(theta, gradient, information, l1, l2)
    # Not where the sweeps found nothing to do, or only the intercept, which they solve.
    left = np.flatnonzero((moved > tol) & (theta[1:] != 0).any(axis=0))
    for _ in range(SYSTEMS if left.size else 0):
        step, stops = _newton(theta[:, left], gradient[:, left], information[..., left], l1[:, left], l2[:, left])
        theta[:, left] = np.where(stops, 0.0, theta[:, left] + step)
        left, step = left[stops.any(axis=0)], step[:, stops.any(axis=0)]
        if not left.size:
            break
        gradient[:, left] -= np.einsum("jkb,kb->jb", information[..., left], step)
    return theta, moved


def _newton(
    theta: FloatArray, gradient: FloatArray, information: FloatArray, l1: FloatArray, l2: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Step to the least value of the model over the coefficients that are not 0, no further than where one becomes 0.

    Up to there the model falls, for signs do not change. The second result marks the coefficients that became 0.
    """
    active = (theta != 0) | (np.arange(len(theta)) == 0)[:, None]
    downhill = np.where(active, gradient - l2 * theta - l1 * np.sign(theta), 0.0)
    matrix = np.ascontiguousarray((information * (active[:, None] & active)).transpose(2, 0, 1))
    diagonal = np.einsum("bjj->bj", matrix)
    # Damping keeps the step downhill, and finite where two active columns are the same.
    diagonal += (l2 + DAMPING * np.einsum("jjb->jb", information) + ~active).T
    step = np.linalg.solve(matrix, downhill.T[..., None])[..., 0].T
    crosses = (theta * (theta + step) < 0) & (l1 > 0)
    share = np.divide(-theta, step, where=crosses, out=np.ones_like(theta))
    first = share.min(axis=0)
    return first * step, crosses & (share <= first)


def _sweep(
    theta: FloatArray, gradient: FloatArray, information: FloatArray, l1: FloatArray, l2: FloatArray
) -> FloatArray:
    """One round of coordinate descent on the quadratic model, in place; the longest move in standard errors."""
    moved = np.zeros(theta.shape[1])
    for j in range(len(theta)):
        curvature = information[j, j]
        pull = gradient[j] + curvature * theta[j]
        # Soft thresholding. A constant column has no curvature, and no pull either.
        change = (pull - np.minimum(np.maximum(pull, -l1[j]), l1[j])) / (curvature + l2[j] + TINY) - theta[j]
        theta[j] += change
        gradient -= information[j] * change
        np.maximum(moved, np.abs(change) * np.sqrt(curvature), out=moved)
    return moved


def _descend(
    batch: LogisticBatch, theta: FloatArray, step: FloatArray, objective: FloatArray, l1: FloatArray, l2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Take the step, halved where the objective would rise by more than rounding."""
    share = np.ones(theta.shape[1])
    allowed = objective + 1e-12 * (1 + np.abs(objective))
    for _ in range(40):
        candidate = theta + share * step
        value = _objective(batch, candidate, l1, l2)
        worse = ~(value <= allowed)
        if not worse.any():
            break
        share[worse] /= 2
    return candidate, value


def _log_loss(samples: LogisticBatch, weight: FloatArray, theta: FloatArray, rows: IntArray) -> FloatArray:
    """Weighted mean log-loss over ``rows`` for each column of ``theta``."""
    repeated = np.repeat(weight[rows, None], theta.shape[1], axis=1)
    left_out = LogisticBatch(samples.rows[rows], samples.event[rows], repeated, samples.centre, samples.scale)
    log_loss: FloatArray = -left_out.loglik(theta) / weight[rows].sum()
    return log_loss
