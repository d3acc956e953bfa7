"""The closed table from which a recipe picks its learner, and how each writes itself as a portable member."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.model import Baseline, Linear, Member
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learner:
    """A family of estimators.

    Attributes
    ----------
    outcome : {"binary", "survival"}
    settings : frozenset of str
        Keys a recipe may set beside ``kind``.
    build : callable
        (settings, grid of months) -> unfitted scikit-learn estimator.
    export : callable
        Fitted estimator -> ``Member`` of the portable model, weight 1.
    draw : callable
        (fitted estimator, mean row of its design matrix, standard normal numbers) -> a ``Member`` drawn from its
        posterior.
    """

    outcome: str
    settings: frozenset[str]
    build: Callable[[Mapping[str, Any], tuple[float, ...]], Any]
    export: Callable[[Any], Member]
    draw: Callable[[Any, FloatArray, FloatArray], Member]


def _logistic(settings: Mapping[str, Any], _grid: tuple[float, ...]) -> RidgeLogistic:
    return RidgeLogistic(prior_scale=settings.get("prior_scale", 0.5))


def _logistic_member(estimator: RidgeLogistic) -> Member:
    return Member(1.0, Linear(float(estimator.intercept_[0]), tuple(estimator.coef_[0].tolist())), None)


def _logistic_draw(estimator: RidgeLogistic, _mean_row: FloatArray, normal: FloatArray) -> Member:
    spread = _root(estimator.covariance_) @ normal[: len(estimator.covariance_)]
    coefficients = estimator.coef_[0] + spread[1:]
    return Member(1.0, Linear(float(estimator.intercept_[0] + spread[0]), tuple(coefficients.tolist())), None)


def _cox(settings: Mapping[str, Any], grid: tuple[float, ...]) -> RidgeCox:
    return RidgeCox(prior_scale=settings.get("prior_scale", 0.5), time_grid=np.array(grid))


def _cox_member(estimator: RidgeCox) -> Member:
    # The baseline belongs to the mean patient, so the linear predictor is centred on that patient.
    linear = Linear(-float(estimator.mean_log_risk_), tuple(estimator.coef_.tolist()))
    times, hazard = estimator.baseline_times_.tolist(), estimator.baseline_cumulative_hazard_.tolist()
    return Member(1.0, linear, Baseline(tuple(times), tuple(hazard)))


def _cox_draw(estimator: RidgeCox, mean_row: FloatArray, normal: FloatArray) -> Member:
    coefficients = estimator.coef_ + _root(estimator.covariance_) @ normal[: len(estimator.coef_)]
    linear = Linear(-float(mean_row @ coefficients), tuple(coefficients.tolist()))
    return Member(1.0, linear, _cox_member(estimator).baseline)


def _root(covariance: FloatArray) -> FloatArray:
    """The symmetric square root: exists for constant columns, unlike a Cholesky factor, and is unique."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


LEARNERS: Mapping[str, Learner] = {
    "ridge_logistic": Learner("binary", frozenset({"prior_scale"}), _logistic, _logistic_member, _logistic_draw),
    "ridge_cox": Learner("survival", frozenset({"prior_scale", "grid_months"}), _cox, _cox_member, _cox_draw),
}
