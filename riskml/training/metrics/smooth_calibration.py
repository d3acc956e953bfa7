"""Smoothed calibration curves and what they add up to: ICI, E50, E90 and the largest error.

The smoother is Cleveland's lowess with one pass and local lines, as R's ``lowess(iter = 0)``: own code, because scipy
has none and statsmodels is not a dependency. For a binary outcome it smooths 0 and 1; with censoring it smooths
pseudo-observations of the risk by the horizon. With late entries pseudo-observations are biased as soon as the chance
to be seen depends on the risk; it then smooths the outcomes that are known, with the weights of `survival.Weighting`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskml.training.metrics.binary import BoolArray, FloatArray, flags
from riskml.training.metrics.competing import pseudo_values
from riskml.training.metrics.survival import causes, censoring_weights, risk_column

FRACTION = 2 / 3  # R's default: the share of patients that is the neighbourhood of a risk
STEP = 0.01  # of the range of risks; between fits this far apart the curve is a line
LEAST_PATIENTS = 10  # as in grouped calibration: fewer say nothing
BLOCK = 2**18  # weights computed at once
NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class SmoothCalibration:
    """A calibration curve, piecewise linear between knots, and each patient's prediction.

    A report draws `on` a grid of its own; knots and predictions are patients' risks and stay inside.

    Attributes
    ----------
    predicted : float array of shape (n_patients,)
    knots, heights : float arrays of shape (n_knots,)
        Risks, ascending, and the smoothed observed risk there, which a local line may carry out of [0, 1].
    """

    predicted: FloatArray
    knots: FloatArray
    heights: FloatArray

    def on(self, grid: FloatArray) -> FloatArray:
        """The observed risk at predicted risks of one's choice, cut to [0, 1]; nan outside the risks seen."""
        return np.clip(self._at(grid), 0, 1)

    @property
    def errors(self) -> FloatArray:
        """Each patient's absolute difference of predicted and smoothed observed risk, shape (n_patients,).

        The smoothed risk is not cut to [0, 1] here, as in R's ``rms::val.prob``, whose numbers these are.
        """
        return np.abs(self._at(self.predicted) - self.predicted)

    def _at(self, risks: FloatArray) -> FloatArray:
        if not self.knots.size:
            return np.full(np.shape(risks), NAN)
        return np.asarray(np.interp(risks, self.knots, self.heights, left=NAN, right=NAN), dtype=float)

    @property
    def ici(self) -> float:
        """Integrated calibration index: the mean error over patients.

        References
        ----------
        Austin PC, Steyerberg EW. The Integrated Calibration Index (ICI) and related metrics for quantifying the
        calibration of logistic regression models. Stat Med 2019;38:4051-4065.
        """
        return float(self.errors.mean()) if self.predicted.size else NAN

    @property
    def e50(self) -> float:
        """Median error (Austin and Steyerberg 2019)."""
        return self._quantile(0.5)

    @property
    def e90(self) -> float:
        """90th percentile of the errors (Austin and Steyerberg 2019)."""
        return self._quantile(0.9)

    @property
    def emax(self) -> float:
        """Largest error (Harrell's Emax; Austin and Steyerberg 2019)."""
        return self._quantile(1.0)

    def _quantile(self, share: float) -> float:
        return float(np.quantile(self.errors, share)) if self.predicted.size else NAN


def smooth_calibration(event: BoolArray, risk: FloatArray, fraction: float = FRACTION) -> SmoothCalibration:
    """Smoothed calibration of the risk of an event whose outcome is known for every patient.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
    risk : float array of shape (n_patients,)
        Predicted probability of the event, in [0, 1].
    fraction : float
        The share of patients in a neighbourhood, 0 < fraction <= 1.

    Returns
    -------
    SmoothCalibration
        All nan with fewer than ten patients.

    Raises
    ------
    ValueError
        If shapes differ, or a risk or ``fraction`` is out of its range.

    References
    ----------
    Cleveland WS. Robust locally weighted regression and smoothing scatterplots. J Am Stat Assoc 1979;74:829-836.
    Austin PC, Steyerberg EW. Graphical assessment of internal and external calibration of logistic regression models by
    using loess smoothers. Stat Med 2014;33:517-535.
    """
    _check_fraction(fraction)
    event, risk = flags(event), risk_column(risk, np.size(event))
    return _smoothed(risk, event.astype(float), fraction)


def smooth_calibration_at(
    time: FloatArray,
    cause: NDArray[np.generic],
    risk: FloatArray,
    horizon: float,
    entry: FloatArray | None = None,
    fraction: float = FRACTION,
) -> SmoothCalibration:
    """Smoothed calibration of the risk of an event by a horizon, with censoring and perhaps competing events.

    Parameters
    ----------
    time : float array of shape (n_patients,)
    cause : bool or int array of shape (n_patients,)
        0 or False censored, 1 or True the event, 2 a competing event.
    risk : float array of shape (n_patients,)
        Predicted probability of the event by ``horizon``, in [0, 1].
    horizon : float
        In the unit of ``time``.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``. The errors are then those of the patients seen.
    fraction : float
        As for `smooth_calibration`.

    Returns
    -------
    SmoothCalibration
        All nan with fewer than ten patients or a horizon beyond the follow-up.

    Raises
    ------
    ValueError
        As `smooth_calibration`, or if an entry is not before its exit.

    References
    ----------
    van Geloven N, et al. Validation of prediction models in the presence of competing risks: a guide through modern
    methods. BMJ 2022;377:e069249 (lowess on pseudo-observations).
    Austin PC, Harrell FE, van Klaveren D. Graphical calibration curves and the integrated calibration index (ICI) for
    survival models. Stat Med 2020;39:2714-2742.
    Pate A, et al. Calibration plots for multistate risk predictions models. Stat Med 2024;43:2830-2852 (weights).
    """
    _check_fraction(fraction)
    time, kind = np.asarray(time, dtype=float), causes(cause)
    risk = risk_column(risk, time.size)
    if entry is None:
        return _smoothed(risk, pseudo_values(time, kind, horizon), fraction)
    weights = censoring_weights(time, kind > 0, horizon, entry)
    if weights is None:
        return _nothing(risk)
    return _smoothed(risk, ((kind == 1) & (time <= horizon)).astype(float), fraction, weights)


def _smoothed(
    risk: FloatArray, observed: FloatArray, fraction: float, weights: FloatArray | None = None
) -> SmoothCalibration:
    if risk.size < LEAST_PATIENTS or not np.isfinite(observed).all():
        return _nothing(risk)
    knots = _knots(risk)
    return SmoothCalibration(risk, knots, lowess(risk, observed, knots, fraction, weights))


def _nothing(risk: FloatArray) -> SmoothCalibration:
    return SmoothCalibration(risk, np.empty(0), np.empty(0))


def lowess(
    x: FloatArray, y: FloatArray, at: FloatArray, fraction: float = FRACTION, weights: FloatArray | None = None
) -> FloatArray:
    """Local lines with tricube weights over the nearest ``fraction`` of the points (at least two), fitted at ``at``.

    ``weights``, 0 or more, say what a point counts for beside its distance; nan where none near counts for anything.

    References
    ----------
    Cleveland WS. Robust locally weighted regression and smoothing scatterplots. J Am Stat Assoc 1979;74:829-836.
    """
    widths, spread = _widths(np.sort(x), at, fraction), np.ptp(x)
    levels, code = np.unique(x, return_inverse=True)
    weights = np.ones(x.size) if weights is None else weights
    mass = np.bincount(code, weights)
    means = np.divide(np.bincount(code, weights * y), mass, out=np.zeros(levels.size), where=mass > 0)
    fitted = np.empty(at.size)
    block = max(1, BLOCK // levels.size)
    for start in range(0, at.size, block):
        some = slice(start, start + block)
        near = _tricube(levels, at[some, None], widths[some, None]) * mass
        total = near.sum(axis=1, keepdims=True)
        near = np.divide(near, total, out=np.full_like(near, NAN), where=total > 0)
        centre, level = near @ levels, near @ means
        away = levels - centre[:, None]
        variance = np.einsum("ij,ij,ij->i", near, away, away)
        slope = np.einsum("ij,ij,j->i", near, away, means)
        # Points all but in one place have no slope (Cleveland's own bound); their mean is the fit.
        steep = np.sqrt(variance) > 1e-3 * spread
        slope = np.divide(slope, variance, out=np.zeros_like(slope), where=steep)
        fitted[some] = level + slope * (at[some] - centre)
    return fitted


def _knots(risk: FloatArray) -> FloatArray:
    """Risks at most `STEP` of their range apart where patients are that dense, first and last among them."""
    levels = np.unique(risk)
    reach, position, chosen = STEP * (levels[-1] - levels[0]), 0, [0]
    farthest = (np.searchsorted(levels, levels + reach, side="right") - 1).tolist()
    while position < levels.size - 1:
        position = max(position + 1, farthest[position])
        chosen.append(position)
    return np.asarray(levels[chosen])


def _widths(ordered: FloatArray, at: FloatArray, fraction: float) -> FloatArray:
    """Distance from each of ``at`` to the farthest of its nearest ``fraction`` of the ``ordered`` points."""
    size = max(2, min(ordered.size, int(fraction * ordered.size + 1e-7)))
    first = np.searchsorted(ordered[:-size] + ordered[size:], 2 * at)
    return np.asarray(np.maximum(at - ordered[first], ordered[first + size - 1] - at))


def _tricube(points: FloatArray, at: FloatArray, width: FloatArray) -> FloatArray:
    """(1 - (distance / width)^3)^3, 1 very near, 0 from all but the whole width on."""
    distance = np.abs(points - at)
    inside = distance <= 0.999 * width
    relative = np.divide(distance, width, out=np.zeros_like(distance), where=inside & (distance > 1e-3 * width))
    return np.where(inside, (1 - relative**3) ** 3, 0.0)


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got {fraction!r}")
