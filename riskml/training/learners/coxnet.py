"""Elastic-net Cox regression: scikit-survival's path, with the penalty chosen by cross-validated deviance."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from riskml.runtime.members import Linear, Member
from riskml.runtime.time_responses import Baseline
from riskml.training.learners.smooth_baseline import checked_grid, smooth_baseline
from riskml.training.learners.survival_rows import CheckedRows, SurvivalScore

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


class ElasticNetCox(SurvivalScore, BaseEstimator):
    r"""Proportional hazards with an elastic-net penalty on the coefficients of standardised inputs.

    The coefficients maximise Breslow's partial likelihood over n minus
    :math:`\lambda (\alpha \lVert\beta\rVert_1 + \tfrac{1 - \alpha}{2} \lVert\beta\rVert_2^2)`. Each fold fits one path
    over all penalties, and is judged by how much of the deviance of all rows it adds to that of its own, which works
    where the rows left out hold few events. The baseline hazard is smoothed on ``time_grid``, as that of
    `ridge_cox.RidgeCox`. That is the default learner: on five public cohorts it was best or tied at every size.

    Parameters
    ----------
    time_grid : array of shape (n_knots,)
        Positive, increasing months. S(t) is known at 0 and these months, its logarithm linear in between.
    l1_ratios : sequence of float, default (0.1, 0.5, 1.0)
        Shares of the lasso in the penalty to try, above 0 and at most 1.
    n_penalties : int, default 20
        Penalties tried for each ratio, from the one that makes every coefficient 0 downwards.
    span : float, default 1e-3
        Smallest penalty as a share of the largest.
    folds : int, default 5
        Lowered to the number of patients with an event. Where that is 1, the largest penalty is taken.
    random_state : int, default 0
        Seed of the folds.
    max_iter : int, default 100000
        Iterations allowed for each path.
    tol : float, default 1e-7
        Relative change of the penalised deviance at which scikit-survival stops.

    Attributes
    ----------
    coef_ : float array of shape (n_features,)
        Log hazard ratio of each input per unit of that input.
    mean_log_risk_ : float
        Log risk of the mean training patient, to whom the baseline belongs.
    baseline_times_, baseline_cumulative_hazard_ : float array of shape (n_knots + 1,)
        Cumulative hazard of the mean patient at 0 and the months of the grid.
    unique_times_ : float array of shape (n_knots + 1,)
        The same months, for which `predict_survival_function` gives values.
    l1_ratio_, penalty_ : float
        The point chosen; ``penalty_`` is scikit-survival's alpha.
    deviance_ : dict of float to array of shape (n_points, 2)
        For each ratio, penalties and their cross-validated deviance per event. A path may end before ``n_penalties``.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Simon N, Friedman J, Hastie T, Tibshirani R. Regularization paths for Cox's proportional hazards model via
    coordinate descent. J Stat Softw 2011;39(5):1-13.
    Verweij PJM, van Houwelingen HC. Cross-validation in survival analysis. Stat Med 1993;12:2305-2314.
    """

    def __init__(
        self,
        *,
        time_grid: ArrayLike,
        l1_ratios: Sequence[float] = (0.1, 0.5, 1.0),
        n_penalties: int = 20,
        span: float = 1e-3,
        folds: int = 5,
        random_state: int = 0,
        max_iter: int = 100_000,
        tol: float = 1e-7,
    ) -> None:
        self.time_grid = time_grid
        self.l1_ratios = l1_ratios
        self.n_penalties = n_penalties
        self.span = span
        self.folds = folds
        self.random_state = random_state
        self.max_iter = max_iter
        self.tol = tol

    def fit(
        self,
        X: ArrayLike,
        y: NDArray[np.void],
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose the penalty, fit, and estimate the baseline hazard.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : structured array of shape (n_samples,)
            A bool field (event) and a float field (time), as `sksurv.util.Surv` makes them.
        sample_weight : array of shape (n_samples,), optional
            How often each row is there: whole numbers, for scikit-survival's path has no weights.
        groups : array of shape (n_samples,), optional
            Patient of each row; the rows of a patient stay in one fold.

        Returns
        -------
        ElasticNetCox
            Itself.

        Raises
        ------
        ValueError
            If ``y`` breaks a rule above or has entry times, there is no event, or a parameter is out of range.
        """
        knots = checked_grid(self.time_grid)
        self._check_parameters()
        rows: FloatArray = validate_data(self, X, dtype=np.float64)
        data = CheckedRows.of(rows, y, sample_weight)
        if data.entry is not None:
            raise ValueError("ElasticNetCox cannot take entry times (delayed entry): RidgeCox can")
        if not data.event.any():
            raise ValueError("a Cox model needs at least one event, got none: every time is censored")
        if (data.weight % 1 != 0).any():
            raise ValueError("ElasticNetCox takes whole numbers as sample_weight only: RidgeCox takes any")
        patient = np.arange(len(rows)) if groups is None else column_or_1d(groups)
        check_consistent_length(rows, patient)
        again = np.repeat(np.arange(len(data.time)), data.weight.astype(np.intp))
        order = again[np.argsort(-data.time[again], kind="stable")]
        rows, time, event = rows[data.kept][order], data.time[order], data.event[order]
        folds = _deal(patient[data.kept][order], event, self.folds, self.random_state)
        self._choose(rows, time, event, folds)
        self.mean_log_risk_ = float(rows.mean(axis=0) @ self.coef_)
        smooth = smooth_baseline(rows @ self.coef_ - self.mean_log_risk_, time, event, knots)
        self.baseline_times_, self.baseline_cumulative_hazard_ = smooth.times, smooth.cumulative_hazard
        self.unique_times_ = smooth.times
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Log risk ``X @ coef_``, not centred, of shape (n_samples,); larger means earlier events."""
        check_is_fitted(self)
        log_risk: FloatArray = validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_
        return log_risk

    def predict_survival(self, X: ArrayLike, times: ArrayLike) -> FloatArray:
        """S(t) of each patient, shape (n_samples, n_times); ``times`` from 0 to the end of the grid, in any order."""
        response = self.to_portable().response
        log_risk = self.predict(X) - self.mean_log_risk_
        months = np.asarray(times, dtype=np.float64).ravel().tolist()
        survival: FloatArray = response.table(log_risk[:, None], response.prepare(months))
        return survival

    def predict_survival_function(self, X: ArrayLike, return_array: bool = False) -> NDArray[Any]:
        """S(t) at ``unique_times_``, of shape (n_samples, n_knots + 1), or as `sksurv.functions.StepFunction` each."""
        check_is_fitted(self)
        curves = self.predict_survival(X, self.unique_times_)
        if return_array:
            return curves
        from sksurv.functions import StepFunction  # noqa: PLC0415

        functions = np.empty(len(curves), dtype=object)
        functions[:] = [StepFunction(self.unique_times_, curve) for curve in curves]
        return functions

    def to_portable(self) -> Member:
        """The member of the portable model that predicts the same."""
        check_is_fitted(self)
        linear = Linear(-self.mean_log_risk_, tuple(self.coef_.tolist()))
        hazard = tuple(self.baseline_cumulative_hazard_.tolist())
        return Member(1.0, linear, Baseline(tuple(self.baseline_times_.tolist()), hazard))

    def _check_parameters(self) -> None:
        ratios = np.asarray(self.l1_ratios, dtype=np.float64)
        if ratios.ndim != 1 or not ratios.size or not ((ratios > 0) & (ratios <= 1)).all():
            raise ValueError(f"l1_ratios must be numbers above 0 and at most 1, got {self.l1_ratios!r}")
        if not self.n_penalties >= 1:
            raise ValueError(f"n_penalties must be 1 or more, got {self.n_penalties!r}")
        if not 0 < self.span < 1:
            raise ValueError(f"span must be strictly between 0 and 1, got {self.span!r}")
        if not self.folds >= 2:
            raise ValueError(f"folds must be 2 or more, got {self.folds!r}")

    def _choose(self, rows: FloatArray, time: FloatArray, event: BoolArray, test_rows: Sequence[IntArray]) -> None:
        """Set the coefficients of the best point, and what was compared."""
        self.deviance_, best = {}, np.inf
        for ratio in map(float, self.l1_ratios):
            penalties = _largest_penalty(rows, time, event, ratio) * np.geomspace(1.0, self.span, self.n_penalties)
            coef = self._path(rows, time, event, ratio, penalties)
            deviance = np.zeros(len(coef))
            for test in test_rows:
                own = np.delete(np.arange(len(rows)), test)
                of_fold = self._path(rows[own], time[own], event[own], ratio, penalties[: len(coef)])
                # Where a path ends early, the penalties it did not reach cannot be compared.
                coef, deviance = coef[: len(of_fold)], deviance[: len(of_fold)]
                everyone = _log_likelihood(rows @ of_fold.T, time, event)
                deviance -= 2 * (everyone - _log_likelihood(rows[own] @ of_fold.T, time[own], event[own]))
            deviance /= event.sum()
            self.deviance_[ratio] = np.column_stack([penalties[: len(coef)], deviance])
            k = int(np.argmin(deviance))
            if deviance[k] < best:
                best, self.coef_ = deviance[k], coef[k]
                self.l1_ratio_, self.penalty_ = ratio, float(penalties[k])

    def _path(
        self, rows: FloatArray, time: FloatArray, event: BoolArray, ratio: float, penalties: FloatArray
    ) -> FloatArray:
        """Coefficients for as many of the falling penalties as can be fitted, (n_fitted, n_features)."""
        from sksurv.linear_model import CoxnetSurvivalAnalysis  # noqa: PLC0415
        from sksurv.util import Surv  # noqa: PLC0415

        scale = _scale(rows)
        standard = (rows - rows.mean(axis=0)) / scale
        y = Surv.from_arrays(event, time)
        while penalties.size:
            model = CoxnetSurvivalAnalysis(alphas=penalties, l1_ratio=ratio, max_iter=self.max_iter, tol=self.tol)
            try:
                with warnings.catch_warnings():
                    # A path of the largest penalties only, or one without any varying input, is rightly all zero.
                    warnings.filterwarnings("ignore", message="all coefficients are zero")
                    coef: FloatArray = model.fit(standard, y).coef_.T / scale
            except ArithmeticError:  # the smallest penalties let a relative risk overflow
                penalties = penalties[: penalties.size // 2]
            else:
                return coef
        return np.zeros((1, rows.shape[1]))


def _deal(patient: NDArray[Any], event: BoolArray, folds: int, seed: int) -> list[IntArray]:
    """Rows of each fold: patients dealt in turn, those with an event first; no folds where one patient had an event."""
    codes = np.unique(patient, return_inverse=True)[1]
    had_event = np.bincount(codes, event) > 0
    folds = int(min(folds, had_event.sum()))
    if folds < 2:
        return []
    shuffled = np.random.default_rng(seed).permutation(had_event.size)
    fold = np.empty(had_event.size, dtype=np.intp)
    fold[shuffled[np.argsort(~had_event[shuffled], kind="stable")]] = np.arange(had_event.size) % folds
    return [np.flatnonzero(fold[codes] == k) for k in range(folds)]


def _scale(rows: FloatArray) -> FloatArray:
    """Standard deviation of each column; infinite for a constant one."""
    scale: FloatArray = rows.std(axis=0)
    scale[np.ptp(rows, axis=0) <= 1e-12 * np.abs(rows).max(axis=0)] = np.inf
    return scale


def _log_likelihood(log_risk: FloatArray, time: FloatArray, event: BoolArray) -> FloatArray:
    """Breslow's log partial likelihood of each column of ``log_risk``; rows by falling time."""
    log_risk = log_risk - log_risk.max(axis=0)
    with np.errstate(divide="ignore"):
        at_risk = np.log(np.cumsum(np.exp(log_risk), axis=0)[_last_at_risk(time)[event]])
    value: FloatArray = (log_risk[event] - at_risk).sum(axis=0)
    return value


def _last_at_risk(time: FloatArray) -> IntArray:
    """Position of the last row that is still under observation at the time of each row; rows by falling time."""
    last: IntArray = np.searchsorted(-time, -time, side="right") - 1
    return last


def _largest_penalty(rows: FloatArray, time: FloatArray, event: BoolArray, ratio: float) -> float:
    """The penalty at which the last coefficient becomes 0: the largest score without any effect, over n and ratio."""
    standard = (rows - rows.mean(axis=0)) / _scale(rows)
    last = _last_at_risk(time)[event]
    mean_at_risk = np.cumsum(standard, axis=0)[last] / (last + 1)[:, None]
    score = np.abs((standard[event] - mean_at_risk).sum(axis=0)).max()
    # A hair above, so that rounding leaves no coefficient of 1e-16.
    return float(score) * (1 + 1e-12) / len(rows) / ratio or 1.0
