r"""The rungs of an updating ladder as restrictions of one likelihood, so that any two of them can be compared.

Every rung sets free some of :math:`a + b x + z \delta` (:mod:`riskml.training.transfer.problem`), z the standardised
features, and leaves the rest where the parent has it: (0, 1, 0).

References
----------
Steyerberg EW et al. Validation and updating of predictive logistic regression models: a study on sample size and
shrinkage. Stat Med 2004;23:2567-2586.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.errors import NotEstimableError
from riskml.training.learners.prior_scale import Standardised, integrate, standardise, tau_grid
from riskml.training.metrics.binary import Objective, maximise
from riskml.training.transfer.problem import Problem

FloatArray = NDArray[np.float64]

RUNGS = ("none", "intercept", "intercept_and_slope", "revision", "refit")
_LINE = {"none": 0, "intercept": 1, "intercept_and_slope": 2}
# Scale of the half-normal prior on the width of the deviations, per standard deviation: that of the learners.
PRIOR_SCALE = 0.5
# A prior so wide that it costs no likelihood, and keeps features that separate the outcomes from running off.
_WIDE = 5.0
# A power of the hazard has to rise.
LEAST_POWER = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    r"""A fitted rung: :math:`a + b x + (f - centre) \delta` for features f.

    Attributes
    ----------
    rung : str
    theta : float array of shape (2 + rank,)
        a, b, and the deviations in the principal axes of the standardised features.
    covariance : float array of shape (2 + rank, 2 + rank)
        Of ``theta``; 0 for what the rung does not set free.
    log_likelihood : float
    free : float
        Parameters set free; for a shrunken revision as many as they amount to.
    inputs : Standardised or None
        How the axes are made of the features; None for rungs without deviations.
    """

    rung: str
    theta: FloatArray
    covariance: FloatArray
    log_likelihood: float
    free: float
    inputs: Standardised | None = None

    @property
    def intercept(self) -> float:
        """a, the shift of the level."""
        return float(self.theta[0])

    @property
    def slope(self) -> float:
        """b, by which the parent's link is stretched."""
        return float(self.theta[1])

    @property
    def delta(self) -> FloatArray | None:
        """Deviation of each coefficient, per unit of its feature; None for rungs without."""
        return None if self.inputs is None else np.asarray(self.inputs.loadings @ self.theta[2:])

    def drawn(self, problem: Problem, rng: np.random.Generator) -> Update:
        """Another value of the update, for a refit of the parent whose own ``problem`` is given.

        Slope and deviations come from the normal approximation of their estimate. The level follows from them and from
        the new patients: a refit has a level of its own, which they put right as they do the parent's. A slope of its
        own would be too flat, because a refit scatters about the parent (regression dilution).

        Raises
        ------
        NotEstimableError
            If no level fits.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        theta = self.theta + (vectors * np.sqrt(np.maximum(values, 0.0))) @ rng.standard_normal(self.theta.size)
        if problem.form == "power":
            theta[1] = max(theta[1], LEAST_POWER)
        if self.rung == "none":
            return self
        scores = np.empty((len(problem.event), 0)) if self.inputs is None else self.inputs.scores
        objective = problem.likelihood(scores)
        theta = _maximum(objective, np.concatenate([self.theta[:1], theta[1:]]), 1)
        theta[0] += rng.standard_normal() / math.sqrt(objective(theta)[2][0, 0])
        return replace(self, theta=theta)

    def estimates(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Value and standard error of what was set free; ``names`` are those of the features."""
        axes = np.eye(self.theta.size)
        rows = [("intercept", axes[0]), ("slope", axes[1])][: _LINE.get(self.rung, 2)]
        if self.inputs is not None:
            rows += zip(names, np.pad(self.inputs.loadings, ((0, 0), (2, 0))), strict=True)
        return [
            {
                "name": name,
                "value": float(f"{row @ self.theta:.6g}"),
                "standard_error": float(f"{math.sqrt(max(0.0, row @ self.covariance @ row)):.6g}"),
            }
            for name, row in rows
        ]


UNCHANGED = np.array([0.0, 1.0])


def fit_rung(problem: Problem, rung: str) -> Update:
    """Estimate one rung below the refit.

    Raises
    ------
    NotEstimableError
        If predictions separate those with and without the event, so that there is no maximum.
    """
    if rung == "revision":
        return _revision(problem)
    objective, size = problem.likelihood(np.empty((len(problem.event), 0))), _LINE[rung]
    theta = _maximum(objective, UNCHANGED, size)
    if size == 2 and theta[1] <= 0 and problem.form != "power":  # a child that reverses its parent is none
        theta = _maximum(objective, np.array([theta[0], 0.0]), 1)
    value, _, information = objective(theta)
    covariance = np.zeros((2, 2))
    if size:
        covariance[:size, :size] = np.linalg.inv(information[:size, :size])
    return Update(rung, theta, covariance, value, size)


def _maximum(objective: Objective, start: FloatArray, size: int) -> FloatArray:
    """Maximise over the first ``size`` parameters, the others held where they are."""

    def part(free: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, score, information = objective(np.concatenate([free, start[size:]]))
        return value, score[:size], information[:size, :size]

    best = np.concatenate([maximise(part, start[:size]) if size else start[:0], start[size:]])
    if not np.isfinite(best).all():
        raise NotEstimableError(
            "the recalibration has no maximum: predictions separate those with and without the event"
        )
    return best


def _revision(problem: Problem) -> Update:
    """Intercept and slope free, deviations N(0, tau^2) of standardised features with tau integrated out."""
    inputs = standardise(problem.features, np.ones(len(problem.event)))
    objective, start = problem.likelihood(inputs.scores), _start(problem, inputs)
    grid = tau_grid(PRIOR_SCALE)
    found = integrate(objective, start, np.ones(start.size), free=2, grid=grid, max_iter=200, tol=1e-6)
    value, _, information = objective(found.mean)
    free = float(np.trace(information @ found.covariance))
    return Update("revision", found.mean, found.covariance, value, min(free, start.size), inputs)


def unrestricted(problem: Problem) -> tuple[float, int]:
    """Log-likelihood with every coefficient free, and how many of them the data tell apart."""
    inputs = standardise(problem.features, np.ones(len(problem.event)))
    objective, start = problem.likelihood(inputs.scores), _start(problem, inputs)
    grid = tau_grid(PRIOR_SCALE, _WIDE)
    found = integrate(objective, start, np.ones(start.size), free=2, grid=grid, max_iter=200, tol=1e-6)
    spread = max(float(np.std(problem.link)), 1e-12)
    columns = np.column_stack([np.ones(len(problem.event)), (problem.link - problem.link.mean()) / spread])
    axes = inputs.scores / np.sqrt(inputs.moment / len(problem.event))
    # The link of a linear parent is a sum of its features but for the rows that miss some.
    return objective(found.mean)[0], int(np.linalg.matrix_rank(np.hstack([columns, axes]), rtol=1e-3))


def _start(problem: Problem, inputs: Standardised) -> FloatArray:
    line = fit_rung(problem, "intercept_and_slope").theta
    return np.concatenate([line, np.zeros(inputs.moment.size)])
