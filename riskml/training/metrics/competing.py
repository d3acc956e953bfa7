"""Measures of a predicted cumulative incidence where other events compete, right-censored.

``time`` (any one unit) and ``cause`` (0 censored, 1 the event of interest, 2 a competing event) have shape
``(n_patients,)``. Events come before censorings of the same time. What the follow-up cannot answer is nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskml.training.learners.cox_likelihood import efron
from riskml.training.metrics import survival, time_dependent
from riskml.training.metrics.binary import FloatArray, maximise
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.pairs import dominance
from riskml.training.metrics.subdistribution import subdistribution_design

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
    curve, steps = _steps(time, cause, entry, weights)
    if np.isnan(curve.at(horizon)):
        return NAN
    return float(steps[curve.times <= horizon].sum())


def _steps(
    time: FloatArray, cause: IntArray, entry: FloatArray | None, weights: FloatArray | None = None
) -> tuple[survival.KaplanMeier, FloatArray]:
    """The curve of survival free of any event, and the steps of the incidence of cause 1 at its times."""
    cause = survival.causes(cause)
    curve = survival.kaplan_meier(time, cause > 0, entry, weights)
    chosen, size = cause == 1, curve.times.size
    mass = None if weights is None else weights[chosen]
    # A row of weight 0 may lie beyond the last time: it goes to a place that is cut off.
    of_cause = np.bincount(np.searchsorted(curve.times, np.asarray(time)[chosen]), mass, minlength=size)[:size]
    before = np.append(1.0, curve.survival[:-1])[:size]
    return curve, np.divide(before * of_cause, curve.at_risk, out=np.zeros(size), where=curve.at_risk > 0)


def pseudo_values(time: FloatArray, cause: IntArray, horizon: float, entry: FloatArray | None = None) -> FloatArray:
    r"""Pseudo-observations of the cumulative incidence at a horizon, shape (n_patients,); O(n log n).

    The estimate F plus n times its derivative by the patient's case weight (infinitesimal jackknife): their mean is F,
    each stands for one patient's own 0 or 1, censored or not, and without censoring is that. Late entry makes them
    right for the error of F, and wrong as outcomes of a regression if the chance to be seen depends on its predictors.

    Returns
    -------
    float array of shape (n_patients,)
        All nan where the horizon is beyond the follow-up.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite or an entry is not before its exit.

    References
    ----------
    Andersen PK, Klein JP, Rosthoj S. Generalised linear models for correlated pseudo-observations. Biometrika
    2003;90:15-27.
    Parner ET, Andersen PK, Overgaard M. Regression models for censored time-to-event data using infinitesimal
    jack-knife pseudo-observations, with applications to left-truncation. Lifetime Data Anal 2023;29:654-671.
    """
    cause, (curve, share) = survival.causes(cause), _steps(time, cause, entry)
    if np.isnan(curve.at(horizon)):
        return np.full(cause.size, NAN)
    own, within = np.searchsorted(curve.times, time), curve.times <= horizon
    at_risk, before, whole = curve.at_risk, np.append(1.0, curve.survival[:-1]), float(share[within].sum())
    rate = np.bincount(own[cause > 0], minlength=within.size) / at_risk
    # An event of any cause takes from survival, and so from the incidence still to come in the others.
    still = np.where(within, whole - np.cumsum(share), 0.0)
    lost = np.divide(still, 1 - rate, out=np.zeros_like(still), where=(rate < 1) & within)
    per_event, per_risk = np.where(within, before, 0.0) / at_risk, np.where(within, share, 0.0) - rate * lost
    to_time = np.append(0.0, np.cumsum(per_risk / at_risk))
    since = 0.0 if entry is None else to_time[np.searchsorted(curve.times, entry, side="right")]
    influence = (cause == 1) * per_event[own] - (cause > 0) * (lost / at_risk)[own] - (to_time[own + 1] - since)
    return np.asarray(whole + cause.size * influence)


def incidence_interval(
    time: FloatArray, cause: IntArray, horizon: float, level: float = 0.95, entry: FloatArray | None = None
) -> Interval:
    """The Aalen-Johansen estimate with an interval from the pseudo-observations' standard error, within [0, 1].

    Both ends are nan for a single patient and where the horizon is beyond the follow-up.

    References
    ----------
    Andersen PK, Klein JP, Rosthoj S. Biometrika 2003;90:15-27.
    """
    from scipy.special import ndtri  # noqa: PLC0415

    values = pseudo_values(time, cause, horizon, entry)
    point, error = aalen_johansen(time, cause, horizon, entry), NAN
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
    cause = survival.causes(cause)
    risk = survival.shares("incidence_at", incidence_at, cause.size)
    return survival.weighted_brier(survival.weigh(time, cause > 0, entry), cause == 1, risk, horizon)


def ipa(
    time: FloatArray,
    cause: IntArray,
    incidence_at: FloatArray,
    horizon: float,
    reference: FloatArray | float,
    entry: FloatArray | None = None,
) -> float:
    """1 - Brier(model) / Brier(reference incidence); see :func:`riskml.training.metrics.survival.ipa`."""
    cause = survival.causes(cause)
    weighting = survival.weigh(time, cause > 0, entry)
    model, other = (
        survival.weighted_brier(weighting, cause == 1, survival.shares(name, guess, cause.size), horizon)
        for name, guess in (("incidence_at", incidence_at), ("reference", reference))
    )
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
    cause = survival.causes(cause)
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
    cause = survival.causes(cause)
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
    cause = survival.causes(cause)
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


def c_index(time: FloatArray, cause: IntArray, risk: FloatArray, entry: FloatArray | None = None) -> float:
    """Concordance for the event of interest: who had a competing event never has it, and so outlasts everybody.

    With late entries a patient is set against those under observation at the event and those whose competing event was
    seen before it. `uno_c` puts right what censoring and truncation do to the mixture of pairs.

    References
    ----------
    Wolbers M, Blanche P, Koller MT, Witteman JC, Gerds TA. Concordance for prognostic models with competing risks.
    Biostatistics 2014;15:526-539.
    """
    cause = survival.causes(cause)
    survival.checked(time, cause > 0, entry)
    return survival.harrell_c(*without_competing(time, cause), risk, entry)


def calibration_slope(time: FloatArray, cause: IntArray, link: FloatArray, entry: FloatArray | None = None) -> float:
    """Slope of the log subdistribution hazard on ``link`` = log(-log(1 - F)) by Fine and Gray's model; 1 if calibrated.

    Returns
    -------
    float
        nan where no finite maximum exists, as for :func:`riskml.training.metrics.survival.calibration_slope`.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J Am Stat Assoc
    1999;94:496-509.
    Geskus RB. Cause-specific cumulative incidence estimation and the Fine and Gray model under both left truncation and
    right censoring. Biometrics 2011;67:39-49 (late entries).
    van Geloven N, et al. Validation of prediction models in the presence of competing risks: a guide through modern
    methods. BMJ 2022;377:e069249.
    """
    cause = survival.causes(cause)
    weighting, link = survival.weigh(time, cause > 0, entry), survival.column("link", link, cause.size)
    if not survival.has_slope(*without_competing(time, cause), link, entry):
        return NAN
    order = np.argsort(weighting.time, kind="stable")
    scale = link.std()
    design = subdistribution_design((link[order] / scale)[:, None], weighting, cause, order)
    return (
        NAN if design is None else float(maximise(lambda at: efron(at, design), np.array([min(scale, 1.0)]))[0] / scale)
    )


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
    cause = survival.causes(cause)
    observed, predicted = (
        aalen_johansen(time, cause, horizon, entry),
        survival.shares("incidence_at", incidence_at, cause.size),
    )
    if np.isnan(observed):
        return NAN
    weights = None if entry is None else survival.censoring_weights(time, cause > 0, horizon, entry)
    if entry is not None and weights is None:
        return NAN
    expected = float(np.mean(predicted if weights is None else weights * predicted))
    return observed / expected if expected > 0 else NAN


def without_competing(time: FloatArray, cause: IntArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Times and events of the cause of interest, with competing events moved beyond everybody's follow-up."""
    time, cause = np.asarray(time, dtype=float), survival.causes(cause)
    return np.where(cause > 1, time.max(initial=0.0) + 1.0, time), cause == 1
