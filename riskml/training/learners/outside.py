"""An estimator of another package, named by a recipe: trained and judged for research, never made portable."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.errors import UsageError
from riskml.training.learners.table import Context, Learner

FloatArray = NDArray[np.float64]
KIND = "sklearn"
_ANSWERS = ("predict_proba", "predict_survival_function")


def is_outside(learner: Mapping[str, Any]) -> bool:
    """Whether a recipe's ``[learner]`` table names an estimator of another package."""
    return bool(learner["kind"] == KIND)


@dataclass(frozen=True, slots=True)
class Outside(Learner):
    """The learner behind ``estimator = "package.module:Class"``.

    Importing the module runs its code: a recipe that names one is trusted as much as a script is. Nothing else is
    imported, and nothing before training asks for it.
    """

    def load(self) -> Any:
        """The estimator class.

        Raises
        ------
        UsageError
            If it cannot be imported, or is no class with ``fit`` and a prediction of risk.
        """
        module, _, name = str(self.estimator).partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except Exception as error:  # noqa: BLE001 - importing runs the package's code, which may raise anything
            raise UsageError(f"cannot load the estimator {self.estimator}: {type(error).__name__}: {error}") from None
        if not inspect.isclass(found) or not hasattr(found, "fit"):
            raise UsageError(f"{self.estimator} is no class with a method fit")
        return found

    def build(self, settings: Mapping[str, Any], context: Context, *, light: bool = False) -> Any:  # noqa: ARG002
        """An unfitted estimator with the recipe's ``[learner.settings]``; the seed where it takes one."""
        chosen, made_of = dict(settings.get("settings", {})), self.load()
        try:
            if "random_state" in inspect.signature(made_of).parameters:
                chosen.setdefault("random_state", context.seed)
            return made_of(**chosen)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self.estimator} does not take these settings: {error}") from None


def outside(table: Mapping[str, Any]) -> Outside:
    """The learner of a recipe's ``[learner]`` table."""
    # "binary" says that it takes no grid of months: what it is for is decided by the outcome.
    return Outside("binary", table["estimator"])


def answers(estimator: Any, X: FloatArray, horizon_months: float | None) -> FloatArray:
    """What a fitted estimator says of each row: the probability of the event, or S(horizon); shape (n_rows,).

    Parameters
    ----------
    estimator : object
        Fitted; ``predict_proba`` for a binary outcome, ``predict_survival_function`` otherwise.
    X : float array of shape (n_rows, n_features)
    horizon_months : float or None
        None for a binary outcome. Beyond its last time a survival function keeps its last value.

    Raises
    ------
    UsageError
        If the estimator has no such method, or gives something other than shares.
    """
    method = _ANSWERS[horizon_months is not None]
    if not hasattr(estimator, method):
        raise UsageError(f"{type(estimator).__name__} has no {method}, which this outcome needs")
    if horizon_months is None:
        both = np.asarray(estimator.predict_proba(X), dtype=float)
        found = both[:, 1] if both.shape == (len(X), 2) else np.full(1, np.nan)
    else:
        found = np.array([_at(curve, horizon_months) for curve in estimator.predict_survival_function(X)])
    if found.shape != (len(X),) or not ((found >= -1e-9) & (found <= 1 + 1e-9)).all():
        raise UsageError(f"{method} of {type(estimator).__name__} does not give one number between 0 and 1 a patient")
    return np.asarray(np.clip(found, 0.0, 1.0))


def _at(curve: Any, months: float) -> float:
    """A step function of scikit-survival at a time; 1 before its first."""
    place = int(np.searchsorted(np.asarray(curve.x), months, side="right")) - 1
    return 1.0 if place < 0 else float(getattr(curve, "a", 1.0) * curve.y[place] + getattr(curve, "b", 0.0))


def link(scores: FloatArray, reference: float, *, survival: bool) -> FloatArray:
    """Log-odds of probabilities, or the log hazard by the horizon against that of the comparator's S."""
    inside = np.clip(scores, 1e-12, 1 - 1e-12)
    if not survival:
        return np.asarray(np.log(inside / (1 - inside)))
    if not 0 < reference < 1:  # nobody, or everybody, had the event by then: there is nothing to set a hazard against
        return np.zeros(len(scores))
    return np.asarray(np.log(-np.log(inside)) - np.log(-np.log(reference)))
