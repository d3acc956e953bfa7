"""Ridge Cox regression whose penalty is averaged over instead of tuned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

from riskml.training.learners.cox_likelihood import BoolArray, CoxDesign, FloatArray, efron, efron_baseline
from riskml.training.learners.prior_scale import integrate, standardise, tau_grid


class RidgeCox(BaseEstimator):
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
        them (a piecewise constant hazard), so that no patient's own event time is part of the model.
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
        Cumulative hazard of the mean patient at the distinct event times, or at 0 and ``time_grid``. A grid time after
        the end of follow-up holds the last value.
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

    def fit(self, X: ArrayLike, y: NDArray[np.void], sample_weight: ArrayLike | None = None) -> Self:
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
        knots = None if self.time_grid is None else _knots(self.time_grid)
        rows: FloatArray = validate_data(self, X, dtype=np.float64)
        time, event, entry = survival_arrays(y)
        check_consistent_length(rows, time)
        weight: FloatArray = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        kept = weight > 0
        rows, time, event, weight = rows[kept], time[kept], event[kept], weight[kept]
        inputs = standardise(rows, weight)
        design = CoxDesign.build(inputs.scores, time, event, None if entry is None else entry[kept], weight)
        posterior = integrate(
            lambda theta: efron(theta, design),
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
        self.mean_log_risk_ = float(inputs.centre @ self.coef_)
        self.event_times_ = design.event_times
        self._set_baseline(efron_baseline(posterior.mean, design), np.unique(time), knots)
        return self

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
        relative = np.exp(self.predict(X) - self.mean_log_risk_)
        return relative[:, None] * self._baseline(np.asarray(times, dtype=np.float64).ravel())

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

    def score(self, X: ArrayLike, y: NDArray[np.void]) -> float:
        """Harrell's C of `predict` on survival data as for `fit`."""
        from riskml.training.metrics.survival import harrell_c  # noqa: PLC0415

        time, event, entry = survival_arrays(y)
        return float(harrell_c(time, event, self.predict(X), entry))

    def _set_baseline(self, hazard: FloatArray, observed: FloatArray, knots: FloatArray | None) -> None:
        """Store the baseline and the times that predictions cover."""
        self._piecewise_linear = knots is not None
        if knots is None:
            self.baseline_times_, self.baseline_cumulative_hazard_ = self.event_times_, hazard
            self.unique_times_ = observed
        else:
            self.baseline_times_ = np.concatenate([[0.0], knots])
            self.baseline_cumulative_hazard_ = _step(self.event_times_, hazard, self.baseline_times_)
            self.unique_times_ = np.union1d(self.baseline_times_, observed[observed <= knots[-1]])

    def _baseline(self, times: FloatArray) -> FloatArray:
        """Cumulative hazard of the mean patient at ``times``."""
        last = self.unique_times_[-1]
        if not ((times >= 0) & (times <= last)).all():
            raise ValueError(
                f"times must lie in [0, {last:g}], got {times.min():g} to {times.max():g}: ask for earlier times, or "
                "fit with longer follow-up (and, where a time_grid is set, one that reaches further)"
            )
        if self._piecewise_linear:
            return np.interp(times, self.baseline_times_, self.baseline_cumulative_hazard_)
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


def _knots(time_grid: ArrayLike) -> FloatArray:
    """Check the time grid and make it an array."""
    knots = np.asarray(time_grid, dtype=np.float64)
    if knots.ndim != 1 or not knots.size or not (np.isfinite(knots).all() and (np.diff(knots, prepend=0.0) > 0).all()):
        raise ValueError(f"time_grid must hold positive, finite, increasing times, got {time_grid!r}")
    return knots


def _step(jumps: FloatArray, values: FloatArray, times: FloatArray) -> FloatArray:
    """Right-continuous step function that is 0 before the first jump, at ``times``."""
    at: FloatArray = np.concatenate([[0.0], values])[np.searchsorted(jumps, times, side="right")]
    return at
