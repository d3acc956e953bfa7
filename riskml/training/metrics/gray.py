r"""Gray's test of equal cumulative incidence of one cause in any number of groups, other causes competing.

What a group's events of the cause are set against is :math:`R_g(t) = n_g(t) (1 - F_g(t-)) / S_g(t-)`, who is at risk
and who would be had no other cause taken them: at each time the events are expected in proportion to it. Without other
causes :math:`1 - F = S`: the scores are those of the log-rank test, with another estimate of their variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from riskml.training.metrics.binary import FloatArray
from riskml.training.metrics.survival import causes, column

IntArray = NDArray[np.intp]
NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Gray:
    """The test with what it is made of.

    Attributes
    ----------
    statistic : float
        Chi-squared; nan where the groups cannot be compared.
    freedom : int
    p_value : float
    excess : float array of shape (n_groups,)
        Weighted events seen less those expected if the incidence were the same in all groups; they add up to 0.
    """

    statistic: float
    freedom: int
    p_value: float
    excess: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What happened at each time with an event of any cause; columns are groups."""

    at_risk: FloatArray
    events: FloatArray
    others: FloatArray
    before: FloatArray
    """Share free of any event just before each time."""
    after: FloatArray
    free_before: FloatArray
    """One minus the incidence of the cause in the group, just before each time."""


def gray_test(time: FloatArray, cause: IntArray, group: NDArray[np.generic], rho: float = 0.0) -> Gray:
    r"""Test whether groups have the same cumulative incidence of cause 1.

    The score is :math:`\sum_t (1 - F_0(t-))^\rho (d_{1g} - d_1 R_g / R)`, :math:`F_0` the incidence of all groups
    together and :math:`R` the sum of the :math:`R_g`. Its variance counts that the :math:`R_g` hold estimates, of
    survival from the other causes as well. Late entry is not provided for: the theory of the test has none.

    Parameters
    ----------
    time : float array of shape (n_patients,)
        To the first event of any cause or to last contact, not negative, any one unit.
    cause : int array of shape (n_patients,)
        0 = censored, 1 = the cause that is compared, others compete with it; events come before censorings of the
        same time.
    group : array of shape (n_patients,)
        Which group each patient is in, numbers or texts; the result has them in sorted order.
    rho : float
        0 weighs all times alike, above 0 early ones more.

    Returns
    -------
    Gray
        With a statistic of nan for one group, no event of cause 1, or groups never at risk together at one.

    Raises
    ------
    ValueError
        If shapes differ, or a number is not finite, a time negative or a cause no whole number from 0.

    References
    ----------
    Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk. Ann Stat
    1988;16:1141-1154.

    Examples
    --------
    >>> months, cause = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 1, 1, 0])
    >>> gray_test(months, cause, np.array(["a", "a", "b", "b"])).excess.round(4).tolist()  # 2 - 1/2 - 1/3, as log-rank
    [1.1667, -1.1667]
    """
    cause = causes(cause)
    time = column("time", time, cause.size)
    group = np.asarray(group)
    if group.shape != (cause.size,):
        raise ValueError(f"group must hold one value for each of {cause.size} patients, got shape {group.shape}")
    if (time < 0).any() or not np.isfinite(rho):
        raise ValueError(f"times must not be negative and rho finite, got {time.min(initial=0.0):g} and {rho!r}")
    names, code = np.unique(group, return_inverse=True)
    freedom = max(names.size - 1, 0)
    if names.size < 2 or not (cause == 1).any():
        return Gray(NAN, freedom, NAN, np.zeros(names.size))
    excess, covariance = _score(_steps(time, cause, np.eye(names.size)[code]), rho)
    freedom = int(np.linalg.matrix_rank(covariance, tol=1e-9 * max(1.0, float(np.trace(covariance))), hermitian=True))
    if not freedom:
        return Gray(NAN, max(names.size - 1, 0), NAN, excess)
    # Rows of the covariance add up to 0, so it has no inverse; the pseudo-inverse leaves out what is known already.
    statistic = float(excess @ np.linalg.pinv(covariance, rcond=1e-9, hermitian=True) @ excess)
    return Gray(statistic, freedom, float(chdtrc(freedom, statistic)), excess)


def _steps(time: FloatArray, cause: IntArray, member: FloatArray) -> _Steps:
    """Counts of each group at the times with an event, and its two curves there."""
    times, place = np.unique(time, return_inverse=True)
    left, events, others = (np.zeros((times.size, member.shape[1])) for _ in range(3))
    np.add.at(left, place, member)
    np.add.at(events, place[cause == 1], member[cause == 1])
    np.add.at(others, place[cause > 1], member[cause > 1])
    at_risk = left[::-1].cumsum(axis=0)[::-1]
    some = (events + others).any(axis=1)
    at_risk, events, others = at_risk[some], events[some], others[some]
    after = np.cumprod(1 - _ratio(events + others, at_risk), axis=0, dtype=np.float64)
    before = np.vstack([np.ones(member.shape[1]), after[:-1]])
    free = 1 - np.cumsum(_ratio(before * events, at_risk), axis=0, dtype=np.float64)
    return _Steps(at_risk, events, others, before, after, np.vstack([np.ones(member.shape[1]), free[:-1]]))


def _score(steps: _Steps, rho: float) -> tuple[FloatArray, FloatArray]:
    """Excess of each group and its covariance, the variance of the events as if all groups had one incidence."""
    total = steps.events.sum(axis=1)
    inflated = _ratio(steps.at_risk, steps.before)
    whole = inflated.sum(axis=1)
    step = total / whole  # of the incidence of all groups together
    pooled = np.cumsum(step)
    free_before, free_after = 1 - np.append(0.0, pooled[:-1]), 1 - pooled
    weight = free_before**rho
    shared = inflated * steps.free_before
    excess = np.sum(weight[:, None] * (steps.events - (total / shared.sum(axis=1))[:, None] * shared), axis=0)
    # How much each group's hazard at a time moves each group's score: (n_times, of the score, of the hazard).
    moves = np.eye(inflated.shape[1]) * inflated[:, None, :]
    moves = weight[:, None, None] * (moves - inflated[:, :, None] * inflated[:, None, :] / whole[:, None, None])
    later = moves * _ratio(step, free_before)[:, None, None]
    later = later[::-1].cumsum(axis=0)[::-1] - later  # what is still to come
    left = _ratio(free_after[:, None], steps.after)
    own, other = moves + (1 - left)[:, None, :] * later, left[:, None, :] * later
    # Of one cause by its estimate under equal incidence, of the others by what the group shows; both shrunk for ties.
    ratios = (
        _ratio(steps.before * step[:, None], steps.at_risk) * _untied(total[:, None], steps.before * whole[:, None]),
        _ratio(steps.before**2 * steps.others, steps.at_risk**2) * _untied(steps.others, steps.at_risk),
    )
    covariance = sum(
        np.einsum("tij,tj,tkj->ik", by, spread, by) for by, spread in zip((own, other), ratios, strict=True)
    )
    return excess, np.asarray(covariance)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Their ratio, 0 where nobody is left."""
    ratio: FloatArray = np.divide(
        above, below, out=np.zeros(np.broadcast(above, below).shape), where=np.asarray(below) > 0
    )
    return ratio


def _untied(events: FloatArray, at_risk: FloatArray) -> FloatArray:
    """What ties leave of a variance: 1 - (d - 1) / (n - 1), as drawing without replacement does; 1 for one event."""
    return 1 - np.where(events > 1, _ratio(events - 1, at_risk - 1), 0.0)
