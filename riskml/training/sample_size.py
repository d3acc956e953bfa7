"""How many patients the development of a model needs, and what fewer support: formulas, numbers in and numbers out.

References
----------
Riley RD et al. Minimum sample size for developing a multivariable prediction model: part II. Stat Med
2019;38:1276-1296.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

FloatArray = NDArray[np.float64]
Kind: TypeAlias = Literal["binary", "survival"]
Z = 1.96  # as in the papers, so that their numbers come back exactly
_NODES = 80


def largest_r2(kind: Kind, share: float) -> float:
    r"""Cox-Snell R2 of a perfect model.

    :math:`1 - \exp(2 l_0)` with the null log-likelihood of a patient, :math:`f \ln f + (1 - f) \ln(1 - f)` for a binary
    outcome and :math:`f \ln f - f` for survival, f = ``share`` the events per patient (Riley 2019).

    Parameters
    ----------
    kind : {"binary", "survival"}
    share : float
        Events per patient, 0 < share < 1 (survival: <= 1).

    Raises
    ------
    ValueError
        If ``share`` lies outside.
    """
    if not 0 < share <= 1 or (kind == "binary" and share == 1):
        raise ValueError(f"events per patient must lie between 0 and 1, got {share!r}")
    rest = (1 - share) * math.log1p(-share) if kind == "binary" else -share
    return -math.expm1(2 * (share * math.log(share) + rest))


def log_odds_grid(auc: float, prevalence: float) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Log-odds of patients among whom a well calibrated model has this AUC: normal in those with and without the event.

    With x ~ N(0, 1) without and N(mu, 1) with the event, mu = sqrt(2) * the normal quantile of the AUC, the true
    log-odds are ln(f / (1 - f)) - mu^2 / 2 + mu x.

    Returns
    -------
    log_odds, weight : float arrays of shape (160,)
        Nodes of Gauss-Hermite quadrature; the weights sum to 1.
    event : bool array of shape (160,)
        Whether the node stands for patients with the event.

    Raises
    ------
    ValueError
        If the AUC is not between 0.5 and 1, or the prevalence not between 0 and 1.

    References
    ----------
    Riley RD et al. A note on estimating the Cox-Snell R2 from a reported C statistic. Stat Med 2021;40:859-864.
    """
    _check_c(auc)
    if not 0 < prevalence < 1:
        raise ValueError(f"the prevalence must lie between 0 and 1, got {prevalence!r}")
    nodes, weight = _normal()
    mu = math.sqrt(2) * float(ndtri(auc))
    x = np.concatenate([nodes, nodes + mu])
    log_odds = math.log(prevalence / (1 - prevalence)) - mu * mu / 2 + mu * x
    weights = np.concatenate([(1 - prevalence) * weight, prevalence * weight])
    return log_odds, weights, np.arange(2 * _NODES) >= _NODES


@cache
def _normal() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of the standard normal distribution."""
    nodes, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weight / weight.sum()


def r2_from_auc(auc: float, prevalence: float) -> float:
    """Cox-Snell R2 of a binary model from its AUC, by quadrature where Riley 2021 simulates (see `log_odds_grid`)."""
    log_odds, weight, event = log_odds_grid(auc, prevalence)
    fitted = -float(weight @ np.logaddexp(0, np.where(event, -log_odds, log_odds)))
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log1p(-prevalence)
    return -math.expm1(-2 * (fitted - null))


def r2_from_c_index(c_index: float, share: float) -> float:
    """Cox-Snell R2 of a survival model from its C index, with ``share`` events per patient.

    C gives Royston's D = 5.50 (C - 0.5) + 10.26 (C - 0.5)^3, that R2_D, that O'Quigley's R2 and so the likelihood
    ratio per event.

    References
    ----------
    Jinks RC, Royston P, Parmar MKB. Discrimination-based sample size calculations for multivariable prognostic models
    for time-to-event data. BMC Med Res Methodol 2015;15:82.
    Riley RD et al. Stat Med 2019;38:1276-1296 (R2_D to O'Quigley's and the likelihood ratio).
    """
    _check_c(c_index)
    largest_r2("survival", share)  # refuses an impossible share
    d, variance = 5.50 * (c_index - 0.5) + 10.26 * (c_index - 0.5) ** 3, math.pi**2 / 6
    r2_d = math.pi / 8 * d * d / (variance + math.pi / 8 * d * d)
    oquigley = variance * r2_d / (1 - (1 - variance) * r2_d)
    return -math.expm1(share * math.log1p(-oquigley))


def c_from_r2(kind: Kind, r2: float, share: float) -> float:
    """The AUC or C index that goes with a Cox-Snell R2: the inverse of the two above."""
    r2_of = r2_from_auc if kind == "binary" else r2_from_c_index
    return float(brentq(lambda c: r2_of(c, share) - r2, 0.5 + 1e-9, 1 - 1e-9))


def size_for_shrinkage(parameters: int, r2: float, shrinkage: float = 0.9) -> int:
    r"""Patients for an expected uniform shrinkage S: :math:`P / ((S - 1) \ln(1 - R^2 / S))` (Riley 2019, criterion i).

    Raises
    ------
    ValueError
        Unless 0 < r2 < shrinkage < 1 and there is a parameter.
    """
    if parameters < 1 or not 0 < r2 < shrinkage < 1:
        raise ValueError(f"need a parameter and 0 < R2 < shrinkage < 1, got {parameters}, {r2!r}, {shrinkage!r}")
    return math.ceil(parameters / ((shrinkage - 1) * math.log1p(-r2 / shrinkage)))


def size_for_optimism(parameters: int, r2: float, largest: float, difference: float = 0.05) -> int:
    """Patients for an apparent R2 at most ``difference`` x ``largest`` above the true (Riley 2019, criterion ii)."""
    return size_for_shrinkage(parameters, r2, r2 / (r2 + difference * largest))


def size_for_risk(prevalence: float, margin: float = 0.05) -> int:
    """Patients for an overall risk to within ``margin``: (1.96 / margin)^2 f (1 - f) (Riley 2019, criterion iii)."""
    return math.ceil((Z / margin) ** 2 * prevalence * (1 - prevalence))


def size_for_incidence(rate: float, horizon: float, follow_up: float, margin: float = 0.05) -> int:
    """The same for the risk by ``horizon`` at a constant event rate, in patients of mean follow-up ``follow_up``.

    The interval of 1 - exp(-rate t) from rate +- 1.96 sqrt(rate / person-time) has the width 2 S(t) sinh(1.96 t
    sqrt(rate / person-time)), solved here for the person-time. pmsampsize reports that width and asks for none.

    Parameters
    ----------
    rate : float
        Events per patient and month (or any other unit of the two times).
    horizon, follow_up : float
    margin : float
        Half the width of the 95 % interval.

    References
    ----------
    Riley RD et al. Calculating the sample size required for developing a clinical prediction model. BMJ 2020;368:m441.
    """
    if not (rate > 0 and horizon > 0 and follow_up > 0):
        raise ValueError(f"rate and times must be positive, got {rate!r}, {horizon!r}, {follow_up!r}")
    width = math.asinh(margin * math.exp(rate * horizon))
    return math.ceil(rate * (Z * horizon / width) ** 2 / follow_up)


def expected_shrinkage(parameters: int, patients: int, r2: float) -> float:
    """Uniform shrinkage to expect of an unpenalised model: `size_for_shrinkage` solved for S.

    It is the calibration slope such a model would have in new patients, S = 1 - P / (likelihood ratio) with the
    likelihood ratio that overfitting makes of a true R2.

    References
    ----------
    Copas JB. Regression, prediction and shrinkage. J R Stat Soc B 1983;45:311-354.
    van Houwelingen JC, le Cessie S. Predictive value of statistical models. Stat Med 1990;9:1303-1325.
    """
    size_for_shrinkage(parameters, r2, (1 + r2) / 2)  # refuses what has no answer

    def surplus(shrinkage: float) -> float:
        return (shrinkage - 1) * math.log1p(-r2 / shrinkage) * patients - parameters

    # From infinity at S = R2 down to -P at S = 1. The logarithm has lost its digits when the first is not positive.
    low = r2 * (1 + 1e-12)
    return low if surplus(low) <= 0 else float(brentq(surplus, low, 1.0))


def expected_error(parameters: int, patients: int, prevalence: float) -> float:
    """Mean absolute error of the risks an unpenalised logistic model predicts, from a regression on simulations.

    exp(-0.508 + 0.259 ln f + 0.504 ln P - 0.544 ln n), fitted for 4 to 12 parameters.

    References
    ----------
    van Smeden M et al. Sample size for binary logistic prediction models: beyond events per variable criteria. Stat
    Methods Med Res 2019;28:2455-2474.
    """
    return math.exp(-0.508 + 0.259 * math.log(prevalence) + 0.504 * math.log(parameters) - 0.544 * math.log(patients))


def _check_c(c: float) -> None:
    if not 0.5 < c < 1:
        raise ValueError(f"the C statistic must lie between 0.5 and 1, got {c!r}")
