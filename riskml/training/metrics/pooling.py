"""Random-effects meta-analysis: one measure in several centres -> mean, spread, and what a new centre may expect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

FloatArray = NDArray[np.float64]
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Pooled:
    """Several estimates as one, on their own scale; nan where k does not allow a number.

    Attributes
    ----------
    k : int
        Estimates pooled.
    left_out : int
        Those without a finite value or a positive, finite standard error.
    value, error : float
        Mean of the distribution of true values, and its standard error.
    low, high : float
        Interval of the mean.
    prediction_low, prediction_high : float
        Interval for the true value in a new centre; nan for fewer than three estimates.
    tau : float
        Standard deviation of the true values between centres; nan for fewer than two estimates.
    i2 : float
        Share of the variance of the estimates that chance within centres does not explain, in [0, 1).
    level : float
    """

    k: int
    left_out: int
    value: float
    error: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float
    tau: float
    i2: float
    level: float


def pool(value: ArrayLike, error: ArrayLike, *, level: float = 0.95) -> Pooled:
    r"""Pool estimates :math:`y_i` with standard errors :math:`s_i` as :math:`y_i \sim N(\mu, \tau^2 + s_i^2)`.

    :math:`\tau^2` is the REML estimate: the root of the restricted score, 0 where that is not positive at 0. Of the
    usual estimators it is among the least biased, also for few studies of unequal size (Langan 2019). With weights
    :math:`w_i = 1 / (\tau^2 + s_i^2)` and :math:`\mu = \sum w_i y_i / \sum w_i` the variance of the mean is Hartung's,
    Knapp's, Sidik's and Jonkman's :math:`\max(1, q) / \sum w_i`, :math:`q = \sum w_i (y_i - \mu)^2 / (k - 1)`, and its
    interval takes t with k - 1 degrees of freedom. The floor of 1 keeps estimates that happen to agree from claiming a
    certainty that their own errors do not have (Röver 2015). The interval for a new centre is
    :math:`\mu \pm t_{k-2} \sqrt{\tau^2 + se(\mu)^2}`.

    :math:`I^2 = \tau^2 / (\tau^2 + \tilde s^2)` with the typical variance
    :math:`\tilde s^2 = (k - 1) \sum v_i / ((\sum v_i)^2 - \sum v_i^2)`, :math:`v_i = 1 / s_i^2`.

    Parameters
    ----------
    value, error : array_like of shape (n,)
        Estimates on a scale where they are about normal (logit of a C, log of a ratio), and their standard errors. An
        estimate that is not finite, or has no positive, finite error, is left out and counted.
    level : float
        Nominal coverage of both intervals, 0 < level < 1.

    Returns
    -------
    Pooled
        One estimate alone keeps its normal interval; two have no interval for a new centre. That one promises too much
        where centres are few and of unequal size, as Partlett and Riley found: with tau 0.3 and errors of 0.1 to 0.5
        it held the new centre in 86 % of 4,000 simulated analyses of 8 centres, 91 % of 20, 94 % of 60.

    Raises
    ------
    ValueError
        If the shapes differ or ``level`` is not strictly between 0 and 1.

    References
    ----------
    Langan D, et al. A comparison of heterogeneity variance estimators in simulated random-effects meta-analyses. Res
    Synth Methods 2019;10:83-98.
    Hartung J, Knapp G. A refined method for the meta-analysis of controlled clinical trials with binary outcome. Stat
    Med 2001;20:3875-3889. Sidik K, Jonkman JN. A simple confidence interval for meta-analysis. Stat Med
    2002;21:3153-3159.
    Röver C, Knapp G, Friede T. Hartung-Knapp-Sidik-Jonkman approach and its modification for random-effects
    meta-analysis with few studies. BMC Med Res Methodol 2015;15:99.
    Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. J R Stat Soc A
    2009;172:137-159. Partlett C, Riley RD. Random effects meta-analysis: coverage performance of 95% confidence and
    prediction intervals following REML estimation. Stat Med 2017;36:301-317.
    Higgins JPT, Thompson SG. Quantifying heterogeneity in a meta-analysis. Stat Med 2002;21:1539-1558 (I2).

    Examples
    --------
    >>> found = pool([0.1, 0.9, 0.5], [0.2, 0.2, 0.2])
    >>> round(found.value, 12), round(found.tau**2, 12)  # 0.16 is the variance of the three
    (0.5, 0.12)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be strictly between 0 and 1, got {level!r}")
    y, s = np.asarray(value, dtype=float), np.asarray(error, dtype=float)
    if y.ndim != 1 or y.shape != s.shape:
        raise ValueError(f"value and error must be vectors of one length, got shapes {y.shape} and {s.shape}")
    kept = np.isfinite(y) & np.isfinite(s) & (s > 0)
    y, s, k, left_out = y[kept], s[kept], int(kept.sum()), int((~kept).sum())
    if k < 2:
        return _alone(y, s, left_out, level)
    tau2 = reml(y, s)
    weight = 1 / (tau2 + s**2)
    mean = _mean(y, weight)
    spread = float(weight @ (y - mean) ** 2) / (k - 1)
    error_of_mean = math.sqrt(max(1.0, spread) / weight.sum())
    half = float(stdtrit(k - 1, (1 + level) / 2)) * error_of_mean
    new = float(stdtrit(k - 2, (1 + level) / 2)) * math.hypot(math.sqrt(tau2), error_of_mean) if k > 2 else NAN
    ends = (mean - half, mean + half, mean - new, mean + new)
    return Pooled(k, left_out, mean, error_of_mean, *ends, math.sqrt(tau2), tau2 / (tau2 + _typical(s)), level)


def reml(value: FloatArray, error: FloatArray) -> float:
    r"""Variance between studies by restricted maximum likelihood.

    The root of :math:`\sum w_i^2 (y_i - \mu)^2 - \sum w_i + \sum w_i^2 / \sum w_i`, twice the derivative of the
    restricted log-likelihood; 0 where that is not positive at 0.

    Parameters
    ----------
    value, error : float arrays of shape (k,)
        Two or more finite estimates and their positive standard errors.

    References
    ----------
    Viechtbauer W. Bias and efficiency of meta-analytic variance estimators in the random-effects model. J Educ Behav
    Stat 2005;30:261-293.
    """
    unit = float(np.median(error))  # so that the root is sought among numbers of about 1, whatever the scale
    y, variance = (value - value.mean()) / unit, (error / unit) ** 2

    def score(tau2: float) -> float:
        weight = 1 / (tau2 + variance)
        total = weight.sum()
        return float(weight**2 @ (y - _mean(y, weight)) ** 2 - total + (weight @ weight) / total)

    if score(0.0) <= 0:
        return 0.0
    upper = float(np.var(y)) + 1.0
    while score(upper) > 0:
        upper *= 2
    return float(brentq(score, 0.0, upper, xtol=1e-13, rtol=1e-13)) * unit**2


def _mean(y: FloatArray, weight: FloatArray) -> float:
    return float(weight @ y / weight.sum())


def _typical(error: FloatArray) -> float:
    """The variance within studies that I2 sets tau2 against."""
    # Precisions relative to the best: the sums of their squares neither overflow nor cancel.
    best = float(error.min()) ** 2
    precision = best / error**2
    total = precision.sum()
    others = float(precision @ (total - precision))  # the sum over pairs of different studies
    return best * float((error.size - 1) * total) / others if others > 0 else math.inf


def _alone(y: FloatArray, s: FloatArray, left_out: int, level: float) -> Pooled:
    value, error = (float(y[0]), float(s[0])) if y.size else (NAN, NAN)
    half = float(ndtri((1 + level) / 2)) * error
    return Pooled(y.size, left_out, value, error, value - half, value + half, NAN, NAN, NAN, NAN, level)
