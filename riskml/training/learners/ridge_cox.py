"""Ridge Cox regression whose penalty is averaged over instead of tuned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from riskml.runtime.members import Linear, Member
from riskml.runtime.time_responses import MAX_LOG, Baseline
from riskml.training.learners.cox_likelihood import CoxDesign, FloatArray, efron, efron_baseline
from riskml.training.learners.prior_scale import integrate, standardise, symmetric_root, tau_grid
from riskml.training.learners.smooth_baseline import SmoothBaseline, average_baseline, checked_grid, smooth_baseline
from riskml.training.learners.survival_rows import CheckedRows, SurvivalScore, survival_arrays

__all__ = ["RidgeCox", "cox_designs", "stratified_efron", "survival_arrays"]

Designs = list[CoxDesign | None]
"""One a stratum; None for a stratum without events, which says nothing about the coefficients."""


class RidgeCox(SurvivalScore, BaseEstimator):
    r"""Proportional hazards with coefficients N(0, tau^2) of standardised inputs and tau integrated out.

    Ties as Efron has them, delayed entry, and the conventions of scikit-survival: ``y`` is a structured array,
    `predict` a log risk, `predict_survival_function` gives step functions or an array.

    Parameters
    ----------
    prior_scale : float, default 0.5
        Scale of the half-normal prior on tau, in log hazard per standard deviation.
    tau : float, optional
        Fix tau instead. ``inf`` is maximum partial likelihood (collinear inputs then get the solution of least length,
        and a monotone likelihood is refused).
    time_grid : array of shape (n_knots,), optional
        Positive, increasing times. The cumulative hazard is then known at 0 and these times only and linear between
        them (a piecewise constant hazard), so that no patient's own event time is part of the model. It comes from a
        smoothed hazard (`smooth_baseline`) instead of Efron's steps: S(t) is not one step's luck.
    max_iter : int, default 100
        Newton steps allowed for each tau.
    tol : float, default 1e-10
        Iteration ends with a step shorter than this many standard errors.

    Attributes
    ----------
    coef_ : float array of shape (n_features,)
        Log hazard ratio of each input per unit of that input. A constant input has 0.
    mean_log_risk_ : float
        Log risk of the mean training patient, to whom the baseline belongs: H(t | x) is the baseline times
        ``exp(predict(x) - mean_log_risk_)``. A baseline at x = 0 could overflow.
    baseline_times_, baseline_cumulative_hazard_ : float array of shape (n_times,)
        Cumulative hazard of the mean patient at the distinct event times, or at 0 and ``time_grid`` (a grid time after
        the end of follow-up then continues the last hazard). With strata the mean of theirs, weighted by patients.
    strata_ : array of shape (n_strata,)
        The distinct strata; a single 0 without any.
    stratum_cumulative_hazard_ : float array of shape (n_strata, n_times)
        Baseline of each stratum at ``baseline_times_``.
    smooth_baseline_ : SmoothBaseline or None
        With a ``time_grid``: the log hazards between its times, with their covariance.
    unique_times_ : float array of shape (n_unique_times,)
        Times of the arrays `predict_survival_function` returns: all distinct training times, and with a ``time_grid``
        also its times and 0, up to its last one.
    event_times_ : float array of shape (n_event_times,)
        Distinct training times with an event.
    covariance_ : float array of shape (n_features, n_features)
        Posterior covariance of the coefficients, the uncertainty about tau included. With tau=inf only of the
        directions the data determine.
    tau_grid_, tau_weights_ : float array of shape (n_tau,)
        The values of tau and their posterior weights.
    log_evidence_ : float
        Laplace evidence of the prior, up to a constant of the data (see `prior_scale.Posterior`).
    n_iter_ : int
        Newton steps taken where most were needed.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 1977;72:557-565.
    MacKay DJC. Bayesian interpolation. Neural Comput 1992;4:415-447.
    """

    def __init__(
        self,
        *,
        prior_scale: float = 0.5,
        tau: float | None = None,
        time_grid: ArrayLike | None = None,
        max_iter: int = 100,
        tol: float = 1e-10,
    ) -> None:
        self.prior_scale = prior_scale
        self.tau = tau
        self.time_grid = time_grid
        self.max_iter = max_iter
        self.tol = tol

    def fit(
        self,
        X: ArrayLike,
        y: NDArray[np.void],
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
    ) -> Self:
        """Find the posterior and the baseline hazard.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : structured array of shape (n_samples,)
            A bool field (event) and a float field (time), as `sksurv.util.Surv` makes them; optionally a float field
            named "entry" with the time from which the patient was under observation.
        sample_weight : array of shape (n_samples,), optional
            Case weights as in R's coxph; rows of weight 0 take no part.
        strata : array of shape (n_samples,), optional
            Such as the centre of each patient. Patients are compared within their stratum only, and each stratum has
            its own baseline (Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data. 2nd ed. Wiley
            2002, section 4.4); inputs are standardised over all.

        Returns
        -------
        RidgeCox
            Itself.

        Raises
        ------
        ValueError
            If ``y`` breaks a rule above, there is no event, a parameter is out of range, or ``tau=inf`` meets a
            likelihood without a maximum.
        """
        grid = tau_grid(self.prior_scale, self.tau)
        knots = None if self.time_grid is None else checked_grid(self.time_grid)
        rows: FloatArray = validate_data(self, X, dtype=np.float64)
        data = CheckedRows.of(rows, y, sample_weight, strata)
        rows = rows[data.kept]
        theta, designs = self._learn(rows, data, grid)
        self.event_times_, self.strata_ = np.unique(data.time[data.event]), data.strata
        if knots is None:
            self._set_steps(theta, designs, data)
        else:
            self._set_smooth(rows @ self.coef_ - self.mean_log_risk_, data, knots)
        return self

    def _learn(
        self, rows: FloatArray, data: CheckedRows, grid: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, Designs]:
        """Find the posterior; parameters and designs whose product is the log risk against the mean patient."""
        inputs = standardise(rows, data.weight)
        designs = cox_designs(data, inputs.scores)
        posterior = integrate(
            lambda theta: stratified_efron(theta, designs),
            np.zeros(inputs.moment.size),
            inputs.moment,
            free=0,
            grid=grid,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self.coef_ = inputs.loadings @ posterior.mean
        self.covariance_ = inputs.loadings @ posterior.covariance @ inputs.loadings.T
        if not inputs.full_rank and np.isfinite(posterior.tau).all():
            # Directions in which no training row varies keep their prior; a new patient may vary in them.
            self.covariance_ += (posterior.weight @ posterior.tau**2) * inputs.unseen()
        self.tau_grid_, self.tau_weights_, self.n_iter_ = posterior.tau, posterior.weight, posterior.n_iter
        self.log_evidence_ = posterior.log_evidence
        self.mean_log_risk_ = float(inputs.centre @ self.coef_)
        return posterior.mean, designs

    def predict(self, X: ArrayLike) -> FloatArray:
        """Log risk ``X @ coef_``, not centred, of shape (n_samples,); larger means earlier events."""
        check_is_fitted(self)
        log_risk: FloatArray = validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_
        return log_risk

    def predict_cumulative_hazard(self, X: ArrayLike, times: ArrayLike) -> FloatArray:
        """Cumulative hazard of each patient at any times the model covers.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs.
        times : array of shape (n_times,)
            Times from 0 to the last of ``unique_times_``, in any order.

        Returns
        -------
        float array of shape (n_samples, n_times)
            Minus the logarithm of the survival probability.

        Raises
        ------
        ValueError
            If a time lies outside that range.
        """
        # Limited as the portable model does: certainty, and no overflow, far outside the training data.
        relative = np.exp(np.clip(self.predict(X) - self.mean_log_risk_, -MAX_LOG, MAX_LOG))
        return relative[:, None] * self._baseline(np.asarray(times, dtype=np.float64).ravel())

    def predict_survival(self, X: ArrayLike, times: ArrayLike) -> FloatArray:
        """S(t) of each patient, shape (n_samples, n_times); ``times`` as for `predict_cumulative_hazard`."""
        survival: FloatArray = np.exp(-self.predict_cumulative_hazard(X, times))
        return survival

    def predict_cumulative_hazard_function(self, X: ArrayLike, return_array: bool = False) -> NDArray[Any]:
        """Cumulative hazard of each patient over ``unique_times_``; see `predict_survival_function`."""
        return self._curves(X, lambda hazard: hazard, return_array)

    def predict_survival_function(self, X: ArrayLike, return_array: bool = False) -> NDArray[Any]:
        """Survival curve of each patient.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs.
        return_array : bool, default False
            Give the values at ``unique_times_`` rather than functions.

        Returns
        -------
        array
            Of shape (n_samples,) with a `sksurv.functions.StepFunction` each, defined from 0 to the last of
            ``unique_times_`` (with a ``time_grid`` it steps where the model itself is smooth), or
            of shape (n_samples, n_unique_times).
        """
        return self._curves(X, lambda hazard: np.exp(-hazard), return_array)

    def to_portable(self) -> Member:
        """The fitted model as a member of weight 1 of the portable model.

        Raises
        ------
        ValueError
            Without a ``time_grid``: the baseline would hold patients' own event times.
        """
        smooth = self._smooth()
        return self._member(self.coef_, self.mean_log_risk_, smooth.cumulative_hazard)

    def draw(self, mean_row: FloatArray, normal: FloatArray) -> Member:
        """A draw from the posterior of coefficients and smoothed baseline, as a member of weight 1.

        Parameters
        ----------
        mean_row : float array of shape (n_features,)
            The patient to whom the baseline belongs: the mean training row. Drawn coefficients rotate about it.
        normal : float array of shape (n_features + n_knots or more,)
            Standard normal numbers, those for the coefficients first.

        Returns
        -------
        Member
        """
        self._smooth()
        return self._drawn(self.coef_ + symmetric_root(self.covariance_) @ normal[: self.coef_.size], mean_row, normal)

    def _drawn(self, coefficients: FloatArray, mean_row: FloatArray, normal: FloatArray) -> Member:
        """A member of drawn coefficients with a baseline drawn from the numbers after theirs."""
        smooth, size = self._smooth(), coefficients.size
        needed = size + smooth.log_hazard.size
        if normal.size < needed:
            raise ValueError(f"a draw needs {needed} normal numbers, got {normal.size}")
        return self._member(coefficients, float(mean_row @ coefficients), smooth.draw(normal[size:needed]))

    def _smooth(self) -> SmoothBaseline:
        check_is_fitted(self)
        if self.smooth_baseline_ is None:
            raise ValueError("a baseline of patients' own event times is not portable: fit with a time_grid")
        return self.smooth_baseline_

    def _member(self, coefficients: FloatArray, centre: float, hazard: FloatArray) -> Member:
        # The baseline belongs to the mean patient, so the linear predictor is centred on that patient.
        linear = Linear(-float(centre), tuple(coefficients.tolist()))
        return Member(1.0, linear, Baseline(tuple(self.baseline_times_.tolist()), tuple(hazard.tolist())))

    def _set_steps(self, theta: FloatArray, designs: Designs, data: CheckedRows) -> None:
        """Store Efron's baseline of each stratum, and their mean, at the event times."""
        steps = np.zeros((len(designs), self.event_times_.size))
        for k, design in enumerate(designs):
            if design is not None:
                # Without strata the mean of the inputs is zero already but for rounding.
                centre = math.exp(-float(design.centre @ theta)) if len(designs) > 1 else 1.0
                steps[k] = _step(design.event_times, efron_baseline(theta, design) * centre, self.event_times_)
        self.smooth_baseline_: SmoothBaseline | None = None
        self.baseline_times_, self.stratum_cumulative_hazard_ = self.event_times_, steps
        self.baseline_cumulative_hazard_ = steps[0] if len(steps) == 1 else data.share @ steps / data.share.sum()
        self.unique_times_ = np.unique(data.time)

    def _set_smooth(self, log_risk: FloatArray, data: CheckedRows, knots: FloatArray) -> None:
        """Store the smoothed baseline of each stratum, and their mean, at 0 and the knots."""
        of_strata = []
        for k in range(len(self.strata_)):
            own, risk = data.of_stratum(k), log_risk[data.stratum == k]
            of_strata.append(smooth_baseline(risk, own.time, own.event, knots, entry=own.entry, weight=own.weight))
        self.smooth_baseline_ = of_strata[0] if len(of_strata) == 1 else average_baseline(of_strata, data.share)
        self.stratum_cumulative_hazard_ = np.array([baseline.cumulative_hazard for baseline in of_strata])
        self.baseline_times_ = self.smooth_baseline_.times
        self.baseline_cumulative_hazard_ = self.smooth_baseline_.cumulative_hazard
        self.unique_times_ = np.union1d(self.baseline_times_, data.time[data.time <= knots[-1]])

    def _baseline(self, times: FloatArray) -> FloatArray:
        """Cumulative hazard of the mean patient at ``times``."""
        last = self.unique_times_[-1]
        if not ((times >= 0) & (times <= last)).all():
            raise ValueError(
                f"times must lie in [0, {last:g}], got {times.min():g} to {times.max():g}: ask for earlier times, or "
                "fit with longer follow-up (and, where a time_grid is set, one that reaches further)"
            )
        if self.smooth_baseline_ is not None:
            between: FloatArray = np.interp(times, self.baseline_times_, self.baseline_cumulative_hazard_)
            return between
        return _step(self.baseline_times_, self.baseline_cumulative_hazard_, times)

    def _curves(self, X: ArrayLike, transform: Callable[[FloatArray], FloatArray], return_array: bool) -> NDArray[Any]:
        """``transform`` of each patient's cumulative hazard, as values or as functions."""
        check_is_fitted(self)
        if return_array:
            return transform(self.predict_cumulative_hazard(X, self.unique_times_))
        from sksurv.functions import StepFunction  # noqa: PLC0415

        # A StepFunction takes its first value for all earlier times too, so the first time has to be 0.
        times = np.union1d(0.0, self.unique_times_)
        curves = transform(self.predict_cumulative_hazard(X, times))
        functions = np.empty(len(curves), dtype=object)
        functions[:] = [StepFunction(times, curve) for curve in curves]
        return functions

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def cox_designs(data: CheckedRows, scores: FloatArray) -> Designs:
    """The design of each stratum; ValueError without any event."""
    if not data.event.any():
        raise ValueError("a Cox model needs at least one event, got none: every time is censored")
    found: Designs = []
    for k in range(len(data.strata)):
        own = data.of_stratum(k)
        rows = (scores[data.stratum == k], own.time, own.event, own.entry, own.weight)
        found.append(CoxDesign.build(*rows) if own.event.any() else None)
    return found


def stratified_efron(theta: FloatArray, designs: Designs) -> tuple[float, FloatArray, FloatArray]:
    """Log partial likelihood over the strata, with gradient and information."""
    parts = [efron(theta, design) for design in designs if design is not None]
    value, gradient, information = parts[0]
    for other in parts[1:]:
        value, gradient, information = value + other[0], gradient + other[1], information + other[2]
    return value, gradient, information


def _step(jumps: FloatArray, values: FloatArray, times: FloatArray) -> FloatArray:
    """Right-continuous step function that is 0 before the first jump, at ``times``."""
    at: FloatArray = np.concatenate([[0.0], values])[np.searchsorted(jumps, times, side="right")]
    return at
