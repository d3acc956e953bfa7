"""Learning curves: what the recipe does with fewer patients, and what more of them would bring, where that shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import count
from riskml.training.judge.attempts import Attempt, attempts
from riskml.training.measures import LEVEL, Sample, comparator, measures_of
from riskml.training.metrics.intervals import Interval, percentile_interval, resamples
from riskml.training.out_of_sample import Bench, Guess, OutOfFold, estimates, sample_of
from riskml.training.resample import Folds, Plan, cross_validation, subsets

FloatArray = NDArray[np.float64]
SHARES = (0.4, 0.55, 0.7, 0.85, 1.0)
# The excess error of a shrunken linear model falls as 1 / n, and curves of cohorts this small cannot tell another
# exponent (benchmarks/learning_curve.py).
EXPONENT = 1.0
# Bootstrap samples of patients.
DRAWS = 300
# Near enough to the best the recipe can do: this share of the comparator's error.
NEAR = 0.02
# Further than this many times the cohort no number is said.
REACH = 4


def learning_curve(bench: Bench, shares: Sequence[float] = SHARES, repeats: int = 5) -> dict[str, Any]:
    r"""Error and discrimination of models that learned from a share of the training folds, and the curve beyond.

    The error (log-loss, or the Brier score at the horizon) is fitted by :math:`a + b / n`, n training patients, and
    carried on to all patients, twice and four times as many. Intervals come from bootstrap samples of patients,
    the same at every size. Where that of b holds 0 nothing is carried on: the curve is flat, or too noisy to tell.

    Parameters
    ----------
    bench : Bench
    shares : sequence of float
        Shares of the training folds in (0, 1], rising, two or more.
    repeats : int
        Of the cross-validation.

    Returns
    -------
    dict
        ``measure``; ``sizes``: mean number of training patients; ``events``: mean number of those with the event, as
        text; ``mean``, ``low``, ``high`` at each size; ``discrimination``: the same of AUC or C, as ``measure``,
        ``mean``, ``low``, ``high``; ``b``: an interval; ``fitted``: ``sizes``, ``values``, ``low``, ``high``, or None;
        ``near``: how much error above the asymptote counts as near; ``more_patients``: ``value``, ``low``, ``high``
        (None where that is more than four times the cohort in all), or None; ``not_estimable``: fits at each size that
        failed and were answered by the comparator; ``plan``; ``words``.

    Raises
    ------
    ValueError
        If ``shares`` are not two or more rising numbers in (0, 1].

    References
    ----------
    Figueroa RL, Zeng-Treitler Q, Kandula S, Ngo LH. Predicting sample size required for classification performance. BMC
    Med Inform Decis Mak 2012;12:8.
    """
    if len(shares) < 2 or not all(0 < a < b <= 1 for a, b in pairwise(shares)):
        raise ValueError(f"shares must be two or more rising numbers in (0, 1], got {tuple(shares)}")
    rows = bench.rows
    folds = cross_validation(rows.patient, rows.event, folds=bench.recipe.folds, repeats=repeats, seed=bench.seed)
    plan = subsets(folds, rows.patient, rows.event, shares)
    tried = attempts(bench, plan.splits, "learning_curve")
    by_share = [tried[number :: len(shares)] for number in range(len(shares))]
    curve = [[_pooled(bench, repeat) for repeat in _repeats(folds, of_share)] for of_share in by_share]
    whole = curve[-1][0]
    error, ranking = ("log_loss" if whole.time is None else "brier"), next(iter(measures_of(whole)))
    sizes, events = _sizes(bench, plan, len(shares))
    points = [_points(bench, folds, of_share) for of_share in curve]
    errors, ranks = (
        _at_sizes(curve, name, np.array([p[name] for p in points]), bench.seed) for name in (error, ranking)
    )
    return {
        "measure": error,
        "sizes": [round(size) for size in sizes],
        "events": [count(round(number)) for number in events],
        **errors.as_dict(),
        "discrimination": {"measure": ranking, **ranks.as_dict()},
        **beyond(sizes, errors.mean, errors.draws, rows.n_patients, NEAR * comparator(whole)[error], error),
        "not_estimable": [sum(bool(attempt.reason) for attempt in of_share) for of_share in by_share],
        "plan": plan.as_dict(),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _AtSizes:
    """A measure at each size: ``mean`` of shape (n_sizes,), ``draws`` of shape (DRAWS, n_sizes), and intervals."""

    mean: FloatArray
    draws: FloatArray
    intervals: list[Interval]

    def as_dict(self) -> dict[str, list[float | str | None]]:
        shown = [interval.as_dict() for interval in self.intervals]
        return {
            "mean": [one["value"] for one in shown],
            "low": [one["low"] for one in shown],
            "high": [one["high"] for one in shown],
        }


def _repeats(folds: Folds, of_share: Sequence[Attempt]) -> list[list[Guess]]:
    guesses = [attempt.guess for attempt in of_share]
    return [guesses[start : start + folds.folds] for start in range(0, len(guesses), folds.folds)]


def _pooled(bench: Bench, guesses: Sequence[Guess]) -> Sample:
    """Out-of-fold predictions of one repeat, in the order of the rows; without curves, to draw from fast."""
    order = np.argsort(np.concatenate([guess.rows for guess in guesses]))
    risk, link = (np.concatenate([getattr(g, name) for g in guesses])[order] for name in ("risk", "link"))
    reference = np.concatenate([np.full(len(g.rows), g.reference) for g in guesses])[order]
    return replace(sample_of(bench.rows, bench.recipe, risk, link, reference, None), months=())


def _points(bench: Bench, folds: Folds, repeats: Sequence[Sample]) -> Mapping[str, float]:
    """Estimates at one size, as those of an evaluation: discrimination within test folds, errors within repeats."""
    risk, link, reference = (np.array([getattr(s, name) for s in repeats]) for name in ("risk", "link", "reference"))
    return estimates(bench, folds, OutOfFold(risk, link, reference, None))[0]


def _at_sizes(curve: Sequence[Sequence[Sample]], name: str, mean: FloatArray, seed: int) -> _AtSizes:
    """A measure at each size, with draws of patients: the same at every size, so that sizes compare.

    Repeats are not drawn as well: a patient's mean over them holds their noise already.
    """
    measure = measures_of(curve[0][0])[name]
    own = np.array([[measure.of(sample) for sample in of_share] for of_share in curve]).mean(axis=1)
    drawn = resamples(curve[0][0].patient, DRAWS, seed)
    values = np.array([[[measure.of(s.take(rows)) for s in of_share] for of_share in curve] for rows in drawn])
    draws = values.mean(axis=2)
    intervals = [
        percentile_interval(draws[:, k], float(own[k]), float(mean[k]), level=LEVEL, bounds=measure.bounds)
        for k in range(len(curve))
    ]
    return _AtSizes(mean, draws + (mean - own), intervals)


def _sizes(bench: Bench, plan: Plan, n_shares: int) -> tuple[FloatArray, FloatArray]:
    """Mean numbers of training patients, and of those among them with the event, at each share."""
    patient, event = bench.rows.patient, bench.rows.event
    learned = [split.train for split in plan.splits.values()]
    patients = np.array([len(np.unique(patient[train])) for train in learned]).reshape(-1, n_shares)
    ill = np.array([len(np.unique(patient[train][event[train]])) for train in learned]).reshape(-1, n_shares)
    return patients.mean(axis=0), ill.mean(axis=0)


def power_law(sizes: FloatArray, values: FloatArray, exponent: float = EXPONENT) -> tuple[FloatArray, FloatArray]:
    """Least squares fit of a + b n^-c, c given.

    Parameters
    ----------
    sizes : float array of shape (n_sizes,)
        Positive, at least two different ones.
    values : float array of shape (n_sizes,) or (n_curves, n_sizes)
    exponent : float
        c.

    Returns
    -------
    a, b : float arrays of shape () or (n_curves,)

    Raises
    ------
    ValueError
        If sizes are not positive, or are all the same.

    References
    ----------
    Figueroa RL et al. BMC Med Inform Decis Mak 2012;12:8.
    """
    if not (sizes > 0).all() or np.ptp(sizes) == 0:
        raise ValueError(f"sizes must be positive and differ, got {sizes.tolist()}")
    x = sizes**-exponent
    centred = x - x.mean()
    b = values @ centred / (centred @ centred)
    return np.asarray(values.mean(axis=-1) - b * x.mean()), np.asarray(b)


def beyond(
    sizes: FloatArray, mean: FloatArray, draws: FloatArray, patients: int, near: float, name: str
) -> dict[str, Any]:
    """What the curve says about more patients: b, the fitted curve, and how many more until near its asymptote.

    Parameters
    ----------
    sizes : float array of shape (n_sizes,)
        Training patients.
    mean : float array of shape (n_sizes,)
        The error at each.
    draws : float array of shape (n_draws, n_sizes)
        The same in bootstrap samples.
    patients : int
        Of the whole cohort, from which the finished model learns.
    near : float
        How much error above the asymptote counts as near.
    name : str
        Of the measure.
    """
    (a, b), (a_drawn, b_drawn) = power_law(sizes, mean), power_law(sizes, draws)
    slope = percentile_interval(b_drawn, float(b), float(b), level=LEVEL)
    label = name.replace("_", "-") if name == "log_loss" else "Brier score"
    if not slope.low > 0:
        words = (
            "how much more patients would help cannot be told from this: over the sizes looked at "
            f"({sizes[0]:.0f} to {sizes[-1]:.0f} patients) the {label} is flat, or too noisy"
        )
        return {"b": slope.as_dict(), "fitted": None, "near": near, "more_patients": None, "words": words}
    reached = np.array([*sizes, patients, 2 * patients, REACH * patients])
    drawn = a_drawn[:, None] + b_drawn[:, None] * reached**-EXPONENT
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    fitted = a + b * reached**-EXPONENT
    more = {key: _more(getattr(slope, key), near, patients) for key in ("value", "low", "high")}
    return {
        "b": slope.as_dict(),
        "fitted": {
            "sizes": [round(size) for size in reached],
            "values": fitted.tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
        },
        "near": near,
        "more_patients": more,
        "words": _words(label, patients, fitted[-3:], more, near),
    }


def _more(b: float, near: float, patients: int) -> int | None:
    """Patients beyond those there are until b / n^c is ``near``; None where the curve does not reach as far."""
    needed = round((b / near) ** (1 / EXPONENT))
    return None if needed > REACH * patients else max(0, needed - patients)


def _words(label: str, patients: int, fitted: FloatArray, more: Mapping[str, int | None], near: float) -> str:
    now, twice, fourfold = fitted
    words = (
        f"the curve foresees a {label} of {now:.3f} with these {patients} patients, {twice:.3f} with twice and "
        f"{fourfold:.3f} with {REACH} times as many; "
    )
    goal = f"within {near:.3f} of the best this recipe can do"
    far = f"more than {(REACH - 1) * patients}"
    value, low, high = (far if more[key] is None else str(more[key]) for key in ("value", "low", "high"))
    if high == "0":
        return words + f"it is {goal} already"
    if value == far:
        return (
            words
            + f"{far} more patients{'' if low == far else f' ({low} at least)'} would be needed to bring it {goal}"
        )
    return words + f"about {value} more patients ({low} to {high}) would bring it {goal}"
