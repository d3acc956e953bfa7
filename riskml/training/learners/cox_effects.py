r"""Effects in a Cox model, with intervals and tests: by the partial likelihood, or penalised after Firth.

Where a group has no event the partial likelihood rises for ever and has no maximum. Firth's penalty, Jeffreys' prior,
:math:`\ell^*(\beta) = \ell(\beta) + \tfrac12 \log |I(\beta)|`, takes away the bias of first order and keeps every
estimate finite. Its gradient needs the third central moments of the inputs in each risk set:

.. math::
    U^*_k = U_k + \tfrac12 \sum_{e} E_e\big[ (x - \bar x_e)^T I^{-1} (x - \bar x_e) \, (x_k - \bar x_{ek}) \big]

Ties are Efron's. For hazard ratios of few inputs, not for predictions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, ndtri

from riskml.training.learners.cox_likelihood import CoxDesign, FloatArray, efron
from riskml.training.metrics.binary import BoolArray, maximise
from riskml.training.metrics.risk_sets import cox_design
from riskml.training.metrics.survival import checked

NAN = float("nan")
# Beyond this many standard errors the penalised likelihood does not fall any more, and the interval is open.
FARTHEST = 64.0
# Information on the standardised inputs, for each event, that is none.
FLAT = 1e-10
# Of the differences that give the curvature of the penalty, which only decides how long a step is.
STEP = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class CoxEffects:
    """Log hazard ratios with intervals and tests; nan throughout where there is no finite maximum.

    Attributes
    ----------
    coef, standard_error, low, high, p_value : float arrays of shape (n_features,)
        Per unit of the input; exponentiate for hazard ratios.
    covariance : float array of shape (n_features, n_features)
    firth : bool
        Whether the likelihood was penalised. Then intervals are profile likelihood's and tests likelihood ratios, else
        both are Wald's.
    level : float
    """

    coef: FloatArray
    standard_error: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray
    covariance: FloatArray
    firth: bool
    level: float

    @property
    def found(self) -> bool:
        """Whether there is a finite maximum."""
        return bool(np.isfinite(self.coef).all())

    def wald(self, columns: list[int]) -> float:
        """P-value of Wald's test that all coefficients of ``columns`` are 0; nan where it cannot be had."""
        if not columns or not self.found:
            return NAN
        own = self.coef[columns]
        return float(chdtrc(len(columns), own @ np.linalg.solve(self.covariance[np.ix_(columns, columns)], own)))


def cox_effects(
    X: FloatArray,
    time: FloatArray,
    event: BoolArray,
    entry: FloatArray | None = None,
    *,
    firth: bool = False,
    level: float = 0.95,
) -> CoxEffects:
    """Log hazard ratios of the columns of ``X``.

    Parameters
    ----------
    X : float array of shape (n_patients, n_features)
        Finite inputs.
    time : float array of shape (n_patients,)
        Any one unit.
    event : bool array of shape (n_patients,)
        False = censored.
    entry : float array of shape (n_patients,), optional
        When observation began, before ``time``.
    firth : bool
        Penalise.
    level : float
        Coverage of the intervals, strictly between 0 and 1.

    Returns
    -------
    CoxEffects
        nan without an event, with columns that determine one another, and, unless ``firth``, where the likelihood has
        no maximum.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite, an entry is not before its exit or ``level`` is out of range.

    References
    ----------
    Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220.
    Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 1977;72:557-565.
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics
    2001;57:114-119.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be strictly between 0 and 1, got {level!r}")
    time, event, entry = checked(time, event, entry)
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or len(X) != time.size or not np.isfinite(X).all():
        raise ValueError(f"X must hold finite numbers in {time.size} rows, got shape {X.shape}")
    p = X.shape[1]
    scale = X.std(axis=0) if len(X) else np.zeros(p)
    unknown = np.full(p, NAN)
    none = CoxEffects(unknown, unknown, unknown, unknown, unknown, np.full((p, p), NAN), firth, level)
    if not (p and event.any() and (scale > 0).all()) or np.linalg.matrix_rank((X - X.mean(axis=0)) / scale) < p:
        return none
    model = _Likelihood(cox_design(X / scale, time, event, entry), firth=firth)
    beta = maximise(model, np.zeros(p))
    information = model.information(beta) if np.isfinite(beta).all() else np.zeros((p, p))
    # Nothing but rounding is left where no event had patients of different inputs at risk, or the way has no end.
    if not np.isfinite(information).all() or np.linalg.eigvalsh(information)[0] < FLAT * event.sum():
        return none
    covariance = np.linalg.inv(information)
    error = np.sqrt(np.diag(covariance))
    if firth:
        low, high, p_value = _profiled(model, beta, error, level)
    else:
        reach = float(ndtri((1 + level) / 2)) * error
        low, high, p_value = beta - reach, beta + reach, chdtrc(1, (beta / error) ** 2)
    return CoxEffects(
        beta / scale,
        error / scale,
        low / scale,
        high / scale,
        p_value,
        covariance / np.outer(scale, scale),
        firth,
        level,
    )


class _Likelihood:
    """Log partial likelihood, penalised or not, with gradient and information, for `maximise`."""

    def __init__(self, design: CoxDesign, *, firth: bool) -> None:
        self.design, self.firth = design, firth

    def __call__(self, beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, information = efron(beta, self.design)
        if not self.firth:
            return value, gradient, information
        sign, log_det = np.linalg.slogdet(information) if np.isfinite(information).all() else (0.0, NAN)
        if sign <= 0:
            return -math.inf, gradient, information
        drift = self._drift(beta, information)
        return value + 0.5 * float(log_det), gradient + 0.5 * drift, self._curvature(beta, information, drift)

    def information(self, beta: FloatArray) -> FloatArray:
        """Of the likelihood without its penalty, shape (n_features, n_features)."""
        return efron(beta, self.design)[2]

    def _curvature(self, beta: FloatArray, information: FloatArray, drift: FloatArray) -> FloatArray:
        """Minus the second derivative, by differences: with the information alone steps go back and forth for ever."""
        turn = np.zeros_like(information)
        for k, step in enumerate(STEP * np.eye(beta.size)):
            turn[k] = (self._drift(beta + step, efron(beta + step, self.design)[2]) - drift) / STEP
        curvature = np.asarray(information - 0.25 * (turn + turn.T))
        concave = np.isfinite(curvature).all() and (
            np.linalg.eigvalsh(curvature)[0] > 0.1 * np.linalg.eigvalsh(information)[0]
        )
        return curvature if concave else 2 * information

    def _drift(self, beta: FloatArray, information: FloatArray) -> FloatArray:
        """Derivative of log |I|: over the events, third central moments contracted with the inverse of I."""
        design, (n, p) = self.design, self.design.X.shape
        inverse = np.linalg.pinv(information, hermitian=True)
        X, log_risk = design.X, design.X @ beta
        risk = np.exp(log_risk - log_risk.max())
        squares = (X[:, :, None] * X[:, None, :]).reshape(n, p * p)
        length = ((X @ inverse) * X).sum(axis=1, keepdims=True)
        weighted = risk[:, None] * np.hstack([np.ones((n, 1)), X, squares, length * X])
        tied = np.add.reduceat(weighted[design.deaths], design.first)
        sums = design.risk_sets.sums(weighted)[design.tie] - design.fraction[:, None] * tied[design.tie]
        mean, second, third = np.split(sums[:, 1:] / sums[:, :1], [p, p + p * p], axis=1)
        second = second.reshape(-1, p, p)
        turned = mean @ inverse
        own = (turned * mean).sum(axis=1, keepdims=True)
        spread = (second * inverse).sum(axis=(1, 2))[:, None]
        per_event = third - 2 * np.einsum("ejk,ek->ej", second, turned) - mean * spread + 2 * mean * own
        return np.asarray(per_event.sum(axis=0))


def _profiled(
    model: _Likelihood, beta: FloatArray, error: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Ends of the profile likelihood intervals, and p-values of the likelihood ratio tests of 0."""
    top, allowed = model(beta)[0], float(chdtri(1, 1 - level))
    low, high, p_value = (np.full(beta.size, NAN) for _ in range(3))

    def drop(k: int, value: float) -> float:
        """Twice the loss of likelihood where coefficient k is held at a value and the others follow."""
        rest = np.delete(np.arange(beta.size), k)

        def held(others: FloatArray) -> tuple[float, FloatArray, FloatArray]:
            whole, gradient, information = model(np.insert(others, k, value))
            return whole, gradient[rest], information[np.ix_(rest, rest)]

        best = maximise(held, beta[rest]) if rest.size else beta[rest]
        return max(0.0, 2 * (top - held(best)[0])) if np.isfinite(best).all() else NAN

    for k in range(beta.size):
        p_value[k] = chdtrc(1, drop(k, 0.0))
        for ends, side in ((low, -1.0), (high, 1.0)):
            near, far = 0.0, error[k]
            while far < FARTHEST * error[k] and drop(k, beta[k] + side * far) < allowed:
                near, far = far, 2 * far
            if not drop(k, beta[k] + side * far) >= allowed:
                ends[k] = side * math.inf
                continue
            ends[k] = beta[k] + side * brentq(
                lambda d, k=k, side=side: drop(k, beta[k] + side * d) - allowed, near, far, xtol=1e-9 * error[k]
            )
    return low, high, p_value
