r"""Ridge learners that may borrow from the literature, and let the data say how much.

The prior of the coefficients is a mixture of two,

.. math::
    p(\beta) = w\, N(\beta_L \mid m, \mathrm{diag}(s^2))\, p_{ridge}(\beta_{-L}) + (1 - w)\, p_{ridge}(\beta)

with L the columns that the literature speaks of, m and s what it says (s already widened for differences between
studies), and p_ridge the zero-centred ridge prior with its width integrated out. By Bayes' rule the posterior is a
mixture too; its weight is w times the evidence of the first component against the second. Where the data contradict the
literature, the evidence of the first component collapses and the plain ridge is left. One weight for all columns: a
literature that is wrong about one of them loses its say about the others.

References
----------
Schmidli H, Gsteiger S, Roychoudhury S, O'Hagan A, Spiegelhalter D, Neuenschwander B. Robust meta-analytic-predictive
priors in clinical trials with historical control information. Biometrics 2014;70:1023-1032.
Tierney L, Kadane JB. Accurate approximations for posterior moments. J Am Stat Assoc 1986;81:82-86 (Laplace).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr

from riskml.runtime.members import Linear, Member
from riskml.runtime.responses import LOGISTIC
from riskml.training.learners.cox_likelihood import FloatArray
from riskml.training.learners.prior_scale import Posterior, Standardised, integrate, standardise, symmetric_root
from riskml.training.learners.ridge_cox import Designs, RidgeCox, cox_designs, stratified_efron
from riskml.training.learners.ridge_logistic import (
    BernoulliLikelihood,
    RidgeLogistic,
    covariance_with_intercept,
    intercept_for_rate,
)
from riskml.training.learners.survival_rows import CheckedRows


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the posterior: ``mean`` (q,) and ``covariance`` (q, q) of all parameters, log ``evidence``."""

    mean: FloatArray
    covariance: FloatArray
    evidence: float


class LiteratureLogistic(RidgeLogistic):
    r"""Binary logistic regression under a mixture of a literature prior and the ridge prior of `RidgeLogistic`.

    Parameters
    ----------
    prior_mean, prior_sd : float array of shape (n_features,), optional
        What the literature says of each coefficient, per unit of that input: a log odds ratio and its standard
        deviation for a new study. nan in both: nothing. Without any the model is `RidgeLogistic`, to the last bit.
    prior_weight : float, default 0.5
        Prior probability that the literature holds here.
    prior_scale, max_iter, tol
        As in `RidgeLogistic`.

    Attributes
    ----------
    literature_weight_ : float
        Posterior probability of the literature component; 0 where there is no literature.
    components_ : tuple of Component
        Literature and ridge, each with intercept first; the ridge alone where there is no literature.
    coef_, intercept_, covariance_, tau_grid_, tau_weights_, classes_, n_iter_, n_features_in_
        As in `RidgeLogistic`, of the mixture; the weights of tau are those of the ridge component.

    References
    ----------
    Schmidli H et al. Biometrics 2014;70:1023-1032.

    Examples
    --------
    >>> X, y = [[0.0], [0.0], [1.0], [1.0]], [0, 1, 0, 1]
    >>> LiteratureLogistic(prior_mean=[1.0], prior_sd=[0.5]).fit(X, y).coef_[0, 0] > 0
    True
    """

    tau = None

    def __init__(
        self,
        *,
        prior_mean: ArrayLike | None = None,
        prior_sd: ArrayLike | None = None,
        prior_weight: float = 0.5,
        prior_scale: float = 0.5,
        max_iter: int = 100,
        tol: float = 1e-10,
    ) -> None:
        self.prior_mean = prior_mean
        self.prior_sd = prior_sd
        self.prior_weight = prior_weight
        self.prior_scale = prior_scale
        self.max_iter = max_iter
        self.tol = tol

    def _learn(
        self, rows: FloatArray, code: NDArray[np.intp], weight: FloatArray, grid: tuple[FloatArray, FloatArray]
    ) -> None:
        """The ridge component, then the literature component, then their mixture."""
        mean, sd = checked_prior(self.prior_mean, self.prior_sd, self.prior_weight, rows.shape[1])
        super()._learn(rows, code, weight, grid)
        ridge = Component(np.concatenate([self.intercept_, self.coef_[0]]), self.covariance_, self.log_evidence_)
        self.components_: tuple[Component, ...] = (ridge,)
        self.literature_weight_ = 0.0
        if np.isnan(mean).all():
            return
        inputs, centre = literature_axes(rows, weight, mean, sd)
        likelihood, rate = BernoulliLikelihood(inputs.scores, code, weight), float(np.average(code, weights=weight))
        origin = np.concatenate([[logit(rate)], centre])
        posterior = integrate(
            lambda theta: likelihood(origin + theta),
            np.zeros(origin.size),
            np.concatenate([[weight.sum()], inputs.moment]),
            free=1,
            grid=grid,
            max_iter=self.max_iter,
            tol=self.tol,
            precision=np.concatenate([[np.nan], _precision(centre, mean)]),
        )

        def calibrated(coef: FloatArray) -> FloatArray:
            """The coefficients behind the intercept that makes the mean prediction the event rate."""
            shift = intercept_for_rate((rows - inputs.centre) @ coef, weight, rate)
            return np.concatenate([[shift - inputs.centre @ coef], coef])

        literature = Component(
            calibrated(inputs.loadings @ (centre + posterior.mean[1:])),
            covariance_with_intercept(posterior, inputs),
            posterior.log_evidence,
        )
        self.components_ = (literature, ridge)
        self.literature_weight_, average, self.covariance_ = mix(literature, ridge, self.prior_weight)
        self.intercept_, self.coef_ = np.split(calibrated(average[1:]), [1])
        self.coef_ = self.coef_[None, :]

    def to_portable(self) -> Member:
        """The fitted model as a member of weight 1: one linear predictor."""
        return Member(1.0, Linear(float(self.intercept_[0]), tuple(self.coef_[0].tolist())), LOGISTIC)

    def draw(self, _mean_row: FloatArray, normal: FloatArray) -> Member:
        """A draw from the posterior mixture.

        Parameters
        ----------
        _mean_row : float array of shape (n_features,)
            Not needed: the intercept is drawn with the coefficients.
        normal : float array of shape (1 + n_features,) or longer
            Standard normal numbers.
        """
        intercept, *coef = draw_from(self.components_, self.literature_weight_, normal).tolist()
        return Member(1.0, Linear(intercept, tuple(coef)), LOGISTIC)


class LiteratureCox(RidgeCox):
    r"""Proportional hazards under a mixture of a literature prior and the ridge prior of `RidgeCox`.

    Parameters
    ----------
    prior_mean, prior_sd : float array of shape (n_features,), optional
        What the literature says of each coefficient, per unit of that input: a log hazard ratio and its standard
        deviation for a new study. nan in both: nothing. Without any the model is `RidgeCox`, to the last bit.
    prior_weight : float, default 0.5
        Prior probability that the literature holds here.
    prior_scale, time_grid, max_iter, tol
        As in `RidgeCox`.

    Attributes
    ----------
    literature_weight_ : float
        Posterior probability of the literature component; 0 where there is no literature.
    components_ : tuple of Component
        Literature and ridge; the ridge alone where there is no literature.
    coef_, covariance_, baseline_times_, baseline_cumulative_hazard_, ...
        As in `RidgeCox`, of the mixture; the weights of tau are those of the ridge component.

    References
    ----------
    Schmidli H et al. Biometrics 2014;70:1023-1032.
    """

    tau = None

    def __init__(
        self,
        *,
        prior_mean: ArrayLike | None = None,
        prior_sd: ArrayLike | None = None,
        prior_weight: float = 0.5,
        prior_scale: float = 0.5,
        time_grid: ArrayLike | None = None,
        max_iter: int = 100,
        tol: float = 1e-10,
    ) -> None:
        self.prior_mean = prior_mean
        self.prior_sd = prior_sd
        self.prior_weight = prior_weight
        self.prior_scale = prior_scale
        self.time_grid = time_grid
        self.max_iter = max_iter
        self.tol = tol

    def _learn(
        self, rows: FloatArray, data: CheckedRows, grid: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, Designs]:
        """The ridge component, then the literature component, then their mixture."""
        mean, sd = checked_prior(self.prior_mean, self.prior_sd, self.prior_weight, rows.shape[1])
        found = super()._learn(rows, data, grid)
        ridge = Component(self.coef_, self.covariance_, self.log_evidence_)
        self.components_: tuple[Component, ...] = (ridge,)
        self.literature_weight_ = 0.0
        if np.isnan(mean).all():
            return found
        inputs, centre = literature_axes(rows, data.weight, mean, sd)
        designs = cox_designs(data, inputs.scores)
        posterior = integrate(
            lambda theta: stratified_efron(centre + theta, designs),
            np.zeros(centre.size),
            inputs.moment,
            free=0,
            grid=grid,
            max_iter=self.max_iter,
            tol=self.tol,
            precision=_precision(centre, mean),
        )
        literature = Component(
            inputs.loadings @ (centre + posterior.mean), _covariance(posterior, inputs), posterior.log_evidence
        )
        self.components_ = (literature, ridge)
        self.literature_weight_, self.coef_, self.covariance_ = mix(literature, ridge, self.prior_weight)
        self.mean_log_risk_ = float(inputs.centre @ self.coef_)
        log_risk = ((rows - inputs.centre) @ self.coef_)[:, None]
        return np.ones(1), cox_designs(data, log_risk)

    def draw(self, mean_row: FloatArray, normal: FloatArray) -> Member:
        """A draw from the posterior mixture.

        Parameters
        ----------
        mean_row : float array of shape (n_features,)
            Mean of the design matrix, to which the baseline belongs.
        normal : float array of shape (n_features + n_knots or more,)
            Standard normal numbers.
        """
        self._smooth()
        return self._drawn(draw_from(self.components_, self.literature_weight_, normal), mean_row, normal)


def checked_prior(
    prior_mean: ArrayLike | None, prior_sd: ArrayLike | None, prior_weight: float, n_features: int
) -> tuple[FloatArray, FloatArray]:
    """The literature as two arrays of shape (n_features,), nan where it is silent.

    Raises
    ------
    ValueError
        If the shapes do not fit, a mean stands without a positive standard deviation or the other way round, or the
        weight is not a probability.
    """
    if not 0 <= prior_weight <= 1:
        raise ValueError(f"prior_weight must be between 0 and 1, got {prior_weight!r}")
    silent = np.full(n_features, np.nan)
    mean, sd = (silent if given is None else np.asarray(given, dtype=np.float64) for given in (prior_mean, prior_sd))
    for name, array in (("prior_mean", mean), ("prior_sd", sd)):
        if array.shape != (n_features,):
            raise ValueError(f"{name} must have one number a column, {n_features}, got shape {array.shape}")
    if not ((np.isnan(mean) & np.isnan(sd)) | (np.isfinite(mean) & np.isfinite(sd) & (sd > 0))).all():
        raise ValueError("each column needs a finite prior_mean with a positive prior_sd, or nan in both")
    return mean, sd


def literature_axes(
    rows: FloatArray, weight: FloatArray, mean: FloatArray, sd: FloatArray
) -> tuple[Standardised, FloatArray]:
    """Axes in which the literature prior has unit variance and the ridge prior keeps its width tau.

    Parameters
    ----------
    rows : float array of shape (n_samples, n_features)
    weight : float array of shape (n_samples,)
    mean, sd : float array of shape (n_features,)
        As from `checked_prior`.

    Returns
    -------
    Standardised
        The literature's columns in units of their prior standard deviation, each an axis of its own, then the
        principal axes of the others. Also a column that is constant here keeps its axis: what the literature says of a
        lesion that no training patient has is all there is to say.
    float array of shape (n_axes,)
        The literature's means in these axes, 0 for the others.
    """
    known, others = np.flatnonzero(~np.isnan(mean)), np.flatnonzero(np.isnan(mean))
    ridge = standardise(rows[:, others], weight)
    centre, scale = np.average(rows, axis=0, weights=weight), np.empty(mean.size)
    centre[others] = ridge.centre
    scale[known], scale[others] = 1 / sd[known], ridge.scale
    own = (rows[:, known] - centre[known]) * sd[known]
    loadings = np.zeros((mean.size, known.size + ridge.moment.size))
    loadings[known, np.arange(known.size)] = sd[known]
    loadings[others, known.size :] = ridge.loadings
    moment = np.concatenate([weight @ own**2, ridge.moment])
    axes = Standardised(np.column_stack([own, ridge.scores]), loadings, centre, scale, moment)
    return axes, np.concatenate([mean[known] / sd[known], np.zeros(ridge.moment.size)])


def mix(literature: Component, ridge: Component, prior_weight: float) -> tuple[float, FloatArray, FloatArray]:
    """Posterior weight of the literature, and mean and covariance of the mixture (the spread of its means included)."""
    weight = float(expit(logit(prior_weight) + literature.evidence - ridge.evidence))
    mean = weight * literature.mean + (1 - weight) * ridge.mean
    covariance = weight * literature.covariance + (1 - weight) * ridge.covariance
    apart = literature.mean - ridge.mean
    return weight, mean, covariance + weight * (1 - weight) * np.outer(apart, apart)


def draw_from(components: tuple[Component, ...], literature_weight: float, normal: FloatArray) -> FloatArray:
    """Parameters drawn from one of the components; the first one's probability is ``literature_weight``.

    The uniform number that picks the component is what stands behind the first 20 bits of the first normal number's
    probability. The draw itself feels the leading bits only, so for all that matters the two are independent, and no
    further random number is needed.
    """
    chosen = components[-1] if math.modf(float(ndtr(normal[0])) * 2.0**20)[0] >= literature_weight else components[0]
    return np.asarray(chosen.mean + symmetric_root(chosen.covariance) @ normal[: chosen.mean.size])


def _precision(centre: FloatArray, mean: FloatArray) -> FloatArray:
    """Prior precision of each axis: 1 for the literature's, which stand first, nan where tau decides."""
    n_known = int((~np.isnan(mean)).sum())
    return np.concatenate([np.ones(n_known), np.full(centre.size - n_known, np.nan)])


def _covariance(posterior: Posterior, inputs: Standardised) -> FloatArray:
    """Posterior covariance on the scale of the inputs; directions no row varies in keep their prior."""
    covariance: FloatArray = inputs.loadings @ posterior.covariance @ inputs.loadings.T
    if not inputs.full_rank:
        covariance += (posterior.weight @ posterior.tau**2) * inputs.unseen()
    return covariance
