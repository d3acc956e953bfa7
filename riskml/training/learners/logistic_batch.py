r"""Many logistic regressions on one table at once: they share the rows and differ in the weights of the rows.

A fold of cross-validation is a weight of 0 for the rows left out, a bootstrap sample a weight of 0, 1, 2, ... All
standardise the inputs by the rows they see; to share one table they use it standardised once, by all rows, and penalise
the coefficient of input j as :math:`s_j \gamma_j`, with :math:`s_j` the standard deviation in their own rows. Centre
and scale are an affine change of variables that the free intercept absorbs, so the fit is the same, and nothing of the
left-out rows enters it.

Arrays keep the problem on their last axis: numpy then works on long contiguous vectors, whatever the number of inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Products of pairs of columns are formed for at most this many numbers at a time (32 MB).
CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class LogisticBatch:
    """Rows, outcome and one column of weights for each problem. Make it with `build`.

    Attributes
    ----------
    rows : float array of shape (n_samples, 1 + n_features)
        A column of ones, then the inputs centred and scaled by all rows; a constant input is 0.
    event : float array of shape (n_samples,)
        0 or 1.
    weight : float array of shape (n_samples, n_problems)
        Frequencies, 0 for rows a problem does not see.
    centre, scale : float array of shape (n_features,)
        What was subtracted and divided by; the scale of a constant input is infinite.
    """

    rows: FloatArray
    event: FloatArray
    weight: FloatArray
    centre: FloatArray
    scale: FloatArray

    @classmethod
    def build(cls, X: FloatArray, event: FloatArray, weight: FloatArray) -> Self:
        """Centre and scale the inputs (n_samples, n_features); ``weight`` is (n_samples, n_problems)."""
        centre, scale = X.mean(axis=0), X.std(axis=0)
        scale[np.ptp(X, axis=0) <= 1e-12 * np.abs(X).max(axis=0)] = np.inf
        rows = np.column_stack([np.ones(len(X)), (X - centre) / scale])
        return cls(rows, event, np.ascontiguousarray(weight, dtype=np.float64), centre, scale)

    def of(self, problems: NDArray[np.intp] | BoolArray | slice) -> LogisticBatch:
        """The same table with some of the problems, or with repeats of them."""
        weight = np.ascontiguousarray(self.weight[:, problems])
        return LogisticBatch(self.rows, self.event, weight, self.centre, self.scale)

    def spread(self) -> FloatArray:
        """Standard deviation of each column of ``rows`` in each problem's own rows, (1 + n_features, n_problems).

        It is 0 where a problem sees no variation beyond rounding, and for the intercept.
        """
        share = self.weight / self.weight.sum(axis=0)
        spread = np.zeros((self.rows.shape[1], share.shape[1]))
        for j, column in enumerate(self.rows.T):
            spread[j] = np.sqrt(np.einsum("nb,nb->b", share, (column[:, None] - column @ share) ** 2))
        spread[0] = 0.0
        rounding = 1e-12 * np.maximum(np.abs(self.centre) / self.scale + np.abs(self.rows[:, 1:]).max(axis=0), 1e-3)
        spread[1:][spread[1:] <= rounding[:, None]] = 0.0
        return spread

    def null(self) -> FloatArray:
        """Parameters without any effect: the logit of each problem's event rate, then zeros."""
        theta = np.zeros((self.rows.shape[1], self.weight.shape[1]))
        theta[0] = np.log(self.event @ self.weight) - np.log((1 - self.event) @ self.weight)
        return theta

    def loglik(self, theta: FloatArray) -> FloatArray:
        """Log-likelihood of parameters of shape (1 + n_features, n_problems), one number a problem."""
        for_observed = (2 * self.event - 1)[:, None] * (self.rows @ theta)
        lost = np.log1p(np.exp(-np.abs(for_observed))) - np.minimum(for_observed, 0.0)
        loglik: FloatArray = -np.einsum("nb,nb->b", self.weight, lost)
        return loglik

    def gradient(self, theta: FloatArray) -> FloatArray:
        """First derivative of the log-likelihood, (1 + n_features, n_problems)."""
        gradient: FloatArray = self.rows.T @ (self.weight * (self.event[:, None] - expit(self.rows @ theta)))
        return gradient

    def information(self, theta: FloatArray, least: float = 0.0) -> FloatArray:
        """Minus the second derivative, (1 + n_features, 1 + n_features, n_problems).

        ``least`` bounds the variance p (1 - p) of a row from below, for use as a curvature where risks are saturated.
        """
        risk = expit(self.rows @ theta)
        weight = self.weight * np.maximum(risk * (1 - risk), least)
        n_columns = self.rows.shape[1]
        left, right = np.triu_indices(n_columns)
        packed = np.zeros((left.size, weight.shape[1]))
        size = max(1, CHUNK // left.size)
        for start in range(0, len(self.rows), size):
            some = self.rows[start : start + size].T
            packed += (some[left] * some[right]) @ weight[start : start + size]
        place = np.zeros((n_columns, n_columns), dtype=np.intp)
        place[left, right] = place[right, left] = np.arange(left.size)
        information: FloatArray = packed[place]
        return information

    def to_inputs(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Intercepts (n_problems,) and coefficients (n_problems, n_features) of the inputs as they came."""
        coef = (theta[1:] / self.scale[:, None]).T
        return theta[0] - coef @ self.centre, coef
