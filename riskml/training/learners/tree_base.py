"""What the tree learners share: checked rows in single precision, and predictions by the very trees they export.

After fitting only compact portable trees are kept, so a forest costs what its file costs, and what is evaluated is what
ships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from riskml.runtime.members import Member, Trees
from riskml.runtime.time_responses import Baseline
from riskml.training.learners.cox_likelihood import BoolArray, CoxDesign, FloatArray, efron_baseline
from riskml.training.learners.survival_rows import CheckedRows, SurvivalScore
from riskml.training.learners.tree_export import SingleArray, singles

if TYPE_CHECKING:  # a protocol, which the runtime does not build
    from riskml.runtime.responses import Response


class SurvivalRows(NamedTuple):
    """Checked rows of positive weight: inputs in single precision, time, event, weight (1 on average)."""

    X: SingleArray
    time: FloatArray
    event: BoolArray
    weight: FloatArray


class BinaryRows(NamedTuple):
    """Checked rows of positive weight: inputs in single precision, 1 for the event, weight."""

    X: SingleArray
    code: NDArray[np.intp]
    weight: FloatArray


class PortableTrees(BaseEstimator):
    """An estimator whose fit leaves ``predictor_`` and ``response_``, the two halves of a portable member."""

    predictor_: Trees
    response_: Response

    def to_portable(self) -> Member:
        """The fitted model as a member of the portable model, weight 1."""
        check_is_fitted(self)
        return Member(1.0, self.predictor_, self.response_)

    def _outputs(self, X: ArrayLike) -> FloatArray:
        """Outputs of the trees, of shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        outputs: FloatArray = self.predictor_.table(validate_data(self, X, dtype=np.float64, reset=False))
        return outputs


class TreeClassifier(ClassifierMixin, PortableTrees):
    """Base of the binary tree learners; probabilities are about the second of ``classes_``."""

    classes_: NDArray[Any]

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probability of each class, of shape (n_samples, 2)."""
        outputs = self._outputs(X)
        risk = self.response_.table(outputs, None)[:, 0]
        return np.column_stack([1 - risk, risk])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label of the more probable class, of shape (n_samples,)."""
        second = self.predict_proba(X)[:, 1] > 0.5
        labels: NDArray[Any] = self.classes_[second.astype(np.intp)]
        return labels

    def _rows(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> BinaryRows:
        """Check what `fit` is given and set ``classes_``."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        weight: FloatArray = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        kept = weight > 0
        self.classes_, code = np.unique(labels[kept], return_inverse=True)
        if self.classes_.size < 2:
            found = f"one class: {self.classes_.tolist()[0]!r}" if self.classes_.size else "no row of positive weight"
            raise ValueError(f"y must hold two classes, got {found}")
        if self.classes_.size > 2:
            kind = type_of_target(labels)
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        return BinaryRows(singles(rows[kept]), code, weight[kept])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class TreeSurvival(SurvivalScore, PortableTrees):
    """Base of the survival tree learners: S(t) on a grid of months, by which all that is kept is known."""

    unique_times_: FloatArray

    def predict(self, X: ArrayLike) -> FloatArray:
        """Log risk, of shape (n_samples,); larger means earlier events."""
        return self._outputs(X)[:, 0]

    def predict_survival(self, X: ArrayLike, times: ArrayLike) -> FloatArray:
        """Probability of no event by each of ``times``.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs.
        times : array of shape (n_times,)
            From 0 to the last month of the grid, in any order.

        Returns
        -------
        float array of shape (n_samples, n_times)

        Raises
        ------
        ValueError
            If a time lies outside that range.
        """
        outputs = self._outputs(X)
        months = np.asarray(times, dtype=np.float64).ravel().tolist()
        survival: FloatArray = self.response_.table(outputs, self.response_.prepare(months))
        return survival

    def predict_survival_function(self, X: ArrayLike, return_array: bool = False) -> NDArray[Any]:
        """Survival curve of each patient at ``unique_times_``: 0 and the months of the grid.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs.
        return_array : bool, default False
            Give values rather than functions.

        Returns
        -------
        array
            Of shape (n_samples,) with a `sksurv.functions.StepFunction` each (which steps where the model itself is
            smooth), or of shape (n_samples, n_unique_times).
        """
        check_is_fitted(self)
        curves = self.predict_survival(X, self.unique_times_)
        if return_array:
            return curves
        from sksurv.functions import StepFunction  # noqa: PLC0415

        functions = np.empty(len(curves), dtype=object)
        functions[:] = [StepFunction(self.unique_times_, curve) for curve in curves]
        return functions

    def _rows(self, X: ArrayLike, y: NDArray[np.void], sample_weight: ArrayLike | None) -> SurvivalRows:
        """Check what `fit` is given."""
        rows = validate_data(self, X, dtype=np.float64)
        data = CheckedRows.of(rows, y, sample_weight)
        if data.entry is not None:
            raise ValueError(
                f"{type(self).__name__} cannot take entry times (delayed entry); ridge Cox regression (RidgeCox) can"
            )
        if not data.event.any():
            raise ValueError(f"{type(self).__name__} needs at least one event, got none: every time is censored")
        return SurvivalRows(singles(rows[data.kept]), data.time, data.event, data.weight / data.weight.mean())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def cox_baseline(log_risk: FloatArray, rows: SurvivalRows, months: FloatArray) -> tuple[float, Baseline]:
    """Efron's baseline hazard for a log risk that trees have given.

    Parameters
    ----------
    log_risk : float array of shape (n_samples,)
        Of the training rows.
    rows : SurvivalRows
        The training rows.
    months : float array of shape (n_months,)
        Where the cumulative hazard is kept; it is linear in between, and beyond the last event it is constant.

    Returns
    -------
    centre : float
        Mean log risk, to which the baseline belongs.
    baseline : Baseline

    References
    ----------
    Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 1977;72:557-565.
    """
    design = CoxDesign.build(log_risk[:, None], rows.time, rows.event, None, rows.weight)
    steps = np.concatenate([[0.0], efron_baseline(np.ones(1), design)])
    hazard = steps[design.event_times.searchsorted(months, side="right")]
    return float(design.centre[0]), Baseline((0.0, *months.tolist()), (0.0, *hazard.tolist()))
