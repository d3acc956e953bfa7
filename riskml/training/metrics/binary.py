"""Discrimination, overall accuracy and calibration of the risk of an event whose outcome is known for every patient.

Every function takes ``event`` (bool) and ``risk`` (the predicted probability of the event), both of shape
``(n_patients,)``, and answers nan where the data cannot say: an empty table, one class only, separation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Objective = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]

CLIP = 1e-15  # risks of exactly 0 or 1 have no logit; this is the bound scikit-learn's log_loss used for years
NO_SPREAD = 1e-9  # a linear predictor with a smaller range is constant but for rounding


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """Intercept and slope of the logistic recalibration line; 0 and 1 for a calibrated model, nan if not estimable."""

    intercept: float
    slope: float


def auc(event: BoolArray, risk: FloatArray) -> float:
    r"""Area under the ROC curve: :math:`P(R_1 > R_0) + P(R_1 = R_0) / 2` over pairs of an event and a non-event.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
        Whether the event happened.
    risk : float array of shape (n_patients,)
        Predicted risk, or any score that grows with it.

    Returns
    -------
    float
        The area in [0, 1]; nan unless both classes are there.

    Raises
    ------
    ValueError
        If the shapes differ or a risk is not finite.

    References
    ----------
    Hanley JA, McNeil BJ. The meaning and use of the area under a ROC curve. Radiology 1982;143:29-36.

    Examples
    --------
    >>> auc(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1]))
    0.875
    """
    event, risk = _aligned(event, risk)
    if event.all() or not event.any():
        return float("nan")
    of_events, _ = _placements(event, risk)
    return float(np.mean(of_events))


def delong_variance(event: BoolArray, risk: FloatArray) -> float:
    r"""DeLong's variance of the AUC: :math:`s^2(V_{10}) / n_1 + s^2(V_{01}) / n_0` of the placement values V.

    Parameters
    ----------
    event, risk
        As for `auc`.

    Returns
    -------
    float
        The variance; nan with fewer than two patients in either class. It is 0 where the AUC is exactly 0 or 1.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver operating
    characteristic curves. Biometrics 1988;44:837-845.
    Sun X, Xu W. Fast implementation of DeLong's algorithm. IEEE Signal Process Lett 2014;21:1389-1393 (the rank form).
    """
    event, risk = _aligned(event, risk)
    if min(event.sum(), (~event).sum()) < 2:
        return float("nan")
    return float(sum(np.var(placement, ddof=1) / placement.size for placement in _placements(event, risk)))


def delong_difference_variance(event: BoolArray, first: FloatArray, second: FloatArray) -> float:
    r"""DeLong's variance of the difference of two AUCs of the same patients, from the differences of their placements.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
        Whether the event happened.
    first, second : float arrays of shape (n_patients,)
        The risks of two models, as for `auc`.

    Returns
    -------
    float
        The variance; nan with fewer than two patients in either class.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver operating
    characteristic curves. Biometrics 1988;44:837-845.
    """
    event, first = _aligned(event, first)
    event, second = _aligned(event, second)
    if min(event.sum(), (~event).sum()) < 2:
        return float("nan")
    both = zip(_placements(event, first), _placements(event, second), strict=True)
    return float(sum(np.var(one - other, ddof=1) / one.size for one, other in both))


def average_precision(event: BoolArray, risk: FloatArray) -> float:
    r"""Area under the precision-recall curve, as steps: :math:`\sum_k (R_k - R_{k-1}) P_k` from the highest risk on.

    Unlike the AUC it depends on the prevalence, which is what a useless score gets: set it beside the prevalence, and
    compare two values only within one cohort.

    Parameters
    ----------
    event, risk
        As for `auc`.

    Returns
    -------
    float
        In (0, 1]; nan without events, where recall has no meaning.

    References
    ----------
    Boyd K, Eng KH, Page CD. Area under the precision-recall curve: point estimates and confidence intervals.
    ECML PKDD 2013, LNCS 8190:451-466.

    Examples
    --------
    >>> average_precision(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))  # (1 + 2/3) / 2
    0.8333333333333333
    """
    event, risk = _aligned(event, risk)
    if not event.any():
        return float("nan")
    order, ends = _ties(-risk)
    found = np.cumsum(event[order])[ends - 1]
    return float(np.sum(np.diff(found, prepend=0) * found / ends) / found[-1])


def brier(event: BoolArray, risk: FloatArray) -> float:
    """Mean squared difference of outcome (0 or 1) and risk; 0 is perfect, nan for an empty table.

    References
    ----------
    Brier GW. Verification of forecasts expressed in terms of probability. Mon Weather Rev 1950;78:1-3.
    """
    event, risk = _probabilities(event, risk)
    return float(np.mean((event - risk) ** 2)) if event.size else float("nan")


def scaled_brier(event: BoolArray, risk: FloatArray, reference: FloatArray | float) -> float:
    """1 - Brier(risk) / Brier(reference): the share of the comparator's error the model removes; negative if worse.

    Parameters
    ----------
    event, risk
        As for `brier`.
    reference : float or float array of shape (n_patients,)
        The comparator's risk: the prevalence, or each patient's out-of-fold prevalence for a fair comparison.

    Returns
    -------
    float
        nan for an empty table and where the comparator is never wrong.

    References
    ----------
    Kattan MW, Gerds TA. The index of prediction accuracy. Diagn Progn Res 2018;2:7.
    """
    reference = np.asarray(reference, dtype=float)
    comparator = brier(event, reference if reference.ndim else np.full(np.shape(event), reference))
    return 1 - brier(event, risk) / comparator if comparator > 0 else float("nan")


def log_loss(event: BoolArray, risk: FloatArray) -> float:
    """Mean negative log-likelihood in nats, risks clipped to [1e-15, 1 - 1e-15]; nan for an empty table.

    References
    ----------
    Good IJ. Rational decisions. J R Stat Soc B 1952;14:107-114.
    """
    event, risk = _probabilities(event, risk)
    clipped = np.clip(risk, CLIP, 1 - CLIP)
    return float(-np.mean(np.where(event, np.log(clipped), np.log1p(-clipped)))) if event.size else float("nan")


def calibration_line(event: BoolArray, risk: FloatArray) -> CalibrationLine:
    r"""Intercept and slope of :math:`\operatorname{logit} P(event) = a + b \operatorname{logit}(risk)`.

    A slope under 1 says that the risks are too extreme (overfitting), over 1 that they are too timid.

    Parameters
    ----------
    event, risk
        As for `brier`; risks are clipped to [1e-15, 1 - 1e-15] before the logit.

    Returns
    -------
    CalibrationLine
        Both nan where no finite maximum exists: one class, no spread of risk, or a threshold of risk with all events
        on one side and all non-events on the other (Albert and Anderson's condition, exact for one covariate).

    References
    ----------
    Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565.
    Albert A, Anderson JA. On the existence of maximum likelihood estimates in logistic regression models.
    Biometrika 1984;71:1-10.
    Steyerberg EW. Clinical Prediction Models. 2nd ed. Springer 2019, chapter 15.
    """
    event, linear = _logits(event, risk)
    not_estimable = CalibrationLine(float("nan"), float("nan"))
    if event.all() or not event.any() or np.ptp(linear) < NO_SPREAD:
        return not_estimable
    yes, no = linear[event], linear[~event]
    if yes.min() >= no.max() or yes.max() <= no.min():
        return not_estimable
    centre, scale = linear.mean(), linear.std()
    design = np.column_stack([np.ones(event.size), (linear - centre) / scale])
    start = np.array([logit(event.mean()), 0.0])
    intercept, slope = maximise(logistic(design, event, np.zeros(event.size)), start)
    return CalibrationLine(float(intercept - slope * centre / scale), float(slope / scale))


def calibration_in_the_large(event: BoolArray, risk: FloatArray) -> float:
    r"""Intercept of :math:`\operatorname{logit} P(event) = a + \operatorname{logit}(risk)`: > 0 if risks are too low.

    Parameters
    ----------
    event, risk
        As for `calibration_line`.

    Returns
    -------
    float
        The intercept with the slope fixed at 1 (an offset); nan unless both classes are there, and where all risks
        are 0 or 1 in the observed proportion, so that no intercept is better than another.

    References
    ----------
    Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565.
    Steyerberg EW. Clinical Prediction Models. 2nd ed. Springer 2019, chapter 15.
    """
    event, linear = _logits(event, risk)
    if event.all() or not event.any():
        return float("nan")
    return _level(float(event.sum()), linear)


def _level(events: float, linear: FloatArray) -> float:
    """The shift of all log-odds with which as many events are expected as there were; nan if none is better.

    Expected events rise with the shift, so Newton's steps are kept between the ends that are still possible.
    """
    low, high = float(logit(events / linear.size) - linear.max()), float(logit(events / linear.size) - linear.min())
    shift = min(max(float(logit(events / linear.size) - np.median(linear)), low), high)
    for _ in range(200):
        fitted = expit(linear + shift)
        missing, information = events - float(fitted.sum()), float((fitted * expit(-linear - shift)).sum())
        low, high = (shift, high) if missing > 0 else (low, shift)
        step = missing / information if information > 0 else math.inf
        if abs(step) < 1e-7 * (1 + abs(shift)) or high - low < 1e-15 * (1 + abs(shift)):
            # Where all are certain there is a plateau, on which rounding decides.
            return shift + step if information > 1e-12 * linear.size else math.nan
        shift = shift + step if low < shift + step < high else (low + high) / 2
    return math.nan


def observed_expected(event: BoolArray, risk: FloatArray) -> float:
    """Events observed over events expected, sum(event) / sum(risk); nan where none were expected.

    References
    ----------
    Steyerberg EW. Clinical Prediction Models. 2nd ed. Springer 2019, chapter 15.
    """
    event, risk = _probabilities(event, risk)
    expected = risk.sum()
    return float(event.sum() / expected) if expected > 0 else float("nan")


def maximise(objective: Objective, start: FloatArray) -> FloatArray:
    """Where a concave log-likelihood is largest, by Newton's method with step halving; nan if it does not converge.

    ``objective`` maps parameters to the value, its gradient and the negative Hessian there.
    """
    parameters = start
    value, score, information = objective(parameters)
    for _ in range(200):
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            break
        # The length of the step decides, not the gain: data separated but for rounding gain nothing on an endless way.
        if np.max(np.abs(step)) < 1e-7 * (1 + np.max(np.abs(parameters))):
            return np.asarray(parameters + step)
        for _ in range(100):
            proposed = objective(parameters + step)
            if proposed[0] >= value - 1e-12 * (1 + abs(value)):
                break
            step = step / 2
        parameters = parameters + step
        value, score, information = proposed
    return np.full_like(start, np.nan)


def logistic(design: FloatArray, event: BoolArray, offset: FloatArray) -> Objective:
    """Log-likelihood of a logistic model with derivatives."""

    def objective(coefficients: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        linear = offset + design @ coefficients
        fitted = expit(linear)
        weight = fitted * expit(-linear)  # not 1 - fitted, which is 0 from linear = 37 on
        value = float(np.sum(np.where(event, linear, 0.0) - np.logaddexp(0, linear)))
        return value, design.T @ (event - fitted), (design.T * weight) @ design

    return objective


def _placements(event: BoolArray, risk: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each event's share of non-events below it, and each non-event's share of events above it (ties 1/2)."""
    order, ends = _ties(risk)
    size = np.diff(ends, prepend=0)
    yes_up_to = np.cumsum(event[order])[ends - 1]
    yes = np.diff(yes_up_to, prepend=0)
    group = np.empty(risk.size, dtype=np.intp)
    group[order] = np.repeat(np.arange(ends.size), size)
    no_below = (ends - yes_up_to) - (size - yes) / 2
    yes_above = yes_up_to[-1] - yes_up_to + yes / 2
    return (no_below / (risk.size - yes_up_to[-1]))[group[event]], (yes_above / yes_up_to[-1])[group[~event]]


def _ties(values: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order that sorts ``values``, and where in it each run of equal values ends."""
    order = np.argsort(values)
    ordered = values[order]
    return order, np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, values.size)


def flags(event: BoolArray) -> BoolArray:
    """``event`` as bools, or a ValueError where a number is neither 0 nor 1: a missing outcome is not an event."""
    event = np.asarray(event)
    if event.dtype != bool and not ((event == 0) | (event == 1)).all():
        raise ValueError("event must be True or False (1 or 0) for every patient")
    return event.astype(bool, copy=False)


def _aligned(event: BoolArray, risk: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Both as arrays; a slip in shape or a missing prediction is refused rather than averaged over."""
    event, risk = flags(event), np.asarray(risk, dtype=float)
    if event.ndim != 1 or event.shape != risk.shape:
        raise ValueError(f"event and risk must be vectors of one length, got shapes {event.shape} and {risk.shape}")
    if not np.isfinite(risk).all():
        raise ValueError(f"risk must be finite, got {np.count_nonzero(~np.isfinite(risk))} values that are not")
    return event, risk


def _probabilities(event: BoolArray, risk: FloatArray) -> tuple[BoolArray, FloatArray]:
    """As `_aligned`, and the risks lie in [0, 1] but for rounding."""
    event, risk = _aligned(event, risk)
    if risk.size and not -1e-9 <= risk.min() <= risk.max() <= 1 + 1e-9:
        raise ValueError(f"risk must lie in [0, 1], got values from {risk.min():g} to {risk.max():g}")
    return event, risk


def _logits(event: BoolArray, risk: FloatArray) -> tuple[BoolArray, FloatArray]:
    event, risk = _probabilities(event, risk)
    return event, logit(np.clip(risk, CLIP, 1 - CLIP))
