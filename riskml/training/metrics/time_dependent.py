"""Discrimination and accuracy of survival predictions over time: Uno's C, cumulative/dynamic AUC, integrated Brier.

``time``, ``event`` and ``entry`` are those of `riskml.training.metrics.survival`. Own code and not scikit-survival's:
that one needs a training sample, raises where a test time lies beyond its follow-up (which happens inside folds),
ignores entry times, and its concordance is O(n^2). Everything here is O(n log n); what the follow-up cannot answer is
nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskml.training.metrics.binary import BoolArray, FloatArray
from riskml.training.metrics.survival import NAN, ROUNDING, Weighting, column, risk_set_pairs, weigh, weighted_brier


def uno_c(
    time: FloatArray,
    event: BoolArray,
    risk: FloatArray,
    horizon: float | None = None,
    entry: FloatArray | None = None,
) -> float:
    r"""Uno's concordance: Harrell's pairs whose event comes before a horizon, each weighted by :math:`1 / G(T-)^2`.

    Its limit does not depend on the censoring, as Harrell's does. With late entries both patients of a pair are under
    observation at the event with the same chance, so the square of the weight of `Weighting` serves for both causes.

    Parameters
    ----------
    time, event, entry
        See the module's first lines.
    risk : float array of shape (n_patients,)
        Predicted risk, or any score that grows with it.
    horizon : float, optional
        Only events before it count (strictly, as Uno's tau); without it the last events may weigh heavily.

    Returns
    -------
    float
        In [0, 1]; nan where no pair is comparable.

    References
    ----------
    Uno H, Cai T, Pencina MJ, D'Agostino RB, Wei LJ. On the C-statistics for evaluating overall adequacy of risk
    prediction procedures with censored survival data. Stat Med 2011;30:1105-1117.

    Examples
    --------
    >>> uno_c(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]), np.array([0.9, 0.1, 0.2]))
    0.6666666666666666
    """
    weighting = weigh(time, event, entry)
    concordant, comparable = weighted_pairs(weighting, weighting.event, risk, horizon)
    return concordant / comparable if comparable > 0 else NAN


def weighted_pairs(
    weighting: Weighting, event: BoolArray, risk: FloatArray, horizon: float | None
) -> tuple[float, float]:
    """Weight of Uno's concordant (ties 1/2) and comparable pairs; ``event`` marks the events that count."""
    risk = column("risk", risk, weighting.time.size)
    found = risk_set_pairs(weighting.time, event, risk, weighting.entry, tied_events=False)
    before = np.inf if horizon is None else horizon
    if np.isnan(before):
        raise ValueError("a horizon must be a number, got nan")
    weight = np.where(weighting.time[event] < before, weighting.at_exit[event] ** 2, 0.0)
    return float(weight @ (found.lower + (found.total - found.lower - found.higher) / 2)), float(weight @ found.total)


def auc_at(
    time: FloatArray, event: BoolArray, risk: FloatArray, horizon: float, entry: FloatArray | None = None
) -> float:
    """Cumulative/dynamic AUC: chance that who has the event by a horizon had a higher risk than who is event-free then.

    Patients censored before the horizon stand behind those who are known, as `Weighting` says.

    Parameters
    ----------
    time, event, entry
        See the module's first lines.
    risk : float array of shape (n_patients,)
        Predicted risk by the horizon, or any score that grows with it.
    horizon : float
        In the unit of ``time``.

    Returns
    -------
    float
        In [0, 1]; nan beyond the follow-up, and unless somebody had the event and somebody did not.

    References
    ----------
    Uno H, Cai T, Tian L, Wei LJ. Evaluating prediction rules for t-year survivors with censored regression models.
    J Am Stat Assoc 2007;102:527-537.
    Blanche P, Dartigues JF, Jacqmin-Gadda H. Estimating and comparing time-dependent areas under receiver operating
    characteristic curves for censored event times with competing risks. Stat Med 2013;32:5381-5397.
    """
    weighting = weigh(time, event, entry)
    return weighted_auc(weighting.event & (weighting.time <= horizon), risk, weighting.at(horizon))


def weighted_auc(happened: BoolArray, risk: FloatArray, weights: FloatArray | None) -> float:
    """AUC over weighted pairs of a patient with the event and one without (ties 1/2); nan without weights or pairs."""
    risk = column("risk", risk, happened.size)
    if weights is None:
        return NAN
    cases, controls = np.where(happened, weights, 0.0), np.where(happened, 0.0, weights)
    pairs = cases.sum() * controls.sum()
    if not pairs > 0:
        return NAN
    levels, code = np.unique(risk, return_inverse=True)
    cases, controls = (np.bincount(code, weight, levels.size) for weight in (cases, controls))
    return float(cases @ (np.cumsum(controls) - controls / 2) / pairs)


def integrated_brier(
    time: FloatArray,
    event: BoolArray,
    survival: NDArray[np.float64],
    times: FloatArray,
    entry: FloatArray | None = None,
) -> float:
    """IPCW Brier score averaged over the time from the first to the last of ``times`` (trapezoids).

    Parameters
    ----------
    time, event, entry
        See the module's first lines.
    survival : float array of shape (n_patients, n_times)
        Predicted probability of being event-free at each of ``times``.
    times : float array of shape (n_times,)
        At least two, ascending.

    Returns
    -------
    float
        nan where one of the times is beyond the follow-up: choose ``times`` within it, or say where they end.

    Raises
    ------
    ValueError
        If ``times`` do not ascend or ``survival`` has another shape or numbers that are not finite.

    References
    ----------
    Graf E, Schmoor C, Sauerbrei W, Schumacher M. Assessment and comparison of prognostic classification schemes for
    survival data. Stat Med 1999;18:2529-2545.
    """
    weighting = weigh(time, event, entry)
    return integrated_error(weighting, weighting.event, 1 - np.asarray(survival, dtype=float), times)


def integrated_error(
    weighting: Weighting, event: BoolArray, incidence: NDArray[np.float64], times: FloatArray
) -> float:
    """Integrated Brier score of the risk of ``event``, the events of interest among those of the weighting."""
    times = np.asarray(times, dtype=float)
    if times.ndim != 1 or times.size < 2 or not (np.diff(times) > 0).all():
        raise ValueError(f"times must be at least two, ascending, got {times!r}")
    if incidence.shape != (weighting.time.size, times.size) or not np.isfinite(incidence).all():
        raise ValueError(
            f"predictions must be finite, one row a patient and one column a time: shape "
            f"{(weighting.time.size, times.size)}, got {incidence.shape}"
        )
    if incidence.size and not -ROUNDING <= incidence.min() <= incidence.max() <= 1 + ROUNDING:
        raise ValueError(f"predictions must lie in [0, 1], got {incidence.min():g} to {incidence.max():g}")
    scores = [weighted_brier(weighting, event, incidence[:, k], horizon) for k, horizon in enumerate(times)]
    return float(np.trapezoid(scores, times) / (times[-1] - times[0]))
