"""Kaplan-Meier, concordance, IPCW Brier score and calibration of survival predictions, right-censored.

``time`` (any one unit) and ``event`` (bool; False = censored) have shape ``(n_patients,)``. ``entry``, where offered,
is when observation of a patient began (left truncation): at risk at t are those with entry < t <= time. Events come
before censorings of the same time. What the follow-up cannot answer is nan, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from riskml.training.learners.cox_likelihood import efron
from riskml.training.metrics.binary import NO_SPREAD, BoolArray, FloatArray, flags, maximise
from riskml.training.metrics.intervals import Interval
from riskml.training.metrics.pairs import Dominance, dominance
from riskml.training.metrics.risk_sets import cox_design

IntArray = NDArray[np.int64]
NAN = float("nan")
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """A Kaplan-Meier curve at every distinct time of exit, with Greenwood's standard error.

    Attributes
    ----------
    times : float array of shape (n_times,)
        Distinct times of event or censoring, ascending; the last is the end of follow-up.
    survival, at_risk, se : float arrays of shape (n_times,)
        S(t), the number (or weight) at risk just before t, and the standard error of S(t), nan once S is 0.
    """

    times: FloatArray
    survival: FloatArray
    at_risk: FloatArray
    se: FloatArray

    @overload
    def at(self, t: float) -> float: ...
    @overload
    def at(self, t: FloatArray) -> FloatArray: ...
    def at(self, t: float | FloatArray) -> float | FloatArray:
        """S(t): right-continuous, 1 before the first time, nan beyond the follow-up unless S has reached 0."""
        t = np.asarray(t, dtype=float)
        if np.isnan(t).any():
            raise ValueError("a horizon must be a number, got nan")
        values = self._step(self.survival, 1.0, t)
        return float(values) if values.ndim == 0 else values

    def interval(self, t: float, level: float = 0.95) -> Interval:
        r"""Log-log interval of S(t): :math:`S^{\exp(\pm z \, se / (S \log S))}`; nan ends where S is 0 or 1.

        References
        ----------
        Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. 2nd ed. Wiley 2002, section 1.4.
        """
        survival = self.at(t)
        if not 0 < survival < 1:
            return Interval(survival, NAN, NAN, level, "not estimable: S is 0 or 1, or beyond the follow-up")
        error = float(self._step(self.se, 0.0, np.asarray(t, dtype=float)))
        factor = np.exp(ndtri((1 + level) / 2) * error / (survival * -np.log(survival)))
        return Interval(survival, float(survival**factor), float(survival ** (1 / factor)), level, "Greenwood, log-log")

    def _step(self, heights: FloatArray, first: float, t: FloatArray) -> FloatArray:
        if not self.times.size:
            return np.full(t.shape, NAN)
        values = np.append(first, heights)[np.searchsorted(self.times, t, side="right")]
        return np.where((t > self.times[-1]) & (self.survival[-1] > 0), NAN, values)


def kaplan_meier(
    time: FloatArray, event: BoolArray, entry: FloatArray | None = None, weights: FloatArray | None = None
) -> KaplanMeier:
    r"""Kaplan-Meier estimate :math:`S(t) = \prod_{s \le t} (1 - d_s / n_s)` with Greenwood's variance.

    Parameters
    ----------
    time, event, entry
        See the module's first lines. With late entries an early risk set can be so small that S reaches 0 there and
        stays: condition on a later start then.
    weights : float array of shape (n_patients,), optional
        How many patients a row stands for (frequency weights, 0 or more); Greenwood's variance takes them as counts.

    Returns
    -------
    KaplanMeier
        With empty arrays for an empty table.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite, a weight is negative or an entry is not before its exit.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. JASA 1958;53:457-481.
    Greenwood M. The natural duration of cancer. HMSO 1926.

    Examples
    --------
    >>> kaplan_meier(np.array([10.0, 15.0, 20.0, 30.0]), np.array([True, False, True, False])).at(20.0)
    0.375
    """
    time, event, entry = checked(time, event, entry)
    weights = np.ones(time.size) if weights is None else np.asarray(weights, dtype=float)
    if weights.shape != time.shape or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("weights must be finite, 0 or more, and one for each patient")
    kept = weights > 0
    times, at_risk, events, _ = _counts(time[kept], event[kept], None if entry is None else entry[kept], weights[kept])
    survival = np.asarray(np.cumprod(np.maximum(1 - events / at_risk, 0)), dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):  # where nobody is left: 0 * inf, reported as nan
        se = survival * np.sqrt(np.cumsum(events / (at_risk * np.maximum(at_risk - events, 0)), dtype=float))
    return KaplanMeier(times, survival, at_risk, se)


def harrell_c(time: FloatArray, event: BoolArray, risk: FloatArray, entry: FloatArray | None = None) -> float:
    """Harrell's concordance: among comparable pairs, how often the earlier event had the higher risk (ties 1/2).

    A pair is comparable if one had the event while the other was at risk and went on longer without it, a censoring
    at the same time counting as longer. Pairs of events at one time do not count.

    Parameters
    ----------
    time, event, entry
        See the module's first lines.
    risk : float array of shape (n_patients,)
        Predicted risk, or any score that grows with it.

    Returns
    -------
    float
        In [0, 1]; nan where no pair is comparable.

    References
    ----------
    Harrell FE, Califf RM, Pryor DB, Lee KL, Rosati RA. Evaluating the yield of medical tests. JAMA 1982;247:2543-2546.
    """
    time, event, entry = checked(time, event, entry)
    found = risk_set_pairs(time, event, column("risk", risk, time.size), entry, tied_events=False)
    lower, higher, pairs = (int(counts.sum()) for counts in (found.lower, found.higher, found.total))
    return (lower + (pairs - lower - higher) / 2) / pairs if pairs else NAN


def ipcw_brier(
    time: FloatArray,
    event: BoolArray,
    survival_at: FloatArray | float,
    horizon: float,
    entry: FloatArray | None = None,
) -> float:
    """Brier score of survival at a horizon, weighted by the inverse probability of being known then (IPCW).

    The weights and what they assume are those of `Weighting`.

    Parameters
    ----------
    time, event, entry
        See the module's first lines.
    survival_at : float or float array of shape (n_patients,)
        Predicted probability of being event-free at ``horizon``.
    horizon : float
        In the unit of ``time``.

    Returns
    -------
    float
        0 is perfect; nan where the horizon is beyond the follow-up.

    References
    ----------
    Graf E, Schmoor C, Sauerbrei W, Schumacher M. Assessment and comparison of prognostic classification schemes for
    survival data. Stat Med 1999;18:2529-2545.
    """
    weighting = weigh(time, event, entry)
    return weighted_brier(
        weighting, weighting.event, 1 - shares("survival_at", survival_at, weighting.time.size), horizon
    )


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    r"""Weights that make the patients whose state at a horizon h is known stand for all, known or not.

    Events by h get :math:`n S(T-) / Y(T)`, patients event-free at h :math:`n S(h) / Y(h+)`, those censored before h or
    watched from h or later on none; S is the Kaplan-Meier curve, Y the number at risk, and the weights add up to n.
    Without late entries :math:`Y(t) = n S(t-) G(t-)`, with G the Kaplan-Meier curve of the censoring, so these are the
    usual 1 / G(T-) and 1 / G(h); patients censored exactly at h (administratively) are event-free at h. With late
    entries :math:`Y(t) / S(t-)` is, but for a constant, the chance to be under observation at t, and the same weights
    put right both truncation and censoring. Assumes that neither depends on the event or the predictors.

    Attributes
    ----------
    time, event, entry
        See the module's first lines.
    curve : KaplanMeier
    at_exit : float array of shape (n_patients,)
        The weight of each patient's own time of exit, n S(T-) / Y(T).

    References
    ----------
    Graf E, Schmoor C, Sauerbrei W, Schumacher M. Assessment and comparison of prognostic classification schemes for
    survival data. Stat Med 1999;18:2529-2545.
    Sanchez Sellero C, Gonzalez Manteiga W, Van Keilegom I. Uniform representation of product-limit integrals with
    applications. Scand J Stat 2005;32:563-581 (covariates, truncation and censoring).
    Li K, Acharjee MK. Cumulative/dynamic time-dependent ROC analysis for left-truncated and right-censored data.
    arXiv 2025;2509.05693 (weights for both at once).
    """

    time: FloatArray
    event: BoolArray
    entry: FloatArray | None
    curve: KaplanMeier
    at_exit: FloatArray

    def at(self, horizon: float) -> FloatArray | None:
        """Each patient's weight, shape (n_patients,); None beyond the follow-up and where nobody was watched."""
        survival = self.curve.at(horizon)
        if np.isnan(survival):
            return None
        free = self.event_free(horizon)
        n_free = int(np.count_nonzero(free))
        if survival > 0 and not n_free:
            return None
        rest = self.time.size * survival / max(1, n_free)
        return np.where(self.event & (self.time <= horizon), self.at_exit, np.where(free, rest, 0.0))

    def event_free(self, horizon: float) -> BoolArray:
        """Who was under observation before ``horizon`` and is known to be event-free at it; shape (n_patients,)."""
        free = (self.time > horizon) | ((self.time == horizon) & ~self.event)
        return np.asarray(free if self.entry is None else free & (self.entry < horizon))


def weigh(time: FloatArray, event: BoolArray, entry: FloatArray | None = None) -> Weighting:
    """The `Weighting` of a cohort; ``event`` is any event that ends the time at risk."""
    time, event, entry = checked(time, event, entry)
    curve = kaplan_meier(time, event, entry)
    own = np.searchsorted(curve.times, time)
    before = np.append(1.0, curve.survival)[own]
    return Weighting(time, event, entry, curve, np.asarray(time.size * before / curve.at_risk[own], dtype=float))


def weighted_brier(weighting: Weighting, event: BoolArray, incidence_at: FloatArray, horizon: float) -> float:
    """Brier score of the risk of ``event``, the events that count among those of the weighting; nan without weights."""
    weights = weighting.at(horizon)
    if weights is None:
        return NAN
    happened = event & (weighting.time <= horizon)
    return float(np.mean(weights * (happened - incidence_at) ** 2))


def censoring_weights(
    time: FloatArray, event: BoolArray, horizon: float, entry: FloatArray | None = None
) -> FloatArray | None:
    """The weights of one horizon: ``weigh(time, event, entry).at(horizon)``."""
    return weigh(time, event, entry).at(horizon)


def ipa(
    time: FloatArray,
    event: BoolArray,
    survival_at: FloatArray | float,
    horizon: float,
    reference: FloatArray | float | None = None,
    entry: FloatArray | None = None,
) -> float:
    """Index of prediction accuracy at a horizon: 1 - Brier(model) / Brier(comparator); negative if worse than that.

    Parameters
    ----------
    time, event, survival_at, horizon, entry
        As for `ipcw_brier`.
    reference : float or float array of shape (n_patients,), optional
        The comparator's survival at ``horizon``; give each patient's out-of-fold Kaplan-Meier estimate to compare with
        out-of-fold predictions. Kaplan-Meier of these patients if not given.

    Returns
    -------
    float
        nan where the horizon is beyond the follow-up or the comparator is never wrong.

    References
    ----------
    Kattan MW, Gerds TA. The index of prediction accuracy. Diagn Progn Res 2018;2:7.
    """
    weighting = weigh(time, event, entry)
    size, null = weighting.time.size, weighting.curve.at(horizon)
    if np.isnan(null):
        null = 0.0  # nobody can be judged at the horizon, by whatever comparator
    model, comparator = (
        weighted_brier(weighting, weighting.event, 1 - shares(name, values, size), horizon)
        for name, values in (("survival_at", survival_at), ("reference", null if reference is None else reference))
    )
    return 1 - model / comparator if comparator > 0 else NAN


def calibration_slope(
    time: FloatArray, event: BoolArray, log_risk: FloatArray, entry: FloatArray | None = None
) -> float:
    """Slope of a Cox model (Efron's ties) whose only covariate is the predicted log hazard ratio; 1 if calibrated.

    Parameters
    ----------
    time, event, entry
        See the module's first lines.
    log_risk : float array of shape (n_patients,)
        Linear predictor of a proportional-hazards model, or log(-log S(h)) of any model.

    Returns
    -------
    float
        nan where no finite maximum exists: unless some event had a patient of lower and some event one of higher
        ``log_risk`` at risk with it.

    References
    ----------
    van Houwelingen HC. Validation, calibration, revision and combination of prognostic survival models.
    Stat Med 2000;19:3401-3415.
    Efron B. The efficiency of Cox's likelihood function for censored data. JASA 1977;72:557-565.
    """
    time, event, entry = checked(time, event, entry)
    log_risk = column("log_risk", log_risk, time.size)
    if not has_slope(time, event, log_risk, entry):
        return NAN
    scale = log_risk.std()
    design = cox_design((log_risk / scale)[:, None], time, event, entry)
    return float(maximise(lambda at: efron(at, design), np.array([min(scale, 1.0)]))[0] / scale)


def has_slope(time: FloatArray, event: BoolArray, log_risk: FloatArray, entry: FloatArray | None = None) -> bool:
    """Whether the partial likelihood of one covariate has a finite maximum; arguments as for `calibration_slope`.

    It has if some event had a patient of lower, and some event one of higher ``log_risk`` at risk with it.
    """
    time, event, entry = checked(time, event, entry)
    if not time.size or np.ptp(log_risk) < NO_SPREAD:
        return False
    found = risk_set_pairs(time, event, log_risk, entry, tied_events=True)
    return bool(found.lower.any() and found.higher.any())


def observed_expected_at(
    time: FloatArray,
    event: BoolArray,
    survival_at: FloatArray | float,
    horizon: float,
    entry: FloatArray | None = None,
) -> float:
    """Observed risk by a horizon, 1 - Kaplan-Meier, over the mean predicted risk, mean(1 - ``survival_at``).

    With late entries Kaplan-Meier speaks of all who set out and not of those seen, who had to survive to be: the mean
    is then taken with the weights of `Weighting`.

    Parameters
    ----------
    time, event, survival_at, horizon
        As for `ipcw_brier`.
    entry
        See the module's first lines.

    Returns
    -------
    float
        nan where the horizon is beyond the follow-up or no risk was predicted.

    References
    ----------
    Steyerberg EW. Clinical Prediction Models. 2nd ed. Springer 2019, chapter 15.
    McLernon DJ, et al. Assessing performance and clinical usefulness in prediction models with survival outcomes.
    Ann Intern Med 2023;176:105-114.
    """
    observed = 1 - kaplan_meier(time, event, entry).at(horizon)
    predicted = 1 - shares("survival_at", survival_at, np.size(time))
    if np.isnan(observed):
        return NAN
    if entry is None:
        expected = float(np.mean(predicted))
    else:
        weights = censoring_weights(time, event, horizon, entry)
        expected = NAN if weights is None else float(np.mean(weights * predicted))
    return observed / expected if expected > 0 else NAN


def _counts(
    time: FloatArray, event: BoolArray, entry: FloatArray | None, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Give the distinct times, and at each the weight at risk just before it, of its events and of its censorings."""
    times, code = np.unique(time, return_inverse=True)
    exits, events = _totals(code, weights, times.size), _totals(code[event], weights[event], times.size)
    return times, _at_risk(times, code, entry, weights), events, np.maximum(exits - events, 0)


def _at_risk(times: FloatArray, code: IntArray, entry: FloatArray | None, weights: FloatArray) -> FloatArray:
    """Sum of ``weights`` over entry < t <= exit at each of ``times``, where a patient's exit is ``times[code]``."""
    still = np.cumsum(_totals(code, weights, times.size)[::-1])[::-1]
    if entry is None:
        return still
    not_after_entry = np.searchsorted(times, entry, side="right")
    to_come = _totals(not_after_entry, weights, times.size + 1)
    return still - np.cumsum(to_come[::-1])[::-1][1:]


def _totals(code: IntArray, values: FloatArray, size: int) -> FloatArray:
    return np.asarray(np.bincount(code, values, minlength=size), dtype=float)


def risk_set_pairs(
    time: FloatArray, event: BoolArray, risk: FloatArray, entry: FloatArray | None, *, tied_events: bool
) -> Dominance:
    """For each event, the patients at risk with it: how many have lower risk, higher risk, in all.

    ``tied_events`` says whether events at the same time (and the event itself) are at risk with it.
    """
    instants = time if entry is None else np.concatenate([time, entry])
    distinct = np.unique(instants)
    exit_key = 2 * np.searchsorted(distinct, time)
    of_event = exit_key[event]
    later = exit_key + (1 if tied_events else ~event)
    found = dominance(of_event, risk[event], later, risk)
    if entry is None:
        return found
    # Those who enter at the event or after it go on longer too, but were not at risk with it.
    absent = dominance(of_event, risk[event], 2 * np.searchsorted(distinct, entry) + 1, risk)
    return Dominance(found.lower - absent.lower, found.higher - absent.higher, found.total - absent.total)


def checked(
    time: FloatArray, event: BoolArray, entry: FloatArray | None
) -> tuple[FloatArray, BoolArray, FloatArray | None]:
    """All as arrays of one length; slips of the caller are refused."""
    event = flags(event)
    time = column("time", time, event.size)
    if entry is None:
        return time, event, None
    entry = column("entry", entry, event.size)
    if (entry >= time).any():
        raise ValueError(f"entry must be before the time of exit, got {np.count_nonzero(entry >= time)} that are not")
    return time, event, entry


def column(name: str, values: FloatArray | float, size: int) -> FloatArray:
    """One finite number for each of ``size`` patients, or a ValueError that names what was given."""
    numbers = np.asarray(values, dtype=float)
    if numbers.shape not in ((), (size,)) or not np.isfinite(numbers).all():
        raise ValueError(f"{name} must hold {size} finite numbers, got shape {numbers.shape}")
    return numbers if numbers.ndim else np.broadcast_to(numbers, (size,))


def shares(name: str, values: FloatArray | float, size: int) -> FloatArray:
    """As `column`, and each is a probability but for rounding."""
    numbers = column(name, values, size)
    if size and not -ROUNDING <= numbers.min() <= numbers.max() <= 1 + ROUNDING:
        raise ValueError(f"{name} must lie in [0, 1], got values from {numbers.min():g} to {numbers.max():g}")
    return numbers


def risk_column(risk: FloatArray, size: int) -> FloatArray:
    """One probability (but for rounding) for each of ``size`` patients, or a ValueError."""
    risk = np.asarray(risk, dtype=float)
    if risk.shape != (size,) or not ((risk >= -ROUNDING) & (risk <= 1 + ROUNDING)).all():
        raise ValueError(f"risk must hold {size} numbers in [0, 1], got shape {risk.shape}")
    return risk


def causes(cause: NDArray[np.generic]) -> NDArray[np.intp]:
    """0 censored, 1 the event of interest, 2 a competing event; a ValueError where it is something else."""
    numbers = np.asarray(cause, dtype=float)
    if numbers.ndim != 1 or not (np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers))).all():
        raise ValueError("cause must be 0, 1 or 2 for every patient")
    return numbers.astype(np.intp)
