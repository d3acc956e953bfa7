"""How many patients an external validation needs: formulas, numbers in and numbers out.

References
----------
Riley RD et al. Minimum sample size for external validation of a clinical prediction model with a binary outcome. Stat
Med 2021;40:4230-4251.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from riskml.training.sample_size import Z, log_odds_grid

FloatArray = NDArray[np.float64]
# 95 % intervals of 0.82 to 1.22 for O/E and of 0.8 to 1.2 for the slope.
LOG_OE_SE = SLOPE_SE = 0.102
C_WIDTH = 0.1
NET_BENEFIT_WIDTH = 0.2


def size_for_oe(prevalence: float, se: float = LOG_OE_SE) -> int:
    """Patients for a standard error of ln(observed / expected): (1 - f) / (f se^2)."""
    return math.ceil((1 - prevalence) / (prevalence * se * se))


def size_for_slope(log_odds: FloatArray, weight: FloatArray, se: float = SLOPE_SE) -> int:
    """Patients for a standard error of the calibration slope of a well calibrated model (Riley 2021).

    Parameters
    ----------
    log_odds, weight : float arrays of shape (n_nodes,)
        The distribution of the linear predictor in the new patients; the weights sum to 1.
    """
    information = weight / (2 + 2 * np.cosh(log_odds))  # p (1 - p), without overflow of either
    whole, first = float(information.sum()), float(information @ log_odds)
    second = float(information @ log_odds**2)
    return math.ceil(whole / (se * se * (whole * second - first * first)))


def c_variance(c: float, share: float, patients: float) -> float:
    """Variance of a C statistic among ``patients``, a share of them with the event.

    References
    ----------
    Newcombe RG. Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2. Stat Med
    2006;25:559-573.
    """
    more = (patients / 2 - 1) * ((1 - c) / (2 - c) + c / (1 + c))
    return c * (1 - c) * (1 + more) / (patients**2 * share * (1 - share))


def size_for_c(c: float, share: float, width: float = C_WIDTH) -> int:
    """Patients for a 95 % interval of the C statistic of this width: Newcombe's variance solved for n."""
    per, slope = c * (1 - c) / (share * (1 - share)), (1 - c) / (2 - c) + c / (1 + c)
    wanted, half = (width / (2 * Z)) ** 2, per * slope / 4
    return math.ceil((half + math.sqrt(half * half + wanted * per * (1 - slope))) / wanted)


def c_interval(c: float, share: float, patients: int) -> tuple[float, float]:
    """95 % interval that a C statistic would come with, on the logit scale so that it stays below 1."""
    step = Z * math.sqrt(c_variance(c, share, patients)) / (c * (1 - c))
    middle = math.log(c / (1 - c))
    return float(expit(middle - step)), float(expit(middle + step))


def size_for_net_benefit(
    sensitivity: float, specificity: float, prevalence: float, threshold: float, width: float = NET_BENEFIT_WIDTH
) -> int:
    """Patients for a 95 % interval of the standardised net benefit (net benefit / prevalence) of this width.

    With w = (1 - f) / f t / (1 - t): n se^2 = sens (1 - sens) / f + w^2 spec (1 - spec) / (1 - f) + w^2 (1 - spec)^2 /
    (f (1 - f)) (Riley 2021).
    """
    w = (1 - prevalence) / prevalence * threshold / (1 - threshold)
    wrong = 1 - specificity
    spread = sensitivity * (1 - sensitivity) / prevalence + w * w * (
        specificity * wrong / (1 - prevalence) + wrong * wrong / (prevalence * (1 - prevalence))
    )
    return math.ceil(spread * (2 * Z / width) ** 2)


def validation_sizes(c: float, prevalence: float, threshold: float | None = None) -> Mapping[str, int]:
    """Patients for each measure of a well calibrated model with this C statistic.

    Parameters
    ----------
    c, prevalence : float
    threshold : float, optional
        Risk from which one would treat; by default the prevalence, where treating everybody is worth as much as nobody.

    Returns
    -------
    mapping of measure to patients
        ``observed_expected``, ``calibration_slope``, ``c_statistic``, ``net_benefit``.

    Raises
    ------
    ValueError
        If an argument lies outside (0, 1), or the C statistic is not above 0.5.
    """
    threshold = prevalence if threshold is None else threshold
    if not 0 < threshold < 1:
        raise ValueError(f"the threshold must lie between 0 and 1, got {threshold!r}")
    log_odds, weight, _ = log_odds_grid(c, prevalence)
    with_event, without = _above(c, prevalence, threshold)
    return {
        "observed_expected": size_for_oe(prevalence),
        "calibration_slope": size_for_slope(log_odds, weight),
        "c_statistic": size_for_c(c, prevalence),
        "net_benefit": size_for_net_benefit(with_event, 1 - without, prevalence, threshold),
    }


def _above(c: float, prevalence: float, threshold: float) -> tuple[float, float]:
    """Shares of patients with and without the event whose risk lies above the threshold, see `log_odds_grid`."""
    mu = math.sqrt(2) * float(ndtri(c))
    odds = math.log(threshold / (1 - threshold)) - math.log(prevalence / (1 - prevalence))
    cut = odds / mu + mu / 2
    return float(ndtr(mu - cut)), float(ndtr(-cut))
