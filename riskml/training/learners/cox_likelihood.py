r"""Cox's partial likelihood with Efron's ties, delayed entry and case weights, and its baseline hazard.

A patient is at risk at time t if entry < t <= time. With :math:`r_i = w_i e^{x_i \beta}`, the d events at one time and
:math:`\bar w` their mean weight, that time adds

.. math::
    \sum_{i \in D} w_i x_i \beta
    - \bar w \sum_{l=0}^{d-1} \log\Big(\sum_{i \in R} r_i - \tfrac{l}{d} \sum_{i \in D} r_i\Big)

The sum of squares in the information is written as one product :math:`X^T \mathrm{diag}(r A) X` with A_i the cumulative
hazard patient i met: O(n p^2 + n p log n) time, O(n p) memory.

References
----------
Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220.
Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 1977;72:557-565.
Therneau TM, Grambsch PM. Modeling survival data. Springer 2000, chapter 3 (case weights, (start, stop] risk sets).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


class RiskSums(Protocol):
    """Sums over risk sets: of numbers of rows at each event time, and of numbers of event times for each row."""

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of ``values``, one a row, over the risk set of each event time."""

    def met(self, hazard: FloatArray) -> FloatArray:
        """Sum of ``hazard``, one an event time, over the times each row was at risk."""


@dataclass(frozen=True, slots=True)
class RiskSets:
    """Sums over risk sets, and their transpose, in O(n log n) and without a subtraction.

    With delayed entry each row is at risk at a run of consecutive event times. Taking those not yet entered away from
    those not yet left would cancel every digit where one patient to come outweighs all at risk. So each run is cut
    into the O(log n) nodes of a binary tree over the event times that cover it.

    Parameters
    ----------
    gather : pair of sparse arrays of shape (n_nodes, n_samples) and (n_event_times, n_nodes)
        Which nodes cover the run of each row; which nodes each event time lies in.
    spread : pair of sparse arrays
        Their transposes in reverse order, made once because scipy takes longer to transpose than to multiply.
    """

    gather: tuple[csr_array, csr_array]
    spread: tuple[csr_array, csr_array]

    @classmethod
    def build(cls, first: IntArray, last: IntArray, n_times: int) -> Self:
        """Cover the runs ``first <= k < last`` of event times ``0 <= k < n_times``, one for each row."""
        rows, low, high = np.arange(first.size), first + n_times, np.maximum(first, last) + n_times
        leaf, level = np.arange(n_times), np.arange(n_times) + n_times
        cover, ancestry = [], []
        # Node k has children 2k and 2k + 1. A run takes a node at its edge if the parent would reach beyond the run.
        while level.any():
            left, right = (low < high) & (low % 2 == 1), (low < high) & (high % 2 == 1)
            cover += [(low[left], rows[left]), (high[right] - 1, rows[right])]
            ancestry.append((leaf, level))
            low, high, level = (low + 1) // 2, high // 2, level // 2
        of_rows, of_times = _incidence(cover, (2 * n_times, rows.size)), _incidence(ancestry, (n_times, 2 * n_times))
        return cls((of_rows, of_times), (of_times.T.tocsr(), of_rows.T.tocsr()))

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of ``values``, one a row, over the risk set of each event time."""
        total: FloatArray = self.gather[1] @ (self.gather[0] @ values)
        return total

    def met(self, hazard: FloatArray) -> FloatArray:
        """Sum of ``hazard``, one an event time, over the times each row was at risk."""
        total: FloatArray = self.spread[1] @ (self.spread[0] @ hazard)
        return total


@dataclass(frozen=True, slots=True)
class CoxDesign:
    """A survival data set sorted once, so that an evaluation only multiplies and sums. Make it with `build`.

    Parameters
    ----------
    X : float array of shape (n_samples, n_features)
        Inputs minus their weighted mean ``centre``, rows by increasing time. Centring leaves the partial likelihood
        as it is and keeps digits in the information.
    weight : float array of shape (n_samples,)
        Case weights.
    centre : float array of shape (n_features,)
        Weighted mean of the inputs.
    event_times : float array of shape (n_event_times,)
        Distinct times with an event, increasing.
    risk_sets : RiskSums
        Who is at risk at each event time.
    deaths : int array of shape (n_events,)
        Rows with an event.
    first : int array of shape (n_event_times,)
        Position in ``deaths`` of the first event at each time.
    tie : int array of shape (n_events,)
        Index of each event's time.
    fraction : float array of shape (n_events,)
        Efron's l / d of each event.
    tie_weight : float array of shape (n_events,)
        Mean case weight of the events tied with each event.
    """

    X: FloatArray
    weight: FloatArray
    centre: FloatArray
    event_times: FloatArray
    risk_sets: RiskSums
    deaths: IntArray
    first: IntArray
    tie: IntArray
    fraction: FloatArray
    tie_weight: FloatArray

    @classmethod
    def build(
        cls,
        X: FloatArray,
        time: FloatArray,
        event: BoolArray,
        entry: FloatArray | None = None,
        sample_weight: FloatArray | None = None,
        risk_sets: Callable[[IntArray, IntArray, int], RiskSums] = RiskSets.build,
    ) -> Self:
        """Sort the data and find ties and risk sets.

        Parameters
        ----------
        X : float array of shape (n_samples, n_features)
            Inputs.
        time : float array of shape (n_samples,)
            Time of event or censoring, any unit.
        event : bool array of shape (n_samples,)
            Whether ``time`` is an event.
        entry : float array of shape (n_samples,), optional
            Time from which the row is under observation, smaller than ``time``; None if all are from the start.
        sample_weight : float array of shape (n_samples,), optional
            Positive case weights, 1 if None. As in R's coxph, a weight of 2 is not the row twice: the copies would be
            tied with each other, and Efron treats ties as real.
        risk_sets : callable
            Makes the risk sets from the runs of event times of the rows by increasing time, as `RiskSets.build` does.

        Returns
        -------
        CoxDesign

        Raises
        ------
        ValueError
            If there is no event.
        """
        if not event.any():
            raise ValueError("a Cox model needs at least one event, got none: every time is censored")
        order = np.argsort(time, kind="stable")
        X, time, event = X[order], time[order], event[order]
        weight = np.ones(len(time)) if sample_weight is None else sample_weight[order]
        deaths = np.flatnonzero(event)
        event_times, first, tie, size = np.unique(
            time[deaths], return_index=True, return_inverse=True, return_counts=True
        )
        centre = np.average(X, axis=0, weights=weight)
        return cls(
            X=X - centre,
            weight=weight,
            centre=centre,
            event_times=event_times,
            risk_sets=risk_sets(
                np.zeros(len(time), dtype=np.intp)
                if entry is None
                else event_times.searchsorted(entry[order], "right"),
                event_times.searchsorted(time, "right"),
                event_times.size,
            ),
            deaths=deaths,
            first=first,
            tie=tie,
            fraction=(np.arange(deaths.size) - first[tie]) / size[tie],
            tie_weight=(np.bincount(tie, weight[deaths]) / size)[tie],
        )


def efron(beta: FloatArray, design: CoxDesign) -> tuple[float, FloatArray, FloatArray]:
    """Log partial likelihood with gradient and observed information.

    Parameters
    ----------
    beta : float array of shape (n_features,)
        Log hazard ratios.
    design : CoxDesign
        The data.

    Returns
    -------
    loglik : float
    gradient : float array of shape (n_features,)
    information : float array of shape (n_features, n_features)
        Minus the second derivative. Not finite where ``beta`` is so large that the sum over a risk set underflows.
    """
    X, deaths, tie = design.X, design.deaths, design.tie
    log_risk, risk, _ = _risks(beta, design)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        at_risk, met = _exposure(risk, design)
        loglik = design.weight[deaths] @ log_risk[deaths] - design.tie_weight @ np.log(at_risk)
        weighted = risk[:, None] * X
        tied = np.add.reduceat(weighted[deaths], design.first)
        mean = (design.risk_sets.sums(weighted)[tie] - design.fraction[:, None] * tied[tie]) / at_risk[:, None]
        gradient = design.weight[deaths] @ X[deaths] - met @ X
        information = X.T @ (met[:, None] * X) - mean.T @ (design.tie_weight[:, None] * mean)
    return float(loglik), gradient, information


def efron_baseline(beta: FloatArray, design: CoxDesign) -> FloatArray:
    r"""Cumulative baseline hazard at ``design.event_times`` for a patient at ``design.centre``.

    The hazard of d tied events is :math:`\bar w \sum_l 1 / (\sum_R r_i - \tfrac{l}{d} \sum_D r_i)`: the estimate that
    belongs to Efron's likelihood, and what R's survfit gives for coxph's default ties.

    Parameters
    ----------
    beta : float array of shape (n_features,)
        Log hazard ratios.
    design : CoxDesign
        The data.

    Returns
    -------
    float array of shape (n_event_times,)
        Non-negative and increasing. For a patient x multiply by ``exp((x - centre) @ beta)``.
    """
    _, risk, shift = _risks(beta, design)
    at_risk, _ = _exposure(risk, design)
    increments = np.bincount(design.tie, design.tie_weight / at_risk)
    return np.cumsum(increments, dtype=np.float64) * math.exp(-shift)


def _risks(beta: FloatArray, design: CoxDesign) -> tuple[FloatArray, FloatArray, float]:
    """Log relative risks with the largest at 0, weighted relative risks, and what was subtracted; nothing overflows."""
    log_risk = design.X @ beta
    shift = float(log_risk.max())
    return log_risk - shift, design.weight * np.exp(log_risk - shift), shift


def _exposure(risk: FloatArray, design: CoxDesign) -> tuple[FloatArray, FloatArray]:
    """Efron's weighted number at risk at each event, and the number of events each row was expected to have."""
    tie, fraction = design.tie, design.fraction
    at_risk = design.risk_sets.sums(risk)[tie] - fraction * np.bincount(tie, risk[design.deaths])[tie]
    hazard = design.tie_weight / at_risk
    met = design.risk_sets.met(np.add.reduceat(hazard, design.first))
    # Of l/d tied events already "gone", Efron has this share of each event patient gone as well.
    met[design.deaths] -= np.bincount(tie, hazard * fraction)[tie]
    return at_risk, risk * met


def _incidence(pairs: list[tuple[IntArray, IntArray]], shape: tuple[int, int]) -> csr_array:
    """Sparse matrix with ones at the given (row, column) pairs."""
    row, column = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return csr_array((np.ones(row.size), (row, column)), shape=shape)
