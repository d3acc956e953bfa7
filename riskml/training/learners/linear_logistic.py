"""What binary learners with one linear predictor of the log odds share: checks, predictions, the portable form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from riskml.runtime.members import Linear, Member
from riskml.runtime.responses import LOGISTIC

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class LinearLogistic(ClassifierMixin, BaseEstimator):
    """Base of learners that set ``classes_``, ``coef_`` of shape (1, n_features) and ``intercept_`` of shape (1,)."""

    classes_: NDArray[Any]
    coef_: FloatArray
    intercept_: FloatArray

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Log odds of the second class, of shape (n_samples,)."""
        check_is_fitted(self)
        rows: FloatArray = validate_data(self, X, dtype=np.float64, reset=False)
        log_odds: FloatArray = rows @ self.coef_[0] + self.intercept_[0]
        return log_odds

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probability of each class, of shape (n_samples, 2)."""
        log_odds = self.decision_function(X)
        return np.column_stack([expit(-log_odds), expit(log_odds)])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label of the more probable class, of shape (n_samples,)."""
        # The decision first: it raises NotFittedError where classes_ is missing.
        second = self.decision_function(X) > 0
        labels: NDArray[Any] = self.classes_[second.astype(np.intp)]
        return labels

    def to_portable(self) -> Member:
        """The member of the portable model that predicts the same."""
        check_is_fitted(self)
        linear = Linear(float(self.intercept_[0]), tuple(map(float, self.coef_[0])))
        return Member(1.0, linear, LOGISTIC)

    def _training_rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Inputs, events (0 or 1) and weights of the rows with a positive weight, and which rows those are."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        kept = weight > 0
        self.classes_, code = np.unique(labels[kept], return_inverse=True)
        if self.classes_.size == 1:
            raise ValueError(f"y must hold two classes, got one class: {self.classes_[0]!r}")
        if self.classes_.size > 2:
            kind = type_of_target(labels)
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        return rows[kept], code.astype(np.float64), weight[kept], kept

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
