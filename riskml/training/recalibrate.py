"""Intercept and slope for predictions of unseen patients, and the weights of a stack, from likelihoods alone.

Both are shrunk: a slope has the prior N(1, 0.3^2), because a dozen events do not say whether it should be 0.7 or 1.3,
and the weights of a stack start as one patient's worth of equal votes.

References
----------
Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565.
Yao Y et al. Using stacking to average Bayesian predictive distributions. Bayesian Anal 2018;13:917-1007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from riskml.runtime.members import Linear, Member
from riskml.runtime.responses import Calibrated, Logistic
from riskml.runtime.time_responses import Baseline
from riskml.training.metrics.binary import Objective, maximise

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Line = tuple[float, float]
SLOPE_SD = 0.3
_UNCHANGED: Line = (0.0, 1.0)
_LEAST, _MOST = 1e-9, 1 - 1e-9


def binary_line(risk: FloatArray, y: NDArray[Any], _months: Sequence[float] = ()) -> Line:
    """Intercept and slope on the log-odds scale.

    Parameters
    ----------
    risk : float array of shape (n_rows, 1)
        Predictions for rows the model had not seen.
    y : array of shape (n_rows,)
        The larger value is the event.
    """
    event = np.asarray(y == np.max(y), dtype=float)
    design = np.column_stack([np.ones(len(event)), _logit(risk[:, 0])])

    def objective(line: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        moved = design @ line
        weight = expit(moved) * expit(-moved)
        value = float(np.sum(event * moved - np.logaddexp(0, moved)))
        return _with_prior(line, value, design.T @ (event - expit(moved)), (design.T * weight) @ design)

    return _fitted(objective)


def survival_line(survival: FloatArray, y: NDArray[np.void], months: Sequence[float]) -> Line:
    r"""Intercept a and slope b of :math:`H \to e^a H^b`, by the full likelihood up to the last month of the grid.

    Parameters
    ----------
    survival : float array of shape (n_rows, n_months)
        S at ``months``, for rows the model had not seen.
    y : structured array of shape (n_rows,)
        Fields event and time, and entry where patients came under risk late.
    months : sequence of float
    """
    met = hazards_met(survival, y, months)
    log_end, log_start = (np.log(np.maximum(hazard, _LEAST)) for hazard in (met.end, met.start))
    likelihood = power_likelihood(met.event, log_end, log_start, met.start > 0)
    return _fitted(lambda line: _with_prior(line, *likelihood(line)))


def power_likelihood(
    event: FloatArray, log_end: FloatArray, log_start: FloatArray, late: BoolArray, more: FloatArray | None = None
) -> Objective:
    r"""Log-likelihood of :math:`H \to e^{a + z \delta} H^b` in (a, b, delta), up to a constant of the data.

    Parameters
    ----------
    event : float array of shape (n_rows,)
        1 where the row left with the event.
    log_end, log_start : float arrays of shape (n_rows,)
        Log cumulative hazard when the row left and when it came under risk; the second is read where ``late`` only.
    late : bool array of shape (n_rows,)
    more : float array of shape (n_rows, n_more), optional
        The columns z.

    Returns
    -------
    callable
        Parameters -> value, gradient, information.
    """
    z = np.empty((len(event), 0)) if more is None else more
    designs = [np.column_stack([np.ones(len(event)), log_hazard, z]) for log_hazard in (log_end, log_start)]

    def objective(theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        if theta[1] <= 0:
            return -np.inf, np.zeros(theta.size), np.eye(theta.size)
        end_link, start_link = (np.minimum(design @ theta, 700.0) for design in designs)
        end, start = np.exp(end_link), np.where(late, np.exp(start_link), 0.0)
        value = float(np.sum(event * (np.log(theta[1]) + end_link) - end + start))
        score = designs[0].T @ (event - end) + designs[1].T @ start
        information = (designs[0].T * end) @ designs[0] - (designs[1].T * start) @ designs[1]
        n_events = event.sum()  # the event's density is the derivative of the hazard: another log b each
        score[1] += n_events / theta[1]
        information[1, 1] += n_events / theta[1] ** 2
        return value, score, information

    return objective


def _with_prior(
    line: FloatArray, value: float, score: FloatArray, information: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood and derivatives with the slope's prior added."""
    away = (line[1] - 1) / SLOPE_SD
    pull, curve = np.array([0.0, away / SLOPE_SD]), np.diag([0.0, SLOPE_SD**-2])
    return value - 0.5 * float(away**2), score - pull, information + curve


def _fitted(objective: Objective) -> Line:
    found = maximise(objective, np.array(_UNCHANGED))
    # No maximum was found (all risks certain, say): then nothing speaks for another line than the one there is.
    return (float(found[0]), max(float(found[1]), 1e-3)) if np.isfinite(found).all() else _UNCHANGED


def recalibrated(member: Member, line: Line) -> Member:
    r"""The member with ``line`` applied: on the log-odds, or on the log cumulative hazard as :math:`H \to e^a H^b`.

    A logistic or proportional hazards member stays one, so that explanations keep their closed form; its baseline is
    exact at the months of its grid.
    """
    intercept, slope = line
    predictor, response = member.predictor, member.response
    if isinstance(predictor, Linear) and isinstance(response, (Logistic, Baseline)):
        own = Linear(slope * predictor.intercept, tuple(slope * c for c in predictor.coefficients))
        if isinstance(response, Logistic):
            return Member(member.weight, own.with_(intercept=intercept + own.intercept), response)
        hazard = (np.exp(intercept) * np.array(response.cumulative_hazard) ** slope).tolist()
        return Member(member.weight, own, Baseline(response.times, tuple(hazard)))
    if isinstance(response, Calibrated):  # two lines are one
        moved = Calibrated(response.response, intercept + slope * response.intercept, slope * response.slope)
        return Member(member.weight, predictor, moved)
    return Member(member.weight, predictor, Calibrated(response, intercept, slope))


def log_density(
    predictions: FloatArray, y: NDArray[Any], months: Sequence[float], line: Line | None = None
) -> FloatArray:
    """Log-likelihood of what happened to each row, shape (n_rows,), under predictions that ``line`` recalibrates."""
    intercept, slope = line or _UNCHANGED
    if not y.dtype.names:
        moved = intercept + slope * _logit(predictions[:, 0])
        return np.where(y == np.max(y), -np.logaddexp(0, -moved), -np.logaddexp(0, moved))
    survival = np.clip(predictions, _LEAST, _MOST)
    met = hazards_met(np.exp(-np.exp(intercept + slope * np.log(-np.log(survival)))), y, months)
    density: FloatArray = met.event * np.log(np.maximum(met.rate, _LEAST)) - (met.end - met.start)
    return density


def mixture_weights(log_densities: FloatArray, steps: int = 500) -> FloatArray:
    """Weights that maximise the likelihood of the mixture, by EM from equal ones; shape (n_parts,).

    Equal votes count as one patient, so that with few patients the weights stay near each other and none is ever 0.

    Parameters
    ----------
    log_densities : float array of shape (n_parts, n_rows)
    steps : int
        EM raises the likelihood at every step; 500 leave nothing to see.
    """
    density = np.exp(log_densities - log_densities.max(axis=0))
    prior = 1.0 / len(density)
    weights = np.full(len(density), prior)
    for _ in range(steps):
        shares = weights[:, None] * density
        shares /= shares.sum(axis=0)
        weights = (shares.sum(axis=1) + prior) / (density.shape[1] + 1)
    return weights


@dataclass(frozen=True, slots=True)
class HazardsMet:
    """What each row met by the last month; arrays of shape (n_rows,).

    ``start`` and ``end`` are the cumulative hazard when it came under risk and when it left, ``event`` is 1 where it
    left with the event, ``rate`` the hazard then.
    """

    start: FloatArray
    end: FloatArray
    event: FloatArray
    rate: FloatArray


def hazards_met(survival: FloatArray, y: NDArray[np.void], months: Sequence[float]) -> HazardsMet:
    """What each row met of the hazard its prediction says, linear between ``months``; shapes as in `survival_line`."""
    grid = np.concatenate([[0.0], months])
    hazards = np.column_stack([np.zeros(len(survival)), -np.log(np.clip(survival, _LEAST, 1.0))])
    time = np.minimum(y["time"], grid[-1])
    upper = np.clip(np.searchsorted(grid, time), 1, len(grid) - 1)
    rows, width = np.arange(len(time)), grid[upper] - grid[upper - 1]
    rate = (hazards[rows, upper] - hazards[rows, upper - 1]) / width
    end = hazards[rows, upper - 1] + rate * (time - grid[upper - 1])
    start = np.zeros(len(time))
    if "entry" in (y.dtype.names or ()):
        entry = np.minimum(y["entry"], grid[-1])
        start = np.array([np.interp(t, grid, h) for t, h in zip(entry, hazards, strict=True)])
    return HazardsMet(start, end, (y["event"] & (y["time"] <= grid[-1])).astype(float), rate)


def _logit(risk: FloatArray) -> FloatArray:
    risk = np.clip(risk, _LEAST, _MOST)
    return np.asarray(np.log(risk / (1 - risk)))
