"""Prespecified subgroups: measures in each, and whether calibration and net benefit differ from those of the rest.

A bare rate (of events, of alarms) differs between groups because risks do. What a group is owed is that predictions
mean for it what they mean for others, and that acting on them does it as much good: calibration and net benefit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL, counts_of_a_whole
from riskml.training.judge.benefit import benefit_draws
from riskml.training.judge.labels import numbered
from riskml.training.judge.shown import had_event, known_free, patients, plain_interval
from riskml.training.judge.subgroup_plan import UNKNOWN, Subgroup, load_subgroups
from riskml.training.judge.utility import NAMED, threshold_grid
from riskml.training.measures import LEVEL, Sample, measures_of, with_intervals
from riskml.training.metrics.intervals import percentile_interval, resamples

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
# With ten events the interval of observed over expected already reaches from half to twice (exp(1.96 / sqrt(10)) is
# 1.9): fewer would say nothing of the group, and more of single patients. As many without, for discrimination.
LEAST_OF_EACH = 10
LEAST_UNKNOWN = 10  # patients; fewer of whom the group is not known are no group
N_BOOT = 500
# No slope: in groups of this size its interval reaches from none to twice what it should be.
MEASURES = ("auc", "c_index", "brier", "calibration_intercept", "observed_expected")
NOT_SHOWN = "not shown"
# Difference -> its name in words, and the value that means none.
DIFFERENCES: Mapping[str, tuple[str, float]] = {
    "observed_expected_ratio": ("observed over expected", 1.0),
    "calibration_intercept": ("calibration intercept", 0.0),
    "net_benefit": ("net benefit", 0.0),
    "net_benefit_gain": ("gain over acting on all or none", 0.0),
}


class Placed(Protocol):
    """Rows of a cohort, such as a training set or a target: ``rows`` are their positions in ``Cohort.frame``."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """Shape (n_rows,)."""


def subgroup_columns(cohort: Cohort, rows: Placed, plan: Sequence[Subgroup] | None = None) -> dict[str, NDArray[Any]]:
    """The variables that tell the subgroups, row for row of a training set; derived ones are computed.

    Parameters
    ----------
    cohort : Cohort
        The one that ``rows`` were made of.
    rows : TrainingSet or Target
    plan : sequence of Subgroup, optional
        ``features/subgroups.toml`` if not given.

    Returns
    -------
    dict of variable to array of shape (n_rows,)
        Without those that the cohort has not.
    """
    names = tuple(dict.fromkeys(group.variable for group in plan or load_subgroups()))
    frame, dictionary = with_inputs(cohort, names).frame, load_dictionary()
    shown = {
        name: numbered(frame[name], name) if dictionary[name].kind == "identifier" else frame[name]
        for name in names
        if name in frame
    }
    return {name: column.to_numpy()[rows.rows] for name, column in shown.items()}


def subgroups(
    sample: Sample,
    columns: Mapping[str, NDArray[Any]],
    *,
    seed: int,
    thresholds: tuple[float, float],
    inflation: float = 1.0,
    plan: Sequence[Subgroup] | None = None,
) -> list[dict[str, Any]]:
    """Each prespecified subgroup judged by itself and against the rest.

    Parameters
    ----------
    sample : Sample
    columns : mapping of variable to array of shape (n_rows,)
        As :func:`subgroup_columns` gives them.
    seed : int
        Of the patient bootstrap.
    thresholds : (float, float)
        The lowest and the highest risk from which one might act; net benefit is compared at the middle one.
    inflation : float
        Factor on the variance of the AUC; see :func:`riskml.training.metrics.intervals.auc_interval`.
    plan : sequence of Subgroup, optional
        ``features/subgroups.toml`` if not given.

    Returns
    -------
    list of dict
        One a level: ``name``, ``label``, ``level`` (None where the cohort has no such variable), ``n_patients`` and
        ``n_events`` (as for the whole, so also after a horizon) as text without small cells, ``metrics``,
        ``differences`` of the group and the rest, ``threshold`` of the net benefit, ``why_not``, ``why``, ``words``.

    References
    ----------
    Van Calster B, McLernon DJ, van Smeden M, Wynants L, Steyerberg EW. Calibration: the Achilles heel of predictive
    analytics. BMC Med 2019;17:230.
    Wang R, Lagakos SW, Ware JH, Hunter DJ, Drazen JM. Statistics in medicine: reporting of subgroup analyses in
    clinical trials. N Engl J Med 2007;357:2189-2194 (prespecified, with how many were looked at).
    """
    threshold = float(threshold_grid(thresholds)[NAMED["middle"]])
    plan = load_subgroups() if plan is None else plan
    found = [row for group in plan for row in _rows(sample, group, columns, threshold, seed, inflation)]
    compared = sum(bool(row["differences"]) for row in found)
    return [row | {"words": _words(row["differences"], compared)} for row in found]


def _rows(
    sample: Sample,
    group: Subgroup,
    columns: Mapping[str, NDArray[Any]],
    threshold: float,
    seed: int,
    inflation: float,
) -> Iterator[dict[str, Any]]:
    nothing = {"metrics": {}, "differences": {}, "threshold": round(threshold, 4), "why": group.why}
    who = {"name": group.name, "label": group.label}
    groups, others = group.split(columns[group.variable]) if group.variable in columns else ({}, {})
    everybody = np.ones(len(sample.event), dtype=bool)
    if not groups or others[UNKNOWN].all():
        counts = {"level": None, "n_patients": None, "n_events": None}
        yield who | counts | nothing | {"why_not": f"the cohort has no {group.variable}"}
        return
    unknown = others[UNKNOWN]
    counts_of = _counts(sample, groups | others)
    looked_at = groups | ({UNKNOWN: unknown} if patients(sample, unknown) >= LEAST_UNKNOWN else {})
    for level, inside in looked_at.items():
        n_patients, n_events = counts_of[level]
        row = who | {"level": level, "n_patients": n_patients, "n_events": n_events} | nothing | {"why_not": None}
        rest = ~inside & (everybody if level == UNKNOWN else ~unknown)
        if not inside.any():
            row["why_not"] = "nobody in the cohort"
        elif not _enough(sample, inside):
            row["why_not"] = f"fewer than {LEAST_OF_EACH} patients known to have the event, or to be without it"
        else:
            row["metrics"] = _metrics(sample.take(np.flatnonzero(inside)), seed, inflation)
            if _enough(sample, rest):
                row["differences"] = _differences(sample, inside, rest, threshold, seed)
        yield row


def _enough(sample: Sample, rows: BoolArray) -> bool:
    sides = (had_event(sample), known_free(sample))
    return all(patients(sample, rows & side) >= LEAST_OF_EACH for side in sides)


def _counts(sample: Sample, whole: Mapping[str, BoolArray]) -> dict[str, tuple[str, str]]:
    """Patients and events of each part as they may be shown.

    Where any part has 1 to 4 patients with, or without, the event, no part's events are shown: each would follow from
    the others and the total.
    """
    people = [patients(sample, rows) for rows in whole.values()]
    events = [patients(sample, rows & sample.event) for rows in whole.values()]
    without = [all_of - some for all_of, some in zip(people, events, strict=True)]
    small = any(0 < number < SMALLEST_CELL for number in (*events, *without))
    shown = [NOT_SHOWN if small else f"{number:,}" for number in events]
    return dict(zip(whole, zip(counts_of_a_whole(people), shown, strict=True), strict=True))


def _metrics(sample: Sample, seed: int, inflation: float) -> dict[str, Any]:
    found = with_intervals(sample, seed=seed, inflation=inflation, names=MEASURES)
    return {name: plain_interval(interval) for name, interval in found.items()}


def _differences(
    sample: Sample, inside: BoolArray, rest: BoolArray, threshold: float, seed: int
) -> dict[str, dict[str, Any]]:
    """The group against the rest: the same resampled patients give both."""
    rows = np.flatnonzero(inside | rest)
    both, inside = sample.take(rows), inside[rows]

    def resampled() -> Iterator[IntArray]:
        return (d for d in resamples(both.patient, N_BOOT, seed) if 0 < np.count_nonzero(inside[d]) < d.size)

    def everybody() -> Iterator[IntArray]:
        return iter([np.arange(len(inside))])

    own, drawn = (
        [_half(both, side, draws, threshold) for side in (inside, ~inside)] for draws in (everybody, resampled)
    )
    treated = both.risk >= threshold
    # Net benefit that rests on fewer than five treated has no band: see LEAST_EVENTS of riskml.training.judge.shown.
    acted = all(patients(both, treated & side) >= SMALLEST_CELL for side in (inside, ~inside))
    found = {}
    for name, (_, none) in DIFFERENCES.items():
        if name in own[0] and (acted or not name.startswith("net_benefit")):
            compare = np.divide if none == 1 else np.subtract
            value = float(compare(own[0][name], own[1][name])[0])
            with np.errstate(divide="ignore", invalid="ignore"):  # a resample without any event in the rest
                replicates = compare(drawn[0][name], drawn[1][name])
            found[name] = plain_interval(percentile_interval(replicates, value, value, level=LEVEL))
    return found


def _half(
    both: Sample, side: BoolArray, draws: Callable[[], Iterator[IntArray]], threshold: float
) -> dict[str, FloatArray]:
    """What is compared, of one of the two sides, in each draw; arrays of shape (n_draws,)."""
    measures = measures_of(both)
    names = {"observed_expected_ratio": "observed_expected", "calibration_intercept": "calibration_intercept"}
    wanted = {name: measures[own] for name, own in names.items() if own in measures}
    parts = (both.take(draw[side[draw]]) for draw in draws())
    values = np.array([[measure.of(part) for measure in wanted.values()] for part in parts], dtype=float)
    found = dict(zip(wanted, values.T, strict=True))
    benefits, prevalence = benefit_draws(both, np.array([threshold]), (draw[side[draw]] for draw in draws()))
    benefit, odds = benefits[:, 0], threshold / (1 - threshold)
    treat_all = prevalence - (1 - prevalence) * odds
    return found | {"net_benefit": benefit, "net_benefit_gain": benefit - np.maximum(treat_all, 0)}


def _words(differences: Mapping[str, Mapping[str, Any]], compared: int) -> str | None:
    if not differences:
        return None
    shown = [
        DIFFERENCES[name][0]
        for name, interval in differences.items()
        if interval["low"] is not None and not interval["low"] <= DIFFERENCES[name][1] <= interval["high"]
    ]
    found = f"differs from the rest in {' and '.join(shown)}" if shown else "no difference from the rest is shown"
    caution = f"one of {compared} groups compared, each at 95 %: some differ by chance alone"
    return f"{found}; {caution}" if shown else f"{found}, which is not equality; {caution}"
