"""Bundle + Cohort in batches -> monitoring: does the model still say the right level, of the same kind of patients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import Target
from riskml.runtime.bundle import Bundle
from riskml.runtime.small_cells import count
from riskml.training.external import checked_target, cumulative_hazard, predictions
from riskml.training.measures import LEVEL, Sample, measures_of
from riskml.training.metrics.intervals import Interval, bootstrap_interval
from riskml.training.transfer.batches import Batch, Batches, split
from riskml.training.transfer.case_mix import (
    AGGREGATES,
    chance_limit,
    development,
    finite,
    known_rows,
    missing_difference,
    standardised_difference,
    summarise,
)
from riskml.training.transfer.cusum import RATIOS, Watch, watch

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
WARNING, ACTION = 2.0, 3.0
# Probability of a false alarm of the CUSUM, both sides together, over the whole series.
FALSE_ALARMS = 0.05
# Events, and patients without, from which a batch has measures of its own; resamples behind their intervals.
LEAST_OF_EACH = 10
N_BOOT = 200
LEAST_EXPECTED = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What happened and what was expected, row by row.

    Attributes
    ----------
    event : bool array of shape (n_rows,)
        By the horizon, for survival.
    expected : float array of shape (n_rows,)
        Predicted probability, or cumulative hazard met.
    variance : float array of shape (n_rows,)
        p (1 - p), or the cumulative hazard.
    reach : float array of shape (n_rows,), or None
        Cumulative hazard by the horizon of those whose follow-up an event ended; None for a binary outcome.
    """

    event: BoolArray
    expected: FloatArray
    variance: FloatArray
    reach: FloatArray | None


def monitor(
    bundle: Bundle,
    cohort: Cohort,
    by: str,
    *,
    outcome: str | Mapping[str, Any] | None = None,
    force_horizon: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Watch a model over batches of new patients.

    Parameters
    ----------
    bundle : Bundle
    cohort : Cohort
    by : str
        As for :func:`riskml.training.transfer.batches.split`.
    outcome, force_horizon
        As for :func:`riskml.training.external.validate`.
    seed : int
        Seed of the simulated series behind the alarm limit, and of the bootstrap.

    Returns
    -------
    dict
        ``by``, ``ordered``, ``without_batch``, ``merged``, ``batches``, ``cusum`` (None where batches have no order),
        ``alarm`` and ``words``; docs/validation.md lists the fields.

    Raises
    ------
    UsageError, DataError, NotEstimableError
        As for :func:`riskml.training.external.validate` and :func:`riskml.training.transfer.batches.split`.

    Notes
    -----
    For survival, observed less expected is the sum of martingale residuals to the horizon. With several causes a
    patient with a competing event counts as at risk until the horizon, which expects somewhat too much where follow-up
    is shorter.

    References
    ----------
    Steiner SH et al. Biostatistics 2000;1:441-452 (CUSUM).
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med 2005;24:1185-1202 (limits).
    Breslow NE, Day NE. Statistical methods in cancer research, volume II. IARC 1987, chapter 2 (interval of O/E).
    """
    cohort = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = checked_target(bundle, cohort, outcome)
    sample = predictions(bundle, cohort, target, force_horizon=force_horizon)
    series = series_of(bundle, cohort, target, sample)
    found = split(cohort, target, by, series.event)
    frame = cohort.frame.iloc[target.rows].reset_index(drop=True)
    there = development(bundle)
    family = 2 * len(bundle.model.inputs) * len(found.batches)
    batches = [_judged(bundle, frame, sample, series, batch, there, family, seed) for batch in found.batches]
    cusum = alarm = None
    if found.ordered:
        watches = watches_of(series, found, seed)
        cusum = _cusum(series, found, watches)
        alarm = _alarm(series, found, watches)
    return {
        "by": by,
        "ordered": found.ordered,
        "horizon_months": None if sample.time is None else sample.horizon,
        "without_batch": count(found.without),
        "merged": list(found.merged),
        "batches": batches,
        "cusum": cusum,
        "alarm": alarm,
        "words": _words(batches, alarm, ordered=found.ordered),
    }


def series_of(bundle: Bundle, cohort: Cohort, target: Target, sample: Sample) -> Series:
    """Observed and expected of every row of ``target``."""
    if sample.time is None:
        return Series(sample.event, sample.risk, sample.risk * (1 - sample.risk), None)
    horizon = np.full(len(sample.time), sample.horizon)
    event = sample.event & (sample.time <= horizon)
    stays = sample.cause is not None and sample.cause > 1
    until = np.where(stays, horizon, np.minimum(sample.time, horizon))

    def met(times: FloatArray) -> FloatArray:
        return cumulative_hazard(bundle.model, cohort, target, times, sample.link)

    start = 0.0 if sample.entry is None else met(np.minimum(sample.entry, horizon))
    expected = np.maximum(met(until) - start, 0.0)
    reach = np.where(event, np.maximum(met(horizon) - start, expected), expected)
    return Series(event, expected, expected, reach)


def watches_of(series: Series, batches: Batches, seed: int) -> tuple[Watch, ...]:
    """The CUSUM of either side, over the rows of all batches in order."""
    rows = np.concatenate([batch.rows for batch in batches.batches])
    reach = None if series.reach is None else series.reach[rows]
    return tuple(
        watch(series.event[rows], series.expected[rows], reach, ratio, false_alarms=FALSE_ALARMS / 2, seed=seed)
        for ratio in RATIOS
    )


def ratio_interval(observed: int, expected: float) -> Interval:
    """Observed over expected with the exact interval of a Poisson count, the expected number taken as known."""
    if not expected > 0:
        return Interval(math.nan, math.nan, math.nan, LEVEL, "not estimable: no event is expected")
    tail = (1 - LEVEL) / 2
    low = float(chdtri(2 * observed, 1 - tail)) / 2 if observed else 0.0
    high = float(chdtri(2 * observed + 2, tail)) / 2
    return Interval(observed / expected, low / expected, high / expected, LEVEL, "exact Poisson")


def _judged(
    bundle: Bundle,
    frame: Any,
    sample: Sample,
    series: Series,
    batch: Batch,
    there: Mapping[str, Any],
    family: int,
    seed: int,
) -> dict[str, Any]:
    rows = batch.rows
    observed, expected = int(series.event[rows].sum()), float(series.expected[rows].sum())
    sigma = math.sqrt(float(series.variance[rows].sum()))
    inputs = _drift(bundle, frame.iloc[rows], sample.link[rows], there, family)
    drifted = [item["input"] for item in inputs if item["drifted"]]
    return {
        "label": batch.label,
        "rows": len(rows),
        "patients": len(np.unique(sample.patient[rows])),
        "events": observed,
        "expected": finite(expected),
        "observed_expected": ratio_interval(observed, expected).as_dict(),
        "difference": finite(observed - expected),
        "sigma": finite(sigma),
        "z": finite((observed - expected) / sigma) if sigma > 0 else None,
        "warning_limit": finite(WARNING * sigma),
        "action_limit": finite(ACTION * sigma),
        "measures": _measures(sample.take(rows), series.event[rows], seed),
        "inputs": inputs,
        "drifted": drifted,
        **_verdict(observed, expected, sigma, drifted),
    }


def _measures(part: Sample, event: BoolArray, seed: int) -> dict[str, dict[str, float | str | None]]:
    """Discrimination and calibration of one batch, where it has events and others enough."""
    measures = measures_of(part)
    wanted = dict.fromkeys((next(iter(measures)), "calibration_intercept", "calibration_slope"))
    fewest = min(int(event.sum()), int((~event).sum()))
    found = {}
    for name in wanted:
        if name not in measures:
            continue
        if fewest < LEAST_OF_EACH:
            reason = f"not estimable: fewer than {LEAST_OF_EACH} patients with or without the event"
            interval = Interval(math.nan, math.nan, math.nan, LEVEL, reason)
        else:
            measure = measures[name]
            interval = bootstrap_interval(
                lambda rows, of=measure.of: of(part.take(rows)),  # type: ignore[misc]
                part.patient,
                n_boot=N_BOOT,
                level=LEVEL,
                seed=seed,
                bounds=measure.bounds,
            )
        found[name] = interval.as_dict()
    return found


def _drift(bundle: Bundle, frame: Any, link: FloatArray, there: Mapping[str, Any], family: int) -> list[dict[str, Any]]:
    """Each input of a batch against development, with limits that hold for all inputs and batches together.

    Against prototypes (a bundle without aggregates of its training rows) only gaps are judged.
    """
    model, pooled = bundle.model, there["source"] == AGGREGATES
    here = summarise(frame, model.inputs, bundle.dictionary, link, features=bundle.model.features)
    found = []
    for name in model.inputs:
        mine, theirs = here["inputs"][name], there["inputs"][name]
        moved, freedom = standardised_difference(mine, theirs, pooled=pooled)
        missing = missing_difference(mine, theirs)
        limit = chance_limit(known_rows(here, name), known_rows(there, name), freedom, family) if pooled else math.nan
        missing_limit = chance_limit(here["n"], there["n"], 1, family)
        found.append(
            {
                "input": name,
                "missing": mine["missing"],
                "missing_difference": finite(missing),
                "missing_limit": finite(missing_limit),
                "standardised_difference": finite(moved),
                "limit": finite(limit),
                # nan compares as not drifted; one side that has all and the other none has drifted.
                "drifted": bool(
                    abs(moved) > limit or abs(missing) > missing_limit or mine["missing"] == 1 > theirs["missing"]
                ),
            }
        )
    return found


def _verdict(observed: int, expected: float, sigma: float, drifted: list[str]) -> dict[str, str]:
    z = (observed - expected) / sigma if sigma > 0 else 0.0
    low_or_high = "low" if z > 0 else "high"
    if expected < LEAST_EXPECTED:
        status, words = "not_estimable", "not estimable: fewer than one event is expected"
    elif abs(z) > ACTION:
        status, words = (
            "action",
            f"risks are too {low_or_high}: observed / expected {observed / expected:.2f}, beyond 3 sigma",
        )
    elif abs(z) > WARNING:
        status, words = "warning", f"watch: observed / expected {observed / expected:.2f}, beyond 2 sigma"
    else:
        status, words = "within", "within limits"
    mix = f"; other patients than at development by {', '.join(drifted)}" if drifted else ""
    return {"status": status, "verdict": words + mix}


def _cusum(series: Series, found: Batches, watches: tuple[Watch, ...]) -> dict[str, Any]:
    """The statistics at the end of each batch: between them a single patient's outcome would show."""
    ends = np.cumsum([len(batch.rows) for batch in found.batches]) - 1
    rows = np.concatenate([batch.rows for batch in found.batches])
    excess = np.cumsum(series.event[rows] - series.expected[rows])
    up, down = watches
    return {
        "ratios": [up.ratio, down.ratio],
        "limits": [finite(up.limit), finite(down.limit)],
        "false_alarm_probability": FALSE_ALARMS,
        "points": [
            {
                "batch": batch.label,
                "up": finite(float(up.path[end])),
                "down": finite(float(down.path[end])),
                "observed_minus_expected": finite(float(excess[end])),
            }
            for batch, end in zip(found.batches, ends, strict=True)
        ],
    }


def _alarm(series: Series, found: Batches, watches: tuple[Watch, ...]) -> dict[str, Any] | None:
    """The first alarm: its side, the batch in which it came and the batch since which, with O/E from there on."""
    first = min((w for w in watches if w.alarm is not None), key=lambda w: w.alarm or 0, default=None)
    if first is None or first.alarm is None or first.since is None:
        return None
    ends = np.cumsum([len(batch.rows) for batch in found.batches])
    at, since = (int(np.searchsorted(ends, row, side="right")) for row in (first.alarm, first.since))
    rows = np.concatenate([batch.rows for batch in found.batches[since:]])
    ratio = ratio_interval(int(series.event[rows].sum()), float(series.expected[rows].sum()))
    return {
        "direction": "too low" if first.ratio > 1 else "too high",
        "batch": found.batches[at].label,
        "since": found.batches[since].label,
        "observed_expected_since": ratio.as_dict(),
    }


def _words(batches: list[dict[str, Any]], alarm: Mapping[str, Any] | None, *, ordered: bool) -> str:
    beyond = [batch["label"] for batch in batches if batch["status"] == "action"]
    if alarm is not None:
        ratio = alarm["observed_expected_since"]
        text = (
            f"since {alarm['since']} risks are {alarm['direction']} (observed / expected {ratio['value']:.2f} "
            f"from there on; alarm in {alarm['batch']})"
        )
    elif beyond:
        text = f"risks are off in {', '.join(beyond)}{', without a lasting change' if ordered else ''}"
    else:
        text = f"no {'change' if ordered else 'difference'} of the level beyond chance"
    moved: dict[str, str] = {}
    for batch in batches:
        for name in batch["drifted"]:
            moved.setdefault(name, batch["label"])
    mix = ", ".join(f"{name} (first in {label})" for name, label in moved.items())
    return f"{text}; other patients than at development by {mix}" if mix else text
