"""Internal-external validation: learn without a centre, judge in it, and pool what the centres say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr

from riskml.training import measures
from riskml.training.judge.attempts import attempts
from riskml.training.judge.floor import not_judged, not_learned, shown_counts
from riskml.training.judge.shown import plain, plain_interval
from riskml.training.measures import LEVEL, Sample, measures_of, replicates_of
from riskml.training.metrics.competing import without_competing
from riskml.training.metrics.intervals import (
    Interval,
    auc_interval,
    bootstrap_interval,
    logit_auc,
    percentile_interval,
)
from riskml.training.metrics.pooling import Pooled, pool
from riskml.training.metrics.survival import risk_set_pairs
from riskml.training.out_of_sample import Bench, Guess
from riskml.training.resample import Plan, leave_one_out

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale on which a measure is about normal between centres, and the way back."""

    name: str
    to: Callable[[Any], Any]
    back: Callable[[Any], Any]


_LOGIT, _LOG = Scale("logit", logit, expit), Scale("log", np.log, np.exp)
# Debray's scales; the first that an outcome has is its measure of discrimination.
SCALES: Mapping[str, Scale] = {
    "auc": _LOGIT,
    "c_index": _LOGIT,
    "observed_expected": _LOG,
    "calibration_slope": Scale("identity", np.asarray, np.asarray),
}
# A prediction interval that is wider on its scale says nothing: a C from 0.1 to 0.9, a ratio from 1/9 to 9.
WIDEST = 2 * math.log(9)
_NAMES = {"auc": "AUC", "c_index": "C"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure in one centre: as it is shown, and its value and standard error on the scale of pooling."""

    interval: Interval
    value: float
    error: float


Found = Mapping[str, Estimate]


def centres(bench: Bench, label: ArrayLike, *, by: str = "centre") -> dict[str, Any] | None:
    """Leave one centre out: everything is fitted anew without it, and its patients are predicted.

    Where the model without a centre cannot be fitted, or the centre has too few events, the reason takes the place of
    its measures; predictions that were made still count in the pooled discrimination. That compares patients of one
    centre only: those of different centres were scored by different models.

    Parameters
    ----------
    bench : Bench
    label : array_like of shape (n_rows,)
        The centre of each row of ``bench.rows``; None or nan where it is not known (neither learned from nor judged).
    by : str
        What the labels are.

    Returns
    -------
    dict or None
        None with fewer than two centres. Else ``by``; ``rows``, one a centre; ``unknown``, the patients without a
        centre; ``summary``, each measure pooled on its scale and brought back, ``tau`` left on it, without a prediction
        interval that would say nothing (`WIDEST`); ``stratified``, see `within_groups`; ``plan``; ``words``.

    References
    ----------
    Steyerberg EW, Harrell FE. Prediction models need appropriate internal, internal-external, and external validation.
    J Clin Epidemiol 2016;69:245-247.
    Debray TPA, et al. A guide to systematic review and meta-analysis of prediction model performance. BMJ
    2017;356:i6460 (logit of C, log of O/E).
    """
    rows, plan = bench.rows, leave_one_out(bench.rows.patient, label, by=by)
    if len(plan.splits) < 2:
        return None
    guesses = _scored(bench, plan)
    samples = {name: bench.sample(guess) for name, guess in guesses.items() if isinstance(guess, Guess)}
    reasons = {name: not_judged(samples[name]) if name in samples else str(guesses[name]) for name in plan.splits}
    found: dict[str, Found] = {
        name: {} if reasons[name] else measured(samples[name], bench.seed) for name in plan.splits
    }
    pooled = pooled_over(found)
    stratified = within_groups(list(samples.values()), seed=bench.seed)
    unknown = np.flatnonzero(pd.isna(np.asarray(label, dtype=object)))
    tests = [*(split.test for split in plan.splits.values()), unknown]
    patients, events = shown_counts(
        [len(np.unique(rows.patient[test])) for test in tests], [int(rows.event[test].sum()) for test in tests]
    )
    return {
        "by": by,
        "rows": [
            {
                "label": name,
                "n_patients": patients[place],
                "n_events": events[place],
                "metrics": {measure: plain_interval(item.interval) for measure, item in found[name].items()},
                "why_not": reasons[name],
            }
            for place, name in enumerate(plan.splits)
        ],
        "unknown": patients[-1],
        "summary": {measure: brought_back(item, SCALES[measure]) for measure, item in pooled.items()},
        "stratified": plain_interval(stratified),
        "plan": plan.as_dict(),
        "words": _words(by, found, pooled, stratified, "auc" if rows.time is None else "c_index"),
    }


def within_groups(samples: Sequence[Sample], *, seed: int) -> Interval:
    """AUC or C over the pairs of patients within a sample, of all samples together; ties count 1/2.

    Parameters
    ----------
    samples : sequence of Sample
        Of the same kind of outcome.
    seed : int
        Of the bootstrap, which draws as many patients of each sample as it has.

    Returns
    -------
    Interval
        nan where no pair is comparable.

    References
    ----------
    van Oirbeek R, Lesaffre E. Assessing the predictive ability of a multilevel binary regression model. Comput Stat
    Data Anal 2012;56:1966-1980 (discrimination within clusters).
    """
    parts = [_ordered(sample) for sample in samples]
    if not sum(event.sum() for _, event, _, _ in parts):
        return Interval(math.nan, math.nan, math.nan, LEVEL, "not estimable: no events")
    group = np.repeat(np.arange(len(parts)), [len(sample.event) for sample in samples])
    start = np.append(0, np.cumsum([len(sample.event) for sample in samples]))
    patient = np.concatenate([sample.patient for sample in samples])
    _, first, which = np.unique(patient, return_index=True, return_inverse=True)

    def statistic(rows: NDArray[np.int64]) -> float:
        ranked = np.zeros(2)
        for number, (time, event, score, entry) in enumerate(parts):
            own = rows[group[rows] == number] - start[number]
            here = None if entry is None else entry[own]
            pairs = risk_set_pairs(time[own], event[own], score[own], here, tied_events=False)
            lower, higher, total = (counts.sum() for counts in (pairs.lower, pairs.higher, pairs.total))
            ranked += lower + (total - lower - higher) / 2, total
        return float(ranked[0] / ranked[1]) if ranked[1] else math.nan

    # A patient of two centres is drawn with the first of them, and counts in both.
    strata = group[first][which]
    found = bootstrap_interval(statistic, patient, n_boot=measures.N_BOOT, seed=seed, strata=strata, bounds=(0.0, 1.0))
    if not math.isfinite(found.low):
        return found
    return replace(found, method="pairs within a group; percentile bootstrap of patients, stratified by group")


def _scored(bench: Bench, plan: Plan) -> dict[str, Guess | str]:
    """Predictions for each centre, or why there are none."""
    reasons = {name: not_learned(bench.rows.take(split.train)) for name, split in plan.splits.items()}
    splits = {name: split for name, split in plan.splits.items() if reasons[name] is None}
    # The plan's digest: what a store holds of another split by the same variable must not be taken for this one.
    tried = attempts(bench, splits, f"without_{plan.settings['by']}_{plan.digest[:8]}")
    found = {name: one.why_not or one.guess for name, one in zip(splits, tried, strict=True)}
    return {name: reason or found[name] for name, reason in reasons.items()}


def measured(sample: Sample, seed: int) -> Found:
    """The measures of one centre's patients.

    The error of an AUC is DeLong's. That of the others is half the distance between the bootstrap quantiles that stand
    one standard error on either side of the middle of a normal distribution: unlike the standard deviation it does not
    hang on the few resamples that nearly separate, whose slopes have no end.
    """
    found = {}
    kept = {name: measure for name, measure in measures_of(sample).items() if name in SCALES}
    draws = replicates_of(sample, seed, kept.keys() - {"auc"})
    for name, measure in kept.items():
        if name == "auc":
            interval = auc_interval(sample.event, sample.risk, LEVEL, inflation=1.0)
            found[name] = Estimate(replace(interval, method="logit DeLong"), *logit_auc(sample.event, sample.risk))
            continue
        value = measure.of(sample)
        interval = percentile_interval(draws[name], value, value, level=LEVEL, bounds=measure.bounds)
        moved, error = _on_scale(value, draws[name], SCALES[name])
        if math.isfinite(interval.low) and math.isfinite(moved) and error > 0:
            # How many resamples were finite would tell how few the events are.
            interval = replace(interval, method="percentile bootstrap of patients")
        else:
            interval, error = Interval(value, math.nan, math.nan, LEVEL, "not estimable"), math.nan
        found[name] = Estimate(interval, moved, error)
    return found


def _on_scale(value: float, draws: FloatArray, scale: Scale) -> tuple[float, float]:
    """A value and its standard error on a scale; not finite at a boundary: a C of 1, no event by the horizon."""
    finite = draws[np.isfinite(draws)]
    ends = np.quantile(finite, ndtr([-1.0, 1.0])) if finite.size else np.full(2, math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, low, high = scale.to(np.array([value, *ends]))
        return float(middle), float((high - low) / 2)


def pooled_over(found: Mapping[str, Found]) -> dict[str, Pooled]:
    """Each measure over the centres that have it."""
    named = {name: [own[name] for own in found.values() if name in own] for name in SCALES}
    return {name: pool([i.value for i in items], [i.error for i in items]) for name, items in named.items() if items}


def brought_back(item: Pooled, scale: Scale) -> dict[str, Any]:
    """A summary as plain data; ``tau`` stays on the scale on which centres were pooled."""
    item = item if _tells(item) else replace(item, prediction_low=math.nan, prediction_high=math.nan)
    ends = ("value", "low", "high", "prediction_low", "prediction_high")
    back = scale.back(np.array([getattr(item, name) for name in ends]))
    numbers = dict(zip((*ends, "tau", "i2"), plain([*back, item.tau, item.i2]), strict=True))
    return {**numbers, "k": item.k, "left_out": item.left_out, "scale": scale.name}


def _tells(item: Pooled) -> bool:
    """Whether the prediction interval says anything; with three centres its t has one degree of freedom."""
    return item.prediction_high - item.prediction_low <= WIDEST  # False for nan


def _words(by: str, found: Mapping[str, Found], pooled: Mapping[str, Pooled], stratified: Interval, first: str) -> str:
    """How much discrimination and level differ between centres, and what to expect in a new one."""
    one, many = ("centre", "centres") if by == "centre" else ("group", f"groups by {by.replace('_', ' ')}")
    said = []
    for name, word in ((first, _NAMES[first]), ("observed_expected", "Observed / expected")):
        values = [own[name].interval.value for own in found.values() if name in own and math.isfinite(own[name].error)]
        if not values:
            said.append(f"{word} could not be estimated in any of {len(found)} {many}")
            continue
        seen = f"{word} varies from {min(values):.2f} to {max(values):.2f} between {len(values)} {many}"
        if len(values) == 1:
            seen = f"{word} is {values[0]:.2f} in the only one of {len(found)} {many} that allows an estimate"
        if _tells(pooled[name]):
            low, high = (SCALES[name].back(end) for end in (pooled[name].prediction_low, pooled[name].prediction_high))
            said.append(f"{seen}; in a new {one} expect {low:.2f} to {high:.2f} (95 % prediction interval)")
        else:
            said.append(f"{seen}; too few, or too different, to say what to expect in a new {one}")
    if math.isfinite(stratified.low):
        ends = f"{stratified.value:.2f} ({stratified.low:.2f} to {stratified.high:.2f})"
        said.append(f"Among patients of one {one} {_NAMES[first]} is {ends}")
    return ". ".join(said)


def _ordered(sample: Sample) -> tuple[FloatArray, NDArray[np.bool_], FloatArray, FloatArray | None]:
    """Time, event, score and entry such that C is the measure of discrimination of any outcome.

    With a binary outcome, events "before" non-events make C the AUC.
    """
    if sample.time is None:
        return np.where(sample.event, 1.0, 2.0), sample.event, sample.risk, None
    if sample.cause is not None:
        return *without_competing(sample.time, sample.cause), sample.link, None
    return sample.time, sample.event, sample.link, sample.entry
