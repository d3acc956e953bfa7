"""Net benefit of a sample, whatever its outcome, and of bootstrap samples of its patients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from riskml.training.judge.shown import had_event, known_free, patients
from riskml.training.measures import LEVEL, Sample
from riskml.training.metrics.net_benefit import DecisionCurve, decision_curve, decision_curve_at

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]
BoolArray: TypeAlias = NDArray[np.bool_]
BLOCK = 2**21  # weights of patients held at once


def curve_of(sample: Sample, thresholds: ArrayLike) -> DecisionCurve:
    """The decision curve that fits the kind of outcome: censoring, competing events and late entries as they are."""
    if sample.time is None:
        return decision_curve(sample.event, sample.risk, thresholds)
    return decision_curve_at(sample.time, _kind(sample), sample.risk, sample.horizon, thresholds, sample.entry)


def benefit_draws(sample: Sample, thresholds: FloatArray, draws: Iterable[IntArray]) -> tuple[FloatArray, FloatArray]:
    """Net benefit and prevalence in bootstrap samples.

    Parameters
    ----------
    sample : Sample
    thresholds : float array of shape (n_thresholds,)
    draws : iterable of int arrays
        Rows of each bootstrap sample, with repetition; none of them empty. They are not all held at once.

    Returns
    -------
    net_benefit : float array of shape (n_draws, n_thresholds)
    prevalence : float array of shape (n_draws,)
        Both as :func:`curve_of` gives them for ``sample.take(rows)``; right-censored times without late entries are
        judged for all samples at once, which takes a twentieth of the time at 100 patients.
    """
    if sample.time is None or sample.entry is not None:
        curves = [curve_of(sample.take(rows), thresholds) for rows in draws]
        parts = [(np.array([c.net_benefit for c in curves]), np.array([c.prevalence for c in curves]))]
    else:
        order, size = np.argsort(sample.time, kind="stable"), max(1, BLOCK // len(sample.event))
        parts = [_censored(sample.take(order), thresholds, order, block) for block in _blocks(draws, size)]
    return np.concatenate([benefit for benefit, _ in parts]), np.concatenate([share for _, share in parts])


def _blocks(draws: Iterable[IntArray], size: int) -> Iterator[list[IntArray]]:
    left = iter(draws)
    while block := list(islice(left, size)):
        yield block


def _censored(
    ordered: Sample, thresholds: FloatArray, order: IntArray, draws: Sequence[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """`benefit_draws` of rows in the order of their times."""
    counts = np.array([np.bincount(rows, minlength=order.size) for rows in draws])[:, order]
    size, odds = counts.sum(axis=1), thresholds / (1 - thresholds)
    benefit = np.empty((len(draws), thresholds.size))
    known: dict[int, tuple[FloatArray, FloatArray]] = {}
    for k, threshold in enumerate(thresholds):
        chosen = ordered.risk >= threshold
        number = int(chosen.sum())  # thresholds between the same two risks treat the same patients
        if number not in known:
            known[number] = (counts[:, chosen].sum(axis=1) / size, _incidences(ordered, chosen, counts))
        treated, rate = known[number]
        true = np.where(treated > 0, rate * treated, 0.0)
        benefit[:, k] = true - (treated - true) * odds[k]
    return benefit, _incidences(ordered, np.ones(order.size, dtype=bool), counts)


def _incidences(ordered: Sample, chosen: BoolArray, counts: IntArray) -> FloatArray:
    """Aalen-Johansen's incidence by the horizon among the ``chosen``, for each row of ``counts`` of patients.

    :func:`riskml.training.metrics.competing.aalen_johansen` for many weights at once; shape (n_draws,).

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.
    """
    assert ordered.time is not None
    time, kind, counts = ordered.time[chosen], _kind(ordered)[chosen], counts[:, chosen]
    moments = np.unique(time[(kind > 0) & (time <= ordered.horizon)])
    first, after = np.searchsorted(time, moments), np.searchsorted(time, moments, side="right")
    whole = _running(counts)
    at_risk = whole[:, -1:] - whole[:, first]
    ended, own = (
        (total[:, after] - total[:, first]) / np.maximum(at_risk, 1)  # where nobody is at risk nobody ends
        for total in (_running(counts * (kind > 0)), _running(counts * (kind == 1)))
    )
    survival = np.cumprod(np.column_stack([np.ones(len(counts)), 1 - ended]), axis=1)
    watched = whole[:, -1] > whole[:, np.searchsorted(time, ordered.horizon)]
    known = watched | (survival[:, -1] <= 0)
    return np.where(known, (survival[:, :-1] * own).sum(axis=1), np.nan)


def _running(counts: IntArray) -> IntArray:
    """Sums of ``counts`` before each row, and of all."""
    return np.concatenate([np.zeros((len(counts), 1), dtype=counts.dtype), np.cumsum(counts, axis=1)], axis=1)


def _kind(sample: Sample) -> IntArray:
    return sample.event.astype(np.intp) if sample.cause is None else sample.cause


def exact_ends(
    sample: Sample, thresholds: FloatArray, level: float = LEVEL
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Ends of what acting on the model gains over acting on all, and over acting on none.

    It is better than acting on all by u (t - r) / (1 - t), where r is the event rate among the share u that is
    untreated at threshold t, and better than acting on none by v (s - t) / (1 - t), with the rate s among the share v
    that is treated. The ends of r and s, for as many patients as are known, give those of the gains; u and v are taken
    as they are.

    Parameters
    ----------
    sample : Sample
    thresholds : float array of shape (n_thresholds,)
        Above 0, under 1.
    level : float
        Nominal coverage.

    Returns
    -------
    over_all, over_none : pairs of float arrays of shape (n_thresholds,)
        Low and high; nan where nobody is on that side.

    References
    ----------
    Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika
    1934;26:404-413.
    """
    curve, known = curve_of(sample, thresholds), had_event(sample) | known_free(sample)
    treated, untreated = curve.treated, 1 - curve.treated
    above = sample.risk >= thresholds[:, None]
    of_treated, of_untreated = (np.array([patients(sample, rows & known) for rows in side]) for side in (above, ~above))
    low_s, high_s = _rate_ends(curve.true_positive, treated, of_treated, level)
    low_r, high_r = _rate_ends(curve.prevalence - curve.true_positive, untreated, of_untreated, level)
    over_all = untreated * (thresholds - high_r) / (1 - thresholds), untreated * (thresholds - low_r) / (1 - thresholds)
    over_none = treated * (low_s - thresholds) / (1 - thresholds), treated * (high_s - thresholds) / (1 - thresholds)
    return over_all, over_none


def _rate_ends(events: FloatArray, share: FloatArray, number: IntArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Clopper and Pearson's interval of the rate ``events`` / ``share`` among ``number`` patients."""
    rate = np.divide(events, share, out=np.full(share.shape, np.nan), where=(share > 0) & (number > 0))
    hits = np.clip(rate, 0, 1) * number
    tail, least = (1 - level) / 2, 1e-9  # the inverse has no end for no hits, and none for nothing but hits
    low = np.where(hits > least, betaincinv(np.maximum(hits, least), number - hits + 1, tail), 0.0)
    high = np.where(number - hits > least, betaincinv(hits + 1, np.maximum(number - hits, least), 1 - tail), 1.0)
    return np.where(np.isfinite(rate), low, np.nan), np.where(np.isfinite(rate), high, np.nan)
