"""Measures of a predicted cumulative incidence where other events compete, right-censored.

``time`` (any one unit) and ``cause`` (0 censored, 1 the event of interest, 2 a competing event) have shape
``(n_patients,)``. Events come before censorings of the same time. What the follow-up cannot answer is nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskml.training.metrics import survival, time_dependent
from riskml.training.metrics.binary import FloatArray
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.pairs import dominance

IntArray = NDArray[np.intp]
NAN = float("nan")


def aalen_johansen(
    time: FloatArray,
    cause: IntArray,
    horizon: float,
    entry: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> float:
    r"""Cumulative incidence of cause 1 by a horizon: :math:`\sum_{s \le h} S(s-) d_{1s} / n_s`, S over all causes.

    Parameters
    ----------
    time, cause
        See the module's first lines.
    horizon : float
        In the unit of ``time``.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``.
    weights : float array of shape (n_patients,), optional
        How many patients a row stands for.

    Returns
    -------
    float
        nan where the horizon is beyond the follow-up and somebody was still free of events at its end.

    References
    ----------
    Aalen OO, Johansen S. An empirical transition matrix for nonhomogeneous Markov chains based on censored
    observations. Scand J Stat 1978;5:141-150.
    """
    cause = np.asarray(cause)
    curve = survival.kaplan_meier(time, cause > 0, entry, weights)
    if not curve.times.size or (horizon > curve.times[-1] and curve.survival[-1] > 0):
        return NAN
    weights = np.ones(len(time)) if weights is None else weights
    of_cause = np.bincount(
        np.searchsorted(curve.times, np.asarray(time)[cause == 1]), weights[cause == 1], minlength=curve.times.size
    )[: curve.times.size]
    before = np.concatenate([[1.0], curve.survival[:-1]])
    steps = np.divide(before * of_cause, curve.at_risk, out=np.zeros_like(before), where=curve.at_risk > 0)
    return float(steps[curve.times <= horizon].sum())


def pseudo_values(time: FloatArray, cause: IntArray, horizon: float) -> FloatArray:
    """Jackknife pseudo-observations of the cumulative incidence at a horizon, shape (n_patients,); O(n log n).

    Their mean is the Aalen-Johansen estimate but for terms of order 1 / n; each stands for one patient's own 0 or 1,
    censored or not. Where leaving a patient out ends the follow-up before the horizon, the estimate of the others keeps
    its last value.

    Returns
    -------
    float array of shape (n_patients,)
        All nan where the horizon is beyond the follow-up.

    References
    ----------
    Andersen PK, Klein JP, Rosthoj S. Generalised linear models for correlated pseudo-observations. Biometrika
    2003;90:15-27.
    """
    time, cause = np.asarray(time, dtype=float), np.asarray(cause).astype(int)
    n, whole = time.size, aalen_johansen(time, cause, horizon)
    if not n or np.isnan(whole):
        return np.full(n, NAN)
    times, own = np.unique(time, return_inverse=True)
    n_times = int(np.searchsorted(times, horizon, side="right"))
    counted = [np.bincount(own[chosen], minlength=times.size) for chosen in (cause >= 0, cause > 0, cause == 1)]
    at_risk = np.cumsum(counted[0][::-1])[::-1][:n_times]
    ended, of_cause = counted[1][:n_times], counted[2][:n_times]
    curve, incidence = _incidence(ended, of_cause, at_risk)
    # Up to the exit of the patient left out one fewer is at risk, at it perhaps one event fewer, and after it all is as
    # it was: the increments then only scale with what has survived so far.
    others, others_incidence = _incidence(ended, of_cause, np.maximum(at_risk - 1, 1))
    k = np.minimum(own, n_times)
    inside = k < n_times
    k = k[inside]
    left = np.maximum(at_risk[k] - 1, 1)  # with nobody left there is no event left either
    here = others[k] * (of_cause[k] - (cause[inside] == 1)) / left
    survivors = others[k] * (1 - (ended[k] - (cause[inside] > 0)) / left)
    after = np.divide(whole - incidence[k + 1], curve[k + 1], out=np.zeros(k.size), where=curve[k + 1] > 0)
    without = np.full(n, others_incidence[-1])
    without[inside] = others_incidence[k] + here + survivors * after
    return n * whole - (n - 1) * without


def _incidence(ended: IntArray, of_cause: IntArray, at_risk: IntArray) -> tuple[FloatArray, FloatArray]:
    """Survival and cumulative incidence before the first time and after each, shape (n_times + 1,)."""
    survival = np.append(1.0, np.cumprod(np.maximum(1 - ended / at_risk, 0)))
    return survival, np.append(0.0, np.cumsum(survival[:-1] * of_cause / at_risk))


def incidence_interval(time: FloatArray, cause: IntArray, horizon: float, level: float = 0.95) -> Interval:
    """The Aalen-Johansen estimate with an interval from the pseudo-observations' standard error, within [0, 1].

    Both ends are nan for a single patient and where the horizon is beyond the follow-up.

    References
    ----------
    Andersen PK, Klein JP, Rosthoj S. Biometrika 2003;90:15-27.
    """
    from scipy.special import ndtri  # noqa: PLC0415

    values = pseudo_values(time, cause, horizon)
    point, error = aalen_johansen(time, cause, horizon), NAN
    if len(values) > 1:
        error = float(values.std(ddof=1) / np.sqrt(len(values)))
    reach = float(ndtri((1 + level) / 2)) * error
    low, high = np.clip([point - reach, point + reach], 0, 1)
    return Interval(point, float(low), float(high), level, "Aalen-Johansen, pseudo-values")


def ipcw_brier(
    time: FloatArray,
    cause: IntArray,
    incidence_at: FloatArray | float,
    horizon: float,
    entry: FloatArray | None = None,
) -> float:
    """Brier score of a cumulative incidence at a horizon, weighted by the inverse probability of being known then.

    Patients with a competing event by the horizon are known never to have the event of interest first. The weights are
    those of :class:`riskml.training.metrics.survival.Weighting`, with ``entry`` for late entries.

    References
    ----------
    Schoop R, Beyersmann J, Schumacher M, Binder H. Quantifying the predictive accuracy of time-to-event models in the
    presence of competing risks. Biom J 2011;53:88-112.
    """
    cause = np.asarray(cause)
    weights = survival.censoring_weights(time, cause > 0, horizon, entry)
    if weights is None:
        return NAN
    happened = (cause == 1) & (np.asarray(time) <= horizon)
    return float(np.mean(weights * (happened - np.asarray(incidence_at)) ** 2))


def ipa(
    time: FloatArray,
    cause: IntArray,
    incidence_at: FloatArray,
    horizon: float,
    reference: FloatArray | float,
    entry: FloatArray | None = None,
) -> float:
    """1 - Brier(model) / Brier(reference incidence); see :func:`riskml.training.metrics.survival.ipa`."""
    model, other = (ipcw_brier(time, cause, guess, horizon, entry) for guess in (incidence_at, reference))
    return 1 - model / other if other > 0 else NAN


def integrated_brier(
    time: FloatArray,
    cause: IntArray,
    incidence: NDArray[np.float64],
    times: FloatArray,
    entry: FloatArray | None = None,
) -> float:
    """Brier score of the cumulative incidence averaged over time, of shape (n_patients, n_times) at ``times``.

    See :func:`riskml.training.metrics.time_dependent.integrated_brier`, also for what is refused.

    References
    ----------
    Schoop R, Beyersmann J, Schumacher M, Binder H. Biom J 2011;53:88-112.
    """
    cause = np.asarray(cause)
    weighting = survival.weigh(time, cause > 0, entry)
    return time_dependent.integrated_error(weighting, cause == 1, np.asarray(incidence, dtype=float), times)


def auc_at(
    time: FloatArray, cause: IntArray, risk: FloatArray, horizon: float, entry: FloatArray | None = None
) -> float:
    """Cumulative/dynamic AUC of the event of interest by a horizon against everybody without it then.

    A patient with a competing event by the horizon is without the event of interest (Blanche's second definition): the
    AUC then judges the ranking of cumulative incidences, which is what is predicted.

    References
    ----------
    Blanche P, Dartigues JF, Jacqmin-Gadda H. Estimating and comparing time-dependent areas under receiver operating
    characteristic curves for censored event times with competing risks. Stat Med 2013;32:5381-5397.
    """
    cause = np.asarray(cause)
    weighting = survival.weigh(time, cause > 0, entry)
    return time_dependent.weighted_auc((cause == 1) & (weighting.time <= horizon), risk, weighting.at(horizon))


def uno_c(
    time: FloatArray,
    cause: IntArray,
    risk: FloatArray,
    horizon: float | None = None,
    entry: FloatArray | None = None,
) -> float:
    r"""Concordance for the event of interest, weighted so that its limit does not depend on the censoring.

    An event at t is set against those at risk with it, weight :math:`1 / G(t-)^2`, and against those who had a
    competing event at s < t, weight :math:`1 / (G(t-) G(s-))`. ``horizon`` and ``entry`` as in
    :func:`riskml.training.metrics.time_dependent.uno_c`; `c_index` is the form without weights.

    References
    ----------
    Wolbers M, Blanche P, Koller MT, Witteman JC, Gerds TA. Concordance for prognostic models with competing risks.
    Biostatistics 2014;15:526-539.
    """
    cause = np.asarray(cause)
    weighting, event = survival.weigh(time, cause > 0, entry), cause == 1
    concordant, comparable = time_dependent.weighted_pairs(weighting, event, risk, horizon)
    before = np.inf if horizon is None else horizon
    weight = np.where(weighting.time[event] < before, weighting.at_exit[event], 0.0)
    code = np.unique(weighting.time, return_inverse=True)[1]
    falling, risk, other = code.max(initial=0) - code, np.asarray(risk, dtype=float), cause > 1
    earlier = dominance(falling[event], risk[event], falling[other], risk[other], weighting.at_exit[other])
    concordant += float(weight @ (earlier.lower + (earlier.total - earlier.lower - earlier.higher) / 2))
    comparable += float(weight @ earlier.total)
    return concordant / comparable if comparable > 0 else NAN


def c_index(time: FloatArray, cause: IntArray, risk: FloatArray) -> float:
    """Concordance for the event of interest: who had a competing event never has it, and so outlasts everybody.

    References
    ----------
    Wolbers M, Blanche P, Koller MT, Witteman JC, Gerds TA. Concordance for prognostic models with competing risks.
    Biostatistics 2014;15:526-539.
    """
    return survival.harrell_c(*without_competing(time, cause), risk)


def calibration_slope(time: FloatArray, cause: IntArray, link: FloatArray) -> float:
    """Slope of the log subdistribution hazard on ``link`` = log(-log(1 - F)); 1 if calibrated.

    Patients with a competing event stay at risk to the end of follow-up: Fine and Gray's risk set where censoring is
    administrative.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J Am Stat Assoc
    1999;94:496-509.
    """
    return survival.calibration_slope(*without_competing(time, cause), link)


def observed_expected_at(
    time: FloatArray, cause: IntArray, incidence_at: FloatArray, horizon: float, entry: FloatArray | None = None
) -> float:
    """Aalen-Johansen incidence by the horizon over the mean predicted one; nan where either cannot be had.

    With late entries the mean is weighted, as in :func:`riskml.training.metrics.survival.observed_expected_at`.

    References
    ----------
    van Geloven N, et al. Validation of prediction models in the presence of competing risks: a guide through modern
    methods. BMJ 2022;377:e069249.
    """
    observed, expected = aalen_johansen(time, cause, horizon, entry), float(np.mean(incidence_at))
    if entry is not None:
        weights = survival.censoring_weights(time, np.asarray(cause) > 0, horizon, entry)
        expected = NAN if weights is None else float(np.mean(weights * incidence_at))
    return observed / expected if expected > 0 else NAN


def without_competing(time: FloatArray, cause: IntArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Times and events of the cause of interest, with competing events moved beyond everybody's follow-up."""
    time, cause = np.asarray(time, dtype=float), np.asarray(cause)
    return np.where(cause > 1, time.max(initial=0.0) + 1.0, time), cause == 1
