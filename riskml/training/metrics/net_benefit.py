"""Net benefit and decision curves: whether treating by the model does more good than treating all, or none.

Net benefit at threshold p counts a patient treated in vain p / (1 - p) times as heavily as one treated rightly: who
treats at a risk of 10 % accepts nine in vain for one. Figures are per patient; treating nobody has 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from riskml.training.metrics import survival
from riskml.training.metrics.binary import BoolArray, FloatArray, flags
from riskml.training.metrics.competing import IntArray, aalen_johansen

NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """What treating at each threshold does; all arrays of shape (n_thresholds,), as shares of all patients.

    Attributes
    ----------
    thresholds : float array
    treated : float array
        Those whose risk is the threshold or more.
    true_positive, false_positive : float arrays
        Those treated who have, and who do not have, the event; nan where the follow-up of the treated cannot say.
    prevalence : float
        Share of patients with the event (by the horizon).
    harm : float
        What it costs to obtain the prediction, in the unit of net benefit; 0 for a free one.
    """

    thresholds: FloatArray
    treated: FloatArray
    true_positive: FloatArray
    false_positive: FloatArray
    prevalence: float
    harm: float

    @property
    def net_benefit(self) -> FloatArray:
        """True positives less false positives times the odds of the threshold, less the harm."""
        return self.true_positive - self.false_positive * _odds(self.thresholds) - self.harm

    @property
    def treat_all(self) -> FloatArray:
        """Net benefit of treating everybody; that of treating nobody is 0."""
        return self.prevalence - (1 - self.prevalence) * _odds(self.thresholds)

    @property
    def standardised(self) -> FloatArray:
        """Net benefit over its highest possible value, the prevalence; nan where that is 0.

        References
        ----------
        Kerr KF, Brown MD, Zhu K, Janes H. Assessing the clinical impact of risk prediction models with decision curves:
        guidance for correct interpretation and appropriate use. J Clin Oncol 2016;34:2534-2540.
        """
        return self.net_benefit / self.prevalence if self.prevalence > 0 else np.full(self.thresholds.shape, NAN)

    @property
    def interventions_avoided(self) -> FloatArray:
        """Treatments avoided per patient against treating all, no event missed net of it; nan at threshold 0.

        References
        ----------
        Vickers AJ, Cronin AM, Elkin EB, Gonen M. Extensions to decision curve analysis, a novel method for evaluating
        diagnostic tests, prediction models and molecular markers. BMC Med Inform Decis Mak 2008;8:53.
        """
        odds, gain = _odds(self.thresholds), self.net_benefit - self.treat_all
        return np.asarray(np.divide(gain, odds, out=np.full(odds.shape, NAN), where=odds > 0))


def decision_curve(
    event: BoolArray, risk: FloatArray, thresholds: ArrayLike, *, prevalence: float | None = None, harm: float = 0.0
) -> DecisionCurve:
    """Decision curve of the risk of an event whose outcome is known for every patient.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
        Whether the event happened.
    risk : float array of shape (n_patients,)
        Predicted probability of the event, in [0, 1].
    thresholds : array of shape (n_thresholds,)
        Risks from which one would treat, 0 or more and under 1.
    prevalence : float, optional
        The share with the event where the model would be used, for samples drawn by outcome (case-control); that of
        these patients if not given.
    harm : float
        See `DecisionCurve`.

    Returns
    -------
    DecisionCurve
        Shares are nan for a class that has no patient but counts.

    Raises
    ------
    ValueError
        If shapes differ, or a risk, threshold or the prevalence is out of its range.

    References
    ----------
    Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models. Med Decis Making
    2006;26:565-574.

    Examples
    --------
    >>> decision_curve(np.array([True, False]), np.array([0.9, 0.1]), [0.5]).net_benefit
    array([0.5])
    """
    event = flags(event)
    risk, thresholds = survival.risk_column(risk, event.size), _checked_thresholds(thresholds)
    if prevalence is not None and not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence must lie in [0, 1], got {prevalence!r}")
    share = float(event.mean()) if event.size else NAN
    share = share if prevalence is None else prevalence
    true, false = _above(risk[event], thresholds, share), _above(risk[~event], thresholds, 1 - share)
    return DecisionCurve(thresholds, _above(risk, thresholds, 1.0), true, false, share, harm)


def decision_curve_at(
    time: FloatArray,
    cause: NDArray[np.generic],
    risk: FloatArray,
    horizon: float,
    thresholds: ArrayLike,
    entry: FloatArray | None = None,
    *,
    harm: float = 0.0,
) -> DecisionCurve:
    """Decision curve of the risk of an event by a horizon, with censoring and perhaps competing events.

    The event rate among the treated is 1 - Kaplan-Meier at the horizon, or Aalen-Johansen where events compete, so
    censoring may depend on being treated. With late entries the patients seen are not those who set out: shares are
    then taken with the weights of :class:`riskml.training.metrics.survival.Weighting`.

    Parameters
    ----------
    time : float array of shape (n_patients,)
    cause : bool or int array of shape (n_patients,)
        0 or False censored, 1 or True the event, 2 a competing event.
    risk : float array of shape (n_patients,)
        Predicted probability of the event by ``horizon``, in [0, 1].
    horizon : float
        In the unit of ``time``.
    thresholds, harm
        As for `decision_curve`.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``.

    Returns
    -------
    DecisionCurve
        Shares are nan where the follow-up (of the treated) ends before the horizon.

    Raises
    ------
    ValueError
        As `decision_curve`.

    References
    ----------
    Vickers AJ, Cronin AM, Elkin EB, Gonen M. BMC Med Inform Decis Mak 2008;8:53.
    """
    time, kind = np.asarray(time, dtype=float), survival.causes(cause)
    risk, thresholds = survival.risk_column(risk, time.size), _checked_thresholds(thresholds)
    if entry is not None:
        return _weighted_curve(time, kind, risk, horizon, thresholds, np.asarray(entry, dtype=float), harm)
    order = np.argsort(time)  # sorted once, the treated of every threshold are found sorted
    time, kind, risk = time[order], kind[order], risk[order]
    treated = _above(risk, thresholds, 1.0)
    true = np.zeros(thresholds.size)
    # Thresholds between the same two risks treat the same patients.
    distinct, same = np.unique(treated, return_inverse=True)
    for k in range(distinct.size):
        above = risk >= thresholds[same == k][0]
        rate = aalen_johansen(time[above], kind[above], horizon) if above.any() else 0.0
        true[same == k] = rate * treated[same == k]
    return DecisionCurve(thresholds, treated, true, treated - true, aalen_johansen(time, kind, horizon), harm)


def _weighted_curve(
    time: FloatArray,
    cause: IntArray,
    risk: FloatArray,
    horizon: float,
    thresholds: FloatArray,
    entry: FloatArray,
    harm: float,
) -> DecisionCurve:
    weights = survival.censoring_weights(time, cause > 0, horizon, entry)
    if weights is None:
        nothing = np.full(thresholds.size, NAN)
        return DecisionCurve(thresholds, nothing, nothing, nothing, NAN, harm)
    share, happened = weights / time.size, (cause == 1) & (time <= horizon)
    true, false = (
        np.array([share[chosen & (risk >= threshold)].sum() for threshold in thresholds])
        for chosen in (happened, ~happened)
    )
    return DecisionCurve(thresholds, true + false, true, false, float(share[happened].sum()), harm)


def _above(risk: FloatArray, thresholds: FloatArray, share: float) -> FloatArray:
    """The share of ``risk`` at or above each threshold, times ``share``; 0 where that is 0, nan without patients."""
    if not risk.size:
        return np.full(thresholds.size, 0.0 if share == 0 else NAN)
    return share * (1 - np.searchsorted(np.sort(risk), thresholds) / risk.size)


def _odds(thresholds: FloatArray) -> FloatArray:
    return thresholds / (1 - thresholds)


def _checked_thresholds(thresholds: ArrayLike) -> FloatArray:
    checked = np.asarray(thresholds, dtype=float)
    if checked.ndim != 1 or not ((checked >= 0) & (checked < 1)).all():
        raise ValueError(f"thresholds must be a list of risks from 0 to under 1, got {thresholds!r}")
    return checked
