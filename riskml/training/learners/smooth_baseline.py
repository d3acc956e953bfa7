r"""Baseline hazard between the months of a grid, smoothed by a random walk on its logarithm.

Relative risks :math:`e^{x_i \beta}` are taken as known. In a short interval k the patients under observation spend the
exposure :math:`E_k = \sum_i w_i e^{x_i \beta} \cdot` time at risk, and the number of events :math:`d_k` has the
likelihood of a Poisson variable with mean :math:`h_k E_k` (Holford 1980, Laird & Olivier 1981). Alone,
:math:`d_k / E_k` is 0 in an interval without events and jumps with every single one. So neighbours lend each other
strength:

.. math::
    \log h_{k+1} - \log h_k \sim N(0, \tau^2 m_k), \qquad \log h_1 \text{ flat},

:math:`m_k` the distance of the intervals' midpoints in log time (in which a Weibull hazard is a straight line) as a
share of that between the first and the last: tau is the standard deviation of the whole change of the log hazard,
whatever the unit of time. Like the scale of the coefficients tau is half-normal and integrated, so that data decide
how much to smooth.

The intervals are finer than the grid. Within a long one where the hazard falls, most time at risk is spent early and
:math:`d_k / E_k` overstates the cumulative hazard at its end: with intervals to 6, 12 and 24 months S(t) was .02 too
low (design measurement, Weibull hazard of shape 0.5). What remains is in `benchmarks/smooth_baseline.py`. The
grid should reach beyond the last month of interest, because what comes after it is not used.

References
----------
Holford TR. The analysis of rates and of survivorship using log-linear models. Biometrics 1980;36:299-305.
Laird N, Olivier D. Covariance analysis of censored survival data using log-linear analysis techniques. J Am Stat Assoc
1981;76:231-240.
Gamerman D. Dynamic Bayesian models for survival data. Appl Stat 1991;40:63-79 (random walk of the log hazard).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from riskml.training.learners.prior_scale import FloatArray, integrate, symmetric_root, tau_grid

# From its first weeks to the end of follow-up a hazard may well change by a factor of e to e squared. With half of this
# a hazard that rises and falls was smoothed too much (design measurement at 105 patients: squared error of S(6) 1.02
# of that of Efron's steps, not .90).
PRIOR_SCALE = 2.0
# Intervals are at most this share of the grid's span.
FINENESS = 1 / 32
# The first one is halved towards 0 as often as this, where a falling hazard falls most.
HALVINGS = 4


@dataclass(frozen=True, slots=True)
class SmoothBaseline:
    """A cumulative hazard on a grid, linear in between, and how well it is known.

    Attributes
    ----------
    times : float array of shape (n_knots + 1,)
        0 and the grid.
    log_hazard : float array of shape (n_knots,)
        Logarithm of the mean hazard between two times, for a relative risk of 1; minus infinity throughout where there
        was no event at all.
    covariance : float array of shape (n_knots, n_knots)
        Posterior covariance of ``log_hazard``, the uncertainty about tau included.
    exposure : float array of shape (n_knots,)
        Weighted time at risk x relative risk.
    """

    times: FloatArray
    log_hazard: FloatArray
    covariance: FloatArray
    exposure: FloatArray

    @property
    def cumulative_hazard(self) -> FloatArray:
        """At each of ``times``, shape (n_knots + 1,)."""
        return _cumulate(self.log_hazard, self.times)

    def draw(self, normal: FloatArray) -> FloatArray:
        """Cumulative hazard at ``times`` drawn from the posterior, from ``n_knots`` standard normal numbers."""
        return _cumulate(self.log_hazard + symmetric_root(self.covariance) @ normal, self.times)


def smooth_baseline(
    log_risk: FloatArray,
    time: FloatArray,
    event: NDArray[np.bool_],
    time_grid: ArrayLike,
    *,
    entry: FloatArray | None = None,
    weight: FloatArray | None = None,
    prior_scale: float = PRIOR_SCALE,
    tau: float | None = None,
) -> SmoothBaseline:
    """Estimate the cumulative baseline hazard at the times of a grid.

    Parameters
    ----------
    log_risk : float array of shape (n_samples,)
        Logarithm of each row's relative risk.
    time : float array of shape (n_samples,)
        Time of event or censoring, not negative. What happens after the grid is censored at its end.
    event : bool array of shape (n_samples,)
        Whether ``time`` is an event.
    time_grid : array of shape (n_knots,)
        Positive, increasing times.
    entry : float array of shape (n_samples,), optional
        Time from which a row is under observation, smaller than ``time``.
    weight : float array of shape (n_samples,), optional
        Case weights.
    prior_scale : float, default 2
        Scale of the half-normal prior on tau.
    tau : float, optional
        Fix tau instead; ``inf`` gives events / exposure of each interval by itself.

    Returns
    -------
    SmoothBaseline
        Over the grid as many events are expected as were observed. Times that nobody reached continue the last known
        hazard. Without any event within the grid the hazard is 0.

    Raises
    ------
    ValueError
        If nobody is at risk within the grid, a parameter is out of range, or ``tau=inf`` meets an interval without
        events.
    """
    knots = checked_grid(time_grid)
    edges = _intervals(knots)
    shift = float(log_risk.max(initial=-math.inf))
    weight = np.ones(len(time)) if weight is None else weight
    start = np.zeros(len(time)) if entry is None else np.maximum(entry, 0.0)
    months = np.minimum(time[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1])
    exposure = (weight * np.exp(log_risk - shift)) @ np.maximum(months, 0.0)
    total = exposure.sum()
    if not total > 0:
        raise ValueError(f"nobody is under observation for any time within (0, {knots[-1]:g}], the span of time_grid")
    # (a, b] as everywhere; an event at time 0 belongs to the first interval.
    interval = np.searchsorted(edges[1:], time)
    within = event & (interval < exposure.size)
    events = np.bincount(interval[within], weight[within], minlength=exposure.size).astype(np.float64)
    return smooth_rates(events, exposure, edges, knots, shift=shift, prior_scale=prior_scale, tau=tau)


def smooth_rates(
    events: FloatArray,
    exposure: FloatArray,
    edges: FloatArray,
    knots: FloatArray,
    *,
    shift: float = 0.0,
    prior_scale: float = PRIOR_SCALE,
    tau: float | None = None,
) -> SmoothBaseline:
    """`smooth_baseline` from what the rows come down to: events and exposure in each interval.

    Parameters
    ----------
    events, exposure : float array of shape (n_intervals,)
        Weighted number of events, and time at risk x relative risk, which is positive in all.
    edges : float array of shape (n_intervals + 1,)
        Where the intervals begin and end, from 0 to the last of ``knots``; every knot is among them.
    knots : float array of shape (n_knots,)
        The grid.
    shift : float
        Logarithm of what ``exposure`` was divided by.
    prior_scale, tau
        As for `smooth_baseline`.
    """
    if not events.any():
        nothing = np.full(exposure.size, -math.inf)
        return _at_knots(edges, nothing, np.zeros((exposure.size, exposure.size)), exposure * math.exp(shift), knots)
    if tau == math.inf and not events.all():
        raise ValueError(
            "tau=inf leaves an interval without events no finite estimate: let the prior decide (tau=None)"
        )
    walk = _random_walk(edges)
    posterior = integrate(
        lambda theta: _poisson(theta, walk, events, exposure),
        np.concatenate([[math.log(events.sum() / exposure.sum())], np.zeros(exposure.size - 1)]),
        exposure @ walk**2 * events.sum() / exposure.sum(),
        free=1,
        grid=tau_grid(prior_scale, tau),
        max_iter=100,
        tol=1e-10,
    )
    log_hazard = walk @ posterior.mean
    # Each mode has as many events expected as observed; their average has not quite.
    log_hazard += math.log(events.sum() / (np.exp(log_hazard) @ exposure)) - shift
    return _at_knots(edges, log_hazard, walk @ posterior.covariance @ walk.T, exposure * math.exp(shift), knots)


def average_baseline(baselines: Sequence[SmoothBaseline], share: FloatArray) -> SmoothBaseline:
    """The mean hazard of several strata.

    Parameters
    ----------
    baselines : sequence of SmoothBaseline
        One a stratum, all on one grid.
    share : float array of shape (n_strata,)
        Positive weights, such as the number of patients of each centre.

    Returns
    -------
    SmoothBaseline
        Weighted mean of the hazards, then scaled so that over all strata together as many events are expected as from
        the strata's own hazards. Its covariance comes from the strata's by the delta method.
    """
    exposure = np.sum([b.exposure for b in baselines], axis=0)
    expected = sum(float(np.exp(b.log_hazard) @ b.exposure) for b in baselines)
    parts = np.array([w * np.exp(b.log_hazard) for w, b in zip(share / share.sum(), baselines, strict=True)])
    if not expected:
        return SmoothBaseline(baselines[0].times, baselines[0].log_hazard, baselines[0].covariance, exposure)
    hazard = parts.sum(axis=0)
    # Of independent strata each moves the logarithm of the mean by its share in the mean.
    slopes = parts / hazard
    covariance = np.einsum("sk,sl,skl->kl", slopes, slopes, np.array([b.covariance for b in baselines]))
    log_hazard = np.log(hazard) + math.log(expected / (hazard @ exposure))
    return SmoothBaseline(baselines[0].times, log_hazard, covariance, exposure)


def checked_grid(time_grid: ArrayLike) -> FloatArray:
    """The grid as an array; ValueError unless its times are positive, finite and increasing."""
    knots = np.asarray(time_grid, dtype=np.float64)
    if knots.ndim != 1 or not knots.size or not (np.isfinite(knots).all() and (np.diff(knots, prepend=0.0) > 0).all()):
        raise ValueError(f"time_grid must hold positive, finite, increasing times, got {time_grid!r}")
    return knots


def _intervals(knots: FloatArray) -> FloatArray:
    """0, the knots, and times that cut long steps between them into equal parts and the first of all into halves."""
    starts = np.concatenate([[0.0], knots[:-1]])
    parts = np.ceil((knots - starts) / (FINENESS * knots[-1]) - 1e-9).astype(np.intp)
    inner = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(starts, knots, parts, strict=True)]
    edges = np.concatenate([*inner, knots[-1:]])
    return np.concatenate([[0.0], edges[1] * 0.5 ** np.arange(HALVINGS, 0, -1), edges[1:]])


def _random_walk(edges: FloatArray) -> FloatArray:
    """Matrix that takes (level, standardised steps) to log hazards; shape (n_intervals, n_intervals)."""
    log_midpoints = np.log((edges[1:] + edges[:-1]) / 2)
    span = log_midpoints[-1] - log_midpoints[0] if log_midpoints.size > 1 else 1.0
    steps = np.sqrt(np.diff(log_midpoints) / span)
    walk: FloatArray = np.tril(np.ones((log_midpoints.size, log_midpoints.size))) * np.concatenate([[1.0], steps])
    return walk


def _poisson(
    theta: FloatArray, walk: FloatArray, events: FloatArray, exposure: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood with gradient and information; log-concave."""
    log_hazard = walk @ theta
    with np.errstate(over="ignore", invalid="ignore"):
        expected = np.exp(log_hazard) * exposure
        value = float(events @ log_hazard - expected.sum())
        return value, (events - expected) @ walk, walk.T @ (expected[:, None] * walk)


def _at_knots(
    edges: FloatArray, log_hazard: FloatArray, covariance: FloatArray, exposure: FloatArray, knots: FloatArray
) -> SmoothBaseline:
    """Mean hazards between the knots, with their covariance by the delta method."""
    first = np.searchsorted(edges, np.concatenate([[0.0], knots[:-1]]))
    # In logarithms, so that a hazard of 0 stays one: each inner interval's share in the increment of its knot.
    log_increment = log_hazard + np.log(np.diff(edges))
    top = np.maximum.reduceat(log_increment, first)
    top = np.where(np.isfinite(top), top, 0.0)
    knot_of = np.repeat(np.arange(knots.size), np.diff(first, append=exposure.size))
    part = np.exp(log_increment - top[knot_of])
    total = np.add.reduceat(part, first)
    share = np.zeros((knots.size, exposure.size))
    share[knot_of, np.arange(exposure.size)] = part / np.where(total > 0, total, 1.0)[knot_of]
    with np.errstate(divide="ignore"):
        mean = np.log(total) + top - np.log(np.diff(knots, prepend=0.0))
    times = np.concatenate([[0.0], knots])
    return SmoothBaseline(times, mean, share @ covariance @ share.T, np.add.reduceat(exposure, first))


def _cumulate(log_hazard: FloatArray, times: FloatArray) -> FloatArray:
    cumulative: FloatArray = np.concatenate([[0.0], np.cumsum(np.exp(log_hazard) * np.diff(times))])
    return cumulative
