"""The best of several recipes, judged honestly: what was gained by choosing is luck in part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.training.judge.bootstrap import GAINS, LOSSES
from riskml.training.measures import LEVEL, Measure, Sample, measures_of
from riskml.training.metrics.intervals import Interval, resamples

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def chosen_best(
    samples: Mapping[str, Sample],
    *,
    measure: str | None = None,
    points: Mapping[str, float] | None = None,
    draws: int = 500,
    seed: int = 0,
) -> dict[str, Any]:
    """Bootstrap bias-corrected cross-validation: pick the best in a sample of patients, judge it by those outside.

    Parameters
    ----------
    samples : mapping of recipe name to Sample
        Out-of-fold predictions of two or more recipes for the same rows in the same order.
    measure : str, optional
        What is best is decided by it: discrimination or an error, see ``measures_of``; AUC or C by default.
    points : mapping of recipe name to float, optional
        Estimates of the measure to judge by, such as means over folds; the samples' own by default. What a recipe is
        found to be in any part of the patients is moved by the difference.
    draws : int
        Bootstrap samples of patients.
    seed : int

    Returns
    -------
    dict
        ``measure``; ``best``, the recipe one would take; ``naive``, its own estimate; ``honest``, an interval: what
        "the best of these" can be expected to do; ``picked``: share of draws in which each recipe was best; ``draws``;
        ``not_estimable``: draws without a finite value inside and outside, which are left out; ``words``.

    Raises
    ------
    ValueError
        If there are fewer than two samples, they are not about the same rows, the measure is unknown or no measure of
        good and bad, or ``draws`` is less than 1.

    Notes
    -----
    The interval holds the percentiles of the values outside; about a third of the patients give each, so it is wide.

    References
    ----------
    Tsamardinos I, Greasidou E, Borboudakis G. Bootstrapping the out-of-sample predictions for efficient and accurate
    cross-validation. Mach Learn 2018;107:1895-1922.
    """
    first, by = _checked(samples, measure)
    judge, sign = measures_of(first)[by], 1.0 if by in GAINS else -1.0
    own = np.array([judge.of(sample) for sample in samples.values()])
    stated = own if points is None else np.array([points[name] for name in samples])
    shift = stated - own
    if not np.isfinite(stated).any():
        return _unknown(by, list(samples), draws)
    best = list(samples)[int(np.nanargmax(sign * stated))]
    picked, outside = _drawn(list(samples.values()), judge, sign, shift, draws, seed)
    kept = np.isfinite(outside)
    naive = float(np.nanmax(sign * stated) * sign)
    honest = _interval(outside[kept], draws)
    shares = np.bincount(picked[kept], minlength=len(samples)) / max(1, int(kept.sum()))
    return {
        "measure": by,
        "best": best,
        "naive": naive,
        "honest": honest.as_dict(),
        "picked": dict(zip(samples, shares.tolist(), strict=True)),
        "draws": draws,
        "not_estimable": int((~kept).sum()),
        "words": _words(best, len(samples), by, naive, honest, shares[list(samples).index(best)]),
    }


def _checked(samples: Mapping[str, Sample], measure: str | None) -> tuple[Sample, str]:
    if len(samples) < 2:
        raise ValueError(f"a choice needs two or more recipes, got {len(samples)}")
    first = next(iter(samples.values()))
    for name, other in list(samples.items())[1:]:
        same = len(other.event) == len(first.event) and (other.patient == first.patient).all()
        if not same or (other.event != first.event).any() or other.horizon != first.horizon:
            raise ValueError(
                f"{name} was judged on other rows than {next(iter(samples))}: evaluate both on the same folds"
            )
    known = [name for name in measures_of(first) if name in GAINS | LOSSES]
    by = known[0] if measure is None else measure
    if by not in known:
        raise ValueError(f"measure must be one of {', '.join(known)}, got {by!r}")
    return first, by


def _drawn(
    samples: list[Sample], judge: Measure, sign: float, shift: FloatArray, draws: int, seed: int
) -> tuple[IntArray, FloatArray]:
    """Which recipe was best in each draw, and its value outside it; nan where either cannot be said."""
    every, patient = np.arange(len(samples[0].event)), samples[0].patient
    picked, values = np.zeros(draws, dtype=np.intp), np.full(draws, np.nan)
    for number, rows in enumerate(resamples(patient, draws, seed)):
        inside = sign * (np.array([judge.of(sample.take(rows)) for sample in samples]) + shift)
        outside = np.setdiff1d(every, rows)
        if np.isfinite(inside).any() and outside.size:
            best = picked[number] = int(np.nanargmax(inside))
            values[number] = judge.of(samples[best].take(outside)) + shift[best]
    return picked, values


def _interval(values: FloatArray, draws: int) -> Interval:
    if values.size < draws / 2:
        method = f"not estimable: {values.size} of {draws} draws give a finite value"
        return Interval(math.nan, math.nan, math.nan, LEVEL, method)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    method = f"patients outside bootstrap samples, {values.size} of {draws} draws"
    return Interval(float(values.mean()), float(low), float(high), LEVEL, method)


def _unknown(by: str, names: list[str], draws: int) -> dict[str, Any]:
    nothing = {"measure": by, "best": None, "naive": None, "honest": _interval(np.empty(0), draws).as_dict()}
    shares = dict.fromkeys(names, 0.0)
    return nothing | {"picked": shares, "draws": draws, "not_estimable": draws, "words": f"{by} is not estimable"}


def _words(best: str, number: int, by: str, naive: float, honest: Interval, share: float) -> str:
    what = by.replace("_", " ")
    if not math.isfinite(honest.value):
        return f"{best} has the best {what} of {number} recipes; what the choice is worth is not estimable"
    return (
        f"{best} has the best {what} of {number} recipes, {naive:.3f}; allowing for the choice {honest.value:.3f} "
        f"({honest.low:.3f} to {honest.high:.3f}) is to be expected; it was best in {100 * share:.0f} % of draws"
    )
