r"""Accelerated failure time regression, Weibull or log-logistic, whose penalty is averaged over instead of tuned.

:math:`\log T = \mu + x\beta + \sigma\varepsilon` is fitted as :math:`\varepsilon = \phi\log t - \alpha + x\gamma` with
:math:`\phi = 1/\sigma`, :math:`\alpha = \mu/\sigma`, :math:`\gamma = -\beta/\sigma`. The residual is linear in these,
so where density f and survival function S of :math:`\varepsilon` are log-concave the likelihood of right-censored times

.. math::
    \sum_{events} w_i (\log\phi + \log f(\varepsilon_i)) + \sum_{censored} w_i \log S(\varepsilon_i)

is concave and has one maximum (Burridge 1981). Delayed entry at v takes :math:`\log S(\varepsilon(v))` away, which is
not concave; Newton's steps then use the absolute value of a curvature that points the wrong way.

The prior is on :math:`\gamma`, the log hazard ratio of a Weibull model and the log odds ratio of a log-logistic one:
the scales of ridge Cox and ridge logistic regression. Location and scale have flat priors.

References
----------
Burridge J. A note on maximum likelihood estimation for regression models using grouped data. J R Stat Soc B
1981;43:41-45.
Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data. 2nd ed. Wiley 2002, sections 2.2 and 3.6.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from riskml.runtime.members import Linear, Member
from riskml.runtime.time_responses import Accelerated
from riskml.training.learners.cox_likelihood import BoolArray
from riskml.training.learners.prior_scale import (
    FloatArray,
    Posterior,
    Standardised,
    integrate,
    standardise,
    symmetric_root,
    tau_grid,
)
from riskml.training.learners.smooth_baseline import checked_grid
from riskml.training.learners.survival_rows import CheckedRows, SurvivalScore

DISTRIBUTIONS = ("weibull", "loglogistic")


class Parametric(SurvivalScore, BaseEstimator):
    r"""Weibull or log-logistic regression with coefficients N(0, tau^2) of standardised inputs and tau integrated out.

    Parameters
    ----------
    distribution : {"weibull", "loglogistic"}, default "weibull"
        Of the time of the event.
    prior_scale : float, default 0.5
        Scale of the half-normal prior on tau, per standard deviation of an input: in log hazard (Weibull) or log odds
        (log-logistic).
    tau : float, optional
        Fix tau instead. ``inf`` is maximum likelihood.
    time_grid : array of shape (n_knots,), optional
        Positive, increasing times. The model speaks of times up to the last one; without, up to the last training time.
    max_iter : int, default 100
        Newton steps allowed for each tau.
    tol : float, default 1e-10
        Iteration ends with a step shorter than this many standard errors.

    Attributes
    ----------
    coef_ : float array of shape (n_features,)
        Change of the log time per unit of each input; larger means later events. A constant input has 0.
    intercept_ : float
        Log time at x = 0 and residual 0.
    scale_ : float
        :math:`\sigma`; below 1 the hazard of a Weibull model rises.
    last_ : float
        Last time the model speaks of.
    covariance_ : float array of shape (2 + n_features, 2 + n_features)
        Posterior covariance of :math:`-\log\sigma`, of :math:`\alpha` for the mean patient and of :math:`\gamma` per
        unit of each input, the uncertainty about tau included.
    tau_grid_, tau_weights_ : float array of shape (n_tau,)
        The values of tau and their posterior weights.
    n_iter_ : int
        Newton steps taken where most were needed.
    n_features_in_ : int
        Number of inputs; ``feature_names_in_`` holds their names where they have any.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data. 2nd ed. Wiley 2002, section 3.6.
    """

    def __init__(
        self,
        *,
        distribution: str = "weibull",
        prior_scale: float = 0.5,
        tau: float | None = None,
        time_grid: ArrayLike | None = None,
        max_iter: int = 100,
        tol: float = 1e-10,
    ) -> None:
        self.distribution = distribution
        self.prior_scale = prior_scale
        self.tau = tau
        self.time_grid = time_grid
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: ArrayLike, y: NDArray[np.void], sample_weight: ArrayLike | None = None) -> Self:
        """Find the posterior.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : structured array of shape (n_samples,)
            As for `RidgeCox`; an entry time may be part of it.
        sample_weight : array of shape (n_samples,), optional
            Frequencies: a weight of 2 equals the row twice, 0 its absence.

        Returns
        -------
        Parametric
            Itself.

        Raises
        ------
        ValueError
            If ``y`` breaks a rule above, there is no event, an event at time 0, or no event before the last time;
            if a parameter is out of range, or ``tau=inf`` meets a likelihood without a maximum.
        """
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(f"distribution must be one of {', '.join(DISTRIBUTIONS)}, got {self.distribution!r}")
        grid = tau_grid(self.prior_scale, self.tau)
        knots = None if self.time_grid is None else checked_grid(self.time_grid)
        rows: FloatArray = validate_data(self, X, dtype=np.float64)
        data = CheckedRows.of(rows, y, sample_weight)
        _check_spread(data)
        inputs = standardise(rows[data.kept], data.weight)
        likelihood = _Likelihood(data, inputs.scores, self.distribution)
        posterior = integrate(
            likelihood,
            np.concatenate([likelihood.exponential(data), np.zeros(inputs.moment.size)]),
            np.concatenate([[data.weight.sum()] * 2, inputs.moment]),
            free=2,
            grid=grid,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        theta = likelihood.centred(posterior.mean)
        self.scale_ = float(likelihood.unit / theta[0])
        self.coef_ = -self.scale_ * (inputs.loadings @ theta[2:])
        self._mean_log_time = likelihood.middle + self.scale_ * float(theta[1])
        self.intercept_ = self._mean_log_time - float(inputs.centre @ self.coef_)
        self.covariance_ = _covariance(posterior, inputs)
        self.tau_grid_, self.tau_weights_, self.n_iter_ = posterior.tau, posterior.weight, posterior.n_iter
        self.last_ = float(data.time.max() if knots is None else knots[-1])
        self._centre, self._middle = inputs.centre, likelihood.middle
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Log hazard ratio or log odds ratio against x = 0, shape (n_samples,); larger means earlier events."""
        check_is_fitted(self)
        log_risk: FloatArray = validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_ / -self.scale_
        return log_risk

    def predict_survival(self, X: ArrayLike, times: ArrayLike) -> FloatArray:
        """Probability of no event by each of ``times``.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs.
        times : array of shape (n_times,)
            From 0 to ``last_``, in any order.

        Returns
        -------
        float array of shape (n_samples, n_times)

        Raises
        ------
        ValueError
            If a time lies outside that range.
        """
        check_is_fitted(self)
        log_time = validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_ + self.intercept_
        response = Accelerated(self.distribution, self.scale_, self.last_)
        prepared = response.prepare(np.asarray(times, dtype=np.float64).ravel().tolist())
        survival: FloatArray = response.table(log_time[:, None], prepared)
        return survival

    def to_portable(self) -> Member:
        """The fitted model as a member of weight 1 of the portable model.

        Raises
        ------
        ValueError
            Without a ``time_grid``: the model would end at a patient's own time.
        """
        check_is_fitted(self)
        return self._member(self.intercept_, self.coef_, self.scale_)

    def draw(self, mean_row: FloatArray, normal: FloatArray) -> Member:  # noqa: ARG002
        """A draw from the posterior of scale, location and coefficients, as a member of weight 1.

        Parameters
        ----------
        mean_row : float array of shape (n_features,)
            Not used: location and coefficients are drawn together. Cox models need it.
        normal : float array of shape (2 + n_features or more,)
            Standard normal numbers.

        Returns
        -------
        Member
        """
        check_is_fitted(self)
        spread = symmetric_root(self.covariance_) @ normal[: len(self.covariance_)]
        # The scale is drawn on its logarithm, which no draw can make negative.
        scale = self.scale_ * math.exp(-spread[0])
        location = (self._mean_log_time - self._middle) / self.scale_ + spread[1]
        coefficients = scale * (self.coef_ / self.scale_ - spread[2:])
        return self._member(self._middle + scale * location - float(self._centre @ coefficients), coefficients, scale)

    def _member(self, intercept: float, coefficients: FloatArray, scale: float) -> Member:
        if self.time_grid is None:
            raise ValueError("a model that ends at a patient's own time is not portable: fit with a time_grid")
        linear = Linear(float(intercept), tuple(coefficients.tolist()))
        return Member(1.0, linear, Accelerated(self.distribution, float(scale), self.last_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class _Likelihood:
    """Log-likelihood of (phi, alpha, gamma) for standardised log times, with gradient and information."""

    def __init__(self, data: CheckedRows, scores: FloatArray, distribution: str) -> None:
        seen = data.time > 0  # a patient censored at once says nothing
        self.event, self.weight = data.event[seen].astype(np.float64), data.weight[seen]
        log_time = np.log(data.time[seen])
        self.middle = float(np.average(log_time, weights=self.weight))
        self.unit = math.sqrt(np.average((log_time - self.middle) ** 2, weights=self.weight))
        self.loglogistic = distribution == "loglogistic"
        self.U = self._design(log_time, scores[seen])
        late: BoolArray = np.zeros(len(data.time), dtype=np.bool_) if data.entry is None else data.entry > 0
        self.late_weight = data.weight[late]
        log_entry = np.zeros(0) if data.entry is None else np.log(data.entry[late])
        self.V = self._design(log_entry, scores[late])

    def _design(self, log_time: FloatArray, scores: FloatArray) -> FloatArray:
        return np.column_stack([(log_time - self.middle) / self.unit, np.full(len(log_time), -1.0), scores])

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        phi, size = theta[0], theta.size
        if not phi > 0:
            return -math.inf, np.zeros(size), np.eye(size)
        events, weighted = self.event @ self.weight, self.weight * self.event
        # Events count log f = log hazard + log S; the log hazard is z (Weibull) or z - log(1 + e^z) (log-logistic).
        times = self.weight * (1 + self.event) if self.loglogistic else self.weight
        residual = self.U @ theta
        with np.errstate(over="ignore", invalid="ignore"):
            at_end, at_entry = self._hazards(residual), self._hazards(self.V @ theta)
            value = events * math.log(phi) + weighted @ residual - times @ at_end[0] + self.late_weight @ at_entry[0]
            gradient = (weighted - times * at_end[1]) @ self.U + (self.late_weight * at_entry[1]) @ self.V
            information = self.U.T @ ((times * at_end[2])[:, None] * self.U)
            gradient[0] += events / phi
            information[0, 0] += events / phi**2
            if len(self.V):
                information -= self.V.T @ ((self.late_weight * at_entry[2])[:, None] * self.V)
                information = _uphill(information)
        return float(value), gradient, information

    def _hazards(self, residual: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Cumulative hazard -log S of the residual with its first and second derivative."""
        if not self.loglogistic:
            hazard = np.exp(residual)
            return hazard, hazard, hazard
        risk = expit(residual)
        return np.logaddexp(0, residual), risk, risk * expit(-residual)

    def exponential(self, data: CheckedRows) -> FloatArray:
        """Parameters of a constant hazard, events / time at risk, without effects."""
        start = 0.0 if data.entry is None else np.maximum(data.entry, 0.0)
        mean_time = data.weight @ (data.time - start) / (data.weight @ data.event)
        return np.array([self.unit, math.log(mean_time) - self.middle])

    def centred(self, theta: FloatArray) -> FloatArray:
        """``theta`` with the location that is best for its other parameters.

        Each mode has it; the average of the modes need not. For a Weibull model it makes the number of expected events
        that of the observed ones.
        """
        theta = theta.copy()
        for _ in range(50):
            _, gradient, information = self(theta)
            step = float(gradient[1] / information[1, 1])
            theta[1] += step
            if abs(step) < 1e-12 * (1 + abs(theta[1])):
                break
        return theta


def _uphill(information: FloatArray) -> FloatArray:
    """The information with the absolute values of its eigenvalues, itself where none is negative."""
    if not np.isfinite(information).all():
        return information
    values, vectors = np.linalg.eigh(information)
    return information if values[0] >= 0 else (vectors * np.abs(values)) @ vectors.T


def _check_spread(data: CheckedRows) -> None:
    """Refuse times from which location or scale has no finite estimate."""
    times = np.unique(data.time[data.event])
    if not times.size:
        raise ValueError("a parametric model needs at least one event, got none: every time is censored")
    if times[0] == 0:
        raise ValueError("a parametric model cannot take events at time 0: give them the smallest time one can tell")
    if times.size == 1 and times[0] == data.time.max():
        raise ValueError(
            f"every event came at the last time under observation ({times[0]:g}), so the spread of the times has no "
            "finite estimate; ridge Cox regression (RidgeCox) can take such data"
        )


def _covariance(posterior: Posterior, inputs: Standardised) -> FloatArray:
    """Posterior covariance of log phi, of alpha for the mean patient, and of gamma per unit of each input."""
    n_features = inputs.centre.size
    to_inputs = np.zeros((2 + n_features, posterior.mean.size))
    to_inputs[0, 0], to_inputs[1, 1] = 1 / posterior.mean[0], 1.0
    to_inputs[2:, 2:] = inputs.loadings
    covariance: FloatArray = to_inputs @ posterior.covariance @ to_inputs.T
    if not inputs.full_rank and np.isfinite(posterior.tau).all():
        # Directions in which no training row varies keep their prior; a new patient may vary in them.
        covariance[2:, 2:] += (posterior.weight @ posterior.tau**2) * inputs.unseen()
    return covariance
