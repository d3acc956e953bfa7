"""Printed results -> a log ratio with its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import ndtri

NORMAL_95 = float(ndtri(0.975))

Estimate = tuple[float, float]
"""Logarithm of the ratio, and its standard error."""


def from_counts(with_: Sequence[float], without: Sequence[float]) -> Estimate:
    """Log odds ratio of a 2x2 table, 0.5 added to each cell so that empty cells have an answer.

    Parameters
    ----------
    with_, without : pair of counts
        Patients with and without the event, among those who have the factor and those who do not.

    References
    ----------
    Haldane JBS. The estimation and significance of the logarithm of a ratio of frequencies. Ann Hum Genet
    1956;20:309-311. Gart JJ, Zweifel JR. On the bias of various estimators of the logit. Biometrika 1967;54:181-187.

    Examples
    --------
    >>> round(math.exp(from_counts([4, 1], [5, 41])[0]), 2)  # Firth's estimate of the same table is 22.64
    22.64
    """
    a, b, c, d = (count + 0.5 for count in (*with_, *without))
    return math.log(a * d / (b * c)), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)


def from_interval(ratio: float, lower: float, upper: float) -> Estimate:
    """A ratio with its 95 % limits, which are taken to be symmetric on the log scale.

    References
    ----------
    Parmar MKB, Torri V, Stewart L. Extracting summary statistics to perform meta-analyses of the published literature
    for survival endpoints. Stat Med 1998;17:2815-2834.
    """
    return math.log(ratio), math.log(upper / lower) / (2 * NORMAL_95)


def from_p(ratio: float, p: float) -> Estimate:
    """A ratio and its two-sided P value: the standard error with which Wald's test would give that P.

    References
    ----------
    Altman DG, Bland JM. How to obtain the confidence interval from a P value. BMJ 2011;343:d2090.
    """
    return math.log(ratio), abs(math.log(ratio) / float(ndtri(p / 2)))


def from_survival(
    with_: float,
    without: float,
    standard_errors: Sequence[float] | None = None,
    lower: Sequence[float] | None = None,
    upper: Sequence[float] | None = None,
) -> Estimate:
    r"""Log hazard ratio of two survival probabilities, hazards taken to be proportional.

    :math:`\log(-\log S_1) - \log(-\log S_0)`, variances by the delta method :math:`(se / (S \log S))^2`. From 95 %
    limits instead of standard errors, ``se / S`` is their distance on the log scale over 3.92.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data. 2nd ed. Wiley 2002, section 1.4.
    """
    variance = 0.0
    for k, share in enumerate((with_, without)):
        if standard_errors is not None:
            relative = standard_errors[k] / share
        elif lower is not None and upper is not None:
            relative = math.log(upper[k] / lower[k]) / (2 * NORMAL_95)
        else:
            raise ValueError("survival probabilities need standard_errors, or lower and upper limits")
        variance += (relative / math.log(share)) ** 2
    return math.log(math.log(with_) / math.log(without)), math.sqrt(variance)
