"""Competing risks: one ridge Cox regression a cause, and the cumulative incidence that they imply together.

A patient who dies in remission can no longer relapse. To call that censored, as if a relapse might still come, says too
high an incidence of relapse; here each cause has its own hazard, and the incidence grows only while neither has come.

References
----------
Prentice RL, Kalbfleisch JD, Peterson AV et al. The analysis of failure times in the presence of competing risks.
Biometrics 1978;34:541-554.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from riskml.runtime.members import Causes, Linear, Member
from riskml.runtime.time_responses import Baseline, Incidence
from riskml.training.learners.cox_likelihood import FloatArray, IntArray
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.smooth_baseline import checked_grid
from riskml.training.learners.survival_rows import CheckedRows, survival_arrays

CAUSES = (1, 2)


class CauseSpecificRidgeCox(BaseEstimator):
    """A ridge Cox regression of the event of interest and one of the competing event, on the same inputs.

    Parameters
    ----------
    time_grid : array of shape (n_knots,)
        Positive, increasing times between which both hazards are constant.
    prior_scale, tau, max_iter, tol
        As in `RidgeCox`, for both causes.

    Attributes
    ----------
    models_ : tuple of RidgeCox
        Of cause 1 and cause 2; None for a competing cause that nobody had: its hazard is 0.
    times_ : float array of shape (n_knots + 1,)
        0 and the grid.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Prentice RL et al. Biometrics 1978;34:541-554.
    """

    def __init__(
        self,
        *,
        time_grid: ArrayLike | None = None,
        prior_scale: float = 0.5,
        tau: float | None = None,
        max_iter: int = 100,
        tol: float = 1e-10,
    ) -> None:
        self.time_grid = time_grid
        self.prior_scale = prior_scale
        self.tau = tau
        self.max_iter = max_iter
        self.tol = tol

    def fit(
        self,
        X: ArrayLike,
        y: NDArray[np.void],
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
    ) -> Self:
        """Fit both models.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : structured array of shape (n_samples,)
            An int field "cause" (0 censored, 1 event of interest, 2 competing event), a float field (time), and
            optionally a float field "entry".
        sample_weight, strata : array of shape (n_samples,), optional
            As for `RidgeCox`.

        Returns
        -------
        CauseSpecificRidgeCox
            Itself.

        Raises
        ------
        ValueError
            If there is no ``time_grid``, ``y`` breaks a rule above, nobody had the event of interest, or `RidgeCox`
            refuses the data.
        """
        if self.time_grid is None:
            raise ValueError("competing risks need a time_grid: the incidence is known between its times")
        knots = checked_grid(self.time_grid)
        rows: FloatArray = validate_data(self, X, dtype=np.float64)
        time, cause, entry = competing_arrays(y)
        had = cause[CheckedRows.of(rows, _outcome(cause > 0, time, entry), sample_weight, strata).kept]
        if not (had == 1).any():
            raise ValueError("cause must be 1 for at least one row: nobody had the event of interest")
        models: list[RidgeCox | None] = []
        for number in CAUSES:
            model = RidgeCox(
                time_grid=knots, prior_scale=self.prior_scale, tau=self.tau, max_iter=self.max_iter, tol=self.tol
            )
            outcome = _outcome(cause == number, time, entry)
            models.append(model.fit(rows, outcome, sample_weight, strata) if (had == number).any() else None)
        self.models_ = tuple(models)
        self.times_ = np.concatenate([[0.0], knots])
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Log hazard ratio of the event of interest against x = 0, shape (n_samples,)."""
        check_is_fitted(self)
        log_risk: FloatArray = validate_data(self, X, dtype=np.float64, reset=False) @ self._interest.coef_
        return log_risk

    def predict_cumulative_incidence(self, X: ArrayLike, times: ArrayLike, cause: int = 1) -> FloatArray:
        """Probability of an event of one cause by each of ``times``.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs.
        times : array of shape (n_times,)
            From 0 to the last of ``times_``, in any order.
        cause : {1, 2}, default 1
            1 for the event of interest.

        Returns
        -------
        float array of shape (n_samples, n_times)
            Both causes and `predict_survival` add up to 1.

        Raises
        ------
        ValueError
            If a time or ``cause`` is out of range.
        """
        if cause not in CAUSES:
            raise ValueError(f"cause must be 1 or 2, got {cause!r}")
        check_is_fitted(self)
        # The runtime's formula gives the first cause: for the other one, let it stand first.
        order = [cause - 1, 2 - cause]
        linears, baselines = zip(*(self._parts()[k] for k in order), strict=True)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        response = Incidence(baselines)
        prepared = response.prepare(np.asarray(times, dtype=np.float64).ravel().tolist())
        incidence: FloatArray = response.table(Causes(linears).table(rows), prepared)
        return incidence

    def predict_survival(self, X: ArrayLike, times: ArrayLike) -> FloatArray:
        """Probability of neither event by each of ``times``; shape (n_samples, n_times)."""
        check_is_fitted(self)
        hazards = [model.predict_cumulative_hazard(X, times) for model in self.models_ if model is not None]
        free: FloatArray = np.exp(-np.sum(hazards, axis=0))
        return free

    def to_portable(self) -> Member:
        """The fitted models as one member of weight 1 of the portable model."""
        check_is_fitted(self)
        linears, baselines = zip(*self._parts(), strict=True)
        return Member(1.0, Causes(linears), Incidence(baselines))

    def draw(self, mean_row: FloatArray, normal: FloatArray) -> Member:
        """A draw from the posteriors of both causes, which are independent, as a member of weight 1.

        Parameters
        ----------
        mean_row : float array of shape (n_features,)
            The mean training row, to which the baselines belong.
        normal : float array of shape (2 * (n_features + n_knots) or more,)
            Standard normal numbers, those of the event of interest first.

        Returns
        -------
        Member

        Raises
        ------
        ValueError
            If there are too few numbers.
        """
        check_is_fitted(self)
        each = self.n_features_in_ + self.times_.size - 1
        drawn = [
            model and model.draw(mean_row, normal[k * each : (k + 1) * each]) for k, model in enumerate(self.models_)
        ]
        linears, baselines = zip(*map(self._part, drawn), strict=True)
        return Member(1.0, Causes(linears), Incidence(baselines))

    @property
    def _interest(self) -> RidgeCox:
        model = self.models_[0]
        assert model is not None
        return model

    def _parts(self) -> list[tuple[Linear, Baseline]]:
        return [self._part(model and model.to_portable()) for model in self.models_]

    def _part(self, member: Member | None) -> tuple[Linear, Baseline]:
        """Linear predictor and baseline of a cause; zeros for one that nobody had."""
        if member is None or member.baseline is None:
            nothing = Linear(0.0, (0.0,) * self.n_features_in_)
            return nothing, Baseline(tuple(self.times_.tolist()), (0.0,) * self.times_.size)
        return member.linear, member.baseline

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def competing_arrays(y: NDArray[np.void]) -> tuple[FloatArray, IntArray, FloatArray | None]:
    """Take a structured outcome with competing events apart, and check it.

    Parameters
    ----------
    y : structured array of shape (n_samples,)
        An int field "cause" of 0 (censored), 1 and 2, one numeric field (time), and optionally a numeric "entry".

    Returns
    -------
    time : float array of shape (n_samples,)
        Finite and not negative.
    cause : int array of shape (n_samples,)
    entry : float array of shape (n_samples,) or None
        Smaller than ``time``.

    Raises
    ------
    ValueError
        If a field is missing, superfluous or of another type, or a value breaks a rule above.
    """
    fields = y.dtype.fields if isinstance(y, np.ndarray) and y.ndim == 1 else None
    times = [name for name in fields or () if name not in {"cause", "entry"}]
    if not fields or "cause" not in fields or fields["cause"][0].kind not in "iu" or len(times) != 1:
        raise ValueError(
            'y must be a structured array of shape (n_samples,) with an int field "cause" (0, 1 or 2), a numeric field '
            '(time) and optionally a numeric field "entry"'
        )
    cause = y["cause"].astype(np.intp)
    if not np.isin(cause, (0, *CAUSES)).all():
        raise ValueError(f"cause must be 0, 1 or 2, got {', '.join(map(str, np.unique(cause).tolist()))}")
    time, _, entry = survival_arrays(_outcome(cause > 0, y[times[0]], y["entry"] if "entry" in fields else None))
    return time, cause, entry


def _outcome(event: NDArray[np.bool_], time: NDArray[Any], entry: NDArray[Any] | None) -> NDArray[np.void]:
    delayed = [] if entry is None else [("entry", entry.dtype)]
    outcome = np.empty(len(event), dtype=[("event", np.bool_), ("time", time.dtype), *delayed])
    outcome["event"], outcome["time"] = event, time
    if entry is not None:
        outcome["entry"] = entry
    return outcome
