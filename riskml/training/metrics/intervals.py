"""Intervals for cross-validated performance: a widened DeLong interval for the AUC, a patient bootstrap for others.

The same two for the difference of two models, or of a model and its comparator, on the same patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri, stdtrit

from riskml.training.metrics.binary import BoolArray, FloatArray, auc, delong_difference_variance, delong_variance

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval; ``low`` and ``high`` are nan where ``method`` says that none could be had."""

    value: float
    low: float
    high: float
    level: float
    method: str

    def as_dict(self) -> dict[str, float | str | None]:
        """Give the fields for JSON, which knows no nan: what is not a finite number becomes None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, "level": self.level}
        finite: dict[str, float | str | None] = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        return finite | {"method": self.method}


def auc_interval(
    event: BoolArray,
    risk: FloatArray,
    level: float = 0.95,
    value: float | None = None,
    *,
    inflation: float = 1.25,
) -> Interval:
    r"""Interval of a cross-validated AUC: DeLong on the logit scale with a t quantile and an inflated variance.

    The ends are the expit of :math:`\operatorname{logit}(value) \pm t_{m-1,(1+level)/2} \, s \sqrt{inflation}`, where
    :math:`s = \sqrt{V} / (A (1 - A))` with A and V the AUC and DeLong variance of the predictions given and m is the
    size of the smaller class. Plain logit-DeLong on cross-validated predictions covers .84 to .90 at a nominal .95:
    it takes the model as fixed and the variance as known. With these two factors it covered .92 to .95 in 171 training
    sets each of 60, 100 and 200 patients.

    An AUC of 0 or 1 has no logit and no DeLong variance. It is then treated as if one pair of an event and a non-event
    were tied: A moves by half a pair, 1 / (2 n1 n0), and V is what DeLong's formula gives for such a table,
    1 / (2 (n1 n0)^2). The end on the side of the boundary is the boundary.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
        Whether the event happened.
    risk : float array of shape (n_patients,)
        Predicted risk: each patient's out-of-fold prediction (mean over repeats).
    level : float
        Nominal coverage, 0 < level < 1.
    value : float, optional
        The estimate to centre on, such as the mean AUC of the folds. The AUC of these predictions if not given.
    inflation : float
        Factor on the variance: K / (K - 1) = 1.25 for five folds, 1 for one finished model on new patients.

    Returns
    -------
    Interval
        Both ends nan with fewer than two patients in either class, or where ``value`` is nan.

    Raises
    ------
    ValueError
        If ``level`` is not strictly between 0 and 1.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver operating
    characteristic curves. Biometrics 1988;44:837-845.
    Qin G, Hotilovac L. Comparison of non-parametric confidence intervals for the area under the ROC curve of a
    continuous-scale diagnostic test. Stat Methods Med Res 2008;17:207-221 (the logit scale).
    """
    _check_level(level)
    value = auc(event, risk) if value is None else value
    events = int(np.count_nonzero(event))
    smaller, pairs = min(events, len(event) - events), events * (len(event) - events)
    if smaller < 2 or math.isnan(value):
        return Interval(value, math.nan, math.nan, level, "not estimable: fewer than two patients in a class")
    centre = np.clip(value, 0.5 / pairs, 1 - 0.5 / pairs)
    half = float(stdtrit(smaller - 1, (1 + level) / 2)) * logit_auc(event, risk)[1] * math.sqrt(inflation)
    low, high = expit(logit(centre) - half), expit(logit(centre) + half)
    method = f"logit DeLong, t({smaller - 1}), variance x {inflation:g}"
    return Interval(value, float(min(low, value)), float(max(high, value)), level, method)


def logit_auc(event: BoolArray, risk: FloatArray) -> tuple[float, float]:
    """Logit of the AUC and DeLong's standard error of it, an AUC of 0 or 1 moved by half a pair as in `auc_interval`.

    Both nan with fewer than two patients in either class; arguments and references as there.
    """
    events = int(np.count_nonzero(event))
    pairs = events * (len(event) - events)
    area, variance = auc(event, risk), delong_variance(event, risk)
    if math.isnan(variance):
        return math.nan, math.nan
    if area in (0.0, 1.0):
        variance = 0.5 / pairs**2
    area = float(np.clip(area, 0.5 / pairs, 1 - 0.5 / pairs))
    return float(logit(area)), math.sqrt(variance) / (area * (1 - area))


def bootstrap_interval(
    statistic: Callable[[IntArray], float],
    group: ArrayLike,
    *,
    n_boot: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    value: float | None = None,
    min_valid: float = 0.5,
    strata: ArrayLike | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Percentile bootstrap of whole patients.

    The ends are quantiles of the statistic over resampled patients. Where ``value`` differs from the statistic of all
    rows (a mean over folds is not the statistic of the pooled predictions), both ends are moved by that difference:
    the resamples say how wide the interval is, ``value`` says where it lies. ``bounds`` then keeps the ends possible.
    Percentile and not BCa: the acceleration needs a jackknife, which is unstable with the few events we have.

    Parameters
    ----------
    statistic : callable
        Maps row numbers (int array, with repetition) to a float; nan where it cannot be computed.
    group : array of shape (n_rows,)
        The patient of each row; all rows of a patient are drawn together.
    n_boot : int
        How many resamples.
    level : float
        Nominal coverage, 0 < level < 1.
    seed : int
        Seed of the resampling.
    value : float, optional
        The estimate the interval belongs to. The statistic of all rows if not given.
    min_valid : float
        The least share of resamples with a finite statistic. The others are left out.
    strata : array of shape (n_rows,), optional
        Label, constant within a patient. Each resample draws as many patients of a stratum as there are. Right for
        centres; by outcome it hides the chance in the number of events (coverage .93 for .95 of a Brier score).
    bounds : (float, float)
        The range of the statistic, such as (0, 1).

    Returns
    -------
    Interval
        Both ends nan, and ``method`` says why, where too few resamples or not even all rows give a finite statistic.

    Raises
    ------
    ValueError
        If ``level`` is not strictly between 0 and 1, ``n_boot`` < 1, ``group`` is empty, or a patient has two strata.

    References
    ----------
    Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.
    Davison AC, Hinkley DV. Bootstrap Methods and their Application. Cambridge 1997, section 3.8 (clusters).
    """
    _check_level(level)
    pooled = float(statistic(np.arange(len(np.asarray(group)))))
    replicates = np.array([statistic(rows) for rows in resamples(group, n_boot, seed, strata)], dtype=float)
    value = pooled if value is None else value
    return percentile_interval(replicates, pooled, value, level=level, min_valid=min_valid, bounds=bounds)


def resamples(group: ArrayLike, n_boot: int, seed: int, strata: ArrayLike | None = None) -> Iterator[IntArray]:
    """Rows of ``n_boot`` bootstrap samples of patients; arguments and errors as for `bootstrap_interval`."""
    if n_boot < 1:
        raise ValueError(f"n_boot must be at least 1, got {n_boot!r}")
    draw = _patient_sampler(np.asarray(group), None if strata is None else np.asarray(strata))
    rng = np.random.default_rng(seed)
    return (draw(rng) for _ in range(n_boot))


def percentile_interval(
    replicates: FloatArray,
    pooled: float,
    value: float,
    *,
    level: float = 0.95,
    min_valid: float = 0.5,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """The interval of `bootstrap_interval` from replicates of the statistic, shape (n_boot,).

    ``pooled`` is its value in all rows.
    """
    n_boot, valid = replicates.size, replicates[np.isfinite(replicates)]
    shift = value - pooled
    if not math.isfinite(shift) or not valid.size or valid.size < min_valid * n_boot:
        method = f"not estimable: {valid.size} of {n_boot} patient resamples give a finite value"
        return Interval(value, math.nan, math.nan, level, method)
    ends = np.quantile(valid, [(1 - level) / 2, (1 + level) / 2]) + shift
    low, high = np.clip(ends, *bounds)
    method = f"percentile bootstrap of patients, {valid.size} of {n_boot} resamples"
    return Interval(value, float(low), float(high), level, method)


def widening(fewest: int, level: float = 0.95, inflation: float = 1.0) -> float:
    """By what the distances of a bootstrap interval's ends from the estimate are multiplied where events are few.

    The percentile bootstrap of cross-validated predictions is too narrow: it takes the spread in the sample for that in
    patients, and the models behind the predictions for known. A t quantile of the smaller class makes up for the first,
    K / (K - 1) for the second, as in `auc_interval`. Coverage before and after: docs/methods.md.

    Parameters
    ----------
    fewest : int
        Events, or patients without the event where it is binary and these are fewer.
    level : float
        Nominal coverage, 0 < level < 1.
    inflation : float
        As for `auc_interval`.

    Returns
    -------
    float
        1 or more; nan with ``fewest`` below two.
    """
    if fewest < 2:
        return math.nan
    return float(stdtrit(fewest - 1, (1 + level) / 2) / ndtri((1 + level) / 2)) * math.sqrt(inflation)


def widened(interval: Interval, factor: float, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
    """The interval with the distances of its ends from the estimate multiplied; see `widening`."""
    low, high = (interval.value + factor * (end - interval.value) for end in (interval.low, interval.high))
    if not (math.isfinite(low) and math.isfinite(high)):
        return replace(interval, low=math.nan, high=math.nan)
    low, high = (float(end) for end in np.clip([low, high], *bounds))
    return replace(interval, low=low, high=high, method=f"{interval.method}, widened {factor:.2f} times")


def auc_difference_interval(
    event: BoolArray, first: FloatArray, second: FloatArray, level: float = 0.95, *, inflation: float = 1.25
) -> Interval:
    """Interval of AUC(first) - AUC(second) on the same patients: DeLong's paired variance, a t quantile, inflation.

    Parameters
    ----------
    event : bool array of shape (n_patients,)
        Whether the event happened.
    first, second : float arrays of shape (n_patients,)
        Each patient's risk by either model.
    level : float
        Nominal coverage, 0 < level < 1.
    inflation : float
        As for `auc_interval`: K / (K - 1) for predictions of K-fold cross-validation, 1 for finished models.

    Returns
    -------
    Interval
        Within [-1, 1]; both ends nan with fewer than two patients in either class, and where the variance is 0 (two
        models that rank every pair of an event and a non-event alike, or by one constant shift): DeLong cannot say then
        how far they may differ in other patients.

    Raises
    ------
    ValueError
        If ``level`` is not strictly between 0 and 1.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver operating
    characteristic curves. Biometrics 1988;44:837-845.
    """
    _check_level(level)
    value, variance = auc(event, first) - auc(event, second), delong_difference_variance(event, first, second)
    if not variance > 0:
        return Interval(
            value, math.nan, math.nan, level, "not estimable: DeLong's variance of the difference is 0 or nan"
        )
    events = int(np.count_nonzero(event))
    freedom = min(events, len(event) - events) - 1
    half = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance * inflation)
    method = f"paired DeLong, t({freedom}), variance x {inflation:g}"
    return Interval(value, max(-1.0, value - half), min(1.0, value + half), level, method)


def paired_difference(
    first: Callable[[IntArray], float],
    second: Callable[[IntArray], float],
    group: ArrayLike,
    *,
    n_boot: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    value: float | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Percentile bootstrap of first - second, both computed from the same resampled patients.

    Pairing is the point: what two models share, the luck of which patients were drawn, cancels. For a model against its
    comparator let ``second`` judge each patient's comparator risk (out-of-fold, as the model's).

    Parameters
    ----------
    first, second : callable
        Map row numbers (int array, with repetition) to a float, as for `bootstrap_interval`.
    group, n_boot, level, seed, value, bounds
        As for `bootstrap_interval`; ``value`` is the difference to report.

    Returns
    -------
    Interval
        As `bootstrap_interval`; a resample counts only where both are finite.

    References
    ----------
    Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.
    """
    return bootstrap_interval(
        lambda rows: first(rows) - second(rows),
        group,
        n_boot=n_boot,
        level=level,
        seed=seed,
        value=value,
        bounds=bounds,
    )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must be strictly between 0 and 1, got {level!r}")


def _patient_sampler(
    group: NDArray[np.generic], strata: NDArray[np.generic] | None
) -> Callable[[np.random.Generator], IntArray]:
    """Make a function that draws patients with replacement, within strata, and returns all their rows."""
    if not group.size:
        raise ValueError("group must name the patient of at least one row, got none")
    _, first_row, patient, size = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    rows_by_patient = np.argsort(patient, kind="stable")
    start = np.cumsum(size) - size
    label = np.zeros(group.size, dtype=int) if strata is None else np.unique(strata, return_inverse=True)[1]
    stratum = label[first_row]
    if (label != stratum[patient]).any():
        raise ValueError("strata must be constant within a patient")
    patients_by_stratum = np.argsort(stratum, kind="stable")
    stratum_size = np.bincount(stratum)
    stratum_start = np.cumsum(stratum_size) - stratum_size
    lowest = np.repeat(stratum_start, stratum_size)
    highest = lowest + np.repeat(stratum_size, stratum_size)

    def draw(rng: np.random.Generator) -> IntArray:
        drawn = patients_by_stratum[rng.integers(lowest, highest)]
        n_rows = size[drawn]
        position = np.repeat(start[drawn] - (np.cumsum(n_rows) - n_rows), n_rows) + np.arange(n_rows.sum())
        return np.asarray(rows_by_patient[position])

    return draw
