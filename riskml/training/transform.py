"""Cohort frame -> design matrix, as a scikit-learn transformer that learns only from the rows it is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from riskml.runtime.model import Feature
from riskml.runtime.score import feature_column


class DesignMatrix(TransformerMixin, BaseEstimator):
    """The recipe's features of a table; a missing component counts as its mean among the training rows that have it.

    With the mean put in, an unknown input neither raises nor lowers a linear predictor, which is what the portable
    model does at prediction by averaging over its background.

    Parameters
    ----------
    features : sequence of Feature
        Columns of the matrix, in order.

    Attributes
    ----------
    fill_ : dict of (feature name, input name) to float
        Mean component; 0 where no training row has the input, so that the feature is constant and gets no weight.
    """

    def __init__(self, features: Sequence[Feature] = ()) -> None:
        self.features = features

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn the mean of each component from a DataFrame with one column per input."""
        self.fill_: dict[tuple[str, str], float] = {}
        for feature in self.features:
            for name in feature.inputs:
                known = feature_column(feature, X[name])
                known = known[~np.isnan(known)]
                self.fill_[feature.name, name] = float(known.mean()) if known.size else 0.0
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """The matrix of shape (n_rows, n_features), without missing values."""
        check_is_fitted(self)
        columns = np.zeros((len(X), len(self.features)))
        for j, feature in enumerate(self.features):
            for name in feature.inputs:
                part = feature_column(feature, X[name])
                columns[:, j] += np.where(np.isnan(part), self.fill_[feature.name, name], part)
        return columns

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Names of the columns."""
        return np.array([feature.name for feature in self.features], dtype=object)
