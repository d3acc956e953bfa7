"""The Gaussian prior of the ridge learners, and the integral over its unknown width tau.

Coefficients of standardised inputs are N(0, tau^2) and tau is half-normal(``prior_scale``). Instead of tuning tau by
cross-validation, which with a few dozen events is mostly noise, each tau on a grid is weighted by prior times Laplace
evidence, and the coefficients are averaged with these weights. The average of linear models is one linear model.

References
----------
MacKay DJC. Bayesian interpolation. Neural Comput 1992;4:415-447 (evidence of a ridge penalty).
Tierney L, Kadane JB. Accurate approximations for posterior moments. J Am Stat Assoc 1986;81:82-86 (Laplace).
Gelman A. Prior distributions for variance parameters. Bayesian Anal 2006;1:515-534 (half-normal scale priors).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

FloatArray = NDArray[np.float64]
Likelihood = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]
"""Parameters of shape (q,) -> log-likelihood, gradient (q,), observed information (q, q)."""

# From "as good as no effect" (an odds ratio of 1.02 per standard deviation at prior_scale 0.5) to eight prior scales,
# where the prior density is e^-32 of its peak. The integrand is smooth in log tau, so the trapezoid rule converges
# fast: 15 points give the coefficients of 400 points to 3e-3 of a standard error or better, 9 points to 6e-2.
GRID_POINTS = 15
GRID_SPAN = (0.04, 8.0)

# Maximum likelihood is refused where the data carry less than this share of the information a coefficient could have:
# real models stay above 1e-6 or so, under separation Newton drives it to 1e-14.
LEAST_INFORMATION = 1e-9


@dataclass(frozen=True, slots=True)
class Standardised:
    """Centred and scaled inputs, turned into their principal axes.

    N(0, tau^2 I) looks the same from every direction, so the posterior may be found in the axes the data span. More
    inputs than patients, collinear and constant inputs then need no special case, and no time.

    Parameters
    ----------
    scores : float array of shape (n_samples, rank)
        Standardised inputs in their principal axes.
    loadings : float array of shape (n_features, rank)
        ``loadings @ coefficients_of_scores`` are the coefficients of the inputs as they came.
    centre, scale : float array of shape (n_features,)
        Weighted mean and standard deviation; the scale of a constant column is infinite.
    moment : float array of shape (rank,)
        Weighted sum of squares of each score.
    """

    scores: FloatArray
    loadings: FloatArray
    centre: FloatArray
    scale: FloatArray
    moment: FloatArray

    def unseen(self) -> FloatArray:
        """Covariance, for tau = 1, of the coefficients in directions no patient varies in; (n_features, n_features)."""
        return np.diag(self.scale**-2.0) - self.loadings @ self.loadings.T

    @property
    def full_rank(self) -> bool:
        """Whether patients vary in every direction of the non-constant inputs."""
        return bool(self.loadings.shape[1] == np.isfinite(self.scale).sum())


@dataclass(frozen=True, slots=True)
class Posterior:
    """Parameters after averaging over tau.

    Parameters
    ----------
    mean : float array of shape (q,)
        Average of the posterior modes.
    covariance : float array of shape (q, q)
        Average Laplace covariance plus the spread of the modes.
    tau, weight : float array of shape (n_tau,)
        The grid and the posterior mass of its points, which sums to 1.
    n_iter : int
        Newton steps taken where most were needed.
    log_evidence : float
        Logarithm of the prior-weighted mean likelihood by Laplace, up to a constant that depends on the data and on
        the unpenalised parameters only: priors over the same data can be compared by it.
    """

    mean: FloatArray
    covariance: FloatArray
    tau: FloatArray
    weight: FloatArray
    n_iter: int
    log_evidence: float


def tau_grid(prior_scale: float, tau: float | None = None) -> tuple[FloatArray, FloatArray]:
    """Grid of prior widths with the half-normal prior mass of each point.

    Parameters
    ----------
    prior_scale : float
        Scale s > 0 of the half-normal density ``sqrt(2 / pi) / s * exp(-tau^2 / (2 s^2))``.
    tau : float, optional
        A fixed width: the grid is this one point. ``inf`` means maximum likelihood.

    Returns
    -------
    tau, mass : float array of shape (n_tau,)
        Increasing widths; masses by the trapezoid rule in log tau. Below the grid the evidence is flat (the prior
        leaves no room for an effect), so the first point also takes all the mass there.

    Raises
    ------
    ValueError
        If ``prior_scale`` is not positive and finite, or ``tau`` is not positive.
    """
    if not 0 < prior_scale < math.inf:
        raise ValueError(f"prior_scale must be positive and finite, got {prior_scale!r}")
    if tau is not None:
        if not tau > 0:
            raise ValueError(f"tau must be positive (inf for maximum likelihood) or None, got {tau!r}")
        return np.array([tau], dtype=np.float64), np.ones(1)
    ratio = np.geomspace(*GRID_SPAN, GRID_POINTS)
    mass = math.sqrt(2 / math.pi) * np.exp(-0.5 * ratio**2) * ratio * math.log(ratio[1] / ratio[0])
    mass[[0, -1]] /= 2
    mass[0] += math.erf(ratio[0] / math.sqrt(2))
    return ratio * prior_scale, mass


def standardise(X: FloatArray, weight: FloatArray) -> Standardised:
    """Centre each column, divide it by its standard deviation, and turn the result into its principal axes.

    Parameters
    ----------
    X : float array of shape (n_samples, n_features)
        Finite inputs.
    weight : float array of shape (n_samples,)
        Positive frequencies of the rows; the standard deviation divides by their sum, so that a weight of 2 equals
        the row twice.

    Returns
    -------
    Standardised
        A column whose values differ by no more than rounding (1e-12 of their size) counts as constant and takes no
        part: its loadings are zero.
    """
    centre = np.average(X, axis=0, weights=weight)
    scale = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weight))
    scale[np.ptp(X, axis=0) <= 1e-12 * np.abs(X).max(axis=0)] = np.inf
    Z = (X - centre) / scale
    _, size, axes = np.linalg.svd(np.sqrt(weight)[:, None] * Z, full_matrices=False)
    kept = size > max(Z.shape) * np.finfo(np.float64).eps * size.max(initial=0.0)
    axes = axes[kept].T
    return Standardised(Z @ axes, axes / scale[:, None], centre, scale, size[kept] ** 2)


def integrate(
    likelihood: Likelihood,
    start: FloatArray,
    moment: FloatArray,
    *,
    free: int,
    grid: tuple[FloatArray, FloatArray],
    max_iter: int,
    tol: float,
    precision: FloatArray | None = None,
) -> Posterior:
    r"""Average the posterior modes over tau with weights prior mass x Laplace evidence.

    .. math::
        \log Z(\tau) = \ell(\hat\theta) - p \log\tau - \frac{\hat\beta^T\hat\beta}{2\tau^2} - \frac12\log\det H

    up to a constant, with :math:`H` the information plus :math:`1/\tau^2` on the diagonal of the p penalised
    parameters. Unpenalised ones (the intercept) have a flat prior and are integrated out by the same determinant.

    Parameters
    ----------
    likelihood : callable
        Log-concave log-likelihood with gradient and information.
    start : float array of shape (q,)
        Best parameters without any effect; the first guess for the smallest tau.
    moment : float array of shape (q,)
        Weighted sum of squares of the column that each parameter multiplies.
    free : int
        How many leading parameters are not penalised.
    grid : pair of float arrays of shape (n_tau,)
        Increasing widths and their prior mass, from `tau_grid`.
    max_iter : int
        Newton steps allowed for each tau.
    tol : float
        Iteration ends with a step shorter than this many posterior standard errors, or one that rounding hides.
    precision : float array of shape (q,), optional
        Prior precision of each parameter whose prior is known; nan for those whose width is tau. All nan by default.

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        If a parameter runs off to infinity, which only a very large or infinite tau allows.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If `max_iter` steps were not enough for some tau.
    """
    tau, mass = grid
    by_tau = np.isnan(precision) if precision is not None else np.ones(start.size, dtype=np.bool_)
    by_tau[:free] = False
    theta, modes, curvatures, log_evidence, steps = start, [], [], [], []
    for width in tau:
        penalty = np.where(by_tau, width**-2.0, 0.0 if precision is None else np.nan_to_num(precision))
        penalty[:free] = 0.0
        # Each mode is the first guess for the next wider prior: it saves a quarter of the steps.
        theta, value, curvature, n_iter = _mode(likelihood, theta, penalty, max_iter, tol)
        if np.isinf(width):
            _refuse_separation(curvature, moment)
        log_prior = -int(by_tau.sum()) * math.log(width) if np.isfinite(width) else 0.0
        log_evidence.append(value + log_prior - 0.5 * np.linalg.slogdet(curvature)[1])
        modes.append(theta)
        curvatures.append(curvature)
        steps.append(n_iter)
    weight = mass * np.exp(np.array(log_evidence) - max(log_evidence))
    known = 0.0 if precision is None else 0.5 * float(np.log(precision[~by_tau][free:]).sum())
    evidence = max(log_evidence) + math.log(weight.sum()) + known
    weight /= weight.sum()
    mean = weight @ np.array(modes)
    spread = np.array(modes) - mean
    covariance = np.tensordot(weight, np.linalg.inv(np.array(curvatures)), axes=1) + (weight * spread.T) @ spread
    return Posterior(mean, covariance, tau, weight, max(steps), evidence)


def symmetric_root(covariance: FloatArray) -> FloatArray:
    """The symmetric square root of a covariance, to draw with; a Cholesky factor would not take zero variances."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _mode(
    likelihood: Likelihood, theta: FloatArray, penalty: FloatArray, max_iter: int, tol: float
) -> tuple[FloatArray, float, FloatArray, int]:
    """Newton's method with step halving: mode, log posterior without its determinant, curvature, steps taken."""

    def posterior(theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, information = likelihood(theta)
        information.flat[:: theta.size + 1] += penalty
        return value - 0.5 * float(penalty @ theta**2), gradient - penalty * theta, information

    value, gradient, curvature = posterior(theta)
    for n_iter in range(1, max_iter + 1):
        try:
            step = np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:
            raise ValueError(_RUNAWAY) from None
        gain, rounding = float(gradient @ step), np.finfo(np.float64).eps * (1 + abs(value))
        for _ in range(40):
            candidate = posterior(theta + step)
            # Near the mode a good step may change the value by rounding alone, in either direction. Far from it a
            # likelihood may underflow: no place to go to, whatever its value seems to be.
            if candidate[0] >= value - 1e3 * rounding and np.isfinite(candidate[2]).all():
                break
            step = step / 2
        theta, (value, gradient, curvature) = theta + step, candidate
        # ``gain`` is the squared length of the step in standard errors. Newton's error after the step is of that order.
        if gain <= max(tol**2, rounding):
            return theta, value, curvature, n_iter
    message = f"no convergence in max_iter={max_iter} Newton steps: raise max_iter, or lower tau if it is above 100"
    warnings.warn(message, ConvergenceWarning, stacklevel=4)
    return theta, value, curvature, max_iter


_RUNAWAY = (
    "some coefficient has no finite estimate: an input, or a combination of inputs, separates the outcomes perfectly "
    "or there are too few events for so many inputs. Leave tau=None, or give a smaller tau, to let the prior decide"
)


def _refuse_separation(information: FloatArray, moment: FloatArray) -> None:
    """Raise where maximum likelihood has no maximum: the information fades while coefficients run off to infinity."""
    relative = information / np.sqrt(np.outer(moment, moment))
    if relative.size and not (np.isfinite(relative).all() and np.linalg.eigvalsh(relative)[0] > LEAST_INFORMATION):
        raise ValueError(_RUNAWAY)
