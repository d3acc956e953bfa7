"""Derived variables as a scikit-learn transformer, for use in a plain ``Pipeline``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from riskml.cohort.derive import as_series, choose, compute
from riskml.runtime.dictionary import load_dictionary


class DerivedFeatures(TransformerMixin, BaseEstimator):
    """Add derived columns of ``features/derived.toml`` to a table of dictionary variables in canonical units.

    Row by row, so nothing is learned from the data. A column that is there already under a derived name keeps its
    values; only its gaps are filled. A value under a detection limit enters as it is carried (limit / sqrt 2); use
    :func:`riskml.cohort.derive.derive` on a ``Cohort`` where the flags matter.

    Parameters
    ----------
    names : sequence of str, optional
        Derived variables; by default all that the columns allow.
    landmark : str, optional
        Use nothing that is learned later.
    passthrough : bool, default True
        Whether the columns that came in stand before the derived ones.

    Attributes
    ----------
    names_ : tuple of str
        The derived variables.
    feature_names_in_ : object array of shape (n_features_in_,)
        Columns seen in ``fit``.
    n_features_in_ : int
        Number of them.
    """

    def __init__(
        self, names: Sequence[str] | None = None, landmark: str | None = None, *, passthrough: bool = True
    ) -> None:
        self.names = names
        self.landmark = landmark
        self.passthrough = passthrough

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Settle which variables are derived.

        Raises
        ------
        TypeError
            If ``X`` is not a DataFrame: derived variables go by column names.
        UsageError, DataError
            As :func:`riskml.cohort.derive.derive`.
        """
        validate_data(self, _frame(X), skip_check_array=True)
        self.names_ = choose(list(X.columns), self.names, self.landmark, load_dictionary().definitions)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """The table with the derived columns, rows and index unchanged; shape (n_rows, n_features_out)."""
        check_is_fitted(self)
        validate_data(self, _frame(X), reset=False, skip_check_array=True)
        columns = compute(X, pd.DataFrame(index=X.index), self.names_, load_dictionary().definitions)
        out = X.copy() if self.passthrough else pd.DataFrame(index=X.index)
        for name, column in columns.items():
            made = as_series(column.data, X.index)
            out[name] = X[name].where(X[name].notna(), made) if name in X else made
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns that come out, in order; ``input_features`` must be those of ``fit``."""
        check_is_fitted(self)
        given = list(self.feature_names_in_)
        if input_features is not None and list(input_features) != given:
            raise ValueError("input_features is not equal to feature_names_in_")
        kept = given if self.passthrough else []
        return np.array([*kept, *(name for name in self.names_ if name not in kept)], dtype=object)


def _frame(X: Any) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise TypeError(f"DerivedFeatures goes by column names: X must be a DataFrame, got {type(X).__name__}")
    return X
