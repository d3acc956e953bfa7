r"""Fine and Gray's proportional subdistribution hazards, with censoring and late entry put right by weights.

At risk of cause 1 at t is whoever is free of any event then and whoever had a competing event before. Of the latter
some would no longer be under observation at t: a patient with a competing event at s < t counts :math:`A(t) / A(s)`,
where A(t) is the chance to be under observation at t. Without late entries A = G, the Kaplan-Meier curve of the
censoring (Fine and Gray); with them A = G H, H the distribution of entries (Geskus). Both are
:math:`Y(t) / (n S(t-))`, the inverse of ``at_exit`` of `survival.Weighting`. Assumes that neither censoring nor entry
depends on the event or the predictors.

References
----------
Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J Am Stat Assoc
1999;94:496-509.
Geskus RB. Cause-specific cumulative incidence estimation and the Fine and Gray model under both left truncation and
right censoring. Biometrics 2011;67:39-49.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from riskml.training.learners.cox_likelihood import CoxDesign, RiskSums, efron
from riskml.training.metrics import survival
from riskml.training.metrics.binary import FloatArray, maximise
from riskml.training.metrics.risk_sets import FromStart, Staying, watched

IntArray = NDArray[np.intp]
NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class SubdistributionFit:
    """Log subdistribution hazard ratios and their covariance; all nan where there is no finite maximum.

    Attributes
    ----------
    coefficients : float array of shape (n_features,)
    covariance : float array of shape (n_features, n_features)
        Fine and Gray's sandwich, which knows that the weights were estimated.
    """

    coefficients: FloatArray
    covariance: FloatArray


def fine_gray(
    X: FloatArray, time: FloatArray, cause: IntArray, entry: FloatArray | None = None, *, breslow: bool = False
) -> SubdistributionFit:
    """Fit the proportional subdistribution hazards of cause 1, unpenalised.

    Parameters
    ----------
    X : float array of shape (n_patients, n_features)
    time : float array of shape (n_patients,)
    cause : int array of shape (n_patients,)
        0 censored, 1 the event of interest, 2 a competing event.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``.
    breslow : bool
        Breslow's handling of ties, as in R's cmprsk; Efron's if not, as elsewhere here.

    Returns
    -------
    SubdistributionFit
        All nan without an event of interest, with a constant or collinear column, where a column separates, and where
        everybody at risk had an event before the follow-up of others began.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite or an entry is not before its exit.

    References
    ----------
    See the module's.
    """
    cause = survival.causes(cause)
    weighting = survival.weigh(time, cause > 0, entry)
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or len(X) != cause.size or not np.isfinite(X).all():
        raise ValueError(f"X must hold finite numbers in {cause.size} rows, got shape {X.shape}")
    none = SubdistributionFit(np.full(X.shape[1], NAN), np.full((X.shape[1], X.shape[1]), NAN))
    scale = X.std(axis=0) if X.size else np.zeros(X.shape[1])
    if not (scale > 0).all() or not (cause == 1).any():
        return none
    order = np.argsort(weighting.time, kind="stable")
    design = subdistribution_design(X[order] / scale, weighting, cause, order)
    if design is None:
        return none
    if breslow:
        design = replace(design, fraction=np.zeros_like(design.fraction))
    beta = maximise(lambda at: efron(at, design), np.zeros(scale.size))
    if np.isnan(beta).any():
        return none
    influence = _score_residuals(beta, design) + _weight_residuals(beta, design, weighting, cause, order)
    spread = influence @ np.linalg.inv(efron(beta, design)[2]) / scale
    return SubdistributionFit(beta / scale, spread.T @ spread)


def subdistribution_design(
    X: FloatArray, weighting: survival.Weighting, cause: IntArray, order: IntArray
) -> CoxDesign | None:
    """Fine and Gray's likelihood as a Cox likelihood with patients who stay at risk; None where A is not known.

    ``X`` is in ``order``, which sorts the patients by time; at least one had the event of interest.
    """
    time, event, other = weighting.time[order], (cause == 1)[order], (cause > 1)[order]
    entry = None if weighting.entry is None else weighting.entry[order]
    unseen = weighting.at_exit[order]  # 1 / A
    if not (unseen[event | other] > 0).all():
        return None
    _, at = np.unique(time[event], return_index=True)

    def risk_sets(first: IntArray, last: IntArray, n_times: int) -> RiskSums:
        sets = FromStart.build(first, last, n_times)
        return Staying(watched(first, last, n_times), sets, 1 / unseen[event][at], np.where(other, unseen, 0.0))

    return CoxDesign.build(X, time, event, entry, risk_sets=risk_sets)


def _score_residuals(beta: FloatArray, design: CoxDesign) -> FloatArray:
    """What each row, in the order of the design, adds to the score when its weight in the risk sets is known."""
    X, deaths, tie = design.X, design.deaths, design.tie
    risk = np.exp(X @ beta - (X @ beta).max())
    hazard, mean = _at_events(risk, design)
    of_times = np.add.reduceat(np.column_stack([hazard, hazard[:, None] * mean]), design.first)
    met = design.risk_sets.met(of_times)
    gone = np.column_stack([hazard, hazard[:, None] * mean]) * design.fraction[:, None]
    met[deaths] -= np.add.reduceat(gone, design.first)[tie]  # Efron's share of each event that is no longer at risk
    residuals = -risk[:, None] * (X * met[:, :1] - met[:, 1:])
    ties = np.diff(design.first, append=deaths.size)
    residuals[deaths] += X[deaths] - (np.add.reduceat(mean, design.first) / ties[:, None])[tie]
    return np.asarray(residuals)


def _weight_residuals(
    beta: FloatArray, design: CoxDesign, weighting: survival.Weighting, cause: IntArray, order: IntArray
) -> FloatArray:
    """What each row adds to the score through the weights A(t) / A(s), which its own follow-up helped to estimate.

    The derivative of log A(t) = log Y(t) - log S(t-) by the row's case weight, times what the score gains from it.
    """
    assert isinstance(design.risk_sets, Staying)
    sets, X = design.risk_sets, design.X
    risk = np.exp(X @ beta - (X @ beta).max()) * sets.inverse
    hazard, mean = _at_events(np.exp(X @ beta - (X @ beta).max()), design)
    hazards = np.add.reduceat(np.column_stack([hazard, hazard[:, None] * mean]), design.first) * sets.weight[:, None]
    stayed = sets.order.left(np.column_stack([risk, risk[:, None] * X]))
    to_come = sets.order.to_come(hazards)
    # A(t) of each event time scales those who stayed; A(s) of each who stayed divides them.
    of_times = -(stayed[:, 1:] * hazards[:, :1] - stayed[:, :1] * hazards[:, 1:])
    of_rows = risk[:, None] * (X * to_come[:, :1] - to_come[:, 1:])
    curve, own = weighting.curve, np.searchsorted(weighting.curve.times, weighting.time[order])
    gain = np.zeros((curve.times.size, X.shape[1]))
    np.add.at(gain, np.searchsorted(curve.times, design.event_times), of_times)
    np.add.at(gain, own, of_rows)
    later = gain[::-1].cumsum(axis=0)[::-1] - gain
    events = np.bincount(own, (cause > 0)[order], minlength=curve.times.size)
    free = curve.at_risk - events
    per_event = np.divide(later, free[:, None], out=np.zeros_like(later), where=free[:, None] > 0)
    at_risk = (gain - events[:, None] * per_event) / curve.at_risk[:, None]
    summed = np.vstack([np.zeros(X.shape[1]), at_risk.cumsum(axis=0)])
    seen_from = 0 if weighting.entry is None else np.searchsorted(curve.times, weighting.entry[order], side="right")
    return np.asarray(summed[own + 1] - summed[seen_from] + (cause > 0)[order][:, None] * per_event[own])


def _at_events(risk: FloatArray, design: CoxDesign) -> tuple[FloatArray, FloatArray]:
    """The hazard of each event, shape (n_events,), and the mean of the inputs at risk there, by relative risk."""
    tie, fraction = design.tie, design.fraction[:, None]
    both = np.column_stack([risk, risk[:, None] * design.X])
    sums = design.risk_sets.sums(both)[tie] - fraction * np.add.reduceat(both[design.deaths], design.first)[tie]
    return 1 / sums[:, 0], sums[:, 1:] / sums[:, :1]
