"""Survival outcomes as the learners take them: checked once, taken apart, rows without weight left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, column_or_1d

from riskml.training.learners.cox_likelihood import BoolArray, FloatArray, IntArray


class SurvivalScore:
    """What scikit-learn's tools ask of a survival estimator whose ``predict`` grows with the risk."""

    if TYPE_CHECKING:

        def predict(self, X: ArrayLike) -> FloatArray: ...  # noqa: D102

    def score(self, X: ArrayLike, y: NDArray[np.void]) -> float:
        """Harrell's C of `predict` on survival data as for `fit`."""
        from riskml.training.metrics.survival import harrell_c  # noqa: PLC0415 - metrics need not load to fit

        time, event, entry = survival_arrays(y)
        return float(harrell_c(time, event, self.predict(X), entry))


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The rows of positive weight.

    Attributes
    ----------
    kept : bool array of shape (n_samples,)
        Which rows of the input these are.
    time, event, weight : array of shape (n_kept,)
    entry : float array of shape (n_kept,) or None
    strata : array of shape (n_strata,)
        Distinct labels; a single 0 without strata.
    stratum : int array of shape (n_kept,)
        Position in ``strata`` of each row.
    """

    kept: BoolArray
    time: FloatArray
    event: BoolArray
    weight: FloatArray
    entry: FloatArray | None
    strata: NDArray[Any]
    stratum: IntArray

    @classmethod
    def of(
        cls, X: FloatArray, y: NDArray[np.void], sample_weight: ArrayLike | None, strata: ArrayLike | None = None
    ) -> Self:
        """Check and collect what belongs to the rows of ``X``.

        Parameters
        ----------
        X : float array of shape (n_samples, n_features)
            Inputs; only their number counts.
        y : structured array of shape (n_samples,)
            As for `survival_arrays`.
        sample_weight : array of shape (n_samples,), optional
            Not negative, some positive; 1 if None.
        strata : array of shape (n_samples,), optional
            A label a row.

        Returns
        -------
        CheckedRows

        Raises
        ------
        ValueError
            If lengths differ or a value breaks a rule above.
        """
        time, event, entry = survival_arrays(y)
        check_consistent_length(X, time)
        weight: FloatArray = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        kept = weight > 0
        labels = np.zeros(len(X), dtype=np.intp) if strata is None else column_or_1d(strata)
        check_consistent_length(X, labels)
        distinct, stratum = np.unique(labels[kept], return_inverse=True)
        entry = None if entry is None else entry[kept]
        return cls(kept, time[kept], event[kept], weight[kept], entry, distinct, stratum)

    @property
    def share(self) -> FloatArray:
        """Summed weight of each stratum."""
        return np.bincount(self.stratum, self.weight).astype(np.float64)

    def of_stratum(self, k: int) -> CheckedRows:
        """The rows of one stratum alone."""
        own = self.stratum == k
        kept = self.kept.copy()
        kept[kept] = own
        entry = None if self.entry is None else self.entry[own]
        outcome = (kept, self.time[own], self.event[own], self.weight[own], entry)
        return CheckedRows(*outcome, self.strata[k : k + 1], np.zeros(int(own.sum()), dtype=np.intp))


def survival_arrays(y: NDArray[np.void]) -> tuple[FloatArray, BoolArray, FloatArray | None]:
    """Take a structured survival outcome apart, and check it.

    Parameters
    ----------
    y : structured array of shape (n_samples,)
        One bool field (event), one numeric field (time), and optionally a numeric field named "entry".

    Returns
    -------
    time : float array of shape (n_samples,)
        Finite and not negative.
    event : bool array of shape (n_samples,)
    entry : float array of shape (n_samples,) or None
        Smaller than ``time``.

    Raises
    ------
    ValueError
        If a field is missing, superfluous or of another type, or a value breaks a rule above.
    """
    fields = y.dtype.fields if isinstance(y, np.ndarray) and y.ndim == 1 else None
    kinds = {name: field[0].kind for name, field in (fields or {}).items()}
    events = [name for name, kind in kinds.items() if kind == "b"]
    times = [name for name, kind in kinds.items() if kind in "fiu" and name != "entry"]
    if len(events) != 1 or len(times) != 1 or len(kinds) != 2 + ("entry" in kinds) or "entry" in events:
        raise ValueError(
            "y must be a structured array of shape (n_samples,) with a bool field (event), a numeric field (time) and "
            'optionally a numeric field "entry": make it with sksurv.util.Surv.from_arrays(event, time)'
        )
    time = y[times[0]].astype(np.float64)
    if not (np.isfinite(time) & (time >= 0)).all():
        raise ValueError(f"{times[0]} must be finite and not negative, got {time.min():g} to {time.max():g}")
    if "entry" not in kinds:
        return time, y[events[0]].astype(np.bool_), None
    entry = y["entry"].astype(np.float64)
    if not (entry < time).all():
        raise ValueError(
            f"entry must be smaller than {times[0]}, got {int((~(entry < time)).sum())} rows where it is not"
        )
    return time, y[events[0]].astype(np.bool_), entry
