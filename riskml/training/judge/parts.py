"""What a reviewer asks beside the measures of an evaluation, each answer one block of plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import load_dictionary
from riskml.training.differences import AGAINST_COMPARATOR, AGAINST_MODEL, as_rows, differences, of_comparator
from riskml.training.judge.bootstrap import bootstrap_validation
from riskml.training.judge.calibration_curves import calibration_at, d_calibration_of, smooth_curve
from riskml.training.judge.centres import centres
from riskml.training.judge.comparators import CYTOGENETICS, simpler
from riskml.training.judge.labels import days, labels
from riskml.training.judge.learning_curve import SHARES, learning_curve
from riskml.training.judge.subgroups import subgroup_columns, subgroups
from riskml.training.judge.temporal import later
from riskml.training.judge.utility import decision
from riskml.training.measures import Sample, comparator
from riskml.training.out_of_sample import Bench, estimates, inflation, out_of_fold
from riskml.training.resample import Folds

DATES = ("first_dose_date", "diagnosis_date")
# A training also draws the learning curve where its fits are at most this share of the others; measured: 7 to 10 % of
# the time of the shipped recipes (docs/report.md).
CHEAP = 0.15


def groups_of(bench: Bench, cohort: Cohort, by: str | None = None) -> tuple[str, NDArray[np.object_]] | None:
    """The variable of internal-external validation and its value in each row; None without ``by`` and without centres.

    Raises
    ------
    UsageError
        If the cohort has no such variable, or it makes no groups.
    """
    if by is None and "centre" not in cohort.frame:
        return None
    name = by or "centre"
    return name, labels(cohort, bench.rows, name)


def parts_of(
    bench: Bench,
    cohort: Cohort,
    plan: Folds,
    sample: Sample,
    points: Mapping[str, float],
    groups: tuple[str, NDArray[np.object_]] | None,
    *,
    thorough: bool = False,
    curve: bool = False,
) -> dict[str, Any]:
    """Blocks of an evaluation by name; a block that the cohort cannot fill is not there, or says why.

    Parameters
    ----------
    bench : Bench
    cohort : Cohort
        The one its rows are from: subgroups, centres and dates are no inputs.
    plan : Folds
    sample : Sample
        Predictions from cross-validation, means over repeats.
    points : mapping of name to float
        Their measures, as means over folds.
    groups : (name, label of each row), or None
        As `groups_of` gives them: what is left out in turn.
    thorough : bool
        Also bootstrap validation, a learning curve and a split by date.
    curve : bool
        The learning curve alone, from one repeat and where that is cheap; else ``withheld`` says why there is none.
    """
    recipe, seed, other = bench.recipe, bench.seed, simpler(bench, load_dictionary())
    guesses = None if other is None else out_of_fold(other, plan, "cytogenetics")
    second = None if other is None or guesses is None else guesses.sample(other.rows, other.recipe)
    rows = as_rows(
        differences(sample, of_comparator(sample), AGAINST_COMPARATOR, seed=seed), comparator(sample)["name"]
    )
    if other is not None and guesses is not None and second is not None:
        both = (points, estimates(other, plan, guesses)[0])
        found = differences(sample, second, AGAINST_MODEL, seed=seed, points=both, inflation=inflation(plan))
        rows += as_rows(found, CYTOGENETICS)
    columns, spread = subgroup_columns(cohort, bench.rows), inflation(plan)
    return {
        "differences": rows,
        "smooth_calibration": smooth_curve(sample, seed=seed),
        "calibration_at": calibration_at(sample, recipe.horizons_months, seed=seed),
        "d_calibration": d_calibration_of(sample),
        "decision_curve": decision(sample, recipe.thresholds, seed=seed, other=second),
        "subgroups": subgroups(sample, columns, seed=seed, thresholds=recipe.thresholds, inflation=spread),
        "centres": None if groups is None else centres(bench, groups[1], by=groups[0]),
        **(_more(bench, cohort) if thorough else {"learning_curve": cheap_curve(bench)} if curve else {}),
    }


def cheap_curve(bench: Bench) -> dict[str, Any]:
    """The learning curve from one repeat of the folds, or ``withheld``: why a training does not wait for it."""
    recipe, elsewhere = bench.recipe, "riskml evaluate draws it"
    if slow := [part.kind.replace("_", " ") for part in bench.rows.parts if part.learner.splits]:
        takes = "take" if len(slow) > 1 else "takes"
        return {"withheld": f"{' and '.join(slow)} {takes} long to learn again from fewer patients; {elsewhere}"}
    fits = len(SHARES) * recipe.folds
    if fits > CHEAP * (recipe.repeats * recipe.folds + recipe.bootstrap):
        return {"withheld": f"its {fits} fits would be many beside those of this training; {elsewhere}"}
    return learning_curve(bench, repeats=1)


def _more(bench: Bench, cohort: Cohort) -> dict[str, Any]:
    """What takes many more fits."""
    date = next((name for name in DATES if name in cohort.frame and cohort.frame[name].notna().any()), None)
    return {
        "temporal": None if date is None else later(bench, days(cohort, bench.rows, date), by=date),
        "bootstrap": bootstrap_validation(bench, max(2, bench.recipe.bootstrap)),
        "learning_curve": learning_curve(bench),
    }
