r"""The log-rank test of equal hazards in any number of groups, right-censored and with late entries.

At each time with an event, given who is at risk (entry < t <= time), the events fall on the groups as marbles drawn
without replacement. The observed numbers minus the expected, :math:`O_g - \sum_t d_t n_{gt} / n_t`, are set against
their hypergeometric covariance. It is the score test of Cox's model with the groups as a factor, exact handling of
ties apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from riskml.training.metrics.binary import BoolArray, FloatArray
from riskml.training.metrics.risk_sets import cox_design
from riskml.training.metrics.survival import checked

NAN = float("nan")
# Fewer expected events than this in a group, and chi-squared is a poor guide to the statistic's distribution.
LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """The test with what it is made of.

    Attributes
    ----------
    statistic : float
        Chi-squared; nan where the groups were never at risk together at an event.
    freedom : int
    p_value : float
    observed, expected : float arrays of shape (n_groups,)
        Events seen, and expected if the hazard were the same in all groups.
    """

    statistic: float
    freedom: int
    p_value: float
    observed: FloatArray
    expected: FloatArray

    @property
    def poor(self) -> bool:
        """Whether some group expects so few events that the p-value is a rough guide only."""
        return bool((self.expected < LEAST_EXPECTED).any())


def log_rank(
    time: FloatArray, event: BoolArray, group: NDArray[np.generic], entry: FloatArray | None = None
) -> LogRank:
    """Test whether groups have the same hazard.

    Parameters
    ----------
    time : float array of shape (n_patients,)
        Any one unit.
    event : bool array of shape (n_patients,)
        False = censored; events come before censorings of the same time.
    group : array of shape (n_patients,)
        Which group each patient is in, numbers or texts; the result has them in sorted order.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``.

    Returns
    -------
    LogRank
        With a statistic of nan for one group, no event, or groups never at risk together.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite or an entry is not before its exit.

    References
    ----------
    Mantel N. Evaluation of survival data and two new rank order statistics arising in its consideration. Cancer
    Chemother Rep 1966;50:163-170.
    Peto R, Peto J. Asymptotically efficient rank invariant test procedures. J R Stat Soc A 1972;135:185-206.
    Klein JP, Moeschberger ML. Survival Analysis. 2nd ed. Springer 2003, sections 4.6 and 7.3 (late entries).

    Examples
    --------
    >>> months, dead = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, True, False])
    >>> round(log_rank(months, dead, np.array(["a", "a", "b", "b"])).statistic, 4)  # (2 - 5/6)^2 / (17/36)
    2.8824
    """
    time, event, entry = checked(time, event, entry)
    group = np.asarray(group)
    if group.shape != time.shape:
        raise ValueError(f"group must hold one value for each of {time.size} patients, got shape {group.shape}")
    names, code = np.unique(group, return_inverse=True)
    member = np.eye(names.size)[code]
    observed = member[event].sum(axis=0)
    if not event.any():
        return LogRank(NAN, max(names.size - 1, 0), NAN, observed, np.zeros(names.size))
    design = cox_design(member, time, event, entry)
    at_risk = np.rint(design.risk_sets.sums(design.X + design.centre))
    events, total = np.bincount(design.tie), at_risk.sum(axis=1)
    share = at_risk / total[:, None]
    expected = events @ share
    spread = events * (total - events) / np.maximum(total - 1, 1)
    covariance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    freedom = int(np.linalg.matrix_rank(covariance, tol=1e-9 * max(1.0, float(total.max())), hermitian=True))
    if not freedom:
        return LogRank(NAN, max(names.size - 1, 0), NAN, observed, expected)
    excess = observed - expected
    # Rows of the covariance add up to 0, so it has no inverse; the pseudo-inverse leaves out what is known already.
    statistic = float(excess @ np.linalg.pinv(covariance, rcond=1e-9, hermitian=True) @ excess)
    return LogRank(statistic, freedom, float(chdtrc(freedom, statistic)), observed, expected)
