"""The learners of a recipe fitted side by side and averaged: equally, with given weights, or stacked.

Averages win over picking the best member where events are few (docs/methods.md), so nothing is selected here. What
needs predictions for patients a member has not seen (stacking, recalibration) gets them by an inner cross-validation
that keeps the rows of a patient together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import has_fit_parameter

from riskml.runtime.members import Member
from riskml.training.learners.outside import is_outside, outside
from riskml.training.learners.table import Context, Learner, find_learner
from riskml.training.recalibrate import Line, binary_line, log_density, mixture_weights, recalibrated, survival_line
from riskml.training.resample import cross_validation

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
COMBINED = ("average", "stack")
INNER_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One learner of an average: its table in the recipe, and its share before any stacking."""

    kind: str
    settings: Mapping[str, Any]
    weight: float

    @property
    def learner(self) -> Learner:
        """Its entry in the table of learners."""
        if is_outside(self.settings):
            return outside(self.settings)
        found = find_learner(self.kind)
        assert found is not None, "recipes are checked when they are read"
        return found

    @property
    def least_events(self) -> int:
        """Events below which an average goes without it."""
        return int(self.settings.get("least_events", self.learner.least_events))


def parts_of(learner: Mapping[str, Any]) -> tuple[Part, ...]:
    """The learners a recipe's ``[learner]`` table names; one, unless it is an average or a stack."""
    tables = learner["member"] if learner["kind"] in COMBINED else [learner]
    return tuple(Part(table["kind"], table, float(table.get("weight", 1.0))) for table in tables)


def gate(
    learner: Mapping[str, Any], n_events: int, *, late_entry: bool = False
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The parts that ``n_events`` can carry, and in words those that were left out.

    The events of the whole cohort decide, so that every fold and every refit has the same members as what ships. With
    ``late_entry`` parts that cannot take patients who came under risk late are left out, too. A learner that stands
    alone is never left out: its recipe asked for nothing else.
    """
    parts = parts_of(learner)
    if len(parts) == 1:
        return parts, ()
    reasons = [_left_out(part, n_events, late_entry=late_entry) for part in parts]
    kept = tuple(part for part, reason in zip(parts, reasons, strict=True) if not reason) or parts[:1]
    out = (
        f"{part.kind.replace('_', ' ')} was left out: {reason}"
        for part, reason in zip(parts, reasons, strict=True)
        if part not in kept
    )
    return kept, tuple(out)


def _left_out(part: Part, n_events: int, *, late_entry: bool) -> str:
    """Why, or ""."""
    if n_events < part.least_events:
        return f"{n_events} events, it takes part from {part.least_events}"
    return "it cannot take delayed entry" if late_entry and not part.learner.late_entry else ""


class Ensemble(BaseEstimator):
    """Several estimators that export themselves, fitted to the same design matrix.

    Parameters
    ----------
    estimators : sequence of estimators
        Each with ``fit(X, y)`` and ``to_portable()``.
    weights : sequence of float
        Their shares; they need not sum to 1.
    calibrate : sequence of bool
        Which of them get an intercept and a slope, fitted to predictions for patients they had not seen.
    splits : sequence of bool
        Which of them split inputs and are fitted to ``drawn`` (see `fit`); none, where it is empty.
    stack : bool
        Whether to find the weights by the likelihood of such predictions.
    grid : sequence of float
        Months of survival predictions; empty for a binary outcome.

    Attributes
    ----------
    estimators_ : list of fitted estimators
    weights_ : float array of shape (n_estimators,)
        Shares that sum to 1.
    lines_ : list of (intercept, slope) or None

    References
    ----------
    Yao Y et al. Using stacking to average Bayesian predictive distributions. Bayesian Anal 2018;13:917-1007.
    """

    def __init__(
        self,
        estimators: Sequence[Any] = (),
        weights: Sequence[float] = (),
        calibrate: Sequence[bool] = (),
        *,
        splits: Sequence[bool] = (),
        stack: bool = False,
        grid: Sequence[float] = (),
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.calibrate = calibrate
        self.splits = splits
        self.stack = stack
        self.grid = grid

    def fit(
        self,
        X: FloatArray,
        y: NDArray[Any],
        groups: IntArray | None = None,
        drawn: tuple[FloatArray, FloatArray] | None = None,
    ) -> Self:
        """Fit every part.

        Parameters
        ----------
        X : float array of shape (n_rows, n_features)
        y : array of shape (n_rows,)
            Integers, or the structured array of survival outcomes.
        groups : int array of shape (n_rows,), optional
            Patient of each row.
        drawn : pair of float arrays of shape (n_rows, n_features), optional
            ``X`` with unknown inputs drawn from patients of the same outcome, for fitting what splits; and from all
            patients, for predicting with it. Without it, or where a part does not split, ``X`` serves for both.
        """
        groups = np.arange(len(X)) if groups is None else groups
        splits = self.splits or [False] * len(self.estimators)
        tables = [drawn if drawn is not None and split else (X, X) for split in splits]
        self.estimators_ = [_fitted(e, known, y, groups) for e, (known, _) in zip(self.estimators, tables, strict=True)]
        self.weights_ = np.array(self.weights, dtype=float) / np.sum(self.weights)
        self.lines_: list[Line | None] = [None] * len(self.estimators)
        stacking = self.stack and len(self.estimators) > 1
        if any(self.calibrate) or stacking:
            unseen = self._unseen(tables, y, groups)
            fit_line = survival_line if y.dtype.names else binary_line
            for k, (predictions, wanted) in enumerate(zip(unseen, self.calibrate, strict=False)):
                if wanted:
                    self.lines_[k] = fit_line(predictions, y, self.grid)
            if stacking and unseen:
                pairs = zip(unseen, self.lines_, strict=True)
                self.weights_ = _cut(
                    mixture_weights(np.array([log_density(p, y, self.grid, line) for p, line in pairs]))
                )
        return self

    def members(self) -> tuple[Member, ...]:
        """The fitted parts as members of the portable model; a part without weight is left out."""
        exported = [estimator.to_portable() for estimator in self.estimators_]
        return self._weighted(exported)

    def shares(self, kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Each part in plain values for the manifest: kind, weight, intercept and slope, and what literature weighs."""
        found = []
        for kind, weight, line, fitted in zip(
            kinds, self.weights_.tolist(), self.lines_, self.estimators_, strict=True
        ):
            item = {"kind": kind, "weight": weight, "line": line and [float(f"{x:.6g}") for x in line]}
            if hasattr(fitted, "literature_weight_"):
                item["literature_weight"] = float(f"{fitted.literature_weight_:.3g}")
            found.append(item)
        return found

    def draw(self, mean_row: FloatArray, normal: FloatArray) -> tuple[Member, ...]:
        """One draw of each part: from its posterior where it has one, else the refit itself is the draw."""
        drawn = [e.draw(mean_row, normal) if hasattr(e, "draw") else e.to_portable() for e in self.estimators_]
        return self._weighted(drawn)

    def _weighted(self, members: Sequence[Member]) -> tuple[Member, ...]:
        found = []
        for member, weight, line in zip(members, self.weights_.tolist(), self.lines_, strict=True):
            if weight > 0:
                moved = member if line is None else recalibrated(member, line)
                found.append(Member(weight, moved.predictor, moved.response))
        return tuple(found)

    def _unseen(
        self, tables: Sequence[tuple[FloatArray, FloatArray]], y: NDArray[Any], groups: IntArray
    ) -> list[FloatArray]:
        """Each part's predictions for rows it was not fitted to; shape (n_rows, 1) or (n_rows, n_months).

        None where all events are one patient's, as they may be in a bootstrap sample: nobody is left to learn from.
        """
        event = y["event"] if y.dtype.names else y == np.max(y)
        if min(len(np.unique(groups[event])), len(np.setdiff1d(groups, groups[event]))) < 2:
            return []
        plan = cross_validation(groups, np.asarray(event, dtype=bool), folds=INNER_FOLDS, repeats=1, seed=0)
        found = [np.empty((len(y), max(1, len(self.grid)))) for _ in self.estimators]
        for test in plan.test_rows[0]:
            train = np.setdiff1d(np.arange(len(y)), test)
            for estimator, (known, blind), predictions in zip(self.estimators, tables, found, strict=True):
                member = _fitted(estimator, known[train], y[train], groups[train]).to_portable()
                predictions[test] = predict_rows(member, blind[test], self.grid)
        return found


def _cut(shares: FloatArray) -> FloatArray:
    """Shares with six decimals, still summing to 1: what EM leaves beyond that differs between machines."""
    cut = np.round(shares, 6)
    cut[np.argmax(cut)] += 1 - cut.sum()
    return cut


def _fitted(estimator: Any, X: FloatArray, y: NDArray[Any], groups: IntArray) -> Any:
    """A fitted copy; a learner that tunes itself by folds is told which rows are one patient's."""
    patients = {"groups": groups} if has_fit_parameter(estimator, "groups") else {}
    return clone(estimator).fit(X, y, **patients)


def predict_rows(member: Member, X: FloatArray, months: Sequence[float]) -> FloatArray:
    """What a portable member says of rows of the design matrix; shape (n_rows, 1) or (n_rows, n_months)."""
    answers: FloatArray = member.response.table(member.predictor.table(X), member.response.prepare(months))
    return answers


def build_ensemble(parts: Sequence[Part], context: Context, *, light: bool = False) -> Ensemble:
    """The unfitted ensemble of ``parts``; ``light`` for the refits that give an interval."""
    return Ensemble(
        [part.learner.build(part.settings, context, light=light) for part in parts],
        [part.weight for part in parts],
        [bool(part.settings.get("calibrate", False)) for part in parts],
        splits=[part.learner.splits for part in parts],
        stack=context.recipe.learner["kind"] == "stack",
        grid=context.grid,
    )
