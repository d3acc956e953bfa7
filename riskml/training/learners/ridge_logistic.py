"""Ridge logistic regression whose penalty is averaged over instead of tuned."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from riskml.runtime.members import Linear, Member
from riskml.runtime.responses import LOGISTIC
from riskml.training.learners.prior_scale import (
    FloatArray,
    Posterior,
    Standardised,
    integrate,
    standardise,
    symmetric_root,
    tau_grid,
)


class RidgeLogistic(ClassifierMixin, BaseEstimator):
    r"""Binary logistic regression with coefficients N(0, tau^2) and tau integrated out.

    The prior is on coefficients of standardised inputs; the intercept has a flat one. With 10 to 50 events this keeps
    predictions calibrated where tuned or fixed penalties do not, and it needs no inner cross-validation.

    Parameters
    ----------
    prior_scale : float, default 0.5
        Scale of the half-normal prior on tau, in log odds per standard deviation.
    tau : float, optional
        Fix tau instead. ``inf`` is maximum likelihood (collinear inputs then get the solution of least length, and
        separated outcomes are refused).
    max_iter : int, default 100
        Newton steps allowed for each tau.
    tol : float, default 1e-10
        Iteration ends with a step shorter than this many standard errors.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The two labels; probabilities and coefficients are about the second.
    coef_ : float array of shape (1, n_features)
        Log odds ratio of each input per unit of that input. A constant input has 0.
    intercept_ : float array of shape (1,)
        Such that the mean predicted probability of the training rows is their event rate.
    covariance_ : float array of shape (1 + n_features, 1 + n_features)
        Posterior covariance of intercept and coefficients, the uncertainty about tau included. With tau=inf only of
        the directions the data determine.
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
    MacKay DJC. Bayesian interpolation. Neural Comput 1992;4:415-447.

    Examples
    --------
    >>> model = RidgeLogistic().fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    >>> float(model.predict_proba([[1.5]])[0, 1].round(3))
    0.5
    """

    def __init__(
        self, *, prior_scale: float = 0.5, tau: float | None = None, max_iter: int = 100, tol: float = 1e-10
    ) -> None:
        self.prior_scale = prior_scale
        self.tau = tau
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Find the posterior.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Finite inputs.
        y : array of shape (n_samples,)
            Labels of exactly two classes; the larger one is the event.
        sample_weight : array of shape (n_samples,), optional
            Frequencies: a weight of 2 equals the row twice, 0 its absence.

        Returns
        -------
        RidgeLogistic
            Itself.

        Raises
        ------
        ValueError
            If ``y`` has not exactly two classes, a parameter is out of range, or ``tau=inf`` meets separated outcomes.
        """
        grid = tau_grid(self.prior_scale, self.tau)
        rows: FloatArray
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        weight: FloatArray = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        rows, labels, weight = rows[weight > 0], labels[weight > 0], weight[weight > 0]
        self.classes_, code = np.unique(labels, return_inverse=True)
        if self.classes_.size == 1:
            raise ValueError(f"y must hold two classes, got one class: {self.classes_[0]!r}")
        if self.classes_.size > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {type_of_target(labels)}."
            )
        self._learn(rows, code, weight, grid)
        return self

    def _learn(
        self, rows: FloatArray, code: NDArray[np.intp], weight: FloatArray, grid: tuple[FloatArray, FloatArray]
    ) -> None:
        """Find the posterior of checked data with positive weights."""
        inputs = standardise(rows, weight)
        rate = np.average(code, weights=weight)
        posterior = integrate(
            BernoulliLikelihood(inputs.scores, code, weight),
            np.concatenate([[logit(rate)], np.zeros(inputs.moment.size)]),
            np.concatenate([[weight.sum()], inputs.moment]),
            free=1,
            grid=grid,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        coef = inputs.loadings @ posterior.mean[1:]
        # Each mode meets the event rate on average, but the average of the modes need not: probabilities are not linear
        # in the coefficients. Solving the intercept again keeps calibration in the large exact.
        centred = intercept_for_rate(inputs.scores @ posterior.mean[1:], weight, float(rate))
        self.coef_ = coef[None, :]
        self.intercept_ = np.array([centred - inputs.centre @ coef])
        self.covariance_ = covariance_with_intercept(posterior, inputs)
        self.tau_grid_, self.tau_weights_, self.n_iter_ = posterior.tau, posterior.weight, posterior.n_iter
        self.log_evidence_ = posterior.log_evidence

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Log odds of the second class, of shape (n_samples,)."""
        check_is_fitted(self)
        log_odds: FloatArray = (
            validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_[0] + self.intercept_[0]
        )
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
        """The fitted model as a member of weight 1 of the portable model."""
        check_is_fitted(self)
        return Member(1.0, Linear(float(self.intercept_[0]), tuple(self.coef_[0].tolist())), LOGISTIC)

    def draw(self, mean_row: FloatArray, normal: FloatArray) -> Member:  # noqa: ARG002
        """A draw from the posterior of intercept and coefficients, as a member of weight 1.

        Parameters
        ----------
        mean_row : float array of shape (n_features,)
            Not used: the intercept is drawn together with the coefficients. Survival learners need it.
        normal : float array of shape (1 + n_features or more,)
            Standard normal numbers.

        Returns
        -------
        Member
        """
        check_is_fitted(self)
        spread = symmetric_root(self.covariance_) @ normal[: len(self.covariance_)]
        coefficients = self.coef_[0] + spread[1:]
        return Member(1.0, Linear(float(self.intercept_[0] + spread[0]), tuple(coefficients.tolist())), LOGISTIC)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class BernoulliLikelihood:
    """Bernoulli log-likelihood of (intercept, coefficients) with gradient and information."""

    def __init__(self, scores: FloatArray, event: NDArray[np.intp], weight: FloatArray) -> None:
        self.Z = np.column_stack([np.ones(len(scores)), scores])
        self.event, self.weight = event, weight

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Log-likelihood, gradient (q,) and information (q, q)."""
        log_odds = self.Z @ theta
        risk = expit(log_odds)
        value = self.weight @ (self.event * log_odds - np.logaddexp(0, log_odds))
        gradient = (self.weight * (self.event - risk)) @ self.Z
        # expit(-x) rather than 1 - risk: it keeps its digits where the risk is near 1.
        return float(value), gradient, self.Z.T @ ((self.weight * risk * expit(-log_odds))[:, None] * self.Z)


def intercept_for_rate(log_odds: FloatArray, weight: FloatArray, rate: float) -> float:
    """Constant to add to ``log_odds`` so that the weighted mean probability is ``rate``."""
    # One patient alone would need logit(rate) - log_odds; the common constant lies between the extremes.
    low, high = logit(rate) - log_odds.max() - 1, logit(rate) - log_odds.min() + 1
    return float(
        brentq(lambda shift: np.average(expit(log_odds + shift), weights=weight) - rate, low, high, xtol=1e-15)
    )


def covariance_with_intercept(posterior: Posterior, inputs: Standardised) -> FloatArray:
    """Posterior covariance on the scale of the inputs, intercept first."""
    n_features = inputs.centre.size
    to_inputs = np.zeros((1 + n_features, posterior.mean.size))
    to_inputs[0, 0] = 1
    to_inputs[1:, 1:] = inputs.loadings
    to_inputs[0, 1:] = -inputs.centre @ inputs.loadings
    covariance: FloatArray = to_inputs @ posterior.covariance @ to_inputs.T
    if not inputs.full_rank and np.isfinite(posterior.tau).all():
        # Directions in which no training row varies keep their prior; a new patient may vary in them.
        from_centre = np.vstack([-inputs.centre, np.eye(n_features)])
        covariance += (posterior.weight @ posterior.tau**2) * (from_centre @ inputs.unseen() @ from_centre.T)
    return covariance
