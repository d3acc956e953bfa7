"""Risk sets of rows sorted by time, for the partial likelihood of `riskml.training.learners.cox_likelihood`.

That module covers late entry with a tree, O(n log n). These are quicker where they do, as a bootstrap of a small sample
asks: without late entry a risk set is all rows from one on, and a sum over it one of the sums from the end; with few
rows all pairs of a row and an event time fit in a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from riskml.training.learners.cox_likelihood import CoxDesign, RiskSets, RiskSums
from riskml.training.metrics.binary import BoolArray, FloatArray

IntArray = NDArray[np.intp]
MOST_PAIRS = 2**16  # of a row and an event time, where the matrix takes as long as the tree


@dataclass(frozen=True, slots=True)
class FromStart:
    """Risk sets where every row is at risk from the start to its time.

    Attributes
    ----------
    start : int array of shape (n_event_times,)
        The first row at risk at each event time: those before it have left.
    last : int array of shape (n_rows,)
        How many event times each row was at risk at.
    """

    start: IntArray
    last: IntArray

    @classmethod
    def build(cls, first: IntArray, last: IntArray, n_times: int) -> Self:
        """From the runs ``0 <= k < last`` of event times, rows by increasing time; ``first`` is 0 for all."""
        del first
        return cls(np.searchsorted(last, np.arange(n_times), side="right"), last)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of ``values``, one a row, over the risk set of each event time."""
        return _from(values)[self.start]

    def met(self, hazard: FloatArray) -> FloatArray:
        """Sum of ``hazard``, one an event time, over the times each row was at risk."""
        return _before(hazard)[self.last]

    def left(self, values: FloatArray) -> FloatArray:
        """Sum of ``values``, one a row, over those who left before each event time."""
        return _before(values)[self.start]

    def to_come(self, hazard: FloatArray) -> FloatArray:
        """Sum of ``hazard``, one an event time, over the times after each row left."""
        return _from(hazard)[self.last]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Risk sets as a float array of shape (n_event_times, n_rows): 1 where the row is at risk at the time."""

    at_risk: FloatArray

    @classmethod
    def build(cls, first: IntArray, last: IntArray, n_times: int) -> Self:
        """From the runs ``first <= k < last`` of event times."""
        times = np.arange(n_times)[:, None]
        return cls(((first <= times) & (times < last)).astype(float))

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of ``values``, one a row, over the risk set of each event time."""
        return np.asarray(self.at_risk @ values)

    def met(self, hazard: FloatArray) -> FloatArray:
        """Sum of ``hazard``, one an event time, over the times each row was at risk."""
        return np.asarray(self.at_risk.T @ hazard)


@dataclass(frozen=True, slots=True)
class Staying:
    """Risk sets in which some rows stay after their time, with a weight that changes with the event time.

    Attributes
    ----------
    watched : RiskSums
        Who is at risk up to the own time.
    order : FromStart
    weight : float array of shape (n_event_times,)
    inverse : float array of shape (n_rows,)
        A row that left before an event time counts ``weight`` there times its ``inverse``; 0 if it does not stay.
    """

    watched: RiskSums
    order: FromStart
    weight: FloatArray
    inverse: FloatArray

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of ``values``, one a row, over the risk set of each event time."""
        return self.watched.sums(values) + _times(self.weight, self.order.left(_times(self.inverse, values)))

    def met(self, hazard: FloatArray) -> FloatArray:
        """Sum of ``hazard``, one an event time, over the times each row was at risk."""
        return self.watched.met(hazard) + _times(self.inverse, self.order.to_come(_times(self.weight, hazard)))


def watched(first: IntArray, last: IntArray, n_times: int) -> RiskSums:
    """The risk sets of rows by increasing time, at risk at the event times ``first <= k < last``."""
    if first.size * n_times <= MOST_PAIRS:
        return Matrix.build(first, last, n_times)
    return RiskSets.build(first, last, n_times) if first.any() else FromStart.build(first, last, n_times)


def cox_design(X: FloatArray, time: FloatArray, event: BoolArray, entry: FloatArray | None = None) -> CoxDesign:
    """`CoxDesign.build` with the quickest risk sets; there must be an event."""
    return CoxDesign.build(X, time, event, entry, risk_sets=watched)


def _times(factor: FloatArray, values: FloatArray) -> FloatArray:
    """Each row of ``values`` times its factor."""
    return values * (factor if values.ndim == 1 else factor[:, None])


def _before(values: FloatArray) -> FloatArray:
    """Sum of the rows before each position, the end included."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


def _from(values: FloatArray) -> FloatArray:
    """Sum of the rows from each position on, the end included."""
    return _before(values[::-1])[::-1]
