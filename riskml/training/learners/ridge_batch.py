"""The ridge logistic regression of `ridge_logistic` on many resamples of one table at once."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from riskml.training.learners.logistic_batch import BoolArray, FloatArray, LogisticBatch
from riskml.training.learners.prior_scale import tau_grid

# Numbers in the information matrices of the resamples solved at one time, to stay in the cache; weights of rows.
LARGEST_BLOCK = 50_000
MOST_WEIGHTS = 8_000_000


def ridge_logistic_batch(
    X: FloatArray,
    event: FloatArray,
    counts: FloatArray,
    *,
    prior_scale: float = 0.5,
    tau: float | None = None,
    max_iter: int = 100,
    tol: float = 1e-5,
) -> tuple[FloatArray, FloatArray]:
    r"""Intercepts and coefficients that `RidgeLogistic` has on each resample, tau integrated anew in each.

    Column j of a resample has the standard deviation :math:`s_j` of its own rows, so N(0, tau^2) of its standardised
    coefficient is a penalty :math:`s_j^2 \gamma_j^2 / 2\tau^2` on the shared scale; the change of variables shifts the
    log evidence by the same amount for every tau, which the weights of tau do not see.

    Parameters
    ----------
    X : float array of shape (n_samples, n_features)
        Finite inputs.
    event : float array of shape (n_samples,)
        0 or 1.
    counts : float array of shape (n_samples, n_resamples)
        How often each row is in each resample, or any frequencies.
    prior_scale, tau, max_iter
        As for `RidgeLogistic`; ``tau`` must be finite.
    tol : float, default 1e-5
        Iteration ends with a step shorter than this many standard errors; what is still missing after it is of the
        order of its square.

    Returns
    -------
    intercept : float array of shape (n_resamples,)
    coef : float array of shape (n_resamples, n_features)

    Raises
    ------
    ValueError
        If a value is not finite or a frequency negative, a resample holds one class only, ``tau`` is infinite, or
        shapes differ.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If ``max_iter`` Newton steps were not enough for some resample.

    References
    ----------
    MacKay DJC. Bayesian interpolation. Neural Comput 1992;4:415-447.
    """
    grid = tau_grid(prior_scale, tau)
    if tau is not None and not np.isfinite(tau):
        raise ValueError("tau must be finite: maximum likelihood may not exist on a resample")
    X, event, counts = (np.asarray(array, dtype=np.float64) for array in (X, event, counts))
    _check(X, event, counts)
    batch = LogisticBatch.build(X, event, counts)
    size = max(1, min(LARGEST_BLOCK // batch.rows.shape[1] ** 2, MOST_WEIGHTS // len(batch.rows)))
    blocks = [slice(start, start + size) for start in range(0, counts.shape[1], size)]
    theta = np.concatenate([_posterior_means(batch.of(block), grid, max_iter, tol) for block in blocks], axis=1)
    intercept, coef = batch.to_inputs(theta)
    return intercept + _shift_to_rate(batch, theta), coef


def _check(X: FloatArray, event: FloatArray, counts: FloatArray) -> None:
    if X.ndim != 2 or event.shape != (len(X),) or counts.ndim != 2 or len(counts) != len(X):
        shapes = f"{X.shape}, {event.shape} and {counts.shape}"
        raise ValueError(f"X, event and counts must have the shapes (n, p), (n,) and (n, resamples), got {shapes}")
    if not np.isfinite(X).all():
        raise ValueError("X must be finite, got NaN or infinity")
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError("counts must be finite and not negative")
    if not np.isin(event, (0.0, 1.0)).all():
        raise ValueError("event must be 0 or 1")
    events = event @ counts
    single = np.flatnonzero((events <= 0) | ((1 - event) @ counts <= 0))
    if single.size:
        raise ValueError(f"resample {single[0]} holds one class only: draw within the classes")


def _shift_to_rate(batch: LogisticBatch, theta: FloatArray) -> FloatArray:
    """What to add to each intercept so that the mean probability is the event rate of the resample."""
    share = batch.weight / batch.weight.sum(axis=0)
    log_odds, rate, shift = batch.rows @ theta, batch.event @ share, np.zeros(share.shape[1])
    for _ in range(200):
        risk = expit(log_odds + shift)
        # The mean of the modes misses the rate by little, so Newton starts close; the bound keeps odd cases in reach.
        slope = np.maximum(np.einsum("nb,nb->b", share, risk * (1 - risk)), 1e-300)
        move = np.clip((rate - np.einsum("nb,nb->b", share, risk)) / slope, -1, 1)
        shift += move
        if np.abs(move).max() < 1e-13:
            break
    return shift


def _posterior_means(
    batch: LogisticBatch, grid: tuple[FloatArray, FloatArray], max_iter: int, tol: float
) -> FloatArray:
    """Average of the posterior modes over tau, (1 + n_features, n_resamples)."""
    scale = batch.spread()
    # A column that does not vary in a resample takes no part in it.
    fixed = scale == 0
    fixed[0] = False
    modes: list[FloatArray] = []
    log_evidence: list[FloatArray] = []
    n_features = len(scale) - 1
    for width in grid[0]:
        penalty = (scale / width) ** 2
        theta, value, log_det = _modes(batch, _guess(modes, batch), penalty, fixed, max_iter, tol)
        modes.append(theta)
        # Fixed columns count in both terms as directions the data do not inform, and so cancel.
        informed = n_features - fixed.sum(axis=0)
        log_evidence.append(value - informed * np.log(width) - 0.5 * log_det)
    weight = grid[1][:, None] * np.exp(np.array(log_evidence) - np.max(log_evidence, axis=0))
    mean: FloatArray = np.einsum("tb,tjb->jb", weight / weight.sum(axis=0), np.array(modes))
    return mean


def _guess(modes: list[FloatArray], batch: LogisticBatch) -> FloatArray:
    """The parabola through the last three modes, continued: the grid is even in log tau, and modes move smoothly."""
    if len(modes) < 3:
        return modes[-1] if modes else batch.null()
    return 3 * (modes[-1] - modes[-2]) + modes[-3]


def _modes(
    batch: LogisticBatch, theta: FloatArray, penalty: FloatArray, fixed: BoolArray, max_iter: int, tol: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Newton's method with step halving for all resamples: modes, log posteriors, log determinants of the curvature."""
    everything, left = batch, np.arange(theta.shape[1])
    solved, value = theta.copy(), _log_posterior(batch, theta, penalty)
    all_penalty, all_fixed, final = penalty, fixed, value.copy()
    for _ in range(max_iter):
        gradient = np.where(fixed, 0.0, batch.gradient(theta) - penalty * theta)
        curvature = _curvature(batch, theta, penalty, fixed)
        step = np.asarray(np.linalg.solve(curvature, gradient.T[..., None])[..., 0].T, dtype=np.float64)
        gain = (gradient * step).sum(axis=0)
        rounding = np.finfo(np.float64).eps * (1 + np.abs(value))
        theta, value = _ascend(batch, theta, step, value - 1e3 * rounding, penalty)
        solved[:, left], final[left] = theta, value
        busy = gain > np.maximum(tol**2, rounding)
        if not busy.any():
            break
        if not busy.all():
            batch, left, theta, value = batch.of(busy), left[busy], theta[:, busy], value[busy]
            penalty, fixed = penalty[:, busy], fixed[:, busy]
    else:
        message = f"{left.size} resamples did not converge in max_iter={max_iter} Newton steps"
        warnings.warn(message, ConvergenceWarning, stacklevel=4)
    log_det = np.linalg.slogdet(_curvature(everything, solved, all_penalty, all_fixed))[1]
    return solved, final, log_det


def _curvature(batch: LogisticBatch, theta: FloatArray, penalty: FloatArray, fixed: BoolArray) -> FloatArray:
    """Information plus penalty, (n_resamples, 1 + n_features, 1 + n_features); fixed columns are those of a unit."""
    curvature = np.ascontiguousarray(batch.information(theta).transpose(2, 0, 1))
    if fixed.any():
        free = ~fixed.T
        curvature *= free[:, :, None] & free[:, None, :]
    diagonal = np.einsum("bjj->bj", curvature)
    diagonal += np.where(fixed, 1.0, penalty).T
    return curvature


def _ascend(
    batch: LogisticBatch, theta: FloatArray, step: FloatArray, least: FloatArray, penalty: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Take the step, halved where the log posterior would fall below ``least``."""
    share = np.ones(theta.shape[1])
    for _ in range(40):
        candidate = theta + share * step
        value = _log_posterior(batch, candidate, penalty)
        worse = ~(value >= least)
        if not worse.any():
            break
        share[worse] /= 2
    return candidate, value


def _log_posterior(batch: LogisticBatch, theta: FloatArray, penalty: FloatArray) -> FloatArray:
    value: FloatArray = batch.loglik(theta) - 0.5 * (penalty * theta**2).sum(axis=0)
    return value
